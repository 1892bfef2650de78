"""Saves the agent's state into one encrypted file: settings, keys, secrets, and every file under way.

For the command `backup`; `agent.restoring` is the way back. The practice's
database is not in it: it is in the practice's own backup. Files move from folder
to folder while the agent works, so nobody may work meanwhile; it refuses to run
beside the service. Everything is read once and encrypted as it is read.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from agent.adapters.audit_memory import FILE_NAME, AuditMemory
from agent.adapters.backup_archive import Member, Packing, plain_part
from agent.adapters.backup_seal import Lock, is_symmetric, seal
from agent.adapters.durable_files import draft
from agent.adapters.keyring import inspect_key_file
from agent.adapters.process_lock import LOCK_NAME, sole_process
from agent.app import build
from agent.clock import utc_now
from agent.config import Config
from agent.config.json_schema import AGENT_SCHEMA
from agent.config.loading import PARTNERS_FOLDER
from agent.config.places import database_file, named_places
from agent.domain.keys import KeyFacts
from agent.errors import UsageError
from agent.installation import PUBLIC_KEY, SECRETS, SHEET_FILE
from agent.key_administration import key_file_content

__all__ = ["Lock", "Made", "is_symmetric", "key_to_lock_with", "make_backup", "members"]

CONFIG, DATA, ELSEWHERE = "config", "data", "elsewhere"
"""The first part of every name in a backup: beside agent.yaml, in the data folder, or anywhere else."""
MIN_PASSPHRASE = 12
_GPG_LOCKS = (".#lk", ".lock")
_DATABASE_COMPANIONS = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Made:
    """A finished backup."""

    file: Path
    sealed_sha256: str
    recipient: str
    """Fingerprint of the key, or the word `passphrase`."""
    files: int
    size_bytes: int
    left_out: int


def key_to_lock_with(config: Config, file: Path) -> KeyFacts:
    """The administrator's public key. Raises UsageError, KeyUnusableError for a weak or expired one."""
    return inspect_key_file(key_file_content(file), config.settings.openpgp.gpg_program, utc_now())


def make_backup(config: Config, file: Path, lock: Lock) -> Made:
    """Write the file, whole or not at all, and the audit entry that says so.

    Raises AlreadyRunningError beside a running service, UsageError for a file that is there already or
    would lie inside of what is saved, SpoolError, TrustError; a DatabaseError comes after the file is done.
    """
    file = file.absolute()
    _require_outside(config, file)
    recipient = "passphrase"
    if lock.key_file is not None:
        recipient = key_to_lock_with(config, lock.key_file).fingerprint
    elif len(lock.passphrase or "") < MIN_PASSPHRASE:
        raise UsageError(f"the passphrase must have at least {MIN_PASSPHRASE} characters")
    with sole_process(config.settings.data_folder):
        made = _written(config, file, lock, recipient)
        _record(config, made)
    return made


def _written(config: Config, file: Path, lock: Lock, recipient: str) -> Made:
    packing = Packing()
    content = packing.chunks(_about(config), members(config))
    with draft(file.parent, file.parent.joinpath) as new:
        digest = hashlib.sha256()

        def keep(sealed: bytes) -> None:
            digest.update(sealed)
            new.file.write(sealed)

        seal(config.settings.openpgp.gpg_program, lock, content, keep)
        new.store(file)
    return Made(file, digest.hexdigest(), recipient, packing.files, packing.size_bytes, packing.left_out)


def _record(config: Config, made: Made) -> None:
    agent = build(config)
    try:
        with agent.practice.database.write() as work:
            work.audit.append(
                "backup made",
                agent.practice.clock(),
                files=made.files,
                sealed_sha256=made.sealed_sha256,
                recipient=made.recipient,
            )
    finally:
        agent.close()


def members(config: Config) -> Iterator[Member]:
    """Every file that is saved, each once, in a stable order."""
    seen: set[Path] = set()
    for path in sorted(_files(config)):
        real = path.parent.resolve() / path.name
        if real not in seen and not _is_left_out(config, path):
            seen.add(real)
            yield Member(_name(config, path), path)


def _files(config: Config) -> Iterator[Path]:
    """The settings and what belongs to them, the data folder, and whatever else the settings name."""
    settings, beside = config.settings, config.path.parent
    # Not all that lies there: agent.yaml may stand in a folder that is not the agent's alone.
    own = (config.path.name, AGENT_SCHEMA, PUBLIC_KEY, SHEET_FILE)
    yield from filter(Path.is_file, (beside / name for name in own))
    inbound = [partner.inbound_folder for partner in config.partners.values()]
    for folder in {
        beside / PARTNERS_FOLDER,
        beside / SECRETS,
        settings.data_folder,
        settings.gpg_home,
        *inbound,
    }:
        yield from _within(folder)
    yield from (place.path for place in named_places(config) if place.path.is_file())


def _within(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder, followlinks=False):
        yield from (Path(place) / name for name in names)


def _is_left_out(config: Config, path: Path) -> bool:
    """Locks of the running moment, and the practice database where it is a file."""
    database = database_file(config.settings)
    if database and path in [database.with_name(database.name + end) for end in _DATABASE_COMPANIONS]:
        return True
    in_gpg_home = path.is_relative_to(config.settings.gpg_home)
    return path.name == LOCK_NAME or (
        in_gpg_home and (path.name.startswith(_GPG_LOCKS[0]) or path.name.endswith(_GPG_LOCKS[1]))
    )


def _name(config: Config, path: Path) -> str:
    for label, folder in ((DATA, config.settings.data_folder), (CONFIG, config.path.parent)):
        if path.is_relative_to(folder):
            return _joined(label, path.relative_to(folder).parts)
    drive = path.drive.rstrip(":").strip("\\")
    return _joined(ELSEWHERE, (*([drive] if drive else []), *path.parts[1:]))


def _joined(label: str, parts: Iterable[str]) -> str:
    return "/".join((label, *map(plain_part, parts)))


def _about(config: Config) -> dict[str, Any]:
    settings, beside = config.settings, config.path.parent
    inside = settings.data_folder.is_relative_to(beside)
    head = AuditMemory(settings.data_folder / FILE_NAME).head()
    return {
        "practice_id": settings.practice_id,
        "made_at": utc_now().isoformat(),
        "program": version("otv-agent"),
        "config_file": str(config.path),
        "data_folder": str(settings.data_folder),
        "data_within": settings.data_folder.relative_to(beside).as_posix() if inside else None,
        "audit_head": str(head) if head else None,
    }


def _require_outside(config: Config, file: Path) -> None:
    if file.exists():
        raise UsageError(f"{file} is there already: a backup never replaces one")
    for folder in (config.settings.data_folder, config.path.parent):
        if file.is_relative_to(folder):
            raise UsageError(f"{file} would lie inside of what is saved: choose another disk or machine")
