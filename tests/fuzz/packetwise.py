"""Spoil OpenPGP packets that mean something: their order, kinds, fields, lengths and framing."""

import bz2
import zlib
from collections.abc import Callable, Sequence
from random import Random

from agent.adapters.openpgp_packets import Packet, Tag, read_packets
from tests.fuzz.bytewise import spoiled

TAGS = (*Tag, 0, 5, 7, 12, 13, 14, 17, 19, 21, 60, 63)
MARKER = Packet(Tag.MARKER, b"PGP")

Parts = list[Packet]
Change = Callable[[Random, Parts, Sequence[Packet]], None]
"""The packets to spoil in place, and others to take some from."""


def packets_of(data: bytes) -> Parts:
    """A good file, taken apart."""
    return list(read_packets(data))


def rearranged(dice: Random, packets: Parts, others: Sequence[Packet]) -> Parts:
    """The packets after one to three changes."""
    packets = list(packets)
    for _ in range(dice.choice((1, 1, 2, 3))):
        if packets:
            dice.choice(CHANGES)(dice, packets, others)
    return packets


def _pick(dice: Random, packets: Parts) -> int:
    return dice.randrange(len(packets))


def _drop(dice: Random, packets: Parts, _others: Sequence[Packet]) -> None:
    del packets[_pick(dice, packets)]


def _double(dice: Random, packets: Parts, _others: Sequence[Packet]) -> None:
    packets.insert(_pick(dice, packets), packets[_pick(dice, packets)])


def _shuffle(dice: Random, packets: Parts, _others: Sequence[Packet]) -> None:
    dice.shuffle(packets)


def _foreign(dice: Random, packets: Parts, others: Sequence[Packet]) -> None:
    packets.insert(dice.randint(0, len(packets)), dice.choice((*others, MARKER)))


def _exchange(dice: Random, packets: Parts, others: Sequence[Packet]) -> None:
    """Another file's packet of the same kind: its session key, its content, its signature."""
    place = _pick(dice, packets)
    alike = [other for other in others if other.tag == packets[place].tag]
    packets[place] = dice.choice(alike or list(others))


def _rename(dice: Random, packets: Parts, _others: Sequence[Packet]) -> None:
    place = _pick(dice, packets)
    packets[place] = Packet(dice.choice(TAGS), packets[place].body)


def _body(dice: Random, packets: Parts, others: Sequence[Packet]) -> None:
    place = _pick(dice, packets)
    bodies = [other.body for other in others] or [b""]
    packets[place] = Packet(packets[place].tag, spoiled(dice, packets[place].body, bodies))


def _field(dice: Random, packets: Parts, _others: Sequence[Packet]) -> None:
    """A byte of the fixed part: version, type, algorithms, key id, the lengths of the subpackets."""
    place = _pick(dice, packets)
    body = bytearray(packets[place].body)
    if body:
        body[dice.randrange(min(len(body), 14))] = dice.choice((*range(12), 22, 0xFF, dice.randrange(256)))
        packets[place] = Packet(packets[place].tag, bytes(body))


def _nest(dice: Random, packets: Parts, _others: Sequence[Packet]) -> None:
    """Some or all of them inside a compressed packet, or inside the body of one that stays."""
    start = _pick(dice, packets)
    inside = b"".join(framed(dice, packet, 0.0) for packet in packets[start:])
    tag, body = dice.choice(((Tag.COMPRESSED, compressed(dice, inside)), (Tag.LITERAL, inside)))
    packets[start:] = [Packet(tag, body)]


CHANGES: tuple[Change, ...] = (
    _drop,
    _double,
    _shuffle,
    _foreign,
    _exchange,
    _exchange,
    _rename,
    _body,
    _body,
    _field,
    _field,
    _nest,
)


def compressed(dice: Random, data: bytes) -> bytes:
    """The body of a compressed packet, by any of the methods (RFC 4880, 9.3)."""
    deflater = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    bodies = (
        b"\x00" + data,
        b"\x01" + deflater.compress(data) + deflater.flush(),
        b"\x02" + zlib.compress(data),
        b"\x03" + bz2.compress(data),
    )
    return dice.choice(bodies)


def framed(dice: Random, packet: Packet, wrong: float = 0.1) -> bytes:
    """The packet under any header that means the same, or, as often as `wrong` says, one that does not."""
    body, size = packet.body, len(packet.body)
    if dice.random() < wrong:
        size = max(0, dice.choice((size - 1, size + 1, size + 200, 2**32 - 1, 0)))
    old = 0x80 | (packet.tag & 0x0F) << 2
    if packet.tag < 16 and dice.random() < 0.4:
        width = dice.choice([octets for octets in (0, 1, 2) if size < 256 ** (1 << octets)])
        if dice.random() < wrong:
            return bytes([old | 3]) + body
        return bytes([old | width]) + size.to_bytes(1 << width, "big") + body
    new = bytes([0xC0 | packet.tag & 0x3F])
    if len(body) >= 1024 and dice.random() < 0.3:
        return new + _in_chunks(dice, body)
    if size < 192 and dice.random() < 0.7:
        return new + bytes([size]) + body
    if 192 <= size < 8384 and dice.random() < 0.7:
        return new + bytes([((size - 192) >> 8) + 192, (size - 192) & 0xFF]) + body
    return new + b"\xff" + size.to_bytes(4, "big") + body


def _in_chunks(dice: Random, body: bytes) -> bytes:
    """Partial lengths, the first of at least 512 bytes (RFC 4880, 4.2.2.4)."""
    pieces: list[bytes] = []
    place = 0
    while len(body) - place >= 1024 and len(pieces) < 8:
        power = dice.choice((9, 9, 10))
        pieces.append(bytes([0xE0 | power]) + body[place : place + (1 << power)])
        place += 1 << power
    rest = body[place:]
    return b"".join(pieces) + b"\xff" + len(rest).to_bytes(4, "big") + rest
