"""Delivers sealed files to a partner's SFTP server and fetches what it has for us.

One connection serves a whole cycle. A partner never sees half a file under a
final name (promise P5): temporary name, confirmed writes, size compared,
rename. Every call has a hard deadline, so a hanging server costs its own
lane some seconds and nobody else any (promise P8). Names in the partner's
folder are foreign text: used there, never here.
"""

import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from agent.adapters.deadline import within
from agent.adapters.sftp_inbox import RemoteInbox
from agent.adapters.ssh_account import SshAccount
from agent.errors import DeadlineExceededError, RefusedByServerError, SpoolError
from agent.ports import Delivery, Listing, Reached, RemoteFile, unheard

if TYPE_CHECKING:
    from agent.adapters.ssh_connection import SshConnection

# The same names that the inbound sweep accepts.
_FETCHED_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.pgp")

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class SftpSettings:
    """One partner's server; folders are paths on it, `inbox` for what we send, `outgoing` for what we fetch.

    Without `outgoing` nothing is fetched. A file may take `operation_seconds`
    plus its size over `min_bytes_per_second`; everything together, from
    connecting on, at most `cycle_seconds`.
    """

    account: SshAccount
    inbox: str
    outgoing: str | None
    connect_seconds: float = 20.0
    operation_seconds: float = 30.0
    cycle_seconds: float = 900.0
    min_bytes_per_second: int = 32 * 1024
    request_bytes: int = 248 * 1024
    max_listed: int = 1000
    max_looked_at: int = 50_000
    max_fetch_bytes: int = 5 * 1024 * 1024


class SftpTransport:
    """ports.Transport for one partner."""

    def __init__(self, settings: SftpSettings) -> None:
        self._settings = settings

    def shown_host_key(self) -> str:
        """The host key that the server shows now, as `type base64`, for an operator to compare; not believed.

        Raises TransferError, DeadlineExceededError.
        """
        account, seconds = self._settings.account, self._settings.connect_seconds
        connection = _connection(account)
        try:
            what = f"{account.address}: connecting"
            return within(seconds, what, lambda: connection.shown_host_key(seconds), connection.close)
        finally:
            connection.close()

    @contextmanager
    def connect(self, reached: Reached = unheard) -> Iterator["SftpSession"]:
        """An open session; the connection is closed when the block ends, however it ends."""
        settings = self._settings
        connection = _connection(settings.account)
        ends_at = time.monotonic() + settings.cycle_seconds
        try:
            what, seconds = f"{settings.account.address}: connecting", settings.connect_seconds
            within(seconds, what, lambda: connection.open(seconds, reached), connection.close)
            yield SftpSession(settings, connection, ends_at)
        finally:
            connection.close()


def _connection(account: SshAccount) -> "SshConnection":
    # Imported here: paramiko takes a third of a second of the processor, and most commands connect to nobody.
    from agent.adapters.ssh_connection import SshConnection  # noqa: PLC0415

    return SshConnection(account)


