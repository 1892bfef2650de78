"""Exchanges numbered SFTP packets over a byte channel, and never believes a length that a server states.

The lower half of the SFTP client: framing, fields, and which answer belongs
to which request. It knows no operation; `sftp_client` does.

Source: draft-ietf-secsh-filexfer-02 (SFTP version 3), sections 3, 4 and 7.
"""

import struct
from dataclasses import dataclass
from typing import Protocol

INIT, VERSION, STATUS = 1, 2, 101
OK, END_OF_FILE, NO_SUCH_FILE, PERMISSION_DENIED = 0, 1, 2, 3

_MAX_PACKET_BYTES = 1024 * 1024


class ByteChannel(Protocol):
    """Blocking; raises OSError or EOFError once the connection is gone."""

    def send(self, data: memoryview) -> int: ...

    def recv(self, size: int) -> bytes: ...


class ServerRefusedError(Exception):
    """The server answered with a failure; its own words are foreign text and are left out."""

    def __init__(self, code: int) -> None:
        words = {NO_SUCH_FILE: "no such file or folder", PERMISSION_DENIED: "permission denied"}
        super().__init__(words.get(code, f"the server refused (SFTP status {code})"))
        self.code = code


class ProtocolBrokenError(Exception):
    """The server does not keep to the protocol; the connection is of no more use."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a server tells of a file; None for what it keeps to itself."""

    size: int | None
    mode: int | None


class Fields:
    """The fields of one packet, in order; never reads beyond its end, whatever it counts or promises."""

    def __init__(self, packet: bytes) -> None:
        self._rest = memoryview(packet)

    def number(self, size: int = 4) -> int:
        return int.from_bytes(self._take(size), "big")

    def text(self) -> bytes:
        return bytes(self._take(self.number()))

    def attributes(self) -> Attributes:
        flags = self.number()
        size = self.number(8) if flags & 0x1 else None
        if flags & 0x2:
            self._take(8)
        mode = self.number() if flags & 0x4 else None
        if flags & 0x8:
            self._take(8)
        for _ in range(self.number() if flags & 0x80000000 else 0):
            self.text()
            self.text()
        return Attributes(size, mode)

    def _take(self, size: int) -> memoryview:
        if size > len(self._rest):
            raise ProtocolBrokenError("a packet ends too early")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def __bool__(self) -> bool:
        return bool(self._rest)


def string(value: bytes) -> bytes:
    """As the draft packs it: length, then bytes."""
    return struct.pack(">I", len(value)) + value


class PacketExchange:
    """Requests out, answers in; several may be under way, and a server may answer in any order."""

    def __init__(self, channel: ByteChannel) -> None:
        self._channel = channel
        self._number = 0
        self._awaited: set[int] = set()
        self._early: dict[int, tuple[int, Fields]] = {}

    def start(self) -> frozenset[bytes]:
        """Agree on version 3; the names of the server's extensions."""
        self._send_packet(struct.pack(">BI", INIT, 3))
        kind, fields = self._packet()
        if kind != VERSION or fields.number() != 3:
            raise ProtocolBrokenError("the server does not speak SFTP version 3")
        extensions: set[bytes] = set()
        while fields:
            extensions.add(fields.text())
            fields.text()
        return frozenset(extensions)

    def send(self, kind: int, *parts: bytes) -> int:
        """The number under which the answer will come."""
        self._number = (self._number + 1) % 2**32
        self._awaited.add(self._number)
        self._send_packet(struct.pack(">BI", kind, self._number), *parts)
        return self._number

    def answer(self, number: int, wanted: int) -> Fields:
        """The fields of the wanted kind of answer; raises ServerRefusedError for a failure instead."""
        kind, fields = self._take(number)
        if kind == wanted:
            return fields
        if kind == STATUS and (code := fields.number()) != OK:
            raise ServerRefusedError(code)
        raise ProtocolBrokenError("the server answered something else than was asked")

    def confirm(self, number: int) -> None:
        """For requests that are answered by a status alone."""
        code = self.answer(number, STATUS).number()
        if code != OK:
            raise ServerRefusedError(code)

    def drain(self) -> None:
        """Read and drop every answer still under way, so that the next request starts afresh."""
        while self._awaited:
            self._receive()
        self._early.clear()

    def _take(self, number: int) -> tuple[int, Fields]:
        """The answer of any kind; others that come before it are kept for their turn."""
        while number not in self._early:
            self._receive()
        return self._early.pop(number)

    def _receive(self) -> None:
        kind, fields = self._packet()
        number = fields.number()
        if number not in self._awaited:
            raise ProtocolBrokenError("the server answered what was not asked")
        self._awaited.remove(number)
        self._early[number] = kind, fields

    def _send_packet(self, *parts: bytes) -> None:
        length = sum(len(part) for part in parts)
        rest = memoryview(b"".join((struct.pack(">I", length), *parts)))
        while rest:
            rest = rest[self._channel.send(rest) :]

    def _packet(self) -> tuple[int, Fields]:
        size = int.from_bytes(self._exactly(4), "big")
        if not 0 < size <= _MAX_PACKET_BYTES:
            raise ProtocolBrokenError("a packet has an impossible size")
        packet = self._exactly(size)
        return packet[0], Fields(packet[1:])

    def _exactly(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            part = self._channel.recv(size)
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
