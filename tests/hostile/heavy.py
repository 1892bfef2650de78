"""The dearest inputs that anybody thought of: up to the size limit, most of them signed by the partner (P7).

Too slow for every run; `make corpus` tries and measures them in a practice of
the usual size, whose next weeks are booked out.
"""

import bz2
import random
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from agent.adapters.openpgp_packets import Packet
from agent.domain.availability import Slot
from agent.errors import QuarantineReason as R
from exchange_formats.acknowledgements import RemovalAcknowledgement
from exchange_formats.bookings import BookingRecord
from exchange_formats.codec import MAX_LINE_BYTES, MAX_RECORDS, encode
from exchange_formats.envelope import Envelope, Kind
from exchange_formats.fields import ContactPoint
from exchange_formats.receipts import BookingReason, MessageReason
from tests.hostile.case import Case, Expected, Family, imported, one_file, quarantined, refused
from tests.hostile.container_cases import LIMIT, OPENED_LIMIT
from tests.hostile.workshop import Workshop, packet, raw_deflate

TOPIC = "heavy"
MOST_BOOKINGS, MOST_ACKNOWLEDGEMENTS = MAX_RECORDS[Kind.BOOKINGS], MAX_RECORDS[Kind.ACKNOWLEDGEMENTS]
MOST_CONTACTS, LONGEST_CONTACT, LONGEST_NAME, LONGEST_ID = 10, 200, 100, 64
ROOM = OPENED_LIMIT - 4096
INVALID = refused(MessageReason.INVALID_DOCUMENT)


# --- nobody signed them ----------------------------------------------------------------------------


def _session_key_of_megabytes(shop: Workshop) -> bytes:
    """One number of five mebibytes, for our key."""
    named = shop.session_key[6:16]
    body = named[:9] + b"\x01" + b"\xff\xff" + b"\xff" * (LIMIT - len(shop.good) - 100)
    return packet(1, body) + packet(18, shop.encrypted_body)


