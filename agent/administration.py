"""What an operator does around the exchange: keys, licence, tables, checks.

Wired from the configuration like `agent.app`, for the command line alone; no
story runs here. Each function does one thing that a person asked for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent import quarantine
from agent.adapters.audit_log import CLOCK_ACCEPTED, SqlAuditLog
from agent.adapters.key_handovers import read_handovers
from agent.adapters.keyring import PartnerKeyRing
from agent.adapters.licence_file import install_licence
from agent.adapters.own_key_setup import create_own_key, export_public_key, own_key_facts
from agent.adapters.practice_check import check_practice
from agent.adapters.practice_schema import create_agent_tables, create_practice_tables, grants
from agent.adapters.process_lock import is_held, require_own_folder
from agent.adapters.watched_clock import TOLERANCE
from agent.adapters.wrong_time import WrongTime, wrong_time
from agent.app import secret_key
from agent.clock import utc_now
from agent.config import Config
from agent.domain.key_calendar import EXPIRED, warnings_due
from agent.domain.key_pins import in_force, pin_remarks
from agent.domain.keys import KeyFacts, key_problem
from agent.domain.licence import Licence
from agent.domain.own_keys import own_keys
from agent.errors import (
    AgentError,
    ClockBehindError,
    ClockDoubtfulError,
    KeyUnusableError,
    SchemaMismatchError,
    UsageError,
)
from agent.holds import held, held_error
from agent.key_calendar import key_calendar
from agent.operations import Agent
from agent.oversight import verify_audit

if TYPE_CHECKING:
    from agent.sample_practice import GeneratedPractice

CALENDAR = "ends of keys and licence"

# --- keys --------------------------------------------------------------------------------------


def create_key(home: Path, gpg_program: str, name: str, passphrase: str | None) -> KeyFacts:
    """The practice's own key, in a gpg home of its own."""
    return create_own_key(home, gpg_program, name, passphrase=passphrase)


def own_key(config: Config) -> KeyFacts:
    """The practice's own key, the one that signs now. Raises KeyUnusableError, GpgUnavailableError."""
    settings = config.settings
    signing = secret_key(settings).signing()
    return own_key_facts(settings.gpg_home, settings.openpgp.gpg_program, signing)


def own_keys_in_play(config: Config) -> list[KeyFacts]:
    """Our key, and those it took over from or hands over to, the oldest first. Raises as `own_key`."""
    settings = config.settings
    line = own_keys(settings.openpgp.fingerprint, read_handovers(settings.key_handovers))
    return [own_key_facts(settings.gpg_home, settings.openpgp.gpg_program, key) for key in line]


def own_public_key(config: Config) -> str:
    """What the partner needs, as ASCII armor."""
    settings = config.settings
    signing = secret_key(settings).signing()
    return export_public_key(settings.gpg_home, settings.openpgp.gpg_program, signing)


def partner_keys(config: Config, partner_id: str) -> list[KeyFacts]:
    """What stands in the partner's key ring file."""
    return _key_ring(config, partner_id).facts()


def _key_ring(config: Config, partner_id: str) -> PartnerKeyRing:
    return PartnerKeyRing(config.partner(partner_id).key_ring, config.settings.openpgp.gpg_program)


# --- licence, tables ---------------------------------------------------------------------------


def put_licence(config: Config, file: Path) -> Licence:
    """Verify and install. Raises LicenceInvalidError; then the old one stays."""
    settings = config.settings
    return install_licence(
        file,
        settings.licence_file,
        practice_id=settings.practice_id,
        gpgv_program=settings.openpgp.gpgv_program,
        key_ring=settings.licence.issuer_key_ring,
        fingerprints=[settings.licence.issuer_fingerprint],
        now=utc_now(),
    )


def create_tables(agent: Agent, *, reference_practice: bool) -> None:
    """The agent's own tables, and on request the whole reference practice database; repeatable."""
    if reference_practice:
        create_practice_tables(agent.connector)
    create_agent_tables(agent.connector)


