"""Family "container": no message, a cut or flipped one, packets too many, bombs, and tricks with lengths."""

import bz2
import random
import zlib
from collections.abc import Iterator

from agent.adapters.openpgp_packets import Packet, encode_packet, read_packets
from agent.adapters.signed_message import DEFAULT_MAX_CONTENT_BYTES
from agent.errors import QuarantineReason as R
from exchange_formats.receipts import MessageReason
from tests.hostile.case import Arrival, Case, Family, Row, one_file, quarantined_files, refused
from tests.hostile.workshop import Workshop, flipped, join, packet, patched, raw_deflate

CONTAINER = Family.CONTAINER
LIMIT = 5 * 1024 * 1024
OPENED_LIMIT = DEFAULT_MAX_CONTENT_BYTES
MARKER = packet(10, b"PGP")


def _tiny_chunks(shop: Workshop) -> bytes:
    body = shop.encrypted_body + bytes(200_000)
    chunks = b"".join(b"\xe0" + body[i : i + 1] for i in range(512, 70_512))
    return shop.session_key + b"\xd2\xe9" + body[:512] + chunks + b"\x00"


OUTSIDE: dict[str, list[Row]] = {
    "empty": [
        ("nothing at all", R.EMPTY, lambda _: b""),
        ("header only", R.DAMAGED, lambda _: b"\x84"),
        ("session key only", R.DAMAGED, lambda w: w.session_key),
        ("encrypted packet empty", R.DAMAGED, lambda w: w.session_key + packet(18, b"\x01")),
    ],
    "random": [
        ("random bytes", R.NOT_OPENPGP, lambda _: b"\x17" + random.Random(7).randbytes(5000)),
        ("random bytes that begin like a packet", R.DAMAGED, lambda _: b"\xc1" + bytes([254]) * 5000),
        ("plain json", R.NOT_OPENPGP, lambda w: w.content),
        ("secret key", R.UNEXPECTED_STRUCTURE, lambda w: w.dentport.home.secret_key(w.dentport.fingerprint)),
        ("garbage under the ocb tag", R.DAMAGED, lambda w: w.session_key + packet(20, w.encrypted_body)),
    ],
    "cut": [
        *(
            (f"cut at {tenth} tenths", R.DAMAGED, lambda w, tenth=tenth: w.good[: len(w.good) * tenth // 10])
            for tenth in range(1, 10)
        ),
        ("last byte missing", R.DAMAGED, lambda w: w.good[:-1]),
        (
            "shortened inside, lengths made right",
            R.DAMAGED,
            lambda w: w.session_key + packet(18, w.encrypted_body[:-100]),
        ),
        ("message cut inside", R.DAMAGED, lambda w: w.encrypted(w.message[:-5])),
    ],
    "flipped bits": [
        ("session key flipped", R.DAMAGED, lambda w: flipped(w.good, 80)),
        ("point of the session key flipped", R.DAMAGED, lambda w: flipped(w.good, 30)),
        ("public key algorithm changed", R.DAMAGED, lambda w: patched(w.good, 11, 1)),
        ("first encrypted byte flipped", R.DAMAGED, lambda w: flipped(w.good, len(w.session_key) + 4)),
        ("middle flipped", R.DAMAGED, lambda w: flipped(w.good, len(w.good) // 2, 7)),
        ("integrity code flipped", R.DAMAGED, lambda w: flipped(w.good, -1)),
        (
            "session key of another message",
            R.DAMAGED,
            lambda w: (
                encode_packet(next(read_packets(w.dentport.seal(w.content)))) + packet(18, w.encrypted_body)
            ),
        ),
    ],
    "leading packets": [
        ("a line feed in front", R.NOT_OPENPGP, lambda w: b"\n" + w.good),
        ("literal in front", R.NOT_ENCRYPTED, lambda w: encode_packet(w.pieces.literal) + w.good),
        ("marker in front", R.UNEXPECTED_STRUCTURE, lambda w: MARKER + w.good),
        ("unknown packet in front", R.UNEXPECTED_STRUCTURE, lambda w: packet(60, b"x") + w.good),
        (
            "marker between",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.session_key + MARKER + packet(18, w.encrypted_body),
        ),
        ("no session key", R.UNEXPECTED_STRUCTURE, lambda w: packet(18, w.encrypted_body)),
        ("marker inside, in front", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(MARKER, w.message)),
    ],
    "trailing packets": [
        ("marker behind", R.UNEXPECTED_STRUCTURE, lambda w: w.good + MARKER),
        ("a zero byte behind", R.UNEXPECTED_STRUCTURE, lambda w: w.good + b"\x00"),
        ("a line feed behind", R.UNEXPECTED_STRUCTURE, lambda w: w.good + b"\n"),
        ("half a packet behind", R.DAMAGED, lambda w: w.good + MARKER[:-1]),
        ("two messages in one file", R.UNEXPECTED_STRUCTURE, lambda w: w.good + w.good),
        ("marker inside, behind", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(w.message, MARKER)),
        ("line feed inside, behind", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(w.message, b"\n")),
    ],
    "length tricks": [
        ("four gigabytes announced", R.DAMAGED, lambda w: w.session_key + b"\xd2\xff\xff\xff\xff\xff\x01"),
        ("length until the end of the file", R.UNEXPECTED_STRUCTURE, lambda w: b"\x87" + w.good[2:]),
        (
            "first chunk too short",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.session_key + b"\xd2\xe0" + w.encrypted_body[:1] + b"\x00",
        ),
        ("chunks of one byte", R.UNEXPECTED_STRUCTURE, _tiny_chunks),
        ("session key of eight bytes", R.UNEXPECTED_STRUCTURE, lambda w: packet(1, b"\x03" + bytes(7))),
        (
            "encrypted packet of version 2",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.session_key + packet(18, b"\x02" + w.encrypted_body[1:]),
        ),
        (
            "content in an unknown format",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.rejoined(literal=Packet(11, b"1" + w.pieces.literal.body[1:])),
        ),
        ("content without its header", R.DAMAGED, lambda w: w.rejoined(literal=Packet(11, b"b\xff"))),
    ],
}


INSIDE: dict[str, list[Row]] = {
    "several contents": [
        ("nothing inside", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(b"")),
        ("json inside, no packets", R.NOT_OPENPGP, lambda w: w.encrypted(w.content)),
        ("encrypted twice", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(w.good)),
        ("second content before", R.UNEXPECTED_STRUCTURE, lambda w: _contents(w, before=1)),
        ("second content within", R.UNEXPECTED_STRUCTURE, lambda w: _contents(w, within=1)),
        ("second content behind", R.UNEXPECTED_STRUCTURE, lambda w: _contents(w, behind=1)),
    ],
    "nested compression": [
        ("compressed outside", R.NOT_ENCRYPTED, lambda w: packet(8, b"\x01" + raw_deflate(w.good))),
        (
            "compressed twice",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.compressed(2, zlib.compress(packet(8, b"\x02" + zlib.compress(w.message)))),
        ),
        (
            "content beside the compressed message",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.encrypted(packet(8, b"\x02" + zlib.compress(w.message)), join(w.pieces.literal)),
        ),
        (
            "bytes behind the compressed stream",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.compressed(2, zlib.compress(w.message) + b"\x00"),
        ),
        (
            "second bzip2 stream",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.compressed(3, bz2.compress(w.message) * 2),
        ),
        ("unknown compression", R.UNEXPECTED_STRUCTURE, lambda w: w.compressed(4, w.message)),
        (
            "no compression in a compressed packet",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.encrypted(packet(8, b"")),
        ),
        ("compressed stream cut", R.DAMAGED, lambda w: w.compressed(2, zlib.compress(w.message)[:-8])),
        ("compressed stream broken", R.DAMAGED, lambda w: w.compressed(1, b"\xff" * 50)),
        ("bzip2 stream broken", R.DAMAGED, lambda w: w.compressed(3, b"BZh9" + b"\xff" * 50)),
    ],
    "bombs": [
        ("bomb, zip", R.BOMB, lambda w: w.compressed(1, raw_deflate(bytes(12 << 20), 1))),
        ("bomb, zlib", R.BOMB, lambda w: w.compressed(2, zlib.compress(bytes(12 << 20), 1))),
        ("bomb, bzip2", R.BOMB, lambda w: w.compressed(3, bz2.compress(bytes(12 << 20), 1))),
        ("signed bomb", R.BOMB, lambda w: w.dentport.seal(bytes(OPENED_LIMIT + 1), "-z", "1")),
    ],
    "sizes at the limit": [
        ("one byte too many", R.TOO_LARGE, lambda w: w.good.ljust(LIMIT + 1, b"\x00")),
        ("random bytes up to the limit", R.NOT_OPENPGP, lambda _: b"\x17" * LIMIT),
    ],
}


def _contents(shop: Workshop, before: int = 0, within: int = 0, behind: int = 0) -> bytes:
    """The message with its content once more somewhere."""
    one_pass, literal, signature = shop.pieces.one_pass, shop.pieces.literal, shop.pieces.signature
    more = [literal]
    return shop.encrypted(join(*more * before, one_pass, literal, *more * within, signature, *more * behind))


def _just_below_the_limit(shop: Workshop) -> Iterator[Arrival]:
    """Authentic and of no use: it is read to its end, and answered."""
    yield shop.seal(random.Random(5).randbytes(LIMIT - 4096))


def _as_long_as_may_be_opened(shop: Workshop) -> bytes:
    return shop.dentport.seal(b"\n" * (OPENED_LIMIT - 4096), "-z", "1")


CASES = [
    *quarantined_files(CONTAINER, OUTSIDE),
    *quarantined_files(CONTAINER, INSIDE),
    Case(
        CONTAINER,
        "sizes at the limit",
        "signed noise just below the limit",
        _just_below_the_limit,
        (refused(MessageReason.INVALID_DOCUMENT),),
    ),
    one_file(
        CONTAINER,
        "sizes at the limit",
        "signed line feeds, about as many as may be opened",
        refused(MessageReason.INVALID_DOCUMENT),
        _as_long_as_may_be_opened,
    ),
]
