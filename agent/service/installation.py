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
    written: tuple[Path, ...]
    """Further folders that are written to, none inside of another or of `exchanged`."""
    foreign: tuple[Path, ...]
    """Of `written`, those that are not the agent's own: of the database, the collector, the log."""
    kept: tuple[Path, ...]
    """Files outside all these that are for the agent's eyes alone: secrets and SSH keys."""

    @property
    def own(self) -> tuple[Path, ...]:
        """Folders that nobody but the service's account needs."""
        return outermost([self.config.parent, *self.exchanged, *set(self.written).difference(self.foreign)])


def installation(config: Config) -> Installation:
    """Of this configuration, for the program that is running now."""
    settings = config.settings
    # Resolved: a file is renamed where it really lies, and a mount is made there.
    inbound = [partner.inbound_folder for partner in config.partners.values()]
    exchanged = outermost([settings.data_folder, *inbound])
    database = database_file(settings)
    files = [path for path in (settings.watch.metrics_file, settings.logging.file, database) if path]
    foreign = {file.parent.resolve() for file in files}
    written = [*foreign, settings.gpg_home]
    own = outermost([config.path.parent, *exchanged, *written])
    return Installation(
        command=(sys.executable, "-I", "-m", "agent"),
        program_folders=outermost(
            Path(place) for place in (sys.prefix, sys.base_prefix, Path(__file__).parents[2])
        ),
        config=config.path.resolve(),
        data=settings.data_folder.resolve(),
        exchanged=exchanged,
        written=tuple(path for path in outermost(written) if not within(path, exchanged)),
        foreign=tuple(sorted(path for path in foreign if not within(path, exchanged))),
        kept=tuple(
            sorted({p.path for p in named_places(config) if p.secret and not within(p.path, own)}),
        ),
    )


def within(path: Path, folders: Iterable[Path]) -> bool:
    """Whether the path is one of the folders or lies in one, by their names."""
    return any(path.is_relative_to(folder) for folder in folders)


def outermost(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Without those that lie inside of another one."""
    every = {folder.resolve() for folder in folders}
    return tuple(sorted(one for one in every if not within(one, every - {one})))
