"""Keeps the sealed files for one partner in folders: the folder a file stands in is its state.

    drafts/   being written         waiting/   to be delivered      claimed/   being delivered
    sent/     the partner has it    failed/    set aside by an operator, never by the agent

Export and receive put files here, deliver takes them. No file leaves for
`sent` before the partner has it, and moving one back by hand mends
everything. One process at a time works here: the caller holds the lane.
"""

import os
import re
import stat
from contextlib import AbstractContextManager
from pathlib import Path

from agent.adapters.durable_files import (
    FolderDraft,
    draft,
    make_folders,
    move,
    move_durably,
    remove_drafts,
    spool_error,
)
from agent.errors import SpoolError
from agent.ports import WaitingFile

_OUR_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*\.pgp")


class FolderOutbox:
    """ports.Outbox over `root`, one root per partner."""

    def __init__(self, root: Path) -> None:
        self._drafts, self._waiting = root / "drafts", root / "waiting"
        self._claimed, self._sent, self._failed = root / "claimed", root / "sent", root / "failed"

    def prepare(self) -> None:
        make_folders(self._drafts, self._waiting, self._claimed, self._sent, self._failed)

    def draft(self) -> AbstractContextManager[FolderDraft]:
        self.prepare()  # a folder that was removed while the agent runs must not need a restart
        return draft(self._drafts, lambda name: self._waiting / _ours(name))

    def waiting(self) -> list[WaitingFile]:
        """Sorted by name, which sorts each kind by time; what the agent did not name is left alone."""
        return sorted(_files(self._waiting), key=lambda file: file.name)

    def claim(self, name: str) -> WaitingFile | None:
        target = self._claimed / _ours(name)
        self.prepare()
        if not move(self._waiting / name, target):
            return None
        try:
            return WaitingFile(name, target, target.stat().st_size)
        except OSError as error:
            raise spool_error("read a file", self._claimed, error) from error

    def finish(self, claimed: WaitingFile) -> None:
        move_durably(claimed.path, self._sent / claimed.name)

    def release(self, claimed: WaitingFile) -> None:
        move(claimed.path, self._waiting / claimed.name)

    def supersede(self, name: str) -> bool:
        try:
            (self._waiting / _ours(name)).unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise spool_error("remove a file", self._waiting, error) from error
        return True

    def recover(self) -> int:
        remove_drafts(self._drafts)
        left = _files(self._claimed)
        for file in left:
            self.release(file)
        return len(left)


def _ours(name: str) -> str:
    if not _OUR_NAME.fullmatch(name):
        raise SpoolError("refused a file name for the outbox that the agent does not give")
    return name


def _files(folder: Path) -> list[WaitingFile]:
    """The regular files of ours; what vanishes while we look, or was never made, is simply not there."""
    found: list[WaitingFile] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                size = _regular_size(entry)
                if size is not None and _OUR_NAME.fullmatch(entry.name):
                    found.append(WaitingFile(entry.name, folder / entry.name, size))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise spool_error("list the files", folder, error) from error
    return found


def _regular_size(entry: "os.DirEntry[str]") -> int | None:
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
