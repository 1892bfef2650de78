"""Looks at folders and files with the eyes of the service's account: may it use them, and may nobody else.

A part of `agent.doctor`. The operator may be another account, and root may
everything; so rights are read and judged, not tried out. A file that a
partner named is never named here, only its folder.
"""

import os
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.adapters.file_rights import (
    ENTER,
    READ,
    USE,
    WRITE,
    Account,
    command_to_close,
    command_to_give,
    command_to_run_as,
    command_to_show,
    may_directly,
    obstacle,
    open_to_others,
)
from agent.adapters.process_lock import LOCK_NAME
from agent.config import Config
from agent.config.loading import PARTNERS_FOLDER
from agent.config.places import named_places
from agent.doctor.finding import Check, Finding, State, failed, fine, warning
from agent.errors import ConfigError, SpoolError
from agent.language import Sentence, sentence

NOTHING = 0
_LOOKED_AT_AS_FOLDERS = frozenset({"data_folder", "openpgp.home"})


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder, what the service needs to do with it, and what nobody else may."""

    check: Check
    path: Path
    need: int
    closed_to_others: int
    partner_id: str | None = None


def account_finding(account: Account) -> Finding:
    """With whose eyes the rest is looked at."""
    if account.is_ours():
        return fine(
            Check.ACCOUNT, sentence("All is looked at as the account {account}.", account=account.name)
        )
    said = sentence("The service's account is {account}, and this is another one.", account=account.name)
    command = command_to_run_as(account, "otv-agent doctor")
    return warning(Check.ACCOUNT, said, sentence("To see all that it sees: `{command}`", command=command))


def may_run_program(account: Account) -> bool:
    """Whether the account can read what it is to run."""
    return all(obstacle(account, place.path, place.need) is None for place in _program())


def folders(config: Config, account: Account) -> Iterator[Finding]:
    """The program, settings, secrets, the data folder, the gpg home, the inbound folders elsewhere."""
    yield from _files(Check.PROGRAM, list(_program()), account)
    yield from _files(Check.SETTINGS_FILES, list(_settings(config)), account)
    yield from _files(Check.SECRET_FILES, list(_secrets(config)), account)
    yield from _data(config, account)
    for partner_id, partner in sorted(config.partners.items()):
        if partner.settings.enabled and partner.settings.inbound_folder is not None:
            folder = partner.settings.inbound_folder
            # Whoever delivers into it is another account: it cannot be closed.
            place = Place(Check.INBOUND_FOLDER, folder, USE, NOTHING, partner_id)
            yield judged(place, account) or _good(place, account)


def judged(place: Place, account: Account) -> Finding | None:
    """What is wrong with a place; None if nothing is."""
    try:
        in_the_way = obstacle(account, place.path, place.need)
        too_open = in_the_way is None and open_to_others(place.path, place.closed_to_others)
    except SpoolError as error:
        said = sentence("A file or folder cannot be looked at: {error}", error=error)
        remedy = sentence("Put it there, or correct the setting that names it.")
        return failed(place.check, said, error, remedy, place.partner_id)
    if in_the_way is not None:
        words = {"account": account.name, "path": place.path, "obstacle": in_the_way}
        said = sentence("{account} may not use {path}: it is refused at {obstacle}.", **words)
        remedy = _way_in(place, account, in_the_way)
        return failed(place.check, said, SpoolError, remedy, place.partner_id)
    if not too_open:
        return None
    said = sentence("Others beside {account} may use {path}.", account=account.name, path=place.path)
    command = command_to_close(account, place.path, place.closed_to_others)
    remedy = sentence("As an administrator: `{command}`", command=command)
    if place.check is Check.SECRET_FILES:
        # The agent refuses such a secret (`agent.config.secrets`).
        return failed(place.check, said, ConfigError, remedy, place.partner_id)
    return warning(place.check, said, remedy, place.partner_id)


def _way_in(place: Place, account: Account, in_the_way: Path) -> Sentence:
    """Only what is the agent's own is ever handed over to its account: not somebody's home, nor /etc."""
    words = {"account": account.name, "path": place.path, "obstacle": in_the_way}
    if place.check is Check.PROGRAM:
        return sentence("Install the program where every account may read it, for example below /opt.")
    if in_the_way != place.path.resolve():
        return sentence("Let {account} pass through {obstacle}, or put {path} elsewhere.", **words)
    if place.check is Check.INBOUND_FOLDER:
        return sentence("Give {account} every right on {path}, beside whoever delivers into it.", **words)
    give = command_to_show if place.check is Check.SETTINGS_FILES else command_to_give
    return sentence("As an administrator: `{command}`", command=give(account, place.path))


def _good(place: Place, account: Account) -> Finding:
    said = sentence("{account} may use {path}.", account=account.name, path=place.path)
    return fine(place.check, said, place.partner_id)


def _files(check: Check, places: list[Place], account: Account) -> Iterator[Finding]:
    wrong: dict[str, Finding] = {}
    for place in places:
        found = judged(place, account)
        if found is not None:
            # One closed folder above many files is one thing to do.
            wrong.setdefault(str(found.said.values.get("obstacle", found.said)), found)
    yield from wrong.values()
    if not wrong:
        said = sentence(
            "Files and folders that {account} may read: {count}", account=account.name, count=len(places)
        )
        yield fine(check, said)


def _program() -> Iterator[Place]:
    """Python, its environment and our own code: whoever may change these is the service."""
    for folder in (Path(os.__file__).parent, Path(sys.prefix), Path(__file__).parents[1]):
        yield Place(Check.PROGRAM, folder, READ | ENTER, WRITE)


def _settings(config: Config) -> Iterator[Place]:
    """The YAML files, and the files they name that must be there and are no secrets."""
    yield Place(Check.SETTINGS_FILES, config.path, READ, WRITE)
    for partner_id in sorted(config.partners):
        file = config.path.parent / PARTNERS_FOLDER / f"{partner_id}.yaml"
        yield Place(Check.SETTINGS_FILES, file, READ, WRITE, partner_id)
    for named in named_places(config):
        if named.needed and not named.secret and named.key not in _LOOKED_AT_AS_FOLDERS:
            yield Place(Check.SETTINGS_FILES, named.path, READ, WRITE)


def _secrets(config: Config) -> Iterator[Place]:
    for named in named_places(config):
        if named.secret:
            partner_id = named.file.stem if named.file != config.path else None
            yield Place(Check.SECRET_FILES, named.path, READ, READ | WRITE, partner_id)


def _data(config: Config, account: Account) -> Iterator[Finding]:
    data, home = config.settings.data_folder, config.settings.gpg_home
    from_elsewhere = {partner.inbound_folder for partner in config.partners.values()}
    for check, folder, left_out in ((Check.DATA_FOLDER, data, home), (Check.GPG_HOME, home, None)):
        place = Place(check, folder, USE, READ | WRITE)
        found = judged(place, account) or _good(place, account)
        yield found
        if found.state is not State.FAILED:
            below = Check.SPOOL if check is Check.DATA_FOLDER else check
            yield from _below(below, folder, account, left_out, from_elsewhere)


def _below(
    check: Check, folder: Path, account: Account, left_out: Path | None, from_elsewhere: Collection[Path]
) -> Iterator[Finding]:
    """One finding for all of it: what somebody else has left there is mended by one command."""
    troubled = list(_troubled(folder, account, left_out, from_elsewhere))
    if troubled:
        said = sentence("{account} may not use all of {path}.", account=account.name, path=troubled[0])
        remedy = sentence("As an administrator: `{command}`", command=command_to_give(account, folder))
        yield failed(check, said, SpoolError, remedy)
    elif check is Check.SPOOL:
        said = sentence("{account} may use all folders below {path}.", account=account.name, path=folder)
        yield fine(check, said)


def _troubled(
    folder: Path, account: Account, left_out: Path | None, from_elsewhere: Collection[Path]
) -> Iterator[Path]:
    """Folders that it may not use, or in which a file is that it may not read."""
    for here, below, files in os.walk(folder):
        path = Path(here)
        below[:] = [name for name in below if path / name != left_out]
        # What partners put into a folder is judged when it is taken.
        names = [] if path in from_elsewhere else files
        needs = [(path, USE), *((path / name, _need(name)) for name in names)]
        if not all(_may(account, one, need) for one, need in needs):
            yield path


def _need(name: str) -> int:
    return READ | WRITE if name == LOCK_NAME else READ


def _may(account: Account, path: Path, need: int) -> bool:
    try:
        return may_directly(account, path, need)
    except SpoolError:  # it has gone meanwhile: the service works beside us
        return True
