"""What the folders promise: files for a partner, files from it, and that none gets lost."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from agent.ports.transport import RemoteFile


class Draft(Protocol):
    """A file being written under a temporary name in the outbox's file system."""

    file: BinaryIO

    def publish(self, name: str) -> None:
        """fsync, rename to `name`, fsync the folder. A no-op if `name` already waits there."""
        ...


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A file in an outbox; `name` is ours (exchange_formats.file_names)."""

    name: str
    path: Path
    size: int
    since: datetime
    """When it was put into the outbox, or put back by an operator."""
    not_before: datetime | None = None
    """The server refused it: when to try again. Known to this process alone, a new one tries at once."""


class Outbox(Protocol):
    """Sealed files for one partner: waiting -> claimed -> sent | failed; the folders are the state."""

    def prepare(self) -> None:
        """Make the folders that are missing; before that the outbox can only be looked at, and is empty."""
        ...

    def draft(self) -> AbstractContextManager[Draft]:
        """A temporary file; leaving the block without `publish` removes it."""
        ...

    def waiting(self) -> list[WaitingFile]:
        """What waits, oldest name first."""
        ...

    def claim(self, name: str) -> WaitingFile | None:
        """Take the file by one atomic rename; None if somebody else was faster."""
        ...

    def finish(self, claimed: WaitingFile) -> None:
        """The partner has it: move it to `sent`."""
        ...

    def release(self, claimed: WaitingFile, not_before: datetime | None = None) -> None:
        """It could not be delivered now: put it back."""
        ...

    def give_up(self, claimed: WaitingFile, reason: str, at: datetime) -> None:
        """The last try has failed: move it to `failed` with NAME.reason.json beside it, for an operator."""
        ...

    def failed(self) -> list[WaitingFile]:
        """What was given up, oldest name first."""
        ...

    def send_again(self, name: str, at: datetime) -> bool:
        """Put a file that was given up back to the waiting ones, as if it came now; False if it is gone."""
        ...

    def discard_failed(self, name: str) -> bool:
        """Drop a snapshot that was given up, because a newer one exists; False if it is gone already."""
        ...

    def supersede(self, name: str) -> bool:
        """Drop a waiting snapshot because a newer one waits; False if it is gone already."""
        ...

    def recover(self) -> int:
        """Put back what a dead process had claimed and remove its drafts; how many came back."""
        ...


class ClaimedFile(Protocol):
    """An inbound file that only this process works on, under a name of our own."""

    file_id: str
    """Safe to log; says nothing about the partner's name for the file."""
    attempts: int
    """How often processing has begun, this time included; counted on disk before parsing."""
    arrived_at: datetime
    """When it came to lie in the folder; of a file that is taken again, when it was first taken."""
    sha256: str | None
    """Of the file's bytes, once they have been read."""

    def read(self) -> bytes:
        """The whole file, once. Raises UnauthenticatedFileError: EMPTY, TOO_LARGE,
        NOT_A_REGULAR_FILE, UNREADABLE, UNEXPECTED_NAME, CRASH_LOOP."""
        ...


class Inbound(Protocol):
    """One partner's inbound folder: waiting -> claimed -> archive | quarantine."""

    def prepare(self) -> None:
        """Make the folders that are missing; before that the folder can only be looked at, and is empty."""
        ...

    def recover(self) -> None:
        """Remove what a dead process was still writing; only while no other process works here."""
        ...

    def draft(self) -> AbstractContextManager[Draft]:
        """For a fetched file, published under `new_name()`."""
        ...

    def new_name(self) -> str:
        """A fresh unique name that the sweep will accept."""
        ...

    def claim(self) -> Iterator[ClaimedFile]:
        """First what a dead process left claimed, then every file that matches the name pattern
        and has held still (size and mtime) for the settle time, one at a time, oldest first."""
        ...

    def archive(self, claimed: ClaimedFile) -> None:
        """Imported, or a repeat of something imported."""
        ...

    def quarantine(self, claimed: ClaimedFile, reason: str) -> None:
        """The partner signed it: set aside as it came, with `<file id>.reason.json` beside it.

        That holds file id, reason, authenticated, when, and sha256.
        """
        ...

    def quarantine_unauthenticated(self, claimed: ClaimedFile, reason: str) -> AbstractContextManager[None]:
        """Nobody vouches for it, and perhaps nobody encrypted it: kept sealed to the practice's own key.

        It is sealed before the block and set aside after it, so that a fault of
        ours leaves it as it was, with nothing told of it. Of a file beyond the
        size limit the beginning is kept; a link, a folder or a pipe is moved as
        it is. Raises SpoolError, GpgUnavailableError, OwnKeyUnusableError.
        """
        ...

    def put_back(self, file_id: str, uncover: Callable[[bytes], bytes]) -> bool:
        """Out of quarantine, where nobody had vouched for it, to be judged again under the same id.

        `uncover` opens what was sealed to the practice's own key. False if it is not there any more.
        """
        ...

    def release(self, claimed: ClaimedFile) -> None:
        """Our own fault: back to waiting, the attempt not counted."""
        ...

    def fetched_before(self, remote: RemoteFile) -> bool:
        """Whether this very file was fetched and could not be removed at the partner's."""
        ...

    def remember_fetched(self, remote: RemoteFile) -> None:
        """It is safely ours and the partner's server keeps it: not to be fetched again."""
        ...

    def forget_fetched_except(self, still_there: Iterable[RemoteFile]) -> None:
        """The partner's folder was seen whole: whatever else was remembered is gone there."""
        ...

    def waiting_since(self) -> datetime | None:
        """When the oldest file came that waits or is being worked on, by its time of change."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Files per state: `waiting`, `claimed`, `archive`, `quarantine`."""
        ...
