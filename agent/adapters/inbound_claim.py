"""Reads one claimed inbound file, once, as bytes; whatever is odd about it is a reason for quarantine.

A claim's own name carries what must outlast a crash:
`<file id>.<attempts>.pgp`, or `.stray` where the partner's name was not one
that is accepted. The partner's name itself is forgotten by the claim: it is
foreign text and becomes neither a path nor a log line.
"""

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from agent.adapters.durable_files import spool_error
from agent.errors import QuarantineReason, UnauthenticatedFileError

ACCEPTED, STRAY = "pgp", "stray"
MAX_ATTEMPTS = 3
"""Crashes that may happen while a file is worked on before it is tried apart."""
LAST_ATTEMPT = 20
"""If whole machines go down with every trial, somebody has to look; chance alone does not get that far."""

Trial = Callable[[bytes], bool]
"""Whether a process of its own outlives the import of these bytes (`agent.adapters.trial`)."""

_ID_TIME = "%Y%m%dT%H%M%SZ"
_CLAIM_NAME = re.compile(
    r"(?P<id>(?P<at>[0-9]{8}T[0-9]{6}Z)-[0-9a-f]{12})\.(?P<attempts>[0-9]{1,4})\.(?P<kind>pgp|stray)"
)
# O_NOFOLLOW against a link slipped in, O_NONBLOCK against a pipe that never answers.
_OPEN_FLAGS = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


@dataclass(frozen=True, slots=True)
class Beginning:
    """The whole of a regular file, or as many bytes of a larger one as may be read; and its whole size."""

    content: bytes
    size_bytes: int


_numbers = count()


def new_file_id(now: datetime) -> str:
    """Sorts by time, never repeats, says nothing about the partner's name.

    Within one second it sorts by the order in which it was asked for: files that are given back must
    be taken again in their order, or a booking is moved before it is made.
    """
    return f"{now.astimezone(UTC):{_ID_TIME}}-{next(_numbers) % 65536:04x}{secrets.token_hex(4)}"


class FolderClaim:
    """ports.ClaimedFile: a file in the `claimed` folder."""

    def __init__(
        self,
        path: Path,
        file_id: str,
        arrived_at: datetime,
        attempts: int,
        kind: str,
        max_bytes: int,
        trial: Trial,
    ) -> None:
        self.path = path
        self.file_id = file_id
        self.arrived_at = arrived_at
        self.attempts = attempts
        self.kind = kind
        self.sha256: str | None = None
        """Of the whole file, once it has been read."""
        self._max_bytes = max_bytes
        self._trial = trial

    @classmethod
    def from_path(cls, path: Path, max_bytes: int, trial: Trial) -> "FolderClaim | None":
        """What the name says; None if the agent did not give it."""
        name = _CLAIM_NAME.fullmatch(path.name)
        if name is None:
            return None
        try:
            first_taken_at = datetime.strptime(name["at"], _ID_TIME).replace(tzinfo=UTC)
        except ValueError:
            return None
        return cls(path, name["id"], first_taken_at, int(name["attempts"]), name["kind"], max_bytes, trial)

    def read(self) -> bytes:
        """The whole file. Raises UnauthenticatedFileError with the reason, SpoolError for a fault of ours.

        After three crashes the file is tried in a process of its own first: the
        power may have failed three times at a good booking, and that one must
        be imported and answered.
        """
        if self.attempts > LAST_ATTEMPT:
            raise UnauthenticatedFileError(QuarantineReason.CRASH_LOOP)
        if self.kind == STRAY:
            raise UnauthenticatedFileError(QuarantineReason.UNEXPECTED_NAME)
        try:
            content = read_regular_file(self.path, self._max_bytes)
        except PermissionError as error:
            raise UnauthenticatedFileError(QuarantineReason.UNREADABLE) from error
        except OSError as error:
            raise spool_error("read a claimed file", self.path.parent, error) from error
        self.sha256 = hashlib.sha256(content).hexdigest()
        if self.attempts > MAX_ATTEMPTS and not self._trial(content):
            raise UnauthenticatedFileError(QuarantineReason.CRASH_LOOP)
        return content

    def beginning(self) -> "Beginning | None":
        """What can be kept of it, whatever its name and however often it failed. Raises SpoolError.

        None for a link, a folder, a pipe, and for what does not open.
        """
        try:
            # Not even opened otherwise: opening a device can do things.
            if not stat.S_ISREG(self.path.lstat().st_mode):
                return None
            with os.fdopen(os.open(self.path, _OPEN_FLAGS), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    return None
                content = file.read(self._max_bytes)
        except PermissionError:
            return None
        except OSError as error:
            raise spool_error("read a claimed file", self.path.parent, error) from error
        if status.st_size <= len(content):
            self.sha256 = hashlib.sha256(content).hexdigest()
        return Beginning(content, max(status.st_size, len(content)))


def came_at(status: os.stat_result, now: datetime) -> datetime:
    """When a file came to lie where it is, never later than now; to the second.

    Its time of change is the sender's to set. The file system's own is not: on
    Windows when the file was made, elsewhere when its name or content last changed.
    """
    return min(datetime.fromtimestamp(int(status.st_ctime), UTC), now)


def claim_name(file_id: str, attempts: int, kind: str) -> str:
    """The inverse of `FolderClaim.from_path`."""
    return f"{file_id}.{attempts}.{kind}"


def read_regular_file(path: Path, max_bytes: int) -> bytes:
    """Every byte of a plain file that nothing else links to, and never more than `max_bytes`.

    Looked at before it is opened, because opening a device can do things,
    and again afterwards, because it may have been exchanged in between.
    """
    _demand_plain(path.lstat())
    descriptor = os.open(path, _OPEN_FLAGS)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        _demand_plain(status)
        content = b"" if status.st_size > max_bytes else file.read(max_bytes + 1)
    if status.st_size > max_bytes or len(content) > max_bytes:
        raise UnauthenticatedFileError(QuarantineReason.TOO_LARGE)
    if not content:
        raise UnauthenticatedFileError(QuarantineReason.EMPTY)
    return content


def opens(path: Path) -> bool:
    """Whether this regular file can be opened at the moment."""
    try:
        os.close(os.open(path, _OPEN_FLAGS))
    except OSError:
        return False
    return True


def _demand_plain(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise UnauthenticatedFileError(QuarantineReason.NOT_A_REGULAR_FILE)
