"""The SFTP operations that delivering and fetching need: pipelined, bounded, every answer looked at.

paramiko's own SFTP client cannot carry the promise of whole files: it drops
the status of pipelined writes and of `close`, so that a write refused in the
middle leaves a hole in a file of the right size and no error; its read-ahead
thread never ends when a download is given up. So paramiko opens the channel
and this module speaks over it. It knows no local files and no partners.

Source: draft-ietf-secsh-filexfer-02 (SFTP version 3); extensions from OpenSSH's PROTOCOL file.
"""

import struct
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

from agent.adapters.sftp_packets import (
    END_OF_FILE,
    NO_SUCH_FILE,
    PERMISSION_DENIED,
    Attributes,
    ByteChannel,
    Fields,
    PacketExchange,
    ProtocolBrokenError,
    ServerRefusedError,
    string,
)

_OPEN, _CLOSE, _READ, _WRITE, _OPENDIR, _READDIR = 3, 4, 5, 6, 11, 12
_REMOVE, _STAT, _RENAME, _EXTENDED = 13, 17, 18, 200
_HANDLE, _DATA, _NAME, _ATTRS, _EXTENDED_REPLY = 102, 103, 104, 105, 201

# Flags READ, and WRITE | CREAT | TRUNC, each with empty attributes after it.
_FOR_READING, _FOR_WRITING = struct.pack(">II", 0x01, 0), struct.pack(">II", 0x02 | 0x08 | 0x10, 0)

_POSIX_RENAME, _LIMITS = b"posix-rename@openssh.com", b"limits@openssh.com"

# What the draft asks every server to take; a bigger request needs the server's word for it.
_SAFE_REQUEST_BYTES = 32 * 1024
# Half of the channel's window: enough for 30 MB/s at 30 ms, and filling the window was slower on loopback.
_IN_FLIGHT_BYTES = 1024 * 1024


