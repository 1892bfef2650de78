"""Keeps the sealed files for one partner in folders: the folder a file stands in is its state.

    drafts/   being written         waiting/   to be delivered      claimed/   being delivered
    sent/     the partner has it    failed/    given up after days, NAME.reason.json beside it

Export and receive put files here, deliver takes them. No file leaves for
`sent` before the partner has it, and moving one back by hand mends
everything. A file's time of change says since when it waits. One process at a
time works here: the caller holds the lane.
"""

import json
import os
import re
import stat
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from agent.adapters.durable_files import (
    FolderDraft,
    draft,
    make_folders,
    move,
    move_durably,
    remove_drafts,
    spool_error,
    sync_folder,
    write_durably,
)
from agent.errors import SpoolError
from agent.ports import WaitingFile
from exchange_formats.envelope import Kind
from exchange_formats.file_names import parse_sealed_name

REASON_SUFFIX = ".reason.json"
_OUR_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*\.pgp")


class FolderOutbox:
    """ports.Outbox over `root`, one root per partner."""

    def __init__(self, root: Path) -> None:
        self._drafts, self._waiting = root / "drafts", root / "waiting"
        self._claimed, self._sent, self._failed = root / "claimed", root / "sent", root / "failed"
        self._not_before: dict[str, datetime] = {}

    def prepare(self) -> None:
        make_folders(self._drafts, self._waiting, self._claimed, self._sent, self._failed)

    def draft(self) -> AbstractContextManager[FolderDraft]:
        self.prepare()  # a folder that was removed while the agent runs must not need a restart
        return draft(self._drafts, lambda name: self._waiting / _ours(name))

    def waiting(self) -> list[WaitingFile]:
        """Sorted by name, which sorts each kind by time; what the agent did not name is left alone."""
        return [replace(file, not_before=self._not_before.get(file.name)) for file in _files(self._waiting)]

    def claim(self, name: str) -> WaitingFile | None:
        target = self._claimed / _ours(name)
        self.prepare()
        if not move(self._waiting / name, target):
            return None
        try:
            status = target.stat()
        except OSError as error:
            raise spool_error("read a file", self._claimed, error) from error
        return WaitingFile(name, target, status.st_size, _changed_at(status))

    def finish(self, claimed: WaitingFile) -> None:
        """What was given up under the same name is the same document, so that is settled too."""
        move_durably(claimed.path, self._sent / claimed.name)
        self._not_before.pop(claimed.name, None)
        self.discard_failed(claimed.name)

    def release(self, claimed: WaitingFile, not_before: datetime | None = None) -> None:
        move(claimed.path, self._waiting / claimed.name)
        if not_before is not None:
            self._not_before[claimed.name] = not_before

    def supersede(self, name: str) -> bool:
        self._not_before.pop(name, None)
        return _remove(self._waiting / _ours(name))

    # --- given up ------------------------------------------------------------------------------

    def give_up(self, claimed: WaitingFile, reason: str, at: datetime) -> None:
        told = {
            "file": claimed.name,
            "reason": reason,
            "waiting_since": claimed.since.isoformat(timespec="seconds"),
            "given_up_at": at.astimezone(UTC).isoformat(timespec="seconds"),
        }
        # The reason goes first: a crash in between leaves a claim to recover, never a file without a reason.
        content = json.dumps(told, indent=2).encode() + b"\n"
        write_durably(content, self._drafts, self._failed / f"{claimed.name}{REASON_SUFFIX}")
        move_durably(claimed.path, self._failed / claimed.name)

    def failed(self) -> list[WaitingFile]:
        return _files(self._failed)

    def send_again(self, name: str, at: datetime) -> bool:
        """The time of change first: a crash in between leaves it in `failed`, only younger."""
        path = self._failed / _ours(name)
        try:
            os.utime(path, (at.timestamp(), at.timestamp()))
        except FileNotFoundError:
            return False
        except OSError as error:
            raise spool_error("change a file", self._failed, error) from error
        moved = move(path, self._waiting / name)
        sync_folder(self._waiting)
        _remove(self._failed / f"{name}{REASON_SUFFIX}")
        self._not_before.pop(name, None)
        return moved

    def discard_failed(self, name: str) -> bool:
        removed = _remove(self._failed / _ours(name))
        _remove(self._failed / f"{name}{REASON_SUFFIX}")
        return removed

    def recover(self) -> int:
        remove_drafts(self._drafts)
        left = _files(self._claimed)
        for file in left:
            self.release(file)
        return len(left)


def highest_sequences(outboxes: Path) -> dict[tuple[str, Kind], int]:
    """By partner and kind the highest number in the names of all files below the partners' outboxes."""
    highest: dict[tuple[str, Kind], int] = {}
    try:
        for path in outboxes.glob("*/*/*.pgp"):
            name = parse_sealed_name(path.name)
            if name is not None:
                key = path.parts[-3], name.kind
                highest[key] = max(name.sequence, highest.get(key, 0))
    except OSError as error:
        raise spool_error("list the files", outboxes, error) from error
    return highest


def _ours(name: str) -> str:
    if not _OUR_NAME.fullmatch(name):
        raise SpoolError("refused a file name for the outbox that the agent does not give")
    return name


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise spool_error("remove a file", path.parent, error) from error
    return True


def _files(folder: Path) -> list[WaitingFile]:
    """The regular files of ours by name; what vanishes while we look, or was never made, is not there."""
    found: list[WaitingFile] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                status = _regular(entry)
                if status is not None and _OUR_NAME.fullmatch(entry.name):
                    path = folder / entry.name
                    found.append(WaitingFile(entry.name, path, status.st_size, _changed_at(status)))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise spool_error("list the files", folder, error) from error
    return sorted(found, key=lambda file: file.name)


def _regular(entry: "os.DirEntry[str]") -> os.stat_result | None:
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _changed_at(status: os.stat_result) -> datetime:
    return datetime.fromtimestamp(status.st_mtime, UTC)