def generate(
    agent: Agent,
    first_day: date,
    patients: int,
    columns: int,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> "GeneratedPractice":
    """A practice of invented people in the configured database, which must be empty."""
    # Imported here: it brings the holidays of the world, and no other command needs them.
    from agent.sample_practice import PracticePlan, generate_practice  # noqa: PLC0415

    create_tables(agent, reference_practice=True)
    plan = PracticePlan(
        seed=seed,
        first_day=first_day,
        partner_names={
            partner_id: partner.settings.name for partner_id, partner in agent.config.partners.items()
        },
        practice_id=agent.practice.practice_id,
        patients=patients,
        columns=columns,
    )
    return generate_practice(agent.connector, plan, progress)


def grant_statements(config: Config, role_name: str) -> list[str]:
    """What the database role of the agent needs on PostgreSQL, and nothing more."""
    database = config.settings.database
    return grants(role_name, database.practice_schema, database.agent_schema)


def practice_problems(agent: Agent) -> list[str]:
    """One sentence for everything that the agent needs and does not find in the database."""
    return check_practice(agent.connector, agent.practice.otv_login)


# --- clock -------------------------------------------------------------------------------------


def written_ahead(agent: Agent) -> WrongTime:
    """What was done by a clock that was ahead. Raises ClockDoubtfulError if the database's clock differs."""
    require_one_time(agent)
    with agent.connector.reading() as connection:
        return wrong_time(connection, utc_now())


def accept_clock(agent: Agent) -> tuple[WrongTime, int]:
    """Write down that an operator vouches for the clock; what only the wrong one blamed is judged again.

    What was found, and how many files went back. Raises ClockDoubtfulError as above, DatabaseError,
    SpoolError.
    """
    require_one_time(agent)
    now = utc_now()
    with agent.connector.writing() as connection:
        found = wrong_time(connection, now)
        audit = SqlAuditLog(connection, agent.audit_key, agent.audit_memory)
        audit.append(CLOCK_ACCEPTED, now, first_ahead=found.first or None, last_ahead=found.last or None)
    return found, sum(_judged_again(agent, file_id) for _, file_id in found.set_aside)


def _judged_again(agent: Agent, file_id: str) -> bool:
    """Whether it could be put back: an operator may have dealt with it, or its partner may be gone."""
    try:
        quarantine.retry(agent, file_id)
    except UsageError:
        return False
    return True


def require_one_time(agent: Agent) -> None:
    """Raises ClockDoubtfulError if this machine and the database server do not agree what time it is."""
    shown = agent.database_time()
    if shown is not None and abs(utc_now() - shown) > TOLERANCE:
        raise ClockDoubtfulError(
            f"the database server's clock shows {shown:%Y-%m-%d %H:%M} UTC, this one another time"
        )


def require_clock(agent: Agent) -> None:
    """Raises ClockDoubtfulError as above, and ClockBehindError if the audit log bears times still to come."""
    if written_ahead(agent).first:
        raise ClockBehindError("the newest audit entries bear times that have not come yet")


# --- check -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `error` is None where all is well."""

    what: str
    error: AgentError | None = None
    warnings: tuple[str, ...] = ()
    """What will need somebody soon; nothing is wrong yet."""


def findings(agent: Agent, *, connect: bool) -> Iterator[Finding]:
    """Look at everything the agent needs, one after the other; a failure hides nothing behind it."""
    yield _finding("data folder", partial(require_own_folder, agent.config.settings.data_folder))
    yield _finding("practice user and database", agent.require_author)
    yield _finding("practice tables", partial(_require_tables, agent))
    yield _finding("clock", partial(require_clock, agent))
    yield _finding("licence", agent.licence.require)
    yield _finding("own key", partial(_require_own_key, agent))
    yield _calendar(agent)
    for partner_id in sorted(agent.lanes):
        yield _finding(f"{partner_id}: licence", partial(agent.licence.require, partner_id))
        pins = agent.config.partners[partner_id].settings.openpgp
        unclear = tuple(pin_remarks(pins.pinned, pins.windows, agent.practice.clock()))
        pinned = _finding(f"{partner_id}: key", partial(_require_pinned, agent, partner_id))
        yield replace(pinned, warnings=unclear)
        if connect and agent.lanes[partner_id].transport is not None:
            yield _finding(f"{partner_id}: server", partial(_require_server, agent, partner_id))
        yield _finding(f"{partner_id}: sudden changes", partial(_require_nothing_held, agent, partner_id))
    yield _finding("audit log", partial(verify_audit, agent, ()))


def _finding(what: str, look: Callable[[], object]) -> Finding:
    try:
        look()
    except AgentError as error:
        return Finding(what, error)
    return Finding(what)


def _require_tables(agent: Agent) -> None:
    problems = practice_problems(agent)
    if problems:
        others = f"; and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise SchemaMismatchError(problems[0] + others)


def _require_own_key(agent: Agent) -> None:
    """It is there, good, and opens with its passphrase: a word is sealed to ourselves and opened again."""
    settings = agent.config.settings
    _require_good(own_key(agent.config))
    require_own_folder(settings.gpg_home)  # else gpg would leave files there that the service cannot use
    try:
        key = secret_key(settings)
        key.prove(*key.opening(agent.practice.clock()))
    finally:
        if not is_held(settings.data_folder):
            agent.stop_gpg()


def _calendar(agent: Agent) -> Finding:
    """What is over is a failure, what soon will be a warning; what cannot be read fails where it belongs."""
    now = agent.practice.clock()
    try:
        due = warnings_due(key_calendar(agent, now).dates, now)
    except AgentError as error:
        return Finding(CALENDAR, error)
    over = [str(warning) for warning in due if warning.step == EXPIRED]
    soon = tuple(str(warning) for warning in due if warning.step != EXPIRED)
    return Finding(CALENDAR, KeyUnusableError("; ".join(over)) if over else None, soon)


def _require_pinned(agent: Agent, partner_id: str) -> None:
    """At least one pinned key must be there and good; the others may be on their way in or out."""
    config, pins = agent.config, agent.config.partners[partner_id].settings.openpgp
    ring = {key.fingerprint: key for key in partner_keys(config, partner_id)}
    if not ring.keys() & set(pins.pinned):
        raise KeyUnusableError("the partner's key ring holds none of the fingerprints in its YAML file")
    counting = in_force(pins.pinned, pins.windows, agent.practice.clock())
    if not counting:
        raise KeyUnusableError("no pin of the partner counts today: see the windows in its YAML file")
    with agent.practice.database.read() as snapshot:
        revoked = snapshot.revoked_keys(partner_id)
    pinned = [ring[pin] for pin in counting if pin in ring and pin not in revoked]
    if not pinned:
        raise KeyUnusableError("every pin of the partner that counts today is revoked or not in its key ring")
    if all(key_problem(key, utc_now()) for key in pinned):
        _require_good(pinned[0])


def _require_good(key: KeyFacts) -> None:
    problem = key_problem(key, utc_now())
    if problem is not None:
        raise KeyUnusableError(f"{key.fingerprint}: {problem}")


def _require_nothing_held(agent: Agent, partner_id: str) -> None:
    for hold in held(agent):
        if hold.partner_id == partner_id and hold.released_at is None:
            raise held_error(hold)


def _require_server(agent: Agent, partner_id: str) -> None:
    """Log in and list; nothing is fetched or written."""
    transport = agent.lanes[partner_id].transport
    if transport is not None:
        with transport.connect() as session:
            session.list_inbound(lambda remote: False)
