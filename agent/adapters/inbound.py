"""Takes a partner's files out of the inbound folder, one at a time, so that none is lost or read twice.

    waiting/  foreign: the partner, or our own fetch, puts files here     released/    to be taken again
    claimed/  being worked on      archive/  done      quarantine/  set aside, each with its reason
    drafts/   being written   fetched.txt  digests of what the partner's server did not let us remove

Nobody vouches for what is set aside without a signature, and a partner may
have forgotten to encrypt it: it is kept sealed to the practice's own key
(promise P11), so that nothing is lost and nothing can be read on the disk.

Events are hints, this sweep is the truth. A file belongs to whoever renames
it first; from then on it has a name of ours. One process at a time works
here: the caller holds the partner's lane, so whatever stands in `claimed`
when a sweep begins was left by a dead one.
"""

import json
import math
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from agent.adapters.durable_files import (
    FolderDraft,
    draft,
    make_folders,
    move,
    move_durably,
    remove_drafts,
    remove_durably,
    spool_error,
    write_durably,
)
from agent.adapters.fetched_files import FetchedFiles
from agent.adapters.inbound_claim import (
    ACCEPTED,
    STRAY,
    Beginning,
    FolderClaim,
    Trial,
    came_at,
    claim_name,
    new_file_id,
    opens,
)
from agent.errors import SpoolError
from agent.ports import ClaimedFile, Clock, RemoteFile

# By pattern, never "everything but .tmp" (SFTPGo #242).
ACCEPTED_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.pgp")
REASON_SUFFIX = ".reason.json"
SEALED_SUFFIX = ".sealed.pgp"
"""What arrived, encrypted to the practice's own key."""

Protect = Callable[[bytes, BinaryIO], object]
"""Encrypts to the practice's own key, as `OwnKey.protect` does."""

_DEAD_DRAFT_AGE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Look:
    """How an entry looked when it was first seen like this."""

    size: int
    modified_ns: int
    at: datetime

    def still_for(self, seconds: float, now: datetime) -> bool:
        """Unchanged between two looks, or by its own time, which counts only if it is not in the future."""
        if (now - self.at).total_seconds() >= seconds:
            return True
        return now.timestamp() - self.modified_ns / 1e9 >= seconds