class SftpClient:
    """One SFTP session. Methods raise ServerRefusedError, ProtocolBrokenError, OSError or EOFError."""

    def __init__(self, channel: ByteChannel, max_request_bytes: int) -> None:
        self._packets = PacketExchange(channel)
        self._extensions = self._packets.start()
        self._read_bytes, self._write_bytes = self._agree_on_sizes(max_request_bytes)

    def write_file(self, path: str, read: Callable[[int], bytes]) -> int:
        """Create or truncate, write all that `read` gives, close; how many bytes the server has confirmed."""
        with self._opened(_OPEN, path, _FOR_WRITING) as handle:
            return self._write_all(handle, read)

    def read_file(self, path: str, size: int, put: Callable[[bytes], object]) -> int:
        """Hand at most `size` bytes to `put`, in order; how many there are, `size + 1` if still more."""
        with self._opened(_OPEN, path, _FOR_READING) as handle:
            done = self._read_all(handle, size, put)
            self._packets.drain()
            return done + len(self._data(self._ask(handle, done, 1), 1))

    def attributes(self, path: str) -> Attributes:
        number = self._packets.send(_STAT, string(path.encode()))
        return self._packets.answer(number, _ATTRS).attributes()

    def remove(self, path: str) -> None:
        self._packets.confirm(self._packets.send(_REMOVE, string(path.encode())))

    def rename(self, old: str, new: str) -> None:
        """The draft's rename: a server may refuse if `new` exists."""
        self._packets.confirm(self._packets.send(_RENAME, string(old.encode()), string(new.encode())))

    def rename_over(self, old: str, new: str) -> bool:
        """Atomic, replacing `new`; False if the server cannot do that, whatever it offers."""
        if _POSIX_RENAME not in self._extensions:
            return False
        names = string(old.encode()) + string(new.encode())
        try:
            self._packets.confirm(self._packets.send(_EXTENDED, string(_POSIX_RENAME), names))
        except ServerRefusedError as refusal:
            if refusal.code in (NO_SUCH_FILE, PERMISSION_DENIED):
                raise
            return False
        return True

    def entries(self, path: str) -> Generator[tuple[bytes, Attributes], None, None]:
        """Names with attributes, as the server lists them; close it when leaving early."""
        with self._opened(_OPENDIR, path) as handle:
            while (fields := self._names(handle)) is not None:
                for _ in range(fields.number()):
                    name = fields.text()
                    fields.text()
                    yield name, fields.attributes()

    # --- pipelines -----------------------------------------------------------------------------

    def _write_all(self, handle: bytes, read: Callable[[int], bytes]) -> int:
        offset, sent = 0, deque[int]()
        while part := read(self._write_bytes):
            if len(sent) * self._write_bytes >= _IN_FLIGHT_BYTES:
                self._packets.confirm(sent.popleft())
            sent.append(self._packets.send(_WRITE, handle, struct.pack(">Q", offset), string(part)))
            offset += len(part)
        while sent:
            self._packets.confirm(sent.popleft())
        return offset

    def _read_all(self, handle: bytes, size: int, put: Callable[[bytes], object]) -> int:
        asked = done = 0
        sent = deque[tuple[int, int]]()
        while done < size:
            while asked < size and len(sent) * self._read_bytes < _IN_FLIGHT_BYTES:
                length = min(self._read_bytes, size - asked)
                sent.append((self._ask(handle, asked, length), length))
                asked += length
            number, length = sent.popleft()
            data = self._whole(handle, done, length, self._data(number, length))
            put(data)
            done += len(data)
            if len(data) < length:
                break
        return done

    def _whole(self, handle: bytes, offset: int, length: int, data: bytes) -> bytes:
        """A server may send less than it was asked for; ask for the rest until the file ends."""
        parts, got = [data], len(data)
        while parts[-1] and got < length:
            parts.append(self._data(self._ask(handle, offset + got, length - got), length - got))
            got += len(parts[-1])
        return b"".join(parts)

    # --- handles and single answers ------------------------------------------------------------

    @contextmanager
    def _opened(self, kind: int, path: str, how: bytes = b"") -> Iterator[bytes]:
        """A handle, closed at the end unless the connection is of no more use; a failed close counts."""
        number = self._packets.send(kind, string(path.encode()), how)
        handle = string(self._packets.answer(number, _HANDLE).text())
        usable = True
        try:
            yield handle
        except (ProtocolBrokenError, OSError, EOFError):
            usable = False
            raise
        finally:
            if usable:
                self._packets.drain()
                self._packets.confirm(self._packets.send(_CLOSE, handle))

    def _ask(self, handle: bytes, offset: int, length: int) -> int:
        return self._packets.send(_READ, handle, struct.pack(">QI", offset, length))

    def _data(self, number: int, length: int) -> bytes:
        fields = self._unless_ended(number, _DATA)
        data = fields.text() if fields is not None else b""
        if len(data) > length:
            raise ProtocolBrokenError("the server sent more data than was asked for")
        return data

    def _names(self, handle: bytes) -> Fields | None:
        return self._unless_ended(self._packets.send(_READDIR, handle), _NAME)

    def _unless_ended(self, number: int, wanted: int) -> Fields | None:
        try:
            return self._packets.answer(number, wanted)
        except ServerRefusedError as refusal:
            if refusal.code == END_OF_FILE:
                return None
            raise

    def _agree_on_sizes(self, wished: int) -> tuple[int, int]:
        """Bytes per read and per write: what was wished for, as far as the server says that it takes them.

        Without a word from it: 256 KiB requests made servers hang up.
        """
        if _LIMITS not in self._extensions:
            return min(wished, _SAFE_REQUEST_BYTES), min(wished, _SAFE_REQUEST_BYTES)
        number = self._packets.send(_EXTENDED, string(_LIMITS))
        limits = self._packets.answer(number, _EXTENDED_REPLY)
        limits.number(8)
        most_read, most_written = limits.number(8), limits.number(8)
        return min(wished, most_read or _SAFE_REQUEST_BYTES), min(wished, most_written or _SAFE_REQUEST_BYTES)
