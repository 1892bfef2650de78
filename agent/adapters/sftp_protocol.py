"""Speaks SFTP version 3 over a byte channel: pipelined, bounded, and with every answer looked at.

The transport needs promises that paramiko's SFTP client does not give: it
drops the status of pipelined writes and of `close`, waits for ever when
answers come out of order, reads stale answers after a listing was left early
and loops as often as a hostile server says. The channel below is
paramiko's; this module knows the protocol only, no files and no partners.

Source: draft-ietf-secsh-filexfer-02; extensions from OpenSSH's PROTOCOL file.
"""

import struct
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

_INIT, _VERSION, _OPEN, _CLOSE, _READ, _WRITE = 1, 2, 3, 4, 5, 6
_OPENDIR, _READDIR, _REMOVE, _STAT, _RENAME, _EXTENDED = 11, 12, 13, 17, 18, 200
_STATUS, _HANDLE, _DATA, _NAME, _ATTRS, _EXTENDED_REPLY = 101, 102, 103, 104, 105, 201

_FLAG_READ: Final = 0x01
_FLAG_WRITE_NEW: Final = 0x02 | 0x08 | 0x10
_OK, _EOF, _NO_SUCH_FILE, _PERMISSION_DENIED = 0, 1, 2, 3

_POSIX_RENAME, _LIMITS = b"posix-rename@openssh.com", b"limits@openssh.com"

# What the draft asks every server to take; a bigger request needs the server's word for it.
_SAFE_REQUEST_BYTES = 32 * 1024
_MAX_PACKET_BYTES = 1024 * 1024
_IN_FLIGHT = 32


class ByteChannel(Protocol):
    """Blocking; raises OSError or EOFError once the connection is gone."""

    def send(self, data: memoryview) -> int: ...

    def recv(self, size: int) -> bytes: ...


class ServerRefusedError(Exception):
    """The server answered with a failure; its own words are foreign text and are left out."""

    def __init__(self, code: int) -> None:
        words = {_NO_SUCH_FILE: "no such file or folder", _PERMISSION_DENIED: "permission denied"}
        super().__init__(words.get(code, f"the server refused (SFTP status {code})"))
        self.at_end = code == _EOF
        self.missing = code == _NO_SUCH_FILE
        self.denied = code == _PERMISSION_DENIED


class ProtocolBrokenError(Exception):
    """The server does not keep to the protocol; the connection is of no more use."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a server tells of a file; None for what it keeps to itself."""

    size: int | None
    mode: int | None


class _Fields:
    """The fields of one packet, in order; never reads beyond its end."""

    def __init__(self, packet: bytes) -> None:
        self._rest = memoryview(packet)

    def take(self, size: int) -> memoryview:
        if size > len(self._rest):
            raise ProtocolBrokenError("a packet ends too early")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def number(self, size: int = 4) -> int:
        return int.from_bytes(self.take(size), "big")

    def text(self) -> bytes:
        return bytes(self.take(self.number()))

    def attributes(self) -> Attributes:
        flags = self.number()
        size = self.number(8) if flags & 0x1 else None
        if flags & 0x2:
            self.take(8)
        mode = self.number() if flags & 0x4 else None
        if flags & 0x8:
            self.take(8)
        for _ in range(self.number() if flags & 0x80000000 else 0):
            self.text(), self.text()
        return Attributes(size, mode)

    def __bool__(self) -> bool:
        return bool(self._rest)


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


