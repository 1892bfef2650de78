"""Family "sequence": authentic messages again, out of order, with gaps, and under ids used before."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

from agent.recipients import readmit_partner, revoke_partner
from exchange_formats.bookings import BookingRecord
from exchange_formats.receipts import BookingReason as B
from exchange_formats.receipts import MessageReason as M
from tests.flows.card_index import change_appointment
from tests.flows.stage import DENTPORT, ZAHNZEIT
from tests.hostile.case import Arrival, Case, Expected, Family, duplicate, imported, refused
from tests.hostile.workshop import Workshop

Files = Iterator[Arrival]


# --- repeats ---------------------------------------------------------------------------------------


def _same_file(shop: Workshop) -> Files:
    sealed = shop.sealed()
    yield from [sealed] * 3


def _sealed_anew(shop: Workshop) -> Files:
    content = shop.plain()
    yield shop.seal(content)
    yield shop.dentport.seal(content)


def _another_message(shop: Workshop) -> Files:
    booking = shop.booking()
    yield shop.sealed(booking)
    yield shop.sealed(booking)


def _twice_in_a_file(shop: Workshop) -> Files:
    booking = shop.booking()
    yield shop.sealed(booking, booking)


def _one_slot_twice(shop: Workshop) -> Files:
    slot = shop.stage.slot()
    yield shop.sealed(shop.booking(slot=slot), shop.booking(slot=slot))


def _refused_again(shop: Workshop) -> Files:
    sealed = shop.sealed(practice_id="another-practice")
    yield from [sealed] * 2


# --- gaps and reordering ---------------------------------------------------------------------------


def _gap(shop: Workshop) -> Files:
    yield shop.sealed(sequence=10)
    yield shop.sealed(sequence=2**53 - 1)


def _backwards(shop: Workshop) -> Files:
    later, earlier = shop.sealed(sequence=2001), shop.sealed(sequence=2000)
    yield later
    yield earlier


def _same_number(shop: Workshop) -> Files:
    yield shop.sealed(sequence=3000)
    yield shop.sealed(sequence=3000)


def _cancelled_before_booked(shop: Workshop) -> Files:
    booking = _booking(shop)
    yield shop.sealed(shop.stage.cancel(booking))
    yield shop.sealed(booking)


def _older_revision(shop: Workshop) -> Files:
    booking = _booking(shop)
    moved = shop.stage.reschedule(booking, shop.stage.slot())
    yield shop.sealed(booking)
    yield shop.sealed(shop.stage.cancel(moved))
    yield shop.sealed(moved)


def _moved_behind_the_staff(shop: Workshop) -> Files:
    booking = _booking(shop)
    yield shop.sealed(booking)
    change_appointment(shop.stage.house.connector, booking.booking_id, status="cancelled")
    yield shop.sealed(shop.stage.reschedule(booking, shop.stage.slot()))


def _not_permitted(shop: Workshop) -> Files:
    booking = _booking(shop)
    yield shop.sealed(booking)
    yield shop.sealed(shop.stage.cancel(booking))


def _may_not_cancel(shop: Workshop) -> AbstractContextManager[object]:
    return shop.stage.agent_with(dentport={"may_cancel": False})


def _booking(shop: Workshop) -> BookingRecord:
    booking = shop.booking()
    assert isinstance(booking, BookingRecord)
    return booking


# --- ids used before -------------------------------------------------------------------------------


def _message_id_again(shop: Workshop) -> Files:
    first = shop.sealed(message_id="reused")
    yield first
    yield shop.sealed(message_id="reused")
    yield first


def _booking_id_again(shop: Workshop) -> Files:
    booking = _booking(shop)
    yield shop.sealed(booking)
    yield shop.sealed(_booking(shop).model_copy(update={"booking_id": booking.booking_id}))


def _corrected(shop: Workshop) -> Files:
    booking = shop.booking()
    yield shop.sealed(booking, message_id="corrected", practice_id="another-practice")
    yield shop.sealed(booking, message_id="corrected")


def _somebody_elses_booking(shop: Workshop) -> Files:
    booking = _booking(shop)
    shop.stage.send(booking, partner_id=ZAHNZEIT)
    yield shop.sealed(shop.stage.cancel(booking))


def _somebody_elses_message_id(shop: Workshop) -> Files:
    shop.stage.send(shop.booking(), partner_id=ZAHNZEIT, message_id="shared-id")
    yield shop.sealed(message_id="shared-id")


def _cancelled_and_booked_again(shop: Workshop) -> Files:
    booking = _booking(shop)
    cancelled = shop.stage.cancel(booking)
    yield shop.sealed(booking)
    yield shop.sealed(cancelled)
    yield shop.sealed(booking.model_copy(update={"revision": 3}))


# --- what changes with time ------------------------------------------------------------------------


def _from_tomorrow(shop: Workshop) -> Files:
    """An answer stays an answer, whoever keeps a copy of the file until its date has come."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    sealed = shop.sealed(created_at=tomorrow)
    yield from [sealed] * 2