class SftpSession:
    """ports.TransferSession over one connection; not for two threads at once."""

    def __init__(self, settings: SftpSettings, connection: "SshConnection", ends_at: float) -> None:
        self._settings = settings
        self._connection = connection
        self._client = connection.client
        self._inbox = RemoteInbox(
            connection, settings.account.address, settings.inbox, settings.request_bytes
        )
        self._ends_at = ends_at

    def upload(self, source: Path, name: str) -> Delivery:
        """ports.TransferSession.upload; raises SpoolError if `source` cannot be read."""
        reading = f"read a file in {source.parent}"
        with _own_disk(reading):
            file, size = source.open("rb"), source.stat().st_size
        with file:
            chunks = _chunks(file, self._settings.request_bytes, reading)
            return self._within(f"uploading {name}", size, lambda: self._inbox.upload(chunks, name))

    def list_inbound(self, known: Callable[[RemoteFile], bool] = lambda remote: False) -> Listing:
        folder = self._settings.outgoing
        if folder is None:
            return Listing([], [])
        return self._within("listing the folder `outgoing`", 0, lambda: self._list(folder, known))

    def fetch(self, remote: RemoteFile, into: BinaryIO) -> None:
        """ports.TransferSession.fetch; raises SpoolError if `into` cannot be written."""
        if remote.size > self._settings.max_fetch_bytes:
            raise self._error(
                f"a file to fetch has {remote.size} bytes, more than {self._settings.max_fetch_bytes}"
            )
        self._within("fetching a file", remote.size, lambda: self._fetch(remote, into))

    def remove(self, remote: RemoteFile) -> None:
        self._within("removing a fetched file", 0, lambda: self._client.remove(self._outgoing(remote)))

    def put_probe(self) -> Delivery:
        return self._within("writing a probe", 0, self._inbox.put_probe)

    def rename_probe(self) -> Delivery:
        return self._within("renaming a probe", 0, self._inbox.rename_probe)

    def remove_probe(self) -> None:
        self._within("removing a probe", 0, self._inbox.remove_probe)

    # --- the steps ------------------------------------------------------------------------------

    def _list(self, folder: str, known: Callable[[RemoteFile], bool]) -> Listing:
        new: list[RemoteFile] = []
        before: list[RemoteFile] = []
        unreadable, complete, overfull = self._client.unreadable, False, False
        # Without reading ahead, no answers are left under way when we stop early.
        for looked_at, entry in enumerate(self._client.listdir_iter(folder, read_aheads=1)):
            overfull = looked_at >= self._settings.max_looked_at
            if overfull or len(new) >= self._settings.max_listed:
                break
            file = _fetchable(entry.filename, entry.st_size, entry.st_mode, entry.st_mtime)
            if file is not None:
                (before if known(file) else new).append(file)
        else:
            complete = True
        new.sort(key=lambda file: file.name)
        return Listing(new, before, self._client.unreadable - unreadable, complete, overfull)

    def _fetch(self, remote: RemoteFile, into: BinaryIO) -> None:
        """A loop of our own: paramiko's `get` reads ahead without end and believes a short transfer."""
        left = remote.size + 1  # one more, which only a file that has grown can give
        with self._client.open(self._outgoing(remote), "rb") as file:
            file.MAX_REQUEST_SIZE = self._settings.request_bytes
            while left and (data := file.read(min(left, self._settings.request_bytes))):
                with _own_disk("write a fetched file"):
                    into.write(data)
                left -= len(data)
        if left != 1:
            raise self._error(f"a file has not the size {remote.size} that was listed: fetched again later")

    def _outgoing(self, remote: RemoteFile) -> str:
        if self._settings.outgoing is None or not _FETCHED_NAME.fullmatch(remote.name):
            raise self._error("a file name was not listed by this session")
        return f"{self._settings.outgoing}/{remote.name}"

    def _within(self, action: str, size: int, work: Callable[[], Result]) -> Result:
        """Run one call under its own deadline and under that of the cycle."""
        settings = self._settings
        left = self._ends_at - time.monotonic()
        if left <= 0:
            message = f"the cycle took longer than {settings.cycle_seconds:.0f} s"
            raise DeadlineExceededError(f"{settings.account.address}: {message}")
        allowed = settings.operation_seconds + size / settings.min_bytes_per_second
        what = f"{settings.account.address}: {action}"
        with self._connection.translated(action):
            return within(min(allowed, left), what, work, self._connection.close)

    def _error(self, message: str) -> RefusedByServerError:
        return RefusedByServerError(f"{self._settings.account.address}: {message}")


def _fetchable(name: str, size: int | None, mode: int | None, modified: int | None) -> RemoteFile | None:
    """A plain file of known size with a name that the inbound sweep would accept."""
    plain = mode is None or stat.S_ISREG(mode)
    if not plain or size is None or not _FETCHED_NAME.fullmatch(name):
        return None
    return RemoteFile(name, size, modified)


def _chunks(file: BinaryIO, size: int, reading: str) -> Iterator[tuple[bytes, bool]]:
    """The content in pieces of `size` bytes, each with whether it is the last; none of an empty file."""
    with _own_disk(reading):
        chunk = file.read(size)
    while chunk:
        with _own_disk(reading):
            following = file.read(size)
        yield chunk, not following
        chunk = following


@contextmanager
def _own_disk(action: str) -> Iterator[None]:
    """A fault of our own disk must not look like one of the partner's server."""
    try:
        yield
    except OSError as error:
        raise SpoolError(f"cannot {action}: {error.strerror or type(error).__name__}") from error
