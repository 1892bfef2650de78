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
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from agent.adapters.deadline import within
from agent.adapters.durable_files import spool_error
from agent.adapters.sftp_client import SftpClient
from agent.adapters.sftp_packets import NO_SUCH_FILE, ProtocolBrokenError, ServerRefusedError
from agent.adapters.ssh_connection import SshAccount, SshConnection
from agent.errors import DeadlineExceededError, SpoolError, TransferError
from agent.ports import Delivery, RemoteFile

# The same names that the inbound sweep accepts, as the bytes a server sends.
_FETCHED_NAME = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.pgp")
_LOOKED_AT_PER_LISTED = 50

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class SftpSettings:
    """One partner's server; folders are paths on it, `inbox` for what we send, `outgoing` for what we fetch.

    A file may take `operation_seconds` plus its size over `min_bytes_per_second`;
    everything together, from connecting on, at most `cycle_seconds`.
    """

    account: SshAccount
    inbox: str
    outgoing: str
    connect_seconds: float = 20.0
    operation_seconds: float = 30.0
    cycle_seconds: float = 900.0
    min_bytes_per_second: int = 32 * 1024
    request_bytes: int = 248 * 1024
    max_listed: int = 1000
    max_fetch_bytes: int = 5 * 1024 * 1024


class SftpTransport:
    """ports.Transport for one partner."""

    def __init__(self, settings: SftpSettings) -> None:
        self._settings = settings

    @contextmanager
    def connect(self) -> Iterator["SftpSession"]:
        """An open session; the connection is closed when the block ends, however it ends."""
        settings = self._settings
        connection = SshConnection(settings.account)

        def log_in() -> SftpClient:
            connection.open(settings.connect_seconds)
            return SftpClient(connection, settings.request_bytes)

        ends_at = time.monotonic() + settings.cycle_seconds
        try:
            with _translated(settings.account.address, "starting SFTP"):
                what = f"{settings.account.address}: connecting"
                client = within(settings.connect_seconds, what, log_in, connection.close)
            yield SftpSession(settings, connection, client, ends_at)
        finally:
            connection.close()


class SftpSession:
    """ports.TransferSession over one connection; not for two threads at once."""

    def __init__(
        self, settings: SftpSettings, connection: SshConnection, client: SftpClient, ends_at: float
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._client = client
        self._ends_at = ends_at

    def upload(self, source: Path, name: str) -> Delivery:
        """ports.TransferSession.upload; raises SpoolError if `source` cannot be read."""
        try:
            file = source.open("rb")
        except OSError as error:
            raise spool_error("read a file", source.parent, error) from error
        with file:
            size = source.stat().st_size
            read = _reading(file, source.parent)
            return self._within(f"uploading {name}", size, lambda: self._upload(read, name))

    def list_inbound(self) -> list[RemoteFile]:
        return self._within("listing the folder `outgoing`", 0, self._list)

    def fetch(self, remote: RemoteFile, into: BinaryIO) -> None:
        """ports.TransferSession.fetch; raises SpoolError if `into` cannot be written."""
        if remote.size > self._settings.max_fetch_bytes:
            raise self._error(
                f"a file to fetch has {remote.size} bytes, more than {self._settings.max_fetch_bytes}"
            )
        self._within("fetching a file", remote.size, lambda: self._fetch(remote, into))

    def remove(self, remote: RemoteFile) -> None:
        self._within("removing a fetched file", 0, lambda: self._client.remove(self._outgoing(remote)))

    # --- the steps ------------------------------------------------------------------------------

    def _upload(self, read: Callable[[int], bytes], name: str) -> Delivery:
        final = f"{self._settings.inbox}/{name}"
        part = f"{final}.part"
        try:
            return self._put(read, part, final)
        except (ServerRefusedError, TransferError, SpoolError):
            with suppress(ServerRefusedError):
                self._client.remove(part)
            raise

    def _put(self, read: Callable[[int], bytes], part: str, final: str) -> Delivery:
        written = self._client.write_file(part, read)
        found = self._size(part)
        if found is None:
            # Some servers take a file the moment it is complete (paramiko #1843): no blind resend.
            return Delivery.UNCONFIRMED
        if found != written:
            raise self._error(f"{written} bytes were sent, but the server has {found}")
        if not self._client.rename_over(part, final):
            with suppress(ServerRefusedError):
                self._client.remove(final)
            self._client.rename(part, final)
        return Delivery.CONFIRMED

    def _size(self, path: str) -> int | None:
        """None if nothing stands there."""
        try:
            size = self._client.attributes(path).size
        except ServerRefusedError as refusal:
            if refusal.code == NO_SUCH_FILE:
                return None
            raise
        if size is None:
            raise self._error("the server does not tell the size of a file, so no upload can be confirmed")
        return size

    def _list(self) -> list[RemoteFile]:
        settings = self._settings
        found: list[RemoteFile] = []
        with closing(self._client.entries(settings.outgoing)) as entries:
            for looked_at, (name, attributes) in enumerate(entries):
                if (
                    len(found) >= settings.max_listed
                    or looked_at >= settings.max_listed * _LOOKED_AT_PER_LISTED
                ):
                    break
                plain = attributes.mode is None or stat.S_ISREG(attributes.mode)
                if plain and attributes.size is not None and _FETCHED_NAME.fullmatch(name):
                    found.append(RemoteFile(name.decode("ascii"), attributes.size))
        return sorted(found, key=lambda file: file.name)

    def _fetch(self, remote: RemoteFile, into: BinaryIO) -> None:
        got = self._client.read_file(self._outgoing(remote), remote.size, _writing(into))
        if got != remote.size:
            raise self._error(f"a file has not the size {remote.size} that was listed: fetched again later")

    def _outgoing(self, remote: RemoteFile) -> str:
        if not _FETCHED_NAME.fullmatch(remote.name.encode()):
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
        with _translated(settings.account.address, action):
            what = f"{settings.account.address}: {action}"
            return within(min(allowed, left), what, work, self._connection.close)

    def _error(self, message: str) -> TransferError:
        return TransferError(f"{self._settings.account.address}: {message}")


def _reading(file: BinaryIO, folder: Path) -> Callable[[int], bytes]:
    """A fault of our own disk must not look like one of the partner's server."""

    def read(size: int) -> bytes:
        try:
            return file.read(size)
        except OSError as error:
            raise spool_error("read a file", folder, error) from error

    return read


def _writing(into: BinaryIO) -> Callable[[bytes], object]:
    def write(data: bytes) -> object:
        try:
            return into.write(data)
        except OSError as error:
            raise SpoolError(f"cannot write a fetched file: {error.strerror}") from error

    return write


@contextmanager
def _translated(address: str, action: str) -> Iterator[None]:
    try:
        yield
    except ServerRefusedError as refusal:
        raise TransferError(f"{address}: {action}: {refusal}") from refusal
    except ProtocolBrokenError as error:
        raise TransferError(f"{address}: {action}: {error}; the connection is closed") from error
    except (OSError, EOFError) as error:
        raise TransferError(f"{address}: {action}: the connection was lost") from error
