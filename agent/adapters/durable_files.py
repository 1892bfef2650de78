"""Writes, moves and removes files so that a crash leaves either the old state or the new one.

The two folder queues (outbox, inbound) are built from these few steps and
from nothing else. Every OSError becomes a SpoolError that names the folder,
never the file: a name may come from a partner.
"""

import errno
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from agent.errors import SpoolError, WriteLostError

DRAFT_SUFFIX = ".draft"
_RENAME_TRIES = 20 if sys.platform == "win32" else 1
_RENAME_PAUSE_SECONDS = 0.1
_DISK_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_DISK_ERRORS = {*_DISK_FULL, errno.EIO, errno.EROFS}


def spool_error(action: str, folder: Path, error: OSError) -> SpoolError:
    """A sentence for what the operating system reported, without the name of the file."""
    match error.errno:
        case full if full in _DISK_FULL:
            return SpoolError(f"cannot {action} in {folder}: the disk is full")
        case errno.EXDEV:
            return SpoolError(
                f"cannot {action} in {folder}: the folders are on different file systems; "
                "put the inbound folder on the file system of the data folder"
            )
        case _:
            return SpoolError(f"cannot {action} in {folder}: {error.strerror or type(error).__name__}")


def _lost(folder: Path, error: OSError) -> WriteLostError:
    return WriteLostError(
        f"the disk did not confirm what was written in {folder}: {error.strerror or type(error).__name__}"
    )


def make_folders(*folders: Path) -> None:
    """Create what is missing, for the agent's account alone."""
    for folder in folders:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise spool_error("create the folder", folder, error) from error


def move(source: Path, target: Path) -> bool:
    """Rename atomically, replacing `target`; False if `source` is gone. Not yet safe against power loss.

    On Windows a virus scanner may hold the file for a moment (conan PR 19532):
    tried again for two seconds.
    """
    for left in reversed(range(_RENAME_TRIES)):
        try:
            source.replace(target)
            return True
        except FileNotFoundError as error:
            if not target.parent.is_dir():
                raise spool_error("move a file", target.parent, error) from error
            return False
        except PermissionError as error:
            if not left:
                raise spool_error("move a file", target.parent, error) from error
            time.sleep(_RENAME_PAUSE_SECONDS)
        except OSError as error:
            raise spool_error("move a file", target.parent, error) from error
    raise AssertionError("unreachable: the last try returns or raises")


def move_durably(source: Path, target: Path) -> None:
    """Like `move`, and both folders are on disk before it returns; a missing `source` is a SpoolError."""
    if not move(source, target):
        raise SpoolError(
            f"a file of the agent has vanished from {source.parent}: look for what else works there"
        )
    sync_folder(target.parent)
    if source.parent != target.parent:
        sync_folder(source.parent)


def remove_durably(path: Path) -> None:
    """Gone, and on disk before it returns; on Windows tried again like a rename."""
    for left in reversed(range(_RENAME_TRIES)):
        try:
            path.unlink(missing_ok=True)
            break
        except OSError as error:
            if not left or not isinstance(error, PermissionError):
                raise spool_error("remove a file", path.parent, error) from error
            time.sleep(_RENAME_PAUSE_SECONDS)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in this folder outlast a power loss; Windows has no such call and journals them itself."""
    if sys.platform == "win32":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise spool_error("write", folder, error) from error
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise _lost(folder, error) from error
    finally:
        os.close(descriptor)


class FolderDraft:
    """A file under a temporary name; `place` says where a final name belongs (ports.Draft)."""

    def __init__(self, path: Path, file: BinaryIO, place: Callable[[str], Path]) -> None:
        self.file = file
        self._path = path
        self._place = place

    def publish(self, name: str) -> None:
        """Store under `name`, unless that name stands there already."""
        target = self._place(name)
        if os.path.lexists(target):
            # Whoever put it there may not have come to this: what is built on it must not outlast it.
            sync_folder(target.parent)
        else:
            self.store(target)

    def store(self, target: Path) -> None:
        """fsync, rename over `target`, fsync the folder; raises SpoolError, and then `target` is as before.

        A failed fsync is final, a WriteLostError: the kernel may have dropped
        the pages, and a second call would report success (PostgreSQL's fsync
        finding of 2018). A disk that says only now that it is full has dropped
        the draft alone, which nobody uses.
        """
        try:
            self.file.flush()
        except OSError as error:
            raise spool_error("write", target.parent, error) from error
        try:
            os.fsync(self.file.fileno())
            self.file.close()
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise spool_error("write", target.parent, error) from error
            raise _lost(target.parent, error) from error
        move_durably(self._path, target)


def write_durably(content: bytes, drafts: Path, target: Path) -> None:
    """A small file of ours, complete under its name or not there at all."""
    with draft(drafts, target.parent.joinpath) as new:
        new.file.write(content)
        new.store(target)


@contextmanager
def draft(drafts: Path, place: Callable[[str], Path]) -> Iterator[FolderDraft]:
    """A new file that only this account can read; gone when the block ends without `publish`.

    Errors of the disk inside the block come out as SpoolError, whoever met them.
    """
    make_folders(drafts)
    path = drafts / f"{secrets.token_hex(8)}{DRAFT_SUFFIX}"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    except OSError as error:
        raise spool_error("create a file", drafts, error) from error
    file = os.fdopen(descriptor, "w+b")
    try:
        yield FolderDraft(path, file, place)
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        raise spool_error("write", drafts, error) from error
    finally:
        # Closing flushes what a full disk refused a moment ago; that is known already.
        with suppress(OSError):
            file.close()
        with suppress(OSError):
            path.unlink(missing_ok=True)


def remove_drafts(drafts: Path, untouched_since: datetime | None = None) -> None:
    """Drafts of a dead process are worthless; with a moment, only those not written to since then."""
    for path in drafts.glob(f"*{DRAFT_SUFFIX}"):
        try:
            if untouched_since is None or path.stat().st_mtime < untouched_since.timestamp():
                path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise spool_error("remove a draft", drafts, error) from error
