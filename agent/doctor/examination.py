"""The whole examination, from the settings file to the audit log, told as it goes.

A failure hides nothing behind it but what needs the thing that failed: what
needs the configuration alone is looked at also where a secret or a key keeps
the agent from being wired, and without a database what stands in it is not.
Nothing is changed anywhere, and the service may run meanwhile.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from agent.adapters.file_rights import Account, become, named_account, own_account, owner_of
from agent.app import build, disks
from agent.clock import utc_now
from agent.config import Config, load_config
from agent.doctor.clocks import clocks, time_server
from agent.doctor.configuration import configuration
from agent.doctor.database import database
from agent.doctor.exchange import audit_log, server, waiting_for_somebody
from agent.doctor.finding import Check, Finding, State, failed
from agent.doctor.folders import account_finding, folders, may_run_program
from agent.doctor.keys import calendar, licence, own_key_finding, partner_key, partner_licence
from agent.doctor.machine import antivirus, disk_room, gnupg
from agent.doctor.service import service
from agent.errors import AgentError, ConfigError, SpoolError
from agent.language import sentence
from agent.operations import Agent


def examine(config_path: Path, *, connect: bool, service_account: str | None = None) -> Iterator[Finding]:
    """Look at everything; run by root, this process becomes the service's account for good.

    `service_account` is the owner of the data folder if it is not given.
    `connect`: also ask the partners' servers and the time server. Raises
    UsageError for an account that does not exist.
    """
    try:
        config = load_config(config_path)
    except ConfigError as error:
        for problem in error.problems:
            yield failed(
                Check.CONFIGURATION, sentence("In the settings: {problem}", problem=problem), error, _CORRECT
            )
        return
    account = _account(config, service_account)
    # Before the change of account: what is closed to it could not be looked at afterwards.
    seen = list(folders(config, account))
    if may_run_program(account):
        become(account)
    yield from configuration(config)
    yield account_finding(account)
    yield from seen
    yield gnupg(config)
    yield from antivirus(config)
    yield from service(config, utc_now())
    if connect and config.settings.watch.time_server is not None:
        yield time_server(config.settings.watch.time_server)
    yield from _wired(config, account, connect=connect)


_CORRECT = sentence("Correct this line, and run `otv-agent doctor` again.")


def examine_at_work(agent: Agent, *, database_answers: bool) -> Iterator[Finding]:
    """What a running service can look at again and again: quickly done, and nobody outside is asked."""
    yield from configuration(agent.config)
    yield gnupg(agent.config)
    yield from _room(agent)
    if database_answers:
        yield from database(agent, own_account())
        yield from clocks(agent)


def _account(config: Config, name: str | None) -> Account:
    if name is not None:
        return named_account(name)
    try:
        return owner_of(config.settings.data_folder)
    except SpoolError:
        # Nobody owns what is not there; that it is missing is told with the folders.
        return own_account()


def _wired(config: Config, account: Account, *, connect: bool) -> Iterator[Finding]:
    try:
        agent = build(config)
    except AgentError as error:
        said = sentence("The agent cannot be put together: {error}", error=error)
        yield failed(Check.CONFIGURATION, said, error, sentence("Put right what is named, and look again."))
        return
    with closing(agent):
        yield from _room(agent)
        in_database = list(database(agent, account))
        yield from in_database
        has_tables = all(
            one.state is not State.FAILED or one.check not in (Check.DATABASE, Check.TABLES)
            for one in in_database
        )
        if has_tables:
            yield from clocks(agent)
        yield licence(agent)
        yield own_key_finding(agent, account)
        if has_tables:
            yield from calendar(agent)
        for partner_id in sorted(agent.lanes):
            yield from _partner(agent, partner_id, connect=connect, has_tables=has_tables)
        if has_tables:
            yield audit_log(agent)


def _room(agent: Agent) -> Iterator[Finding]:
    settings = agent.config.settings
    log = settings.logging.file
    # The log's folder is made when it is begun.
    logged = [log.parent] if log is not None and log.parent.is_dir() else []
    yield from disk_room([*disks(settings, agent.connector), *logged], settings.min_free_mebibytes)


def _partner(agent: Agent, partner_id: str, *, connect: bool, has_tables: bool) -> Iterator[Finding]:
    yield partner_licence(agent, partner_id)
    if has_tables:
        yield from partner_key(agent, partner_id)
    if connect:
        yield from server(agent, partner_id)
    if has_tables:
        yield from waiting_for_somebody(agent, partner_id)
