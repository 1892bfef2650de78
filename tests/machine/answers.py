"""What each line of a bookings file must be answered, by the page for partners alone.

The table of docs/exchange-formats.md, section 11, written down a second time.
Whether a time is on offer is asked elsewhere; here a refusal because it is
taken must be borne out by the book.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from agent.flows.lane import Lane
from exchange_formats.bookings import BookingRecord, BookingsRecord, CancelRecord, RescheduleRecord
from exchange_formats.receipts import BookingOutcome, BookingReason
from tests.machine.book import Standing
from tests.machine.practice import OFFERS, TYPES
from tests.machine.reckoning import BERLIN, Life, clash, is_accepted, local_day, was_booked

OF_THE_TIME = {
    BookingReason.SLOT_TAKEN,
    BookingReason.SLOT_NOT_OFFERED,
    BookingReason.LEAD_TIME_PASSED,
    BookingReason.ASSIGNMENT_UNKNOWN,
    BookingReason.NOT_FOR_NEW_PATIENTS,
    BookingReason.DURATION_UNKNOWN,
}
"""Why a time, not a booking's life, may stand against a wish."""


@dataclass(frozen=True, slots=True)
class Situation:
    """In which a line is judged: whose it is, when, and the book with what earlier lines have changed."""

    lane: Lane
    now: datetime
    written_at: datetime
    """When the partner wrote the message, by its own date."""
    book: Mapping[int, Standing]
    came: Mapping[str, int]
    """Booking id -> appointment, of this partner."""


def check_line(situation: Situation, wish: BookingsRecord, outcome: BookingOutcome, life: Life) -> None:
    """A line that was not decided before."""
    expected = _reason_of_life(situation, wish, life)
    if expected is not None:
        assert outcome.reason is expected, (wish, outcome, expected)
    elif isinstance(wish, CancelRecord):
        assert outcome.appointment_status == "cancelled", (wish, outcome)
    elif is_accepted(outcome):
        assert outcome.appointment_status == "booked", (wish, outcome)
        _check_window(situation, _instant(outcome.starts_at))
        length = _instant(outcome.ends_at) - _instant(outcome.starts_at)
        assert outcome.starts_at == wish.starts_at
        assert length == _length(wish, life), (wish, outcome, life)
    else:
        assert outcome.reason in OF_THE_TIME, (wish, outcome)
        if outcome.reason is BookingReason.SLOT_TAKEN:
            assert _is_taken(situation, wish, life), (wish, situation.book)


def _check_window(situation: Situation, start: datetime) -> None:
    """Not before the lead time that counts from the partner's date, not beyond the horizon of today."""
    terms = situation.lane.terms
    assert start >= min(situation.written_at, situation.now) + timedelta(minutes=terms.lead_time_minutes)
    horizon = situation.now.astimezone(BERLIN).date() + timedelta(days=terms.booking_horizon_days)
    assert situation.now <= start
    assert start.astimezone(BERLIN).date() <= horizon


def check_repeat(
    wish: BookingsRecord, outcome: BookingOutcome, first_wish: BookingsRecord, first: BookingOutcome
) -> None:
    """A line of a revision that was decided before: the first answer again, but for who has withdrawn."""
    if first_wish != wish:
        assert outcome.reason is BookingReason.CONFLICT, (wish, outcome)
    elif outcome.patient_id is None:
        assert outcome == first.model_copy(update={"patient_id": None}), (wish, outcome, first)
    else:
        assert outcome == first, (wish, outcome, first)


def full_days(situation: Situation, *, without: int | None = None) -> set[date]:
    """Local days on which the partner has as many appointments as it may."""
    cap = situation.lane.terms.max_appointments_per_day
    mine = (situation.book.get(key) for key in situation.came.values() if key != without)
    days = Counter(local_day(one) for one in mine if one is not None and one.stands)
    return {day for day, count in days.items() if cap is not None and count >= cap}


def _reason_of_life(situation: Situation, wish: BookingsRecord, life: Life) -> BookingReason | None:
    """The first case of the table that fits; None: accepted, or a matter of the time."""
    if any(revision > wish.revision for revision in life.answers):
        return BookingReason.STALE_REVISION
    booked = was_booked(life.answers)
    if isinstance(wish, BookingRecord):
        return BookingReason.CONFLICT if booked or _was_cancelled(life) else None
    lane = situation.lane
    if not (lane.may_cancel if isinstance(wish, CancelRecord) else lane.may_reschedule):
        return BookingReason.ACTION_NOT_PERMITTED
    if not booked:
        return BookingReason.UNKNOWN_APPOINTMENT
    stands = life.appointment
    if stands is None or not stands.stands:
        return None if isinstance(wish, CancelRecord) else BookingReason.APPOINTMENT_CLOSED
    if stands.status != "booked" or stands.starts_at <= situation.now:
        return BookingReason.APPOINTMENT_CLOSED
    if isinstance(wish, RescheduleRecord) and wish.assignment_id != str(stands.assignment_id):
        return BookingReason.SLOT_NOT_OFFERED
    return None


def _was_cancelled(life: Life) -> bool:
    """Carried out, or before there was anything to cancel."""
    return any(
        wish.action == "cancel"
        and (is_accepted(answer) or answer.reason is BookingReason.UNKNOWN_APPOINTMENT)
        for wish, answer in life.answers.values()
    )


def _length(wish: BookingRecord | RescheduleRecord, life: Life) -> timedelta:
    """That of the offer, or of its type; an appointment that is moved keeps its own."""
    if isinstance(wish, RescheduleRecord) and life.appointment is not None:
        return life.appointment.ends_at - life.appointment.starts_at
    offer = OFFERS[int(wish.assignment_id)]
    minutes = offer.duration_minutes or (TYPES[offer.type_id][1] if offer.type_id else None)
    assert minutes is not None
    return timedelta(minutes=minutes)


def _is_taken(situation: Situation, wish: BookingRecord | RescheduleRecord, life: Life) -> bool:
    """Whether somebody stands in the way in one of the wished columns, or the partner's day is full."""
    itself = life.appointment.appointment_id if life.appointment else 0
    full = full_days(situation, without=itself)
    return any(
        local_day(one) in full or any(clash(one, other) for other in situation.book.values())
        for one in _wished(wish, life, itself)
    )


def _wished(wish: BookingRecord | RescheduleRecord, life: Life, itself: int) -> Iterator[Standing]:
    """The appointment that would come of it, in each column that would do."""
    start, assignment_id = _instant(wish.starts_at), int(wish.assignment_id)
    columns = OFFERS[assignment_id].columns if wish.slot_id is None else (int(wish.slot_id.split("-")[1]),)
    for column_id in columns:
        times = start, start + _length(wish, life)
        yield Standing(itself, column_id, None, assignment_id, *times, "booked", True)


def _instant(text: str | None) -> datetime:
    assert text is not None
    return datetime.fromisoformat(text)
