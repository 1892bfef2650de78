"""Puts a backup back: into a new folder, whole or not at all, and says what has changed since.

For the command `restore`. Everything is decrypted and compared with the
backup's own list in a folder aside before anything takes its place. It
overwrites nothing, starts nothing and changes no database.
"""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from agent.adapters.audit_log import AuditEntry, entries_since
from agent.adapters.backup_archive import Contents, plain_part, unpack
from agent.adapters.backup_seal import unseal
from agent.adapters.durable_files import make_folders, spool_error
from agent.app import build
from agent.backup import CONFIG, DATA, ELSEWHERE
from agent.config import Config
from agent.errors import UsageError

ASIDE = ".restoring"
MOST_DIGITS = 18
TO_DO_AGAIN = (
    "key pinned", "key forgotten", "host key pinned", "host key revoked", "own key handover",
)  # fmt: skip
"""What is kept in files, and so is as it was; all that is kept in the database is as it is now."""


@dataclass(frozen=True, slots=True)
class Key:
    """What opens the backup: a passphrase, or a gpg home with the secret key, and its passphrase if any."""

    gpg_program: str
    home: Path | None = None
    passphrase: str | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put in place."""

    config: Path
    data: Path
    made_at: datetime | None
    audit_entries: int
    """How many there were when it was made."""
    files: int
    elsewhere: Path | None
    """Files that lay in other folders, below their old paths: they are for the administrator to put back."""


def restore(file: Path, key: Key, into: Path, data: Path | None = None) -> Restored:
    """Settings and secrets into the folder `into`, the rest into `data`; both new or empty.

    Without `data` it lies where it lay inside the settings' folder, else in `data` in there.
    Raises UsageError for folders that are not empty and for what is no whole backup, KeyUnusableError,
    GpgUnavailableError, SpoolError; then both folders are as they were.
    """
    into = into.absolute()
    roots = [into] if data is None else [into, data.absolute()]
    for root in roots:
        _require_empty(root)
    existed = {root: root.exists() for root in roots}
    aside = [root / ASIDE for root in roots]
    places = {CONFIG: aside[0] / CONFIG, ELSEWHERE: aside[0] / ELSEWHERE, DATA: aside[-1] / DATA}
    make_folders(*aside)
    try:
        contents = unseal(
            key.gpg_program, key.home, key.passphrase, file, lambda stream: unpack(stream, places)
        )
        return _put_in_place(contents, places, roots)
    except BaseException:
        for root, folder in zip(roots, aside, strict=True):
            shutil.rmtree(folder, ignore_errors=True)
            if not existed[root]:
                with suppress(OSError):
                    root.rmdir()
        raise
    finally:
        for folder in aside:
            shutil.rmtree(folder, ignore_errors=True)


def changes_since(config: Config, audit_entries: int) -> list[AuditEntry]:
    """What was done behind that entry and is to be done again, as the practice database's audit log has it.

    Raises DatabaseError, ConfigError.
    """
    agent = build(config)
    try:
        with agent.connector.reading() as connection:
            return list(entries_since(connection, audit_entries, TO_DO_AGAIN))
    finally:
        agent.close()


def _put_in_place(contents: Contents, places: Mapping[str, Path], roots: list[Path]) -> Restored:
    into = roots[0]
    # Names from the backup are judged like those of its files: they lead nowhere else.
    within = PurePosixPath(str(contents.about.get("data_within") or DATA)).parts
    data = roots[1] if len(roots) > 1 else into.joinpath(*map(plain_part, within))
    try:
        for source, target in (
            (places[CONFIG], into),
            (places[ELSEWHERE], into / ELSEWHERE),
            (places[DATA], data),
        ):
            if source.is_dir():
                target.mkdir(mode=0o700, parents=True, exist_ok=True)
                for entry in source.iterdir():
                    entry.rename(target / entry.name)
        for root in roots:
            root.chmod(0o700)
    except OSError as error:
        raise spool_error("restore", into, error) from error
    about, elsewhere = contents.about, into / ELSEWHERE
    name = str(about.get("config_file", "")).replace("\\", "/").rpartition("/")[2]
    return Restored(
        config=into / plain_part(name),
        data=data,
        made_at=_moment(about),
        audit_entries=_audit_entries(about),
        files=contents.files,
        elsewhere=elsewhere if elsewhere.is_dir() else None,
    )


def _moment(about: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(str(about.get("made_at")))
    except ValueError:
        return None


def _audit_entries(about: Mapping[str, Any]) -> int:
    number = str(about.get("audit_head")).partition(":")[0]
    return int(number) if number.isdecimal() and len(number) <= MOST_DIGITS else 0


def _require_empty(folder: Path) -> None:
    """Raises UsageError; nothing is ever restored over what is there."""
    try:
        empty = not folder.is_symlink() and (not folder.exists() or not any(folder.iterdir()))
    except OSError:
        empty = False
    if not empty:
        raise UsageError(f"{folder} is not a new or empty folder: nothing was restored")