def _revoked(shop: Workshop) -> Files:
    """What was refused meanwhile stays refused; the same wish in a new message is heard."""
    booking = shop.booking()
    sealed = shop.sealed(booking)
    revoke_partner(shop.stage.agent, DENTPORT)
    yield sealed
    readmit_partner(shop.stage.agent, DENTPORT)
    yield sealed
    yield shop.sealed(booking)


def _case(topic: str, name: str, arrives: object, *expected: Expected, **around: object) -> Case:
    return Case(Family.SEQUENCE, topic, name, arrives, expected, **around)  # type: ignore[arg-type]


AGAIN = imported(None, making_none=1)
"""Accepted as before, and of no further effect; or a change of an appointment that stands."""

CASES = [
    _case("repeats", "the same file three times", _same_file, imported(None), *[duplicate(None)] * 2),
    _case("repeats", "the same content sealed anew", _sealed_anew, imported(None), duplicate(None)),
    _case("repeats", "the same booking in another message", _another_message, imported(None), AGAIN),
    _case(
        "repeats", "the same booking twice in a file", _twice_in_a_file, imported(None, None, making_none=1)
    ),
    _case("repeats", "one slot twice in a file", _one_slot_twice, imported(None, B.SLOT_TAKEN)),
    _case("repeats", "a refused file again", _refused_again, *[refused(M.WRONG_PRACTICE)] * 2),
    _case("repeats", "a file from tomorrow again", _from_tomorrow, *[refused(M.TIME_OUT_OF_BOUNDS)] * 2),
    _case("gaps", "numbers missing between two files", _gap, imported(None), imported(None)),
    _case("reordering", "the later file first", _backwards, imported(None), imported(None)),
    _case("reordering", "two files of one number", _same_number, imported(None), imported(None)),
    _case(
        "reordering",
        "cancelled before it is booked",
        _cancelled_before_booked,
        imported(B.UNKNOWN_APPOINTMENT),
        imported(B.STALE_REVISION),
    ),
    _case(
        "reordering",
        "an older revision behind a newer one",
        _older_revision,
        imported(None),
        AGAIN,
        imported(B.STALE_REVISION),
    ),
    _case(
        "reordering",
        "moved after staff cancelled it",
        _moved_behind_the_staff,
        imported(None),
        imported(B.APPOINTMENT_CLOSED),
    ),
    _case(
        "reordering",
        "cancelled by a partner that may not",
        _not_permitted,
        imported(None),
        imported(B.ACTION_NOT_PERMITTED),
        around=_may_not_cancel,
    ),
    _case(
        "id reuse",
        "a message id with other content",
        _message_id_again,
        imported(None),
        refused(M.MESSAGE_ID_REUSED),
        duplicate(None),
    ),
    _case(
        "id reuse", "a booking id with other content", _booking_id_again, imported(None), imported(B.CONFLICT)
    ),
    _case(
        "id reuse",
        "a refused message id with corrected content",
        _corrected,
        refused(M.WRONG_PRACTICE),
        imported(None),
    ),
    _case(
        "id reuse",
        "the other partner's booking cancelled",
        _somebody_elses_booking,
        imported(B.UNKNOWN_APPOINTMENT),
    ),
    _case("id reuse", "the other partner's message id", _somebody_elses_message_id, imported(None)),
    _case(
        "id reuse",
        "a cancelled booking booked again",
        _cancelled_and_booked_again,
        imported(None),
        AGAIN,
        imported(B.CONFLICT),
    ),
    _case(
        "revoked",
        "a file of a revoked partner, and again when it is readmitted",
        _revoked,
        *[refused(M.PARTNER_REVOKED)] * 2,
        imported(None),
    ),
]
