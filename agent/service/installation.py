"""What the service reads, writes and starts: all that a unit or a service entry has to name.

Absolute paths, taken from the checked configuration and the running
interpreter. The same for both systems; nothing is opened or changed.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent.config import Config
from agent.config.places import database_file, named_places


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation; every folder and file by its absolute path."""

    command: tuple[str, ...]
    """Starts this very program; a subcommand and its options follow."""
    program_folders: tuple[Path, ...]
    """Where the interpreter, its environment and the package lie."""
    config: Path
    data: Path
    exchanged: tuple[Path, ...]
    """The data folder and the inbound folders outside of it: files are renamed from one to the other."""
    own: tuple[Path, ...]
    """Folders that nobody but the service's account needs; those of the settings and of `exchanged` too."""
    written: tuple[Path, ...]
    """Folders that are written to beside those of `exchanged`."""
    foreign: tuple[Path, ...]
    """Of `written`, those that are not the agent's own: the practice database's, the collector's."""
    kept: tuple[Path, ...]
    """Files elsewhere that are for the agent's eyes alone: secrets and SSH keys."""


def installation(config: Config) -> Installation:
    """Of this configuration, for the program that is running now."""
    settings, log = config.settings, config.settings.logging.file
    # Resolved: a file is renamed where it really lies, and a mount is made there.
    inbound = [partner.inbound_folder for partner in config.partners.values()]
    exchanged = outermost([settings.data_folder, *inbound])
    beside = [settings.gpg_home, *([log.parent] if log else [])]
    own = {config.path.parent.resolve(), *exchanged, *outermost(beside)}
    files = [file for file in (settings.watch.metrics_file, database_file(settings)) if file]
    foreign = outermost(file.parent for file in files if not within(file.resolve(), own))
    secrets = {place.path for place in named_places(config) if place.secret}
    return Installation(
        command=(sys.executable, "-I", "-m", "agent"),
        program_folders=outermost(
            Path(place) for place in (sys.prefix, sys.base_prefix, Path(__file__).parents[2])
        ),
        config=config.path.resolve(),
        data=settings.data_folder.resolve(),
        exchanged=exchanged,
        own=tuple(sorted(own, key=lambda folder: (len(folder.parts), folder))),
        written=tuple(one for one in outermost([*beside, *foreign]) if not within(one, exchanged)),
        foreign=foreign,
        kept=tuple(sorted(secret for secret in secrets if not within(secret.resolve(), own))),
    )


def within(path: Path, folders: Iterable[Path]) -> bool:
    """Whether the path is one of the folders or lies in one, by their names."""
    return any(path.is_relative_to(folder) for folder in folders)


def outermost(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Without those that lie inside of another one."""
    every = {folder.resolve() for folder in folders}
    return tuple(sorted(one for one in every if not within(one, every - {one})))