def _slow_to_unpack(shop: Workshop) -> bytes:
    """Random digits of base 16: bzip2 is the slowest of the three, most of all where nothing repeats."""
    digits = random.Random(11).randbytes(ROOM // 2).hex().encode()
    return shop.compressed(3, bz2.compress(digits))


UNSIGNED: list[tuple[str, R, Callable[[Workshop], bytes]]] = [
    ("zero bytes up to the limit", R.NOT_OPENPGP, lambda _: bytes(LIMIT)),
    ("tiny packets up to the limit", R.UNEXPECTED_STRUCTURE, lambda _: packet(10, b"PGP") * (LIMIT // 9)),
    ("tiny packets, encrypted", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(b"\xca\x00" * 2_400_000)),
    (
        "tiny packets, compressed a thousand times",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.compressed(1, raw_deflate(b"\xca\x00" * (ROOM // 2))),
    ),
    ("a session key of megabytes", R.DAMAGED, _session_key_of_megabytes),
    (
        "a signature of megabytes",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.rejoined(signature=Packet(2, w.pieces.signature.body + bytes(LIMIT - 10_000))),
    ),
    ("bzip2 where nothing repeats", R.NOT_OPENPGP, _slow_to_unpack),
    (
        "deflate that ends just below the limit",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.compressed(2, zlib.compress(packet(11, b"b\0" + bytes(ROOM)) * 1 + b"\xca\x00")),
    ),
    (
        "empty blocks of deflate",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.compressed(1, b"\x00\x00\x00\xff\xff" * 1_000_000 + b"\x03\x00"),
    ),
    (
        "a stranger's message up to the limit",
        R.WRONG_SIGNER,
        lambda w: w.impostor.seal(bytes(ROOM), "-z", "1"),
    ),
]


# --- signed by the partner, and not to be read ------------------------------------------------------


def _envelope(shop: Workshop, **fields: Any) -> Envelope:
    first = shop.stage.partner().bookings_file([], **fields).split(b"\n", 1)[0]
    return Envelope.model_validate_json(first)


def _after_the_envelope(line: bytes, **fields: Any) -> Callable[[Workshop], bytes]:
    """One line again and again, as often as it fits."""

    def make(shop: Workshop) -> bytes:
        envelope = _envelope(shop, **fields).line()
        return shop.dentport.seal(envelope + line * ((ROOM - len(envelope)) // len(line)), "-z", "1")

    return make


def _nested(count: int) -> bytes:
    return b'{"a":' * count + b"1" + b"}" * count


UNREADABLE: list[tuple[str, Callable[[Workshop], bytes]]] = [
    ("empty lines", _after_the_envelope(b"\n")),
    ("lines of two letters", _after_the_envelope(b"ab\n")),
    ("lines of an empty object", _after_the_envelope(b"{}\n")),
    (
        "acknowledgements of nothing",
        _after_the_envelope(b"{}\n", kind=Kind.ACKNOWLEDGEMENTS, in_reply_to="p"),
    ),
    ("one line without an end", lambda w: w.dentport.seal(b"[" * ROOM, "-z", "1")),
    ("lines of the greatest length", _after_the_envelope(b'"' + b"x" * (MAX_LINE_BYTES - 3) + b'"\n')),
    ("lines of the greatest depth", _after_the_envelope(_nested(60) + b"\n")),
    ("lines of escapes", _after_the_envelope(b'{"record":"' + b"\\u0041" * 10_000 + b'"}\n')),
    ("bytes of no character", lambda w: w.dentport.seal(b"\xff" * ROOM, "-z", "1")),
]


# --- signed by the partner, and to be carried out ----------------------------------------------------


def _acknowledgements(shop: Workshop) -> bytes:
    envelope = _envelope(shop, kind=Kind.ACKNOWLEDGEMENTS, in_reply_to="p" * LONGEST_ID)
    records = (
        RemovalAcknowledgement(record="removal_acknowledgement", patient_id=f"{number:0>{LONGEST_ID}}")
        for number in range(MOST_ACKNOWLEDGEMENTS)
    )
    return shop.dentport.seal(b"".join(encode(envelope, records)), "-z", "1")


def _ambiguous_numbers() -> list[ContactPoint]:
    """Numbers that can be read in a hundred ways, none of them right."""
    return [
        ContactPoint(system="phone", use="mobile", value=f"49{number}" + "/1" * ((LONGEST_CONTACT - 3) // 2))
        for number in range(MOST_CONTACTS)
    ]


def _one_person(shop: Workshop, slots: Iterator[Slot]) -> list[BookingRecord]:
    """Always the same, so that each is compared with what the one before left."""
    who = shop.stage.somebody(
        given_name="Ä" * LONGEST_NAME, family_name="Ö" * LONGEST_NAME, contact_points=_ambiguous_numbers()
    )
    return [shop.stage.booking(who, slot) for slot in islice(slots, MOST_BOOKINGS)]


def _of_one_person(shop: Workshop) -> bytes:
    slots = iter(shop.stage.slot, None)
    return shop.sealed(*_one_person(shop, slots))


def _of_one_taken_slot(shop: Workshop) -> bytes:
    slot = shop.taken_slot
    return shop.sealed(*(shop.booking(slot=slot) for _ in range(MOST_BOOKINGS)))


def _of_nobody_in_particular(shop: Workshop) -> bytes:
    """Any column, at times that are not on offer."""
    slot = shop.stage.slot()
    night = "T03:07:00Z"
    day = shop.booking(slot=slot).starts_at[:10]
    return shop.sealed(
        *(shop.booking(slot=slot, slot_id=None, starts_at=day + night) for _ in range(MOST_BOOKINGS))
    )


def _carried_out(name: str, expected: Expected, make: Callable[[Workshop], bytes]) -> Case:
    return one_file(Family.PAYLOAD, TOPIC, f"heavy, {name}", expected, make)


def _all(reason: BookingReason | None, **others: int) -> Expected:
    return imported(*[reason] * MOST_BOOKINGS, **others)


HEAVY = [
    *(
        one_file(Family.CONTAINER, TOPIC, f"heavy, {name}", quarantined(why), make)
        for name, why, make in UNSIGNED
    ),
    *(one_file(Family.PAYLOAD, TOPIC, f"heavy, {name}", INVALID, make) for name, make in UNREADABLE),
    _carried_out("as many acknowledgements as may be", imported(), _acknowledgements),
    _carried_out("as many bookings of one taken slot", _all(BookingReason.SLOT_TAKEN), _of_one_taken_slot),
    _carried_out(
        "as many wishes for the night", _all(BookingReason.SLOT_NOT_OFFERED), _of_nobody_in_particular
    ),
    _carried_out("as many bookings of one person", _all(None), _of_one_person),
]
