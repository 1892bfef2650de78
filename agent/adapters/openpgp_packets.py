"""Read and write OpenPGP packets strictly (RFC 4880, section 4), as far as opening a file needs it.

This stands before gpg and gpgv: what they are given has been taken apart
here and put together again, so that two programs never read one file in two
ways. It judges structure alone, holds no key and does no cryptography, and it
never makes more bytes out of a file than it was told to allow.
"""

import bz2
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from agent.errors import QuarantineReason, UnauthenticatedFileError

MAX_CHUNKS = 65_536
"""Partial lengths may be one byte each; a file made of such chunks would cost seconds."""


class Tag(IntEnum):
    """Packet types that are spoken of somewhere (RFC 4880, 4.3; tag 20: draft-koch-librepgp)."""

    ENCRYPTED_SESSION_KEY = 1
    SIGNATURE = 2
    PASSWORD_SESSION_KEY = 3
    ONE_PASS_SIGNATURE = 4
    PUBLIC_KEY = 6
    COMPRESSED = 8
    ENCRYPTED_WITHOUT_INTEGRITY = 9
    MARKER = 10
    LITERAL = 11
    ENCRYPTED = 18
    ENCRYPTED_OCB = 20


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: its type and its body, partial lengths already joined."""

    tag: int
    body: bytes


class _Reader:
    """A position in a byte string that refuses to run past its end."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._position = 0

    def at_end(self) -> bool:
        return self._position == len(self._data)

    def take(self, count: int) -> memoryview:
        end = self._position + count
        if end > len(self._data):
            raise UnauthenticatedFileError(QuarantineReason.DAMAGED)
        piece = self._data[self._position : end]
        self._position = end
        return piece

    def number(self, octets: int) -> int:
        return int.from_bytes(self.take(octets), "big")

    def rest(self) -> memoryview:
        return self.take(len(self._data) - self._position)


def read_packets(data: bytes) -> Iterator[Packet]:
    """Every packet of `data`, one at a time.

    Raises UnauthenticatedFileError: NOT_OPENPGP if none begins at the start,
    DAMAGED where one is cut, UNEXPECTED_STRUCTURE for bytes between packets
    or a length that the standard does not allow there.
    """
    reader = _Reader(data)
    reason = QuarantineReason.NOT_OPENPGP
    while not reader.at_end():
        header = reader.number(1)
        if not header & 0x80:
            raise UnauthenticatedFileError(reason)
        reason = QuarantineReason.UNEXPECTED_STRUCTURE
        if header & 0x40:
            yield Packet(header & 0x3F, _new_format_body(reader))
        else:
            yield Packet((header >> 2) & 0x0F, _old_format_body(reader, header))


def _old_format_body(reader: _Reader, header: int) -> bytes:
    length_type = header & 0x03
    if length_type < 3:
        return bytes(reader.take(reader.number(1 << length_type)))
    # Only gpg's compressed packets still come with "until the end of the file".
    if (header >> 2) & 0x0F != Tag.COMPRESSED:
        raise UnauthenticatedFileError(QuarantineReason.UNEXPECTED_STRUCTURE)
    return bytes(reader.rest())


def _new_format_body(reader: _Reader) -> bytes:
    body = bytearray()
    for _ in range(MAX_CHUNKS):
        first = reader.number(1)
        if not 224 <= first < 255:
            body += reader.take(_definite_length(reader, first))
            return bytes(body)
        if not body and first < 224 + 9:  # the first chunk has at least 512 bytes (RFC 4880, 4.2.2.4)
            break
        body += reader.take(1 << (first & 0x1F))
    raise UnauthenticatedFileError(QuarantineReason.UNEXPECTED_STRUCTURE)


def _definite_length(reader: _Reader, first: int) -> int:
    if first < 192:
        return first
    if first < 224:
        return ((first - 192) << 8) + reader.number(1) + 192
    return reader.number(4)


def encode_packet(packet: Packet) -> bytes:
    """The packet in the new format with one definite length."""
    return bytes((0xC0 | packet.tag, 0xFF)) + len(packet.body).to_bytes(4, "big") + packet.body


class _Inflater(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def inflated(compressed: Packet, max_bytes: int) -> bytes:
    """What the compressed packet holds; stops at the first byte beyond `max_bytes`.

    Raises UnauthenticatedFileError: BOMB, DAMAGED, or UNEXPECTED_STRUCTURE
    for an unknown method or bytes behind the compressed stream.
    """
    inflater = _inflater(compressed.body[:1])
    try:
        data = inflater.decompress(compressed.body[1:], max_bytes + 1)
    except (zlib.error, OSError, ValueError) as error:
        raise UnauthenticatedFileError(QuarantineReason.DAMAGED) from error
    if len(data) > max_bytes:
        raise UnauthenticatedFileError(QuarantineReason.BOMB)
    if not inflater.eof:
        raise UnauthenticatedFileError(QuarantineReason.DAMAGED)
    if inflater.unused_data:
        raise UnauthenticatedFileError(QuarantineReason.UNEXPECTED_STRUCTURE)
    return data


def _inflater(method: bytes) -> _Inflater:
    """RFC 4880, 9.3: 1 is raw deflate (RFC 1951), 2 is zlib (RFC 1950), 3 is bzip2."""
    if method == b"\x01":
        return zlib.decompressobj(-zlib.MAX_WBITS)
    if method == b"\x02":
        return zlib.decompressobj(zlib.MAX_WBITS)
    if method == b"\x03":
        return bz2.BZ2Decompressor()
    raise UnauthenticatedFileError(QuarantineReason.UNEXPECTED_STRUCTURE)


def literal_content(literal: Packet) -> bytes:
    """The body of a literal packet without its header: format, file name, date (RFC 4880, 5.9)."""
    reader = _Reader(literal.body)
    if bytes(reader.take(1)) not in (b"b", b"t", b"u"):
        raise UnauthenticatedFileError(QuarantineReason.UNEXPECTED_STRUCTURE)
    reader.take(reader.number(1))
    reader.take(4)
    return bytes(reader.rest())


def literal_packet(content: bytes) -> Packet:
    """A binary literal packet without file name and date; none of the three is covered by a signature."""
    return Packet(Tag.LITERAL, b"b\x00\x00\x00\x00\x00" + content)


def primary_fingerprints(key_ring: bytes) -> tuple[str, ...]:
    """Fingerprints of the version 4 primary keys in a binary key ring (RFC 4880, 12.2), upper case."""
    return tuple(
        hashlib.sha1(b"\x99" + len(packet.body).to_bytes(2, "big") + packet.body, usedforsecurity=False)
        .hexdigest()
        .upper()
        for packet in read_packets(key_ring)
        if packet.tag == Tag.PUBLIC_KEY and packet.body[:1] == b"\x04"
    )