class FolderInbound:
    """ports.Inbound over `root`; `waiting` may lie elsewhere on the same file system.

    An accepted file is taken once it has held still for `settle_seconds`:
    two looks that far apart show the same size and time of change, or that
    time lies as far in the past already (so that one sweep of a stopped
    agent suffices; a time in the future does not count). What does not open,
    has a second link or an unexpected name is given `stray_after_seconds`,
    because its sender may still be busy with it.
    """

    def __init__(
        self,
        root: Path,
        waiting: Path | None = None,
        *,
        settle_seconds: float,
        max_bytes: int,
        stray_after_seconds: float,
        clock: Clock,
        protect: Protect,
        trial: Trial,
    ) -> None:
        self._waiting = waiting or root / "waiting"
        self._drafts, self._claimed, self._released = root / "drafts", root / "claimed", root / "released"
        self._archive, self._quarantine = root / "archive", root / "quarantine"
        self._settle_seconds, self._stray_after_seconds = settle_seconds, stray_after_seconds
        self._max_bytes = max_bytes
        self._clock = clock
        self._protect = protect
        self._trial = trial
        self._looks: dict[str, _Look] = {}
        self._fetched = FetchedFiles(root / "fetched.txt", self._drafts)

    def prepare(self) -> None:
        make_folders(self._drafts, self._claimed, self._released, self._archive, self._quarantine)
        make_folders(self._waiting)

    def recover(self) -> None:
        """Claims need no help, the next sweep takes them first; a torn fetch is fetched again."""
        remove_drafts(self._drafts)

    # --- arriving ------------------------------------------------------------------------------

    def draft(self) -> AbstractContextManager[FolderDraft]:
        return draft(self._drafts, self._waiting.joinpath)

    def new_name(self) -> str:
        return f"{new_file_id(self._clock())}.{ACCEPTED}"

    def fetched_before(self, remote: RemoteFile) -> bool:
        return remote in self._fetched

    def remember_fetched(self, remote: RemoteFile) -> None:
        self._fetched.add(remote)

    def forget_fetched_except(self, still_there: Iterable[RemoteFile]) -> None:
        self._fetched.keep_only(still_there)

    # --- claiming ------------------------------------------------------------------------------

    def claim(self) -> Iterator[ClaimedFile]:
        """Lazily: each file is renamed at the moment it is handed out.

        A file that cannot be taken keeps none behind it waiting: the first
        such SpoolError is raised at the end.
        """
        self.prepare()
        remove_drafts(self._drafts, self._clock() - _DEAD_DRAFT_AGE)
        problem: SpoolError | None = None
        for path in (*self._left_behind(), *self._held_still()):
            try:
                taken = self._take(path)
            except SpoolError as error:
                problem = problem or error
                continue
            if taken is not None:
                yield taken
        if problem is not None:
            raise problem

    def _left_behind(self) -> list[Path]:
        """Of a dead process, or released; file ids sort by time."""
        return sorted(
            (folder / entry.name for folder in (self._claimed, self._released) for entry in _entries(folder)),
            key=lambda path: path.name,
        )

    def _held_still(self) -> list[Path]:
        """What waits and may be taken now, the longest unchanged first."""
        now = self._clock()
        looks: dict[str, _Look] = {}
        ready: list[tuple[int, str]] = []
        for entry in _entries(self._waiting):
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            look = looks[entry.name] = self._look(entry.name, status, now)
            if self._may_be_taken(self._waiting / entry.name, status, look, now):
                ready.append((status.st_mtime_ns, entry.name))
        self._looks = looks
        return [self._waiting / name for _, name in sorted(ready)]

    def _look(self, name: str, status: os.stat_result, now: datetime) -> _Look:
        before = self._looks.get(name)
        if before and before.at > now:
            before = None  # the clock was set back: counted from there, the file would wait for ever
        if before and (before.size, before.modified_ns) == (status.st_size, status.st_mtime_ns):
            return before
        return _Look(status.st_size, status.st_mtime_ns, now)

    def _may_be_taken(self, path: Path, status: os.stat_result, look: _Look, now: datetime) -> bool:
        if not look.still_for(self._settle_seconds, now):
            return False
        if ACCEPTED_NAME.fullmatch(path.name) and not _in_use(path, status):
            return True
        return look.still_for(self._stray_after_seconds, now)

    def _take(self, path: Path) -> FolderClaim | None:
        """Rename to a claim that counts one attempt more; None if it is gone or still held by its writer."""
        known = (
            None
            if path.parent == self._waiting
            else FolderClaim.from_path(path, self._max_bytes, self._trial)
        )
        if known is not None:
            file_id, attempts, kind = known.file_id, known.attempts + 1, known.kind
            arrived_at = known.arrived_at
        else:
            accepted, now = ACCEPTED_NAME.fullmatch(path.name), self._clock()
            file_id, attempts, kind = new_file_id(now), 1, ACCEPTED if accepted else STRAY
            arrived_at = _came_at(path, now)
        target = self._claimed / claim_name(file_id, attempts, kind)
        if not move(path, target):
            return None
        return FolderClaim(target, file_id, arrived_at, attempts, kind, self._max_bytes, self._trial)

    # --- afterwards ----------------------------------------------------------------------------

    def archive(self, claimed: ClaimedFile) -> None:
        ours = _ours(claimed)
        move_durably(ours.path, self._archive / f"{ours.file_id}.{ours.kind}")

    def quarantine(self, claimed: ClaimedFile, reason: str) -> None:
        ours = _ours(claimed)
        self._write_reason(ours, reason, authenticated=True)
        move_durably(ours.path, self._quarantine / f"{ours.file_id}.{ours.kind}")

    @contextmanager
    def quarantine_unauthenticated(self, claimed: ClaimedFile, reason: str) -> Iterator[None]:
        ours = _ours(claimed)
        beginning = ours.beginning()
        with draft(self._drafts, self._quarantine.joinpath) as sealed:
            if beginning is not None:
                self._protect(beginning.content, sealed.file)
            yield
            self._write_reason(ours, reason, authenticated=False, beginning=beginning)
            if beginning is None:
                move_durably(ours.path, self._quarantine / f"{ours.file_id}.{ours.kind}")
                return
            sealed.store(self._quarantine / f"{ours.file_id}{SEALED_SUFFIX}")
            # Last: until it is gone, a crash leaves a claim that is set aside once more, under the same name.
            remove_durably(ours.path)

    def _write_reason(
        self, ours: FolderClaim, reason: str, *, authenticated: bool, beginning: Beginning | None = None
    ) -> None:
        """Before the file: a crash in between leaves a claim to recover, never a file without a reason."""
        told: dict[str, object] = {
            "file_id": ours.file_id,
            "reason": reason,
            "authenticated": authenticated,
            "at": self._clock().astimezone(UTC).isoformat(timespec="seconds"),
            "sha256": ours.sha256,
        }
        if beginning is not None:
            told |= {"size_bytes": beginning.size_bytes, "kept_bytes": len(beginning.content)}
        reason_file = self._quarantine / f"{ours.file_id}{REASON_SUFFIX}"
        write_durably(json.dumps(told, indent=2).encode() + b"\n", self._drafts, reason_file)

    def release(self, claimed: ClaimedFile) -> None:
        """Into `released`, not into the partner's folder: there, names could be forged and counts lost."""
        ours = _ours(claimed)
        uncounted = claim_name(ours.file_id, ours.attempts - 1, ours.kind)
        try:
            move(ours.path, self._released / uncounted)
        except SpoolError:
            # Where it is, then: an attempt that counted after all would end as a crash loop.
            move(ours.path, self._claimed / uncounted)

    def put_back(self, file_id: str, uncover: Callable[[bytes], bytes]) -> bool:
        sealed = self._quarantine / f"{file_id}{SEALED_SUFFIX}"
        try:
            content = uncover(sealed.read_bytes())
        except FileNotFoundError:
            return False
        except OSError as error:
            raise spool_error("read a file", self._quarantine, error) from error
        write_durably(content, self._drafts, self._released / claim_name(file_id, 0, ACCEPTED))
        remove_durably(sealed)
        with suppress(SpoolError):
            remove_durably(self._quarantine / f"{file_id}{REASON_SUFFIX}")
        return True

    def waiting_since(self) -> datetime | None:
        oldest = math.inf
        for folder in (self._waiting, self._released, self._claimed):
            for entry in _entries(folder):
                with suppress(FileNotFoundError):
                    oldest = min(oldest, entry.stat(follow_symlinks=False).st_mtime)
        return None if oldest == math.inf else datetime.fromtimestamp(oldest, UTC)

    def counts(self) -> Mapping[str, int]:
        """One listing per folder; `waiting` includes what was released, and names not (yet) accepted.

        A file whose setting aside was interrupted stands in two folders, and counts as claimed.
        """
        claimed = [_file_id(entry) for entry in _entries(self._claimed)]
        set_aside = [e for e in _entries(self._quarantine) if not e.name.endswith(REASON_SUFFIX)]
        return {
            "waiting": len(_entries(self._waiting)) + len(_entries(self._released)),
            "claimed": len(claimed),
            "archive": len(_entries(self._archive)),
            "quarantine": sum(_file_id(entry) not in claimed for entry in set_aside),
        }


def _ours(claimed: ClaimedFile) -> FolderClaim:
    if not isinstance(claimed, FolderClaim):
        raise TypeError("not a claim of this inbound folder")
    return claimed


def _came_at(path: Path, now: datetime) -> datetime:
    """Before our own rename, which the file system notes as well."""
    try:
        return came_at(path.lstat(), now)
    except OSError:
        return now  # gone, or not to be looked at: the claim will tell


def _file_id(entry: "os.DirEntry[str]") -> str:
    return entry.name.partition(".")[0]


def _in_use(path: Path, status: os.stat_result) -> bool:
    """A regular file that does not open, or has a second link: some servers rename by link and unlink."""
    return stat.S_ISREG(status.st_mode) and (status.st_nlink > 1 or not opens(path))


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise spool_error("list the files", folder, error) from error
