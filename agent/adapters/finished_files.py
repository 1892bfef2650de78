"""Takes finished files out of their folders for good, so that each is counted exactly once.

    PARTNER/sent            ─┐                    the database writes down
    PARTNER/archive         ─┼─► purged/RUN/ ──►  how many RUN holds     ──► removed
    PARTNER/quarantine      ─┘

A run's folder is what a crash leaves behind: the next purge asks the database
whether that run was counted, and goes on from there. Which files may go is
decided by `agent.retention`, never here and never by a file's own times.
"""

import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from agent.adapters.durable_files import make_folders, move, spool_error, sync_folder
from agent.adapters.inbound import REASON_SUFFIX
from agent.adapters.inbound_claim import new_file_id

RUNS = "purged"
_TIME = re.compile(r"(?:^|-)([0-9]{8}t[0-9]{6}z)-", re.IGNORECASE)


def names_before(folder: Path, before: datetime) -> set[str]:
    """The files whose names, which the agent gave, tell an earlier time; others are left alone."""
    return {name for name in _names(folder) if (told := _told_at(name)) is not None and told < before}


def partner_roots(queue: Path) -> list[Path]:
    """The folders of all partners below the outbox or the inbound folder, configured or not."""
    return sorted(queue / name for name in _names(queue))


def set_aside(folder: Path, names: Iterable[str], now: datetime) -> Path | None:
    """Rename the files into the folder of a new run; None if there were none.

    A reason goes before the file that it explains, as it came.
    """
    chosen = sorted(names)
    if not chosen:
        return None
    run = folder.parent / RUNS / f"{new_file_id(now)}.{folder.name}"
    make_folders(run)
    for name in chosen:
        reason = f"{name.split('.')[0]}{REASON_SUFFIX}"
        for part in (reason, name):
            move(folder / part, run / part)
    for changed in (run, run.parent, folder):
        sync_folder(changed)
    return run


def runs(root: Path) -> list[Path]:
    """What purges have set aside and not removed yet, oldest first."""
    return sorted(root / RUNS / name for name in _names(root / RUNS))


def count(run: Path) -> int:
    """How many files a run holds; a reason belongs to its file."""
    return sum(not name.endswith(REASON_SUFFIX) for name in _names(run))


def remove(run: Path) -> None:
    """Delete a run's folder with all that is in it; repeatable."""
    for name in _names(run):
        _remove(run / name)
    try:
        run.rmdir()
    except FileNotFoundError:
        return
    except OSError as error:
        raise spool_error("remove a folder", run.parent, error) from error


def _remove(path: Path) -> None:
    """What was quarantined may be a link, a pipe or a whole folder: nothing is followed or opened."""
    try:
        if stat.S_ISDIR(path.lstat().st_mode):
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise spool_error("remove a file", path.parent, error) from error


def _names(folder: Path) -> Iterator[str]:
    try:
        yield from sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise spool_error("list the files", folder, error) from error


def _told_at(name: str) -> datetime | None:
    """A file id begins with its time, a sealed file's name has it after the kind."""
    found = None if name.endswith(REASON_SUFFIX) else _TIME.search(name)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1].upper(), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