class SftpClient:
    """One SFTP session. Methods raise ServerRefusedError, ProtocolBrokenError, OSError or EOFError."""

    def __init__(self, channel: ByteChannel, max_request_bytes: int) -> None:
        self._channel = channel
        self._number = 0
        self._awaited: set[int] = set()
        self._early: dict[int, tuple[int, _Fields]] = {}
        self._extensions = self._start()
        self._read_bytes, self._write_bytes = self._agree_on_sizes(max_request_bytes)

    # --- files ---------------------------------------------------------------------------------

    def write_file(self, path: str, read: Callable[[int], bytes]) -> int:
        """Create or truncate, write all that `read` gives, close; how many bytes the server has confirmed."""
        handle = self._handle(_OPEN, _string(path.encode()) + struct.pack(">II", _FLAG_WRITE_NEW, 0))
        try:
            return self._write_all(handle, read)
        finally:
            self._confirm(self._send(_CLOSE, handle))

    def read_file(self, path: str, size: int, put: Callable[[bytes], object]) -> int:
        """Hand at most `size` bytes to `put`, in order; how many there are, `size + 1` if still more."""
        handle = self._handle(_OPEN, _string(path.encode()) + struct.pack(">II", _FLAG_READ, 0))
        try:
            done = self._read_all(handle, size, put)
            return done + len(self._data(self._ask(handle, done, 1), 1))
        finally:
            self._confirm(self._send(_CLOSE, handle))

    def attributes(self, path: str) -> Attributes:
        return self._answer(self._send(_STAT, _string(path.encode())), _ATTRS).attributes()

    def remove(self, path: str) -> None:
        self._confirm(self._send(_REMOVE, _string(path.encode())))

    def rename(self, old: str, new: str) -> None:
        """The draft's rename: a server may refuse if `new` exists."""
        self._confirm(self._send(_RENAME, _string(old.encode()), _string(new.encode())))

    def rename_over(self, old: str, new: str) -> bool:
        """Atomic, replacing `new`; False if the server cannot do that, whatever it offers."""
        if _POSIX_RENAME not in self._extensions:
            return False
        names = _string(old.encode()) + _string(new.encode())
        try:
            self._confirm(self._send(_EXTENDED, _string(_POSIX_RENAME), names))
        except ServerRefusedError as refusal:
            if refusal.missing or refusal.denied:
                raise
            return False
        return True

    def entries(self, path: str) -> Generator[tuple[bytes, Attributes], None, None]:
        """Names with attributes, as the server lists them; the caller may stop at any point."""
        handle = self._handle(_OPENDIR, _string(path.encode()))
        try:
            while (fields := self._names(handle)) is not None:
                for _ in range(fields.number()):
                    name = fields.text()
                    fields.text()
                    yield name, fields.attributes()
        finally:
            self._confirm(self._send(_CLOSE, handle))

    # --- pipelines -----------------------------------------------------------------------------

    def _write_all(self, handle: bytes, read: Callable[[int], bytes]) -> int:
        offset, sent = 0, deque[int]()
        try:
            while part := read(self._write_bytes):
                if len(sent) >= _IN_FLIGHT:
                    self._confirm(sent.popleft())
                sent.append(self._send(_WRITE, handle, struct.pack(">Q", offset), _string(part)))
                offset += len(part)
            while sent:
                self._confirm(sent.popleft())
            return offset
        finally:
            self._discard(sent)

    def _read_all(self, handle: bytes, size: int, put: Callable[[bytes], object]) -> int:
        asked = done = 0
        sent = deque[tuple[int, int]]()
        try:
            while done < size:
                while asked < size and len(sent) < _IN_FLIGHT:
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
        finally:
            self._discard(number for number, _ in sent)

    def _whole(self, handle: bytes, offset: int, length: int, data: bytes) -> bytes:
        """A server may send less than it was asked for; ask for the rest until the file ends."""
        while data and len(data) < length:
            missing = length - len(data)
            more = self._data(self._ask(handle, offset + len(data), missing), missing)
            if not more:
                break
            data += more
        return data

    def _discard(self, numbers: Iterable[int]) -> None:
        """After a failure: take the answers still under way, so that the session can go on."""
        for number in numbers:
            self._take(number)

    # --- requests and answers ------------------------------------------------------------------

    def _handle(self, kind: int, body: bytes) -> bytes:
        return _string(self._answer(self._send(kind, body), _HANDLE).text())

    def _ask(self, handle: bytes, offset: int, length: int) -> int:
        return self._send(_READ, handle, struct.pack(">QI", offset, length))

    def _data(self, number: int, length: int) -> bytes:
        try:
            data = self._answer(number, _DATA).text()
        except ServerRefusedError as refusal:
            if refusal.at_end:
                return b""
            raise
        if len(data) > length:
            raise ProtocolBrokenError("more data than was asked for")
        return data

    def _names(self, handle: bytes) -> _Fields | None:
        try:
            return self._answer(self._send(_READDIR, handle), _NAME)
        except ServerRefusedError as refusal:
            if refusal.at_end:
                return None
            raise

    def _confirm(self, number: int) -> None:
        code = self._answer(number, _STATUS).number()
        if code != _OK:
            raise ServerRefusedError(code)

    def _answer(self, number: int, wanted: int) -> _Fields:
        kind, fields = self._take(number)
        if kind == wanted:
            return fields
        if kind == _STATUS and (code := fields.number()) != _OK:
            raise ServerRefusedError(code)
        raise ProtocolBrokenError("an answer of the wrong kind")

    def _take(self, number: int) -> tuple[int, _Fields]:
        """The answer with this number; others that arrive before it are kept for their turn."""
        while number not in self._early:
            kind, fields = self._packet()
            answered = fields.number()
            if answered not in self._awaited:
                raise ProtocolBrokenError("an answer to nothing")
            self._awaited.remove(answered)
            self._early[answered] = kind, fields
        return self._early.pop(number)

    def _send(self, kind: int, *parts: bytes) -> int:
        self._number = (self._number + 1) % 2**32
        self._awaited.add(self._number)
        self._send_packet(struct.pack(">BI", kind, self._number), *parts)
        return self._number

    # --- packets -------------------------------------------------------------------------------

    def _start(self) -> frozenset[bytes]:
        self._send_packet(struct.pack(">BI", _INIT, 3))
        kind, fields = self._packet()
        if kind != _VERSION or fields.number() != 3:
            raise ProtocolBrokenError("the server does not speak SFTP version 3")
        extensions: set[bytes] = set()
        while fields:
            extensions.add(fields.text())
            fields.text()
        return frozenset(extensions)

    def _agree_on_sizes(self, wished: int) -> tuple[int, int]:
        """Bytes per read and per write: what was wished for, as far as the server says that it takes them."""
        if _LIMITS not in self._extensions:
            return min(wished, _SAFE_REQUEST_BYTES), min(wished, _SAFE_REQUEST_BYTES)
        limits = self._answer(self._send(_EXTENDED, _string(_LIMITS)), _EXTENDED_REPLY)
        limits.number(8)
        most_read, most_written = limits.number(8), limits.number(8)
        return min(wished, most_read or _SAFE_REQUEST_BYTES), min(wished, most_written or _SAFE_REQUEST_BYTES)

    def _send_packet(self, *parts: bytes) -> None:
        body = b"".join(parts)
        rest = memoryview(struct.pack(">I", len(body)) + body)
        while rest:
            rest = rest[self._channel.send(rest) :]

    def _packet(self) -> tuple[int, _Fields]:
        size = int.from_bytes(self._exactly(4), "big")
        if not 0 < size <= _MAX_PACKET_BYTES:
            raise ProtocolBrokenError("a packet of an impossible size")
        packet = self._exactly(size)
        return packet[0], _Fields(packet[1:])

    def _exactly(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            part = self._channel.recv(size)
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
