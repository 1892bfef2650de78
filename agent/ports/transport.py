"""What the way to a partner's server promises: every call has a hard deadline."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Protocol


class Delivery(StrEnum):
    """CONFIRMED: size compared, renamed. UNCONFIRMED: the server took the file before we could compare."""

    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """An entry of the partner's folder; its name is foreign text, never a local path or a log line."""

    name: str
    size: int
    modified: int | None = None
    """Unix time of the last change, where the server tells it."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in the partner's folder, by name."""

    new: list[RemoteFile]
    known: list[RemoteFile]
    """Fetched before and still there."""
    unreadable: int = 0
    """Names that are not UTF-8, left out."""
    complete: bool = True
    """Every entry was looked at."""
    overfull: bool = False
    """The folder holds more entries than are ever looked at: some files may never be seen."""


class ConnectStep(StrEnum):
    """What connecting consists of, in this order: what `Transport.connect` tells when it is done."""

    OWN_KEY = "own_key"
    ANSWERS = "answers"
    HOST_KEY = "host_key"
    LOGIN = "login"
    SFTP = "sftp"


Reached = Callable[[ConnectStep, str], None]
"""Told a step that is done and what was found: a file of ours, an address, a fingerprint or an account."""


def unheard(_step: ConnectStep, _found: str) -> None:
    """For whoever only wants the session."""


class TransferSession(Protocol):
    """One open connection; used for a whole cycle. Every call has a hard deadline."""

    def upload(self, source: Path, name: str) -> Delivery:
        """Write `name`.part, compare the size, rename. Repeatable: an equal final file is replaced.

        Never repeat one that was UNCONFIRMED: the partner has it. Raises RefusedByServerError
        if this file alone cannot be delivered.
        """
        ...

    def list_inbound(self, known: Callable[[RemoteFile], bool]) -> Listing:
        """Regular files in the partner's outgoing folder that match the name pattern, up to a cap.

        The `known` ones do not count for the cap, so that files that cannot be removed hide nothing.
        """
        ...

    def fetch(self, remote: RemoteFile, into: BinaryIO) -> None:
        """Download with a byte cap; raises TransferError when the size is not the one listed."""
        ...

    def remove(self, remote: RemoteFile) -> None:
        """Remove a file that is safely ours."""
        ...

    def put_probe(self) -> Delivery:
        """Write a small file beside the messages, under a name that none has, and compare its size.

        UNCONFIRMED if the server took it before the look. A probe that an earlier run left is replaced.
        """
        ...

    def rename_probe(self) -> Delivery:
        """Rename that file as `upload` does, to a name that is no message's either."""
        ...

    def remove_probe(self) -> None:
        """Remove it under either name; without effect if nothing stands there. Repeatable."""
        ...


class Transport(Protocol):
    def connect(self, reached: Reached = unheard) -> AbstractContextManager[TransferSession]:
        """Raises TransferError, HostKeyRefusedError, DeadlineExceededError; so does every call inside.

        `reached` is called on another thread, and may be called late by a connection that was given up.
        """
        ...
