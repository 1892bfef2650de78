"""Puts files into a partner's inbox over one SFTP connection: a part, its size compared, a rename.

The steps of `agent.adapters.sftp_transport`, which gives each call its
deadline; nothing here has one. A partner never sees half a file under a final
name (promise P5), and never a probe that it could take for a message.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.errors import RefusedByServerError, TransferError
from agent.ports import Delivery

if TYPE_CHECKING:
    from agent.adapters.ssh_connection import SshConnection

# Written before the answers are read: about the channel's window, so that the line stays busy.
_UNCONFIRMED_BYTES = 2 * 1024 * 1024

PROBE = "otv-agent-probe.part"
RENAMED_PROBE = "otv-agent-probe-renamed.part"
"""Both end as partners are told to ignore; always the same, so that a test finds what one before it left."""
PROBE_CONTENT = b"A test of the connection by otv-agent: no message, and gone in a moment.\n"


class RemoteInbox:
    """One partner's folder for our files; `address` is for error messages."""

    def __init__(self, connection: "SshConnection", address: str, folder: str, request_bytes: int) -> None:
        self._connection = connection
        self._client = connection.client
        self._address = address
        self._folder = folder
        self._request_bytes = request_bytes

    def upload(self, chunks: Iterable[tuple[bytes, bool]], name: str) -> Delivery:
        """ports.TransferSession.upload, of pieces that each say whether they are the last."""
        final = f"{self._folder}/{name}"
        part = f"{final}.part"
        try:
            written = self.write(chunks, part)
            found = self._size(part)
            if found is None:
                # Some servers take a file the moment it is complete (paramiko #1843): no blind resend.
                return Delivery.UNCONFIRMED
            if found != written:
                raise self._error(f"{written} bytes were sent, but the server has {found}")
            return self._rename(part, final, written)
        except Exception:
            with suppress(TransferError), self._connection.translated("removing a part"):
                self._client.remove(part)
            raise

    def write(self, chunks: Iterable[tuple[bytes, bool]], part: str) -> int:
        """Create or truncate `part` and write it; how many bytes the server has confirmed."""
        request_bytes = self._request_bytes
        confirm_every = max(1, _UNCONFIRMED_BYTES // request_bytes)
        written = 0
        with self._client.open(part, "wb") as file:
            file.MAX_REQUEST_SIZE = request_bytes
            for number, (chunk, last) in enumerate(chunks, 1):
                # paramiko looks at the answers to pipelined writes in the next write that is not
                # pipelined, but not in `close`: were the last one pipelined too, a write refused in
                # the middle would leave a hole in a file of the right size, and no error.
                file.set_pipelined(not last and number % confirm_every != 0)
                file.write(chunk)
                written += len(chunk)
        return written

    def _size(self, path: str) -> int | None:
        """None if nothing stands there. paramiko ignores a failed `close`; a short file shows here."""
        try:
            size = self._client.stat(path).st_size
        except FileNotFoundError:
            return None
        if size is None:
            raise self._error("the server does not tell the size of a file, so no upload can be confirmed")
        return size

    def _rename(self, part: str, final: str, size: int) -> Delivery:
        """Over what stands there: atomically, or by removing it first where the server knows no better."""
        try:
            try:
                self._client.posix_rename(part, final)
            except (FileNotFoundError, PermissionError):
                raise
            except OSError:
                with suppress(OSError):
                    self._client.remove(final)
                self._client.rename(part, final)
        except OSError as refusal:
            return self._arrived_all_the_same(part, final, size, refusal)
        return Delivery.CONFIRMED

    def _arrived_all_the_same(self, part: str, final: str, size: int, refusal: OSError) -> Delivery:
        """After a refused rename of a whole file; raises that refusal unless the partner has the file.

        It was taken between the look and the rename (UNCONFIRMED), or it stands there since an
        earlier connection that broke before it was recorded, and may not be replaced (CONFIRMED).
        """
        if self._size(part) is None:
            return Delivery.UNCONFIRMED
        if self._size(final) != size:
            raise refusal
        with suppress(OSError):
            self._client.remove(part)
        return Delivery.CONFIRMED

    # --- the probe ------------------------------------------------------------------------------

    def put_probe(self) -> Delivery:
        """ports.TransferSession.put_probe"""
        for name in (PROBE, RENAMED_PROBE):
            with suppress(OSError):  # what stays is written over, or met again by the rename
                self._client.remove(f"{self._folder}/{name}")
        part = f"{self._folder}/{PROBE}"
        written = self.write([(PROBE_CONTENT, True)], part)
        found = self._size(part)
        if found is None:
            return Delivery.UNCONFIRMED
        if found != written:
            raise self._error(f"{written} bytes were sent, but the server has {found}")
        return Delivery.CONFIRMED

    def rename_probe(self) -> Delivery:
        """ports.TransferSession.rename_probe"""
        part, renamed = f"{self._folder}/{PROBE}", f"{self._folder}/{RENAMED_PROBE}"
        return self._rename(part, renamed, len(PROBE_CONTENT))

    def remove_probe(self) -> None:
        """ports.TransferSession.remove_probe"""
        refusal: OSError | None = None
        for name in (PROBE, RENAMED_PROBE):
            try:
                self._client.remove(f"{self._folder}/{name}")
            except FileNotFoundError:
                continue
            except OSError as error:
                refusal = error
        if refusal is not None:
            raise refusal

    def _error(self, message: str) -> RefusedByServerError:
        return RefusedByServerError(f"{self._address}: {message}")
