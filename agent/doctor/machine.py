"""Looks at the machine: room on its disks, GnuPG, and on Windows what scans files behind the agent's back.

A part of `agent.doctor`. Needs the configuration alone, so that it is told
also where a secret or the database keeps the agent from being wired.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.adapters.disk_space import MEBIBYTE, free_bytes
from agent.adapters.gpg_process import gnupg_version
from agent.config import Config
from agent.doctor.finding import Check, Finding, failed, fine, warning
from agent.errors import AgentError, DiskNearlyFullError
from agent.language import sentence

SOON = 5
"""A warning is due when less than this many times the floor is left."""


def disk_room(folders: Iterable[Path], floor_mebibytes: int) -> Iterator[Finding]:
    """One finding for each disk on which one of the folders lies."""
    seen: set[int] = set()
    for folder in folders:
        try:
            free = free_bytes(folder) // MEBIBYTE
        except AgentError as error:
            said = sentence("How much room there is cannot be said: {error}", error=error)
            yield failed(Check.DISK, said, error)
            continue
        device = folder.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        room = {"folder": folder, "free": free, "floor": floor_mebibytes}
        if free < floor_mebibytes:
            said = sentence(
                "{free} MiB are free for {folder}; below {floor} MiB nothing new is begun.", **room
            )
            yield failed(Check.DISK, said, DiskNearlyFullError)
        elif free < SOON * floor_mebibytes:
            said = sentence("{free} MiB are free for {folder}; below {floor} MiB work stops.", **room)
            yield warning(Check.DISK, said, sentence("Make room on the disk before it is full."))
        else:
            yield fine(Check.DISK, sentence("{free} MiB are free for {folder}.", free=free, folder=folder))


def gnupg(config: Config) -> Finding:
    """gpg seals and opens, gpgv judges signatures; every version from 2.2 on will do."""
    openpgp = config.settings.openpgp
    try:
        gpg, gpgv = gnupg_version(openpgp.gpg_program), gnupg_version(openpgp.gpgv_program)
    except AgentError as error:
        return failed(Check.GPG, sentence("GnuPG cannot be used: {error}", error=error), error)
    return fine(Check.GPG, sentence("gpg has version {gpg}, gpgv version {gpgv}.", gpg=gpg, gpgv=gpgv))


def antivirus(config: Config) -> Iterator[Finding]:
    """Windows alone: a scanner that opens files as they arrive delays renames and locks gpg's key box."""
    if sys.platform == "win32":
        # Imported here: the registry is there only.
        from agent.adapters.windows_defender import excluded_paths  # noqa: PLC0415

        settings, excluded = config.settings, excluded_paths()
        homes = {settings.data_folder, settings.gpg_home}
        yield scanned([path for path in sorted(homes) if not _covered(path, [*excluded, *homes - {path}])])
    yield from ()


def scanned(folders: list[Path]) -> Finding:
    """Of the folders that are not known to be left out."""
    if not folders:
        return fine(Check.ANTIVIRUS, sentence("Microsoft Defender leaves the agent's folders out."))
    names = ", ".join(f"'{folder}'" for folder in folders)
    said = sentence("A virus scanner may hold files while the agent moves them: {folders}", folders=names)
    remedy = sentence(
        "Exclude them from on-access scanning; for Microsoft Defender, as an administrator: `{command}`",
        command=f"Add-MpPreference -ExclusionPath {names}",
    )
    return warning(Check.ANTIVIRUS, said, remedy)


def _covered(path: Path, excluded: Iterable[Path]) -> bool:
    return any(path.is_relative_to(one) for one in excluded)
