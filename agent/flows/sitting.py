"""One sitting over a bookings file: what stays the same for all its bookings, and how a time is judged in it.

A part of the import story. Booking and rescheduling ask `placed` for a column
and a time; the rules decide on what this transaction sees, and the database
has the last word (promise P13).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TypeVar

from agent.domain import documents
from agent.domain.availability import (
    TakenTime,
    alternatives,
    busy_window,
    cap_window,
    deciding_columns,
    offer_window,
    slot_id,
)
from agent.domain.booking_rules import Accept, BookingRequest, Refuse, decide
from agent.domain.intervals import Interval, instant
from agent.domain.practice import PracticeCalendar
from agent.errors import SlotTakenError
from agent.flows.lane import Lane
from agent.ports import WriteTransaction
from exchange_formats.bookings import BookingRecord, CancelRecord, RescheduleRecord
from exchange_formats.receipts import MAX_ALTERNATIVES, Alternative, BookingOutcome, BookingReason

NEARBY_SECONDS = int(timedelta(days=14).total_seconds())
"""Alternatives are looked for here first; most practices have some, and the whole horizon costs more."""

FAR_SEARCHES = 20
"""In one sitting: a file full of wishes for a booked-out practice must not hold up everybody else's."""

Written = TypeVar("Written")


@dataclass(frozen=True, slots=True)
class Sitting:
    """What stays the same for all bookings of one document."""

    lane: Lane
    work: WriteTransaction
    calendar: PracticeCalendar
    author: int
    now: datetime
    today: date
    judged_at: int
    far_searches: Iterator[int] = field(default_factory=lambda: iter(range(FAR_SEARCHES)))
    """One less with every look through the whole horizon."""


def placed(
    sitting: Sitting,
    request: BookingRequest,
    write: Callable[[Accept], Written],
    *,
    without_appointment: int | None = None,
) -> tuple[Accept, Written] | Refuse:
    """Decide, and write what was decided, all of it or nothing.

    Where the database refuses a column that looked free, because staff were
    faster, the next one that the request allows is judged. A time that was
    free in any of them was on offer, so that losing it is never "not offered".
    """
    lost = False
    while True:
        decision = decide(
            request,
            sitting.calendar,
            _taken(sitting, request, without_appointment),
            sitting.lane.terms,
            judged_at=sitting.judged_at,
            now=instant(sitting.now),
        )
        if isinstance(decision, Refuse):
            return Refuse(BookingReason.SLOT_TAKEN) if lost else decision
        try:
            # Undone together: a patient without the appointment would be a record that nobody asked for.
            with sitting.work.savepoint():
                return decision, write(decision)
        except SlotTakenError:
            others = tuple(column for column in request.column_ids if column != decision.column_id)
            request, lost = replace(request, column_ids=others), True


def declined(
    sitting: Sitting,
    wish: BookingRecord | RescheduleRecord,
    request: BookingRequest,
    reason: BookingReason,
    *,
    without_appointment: int | None = None,
) -> BookingOutcome:
    """The refusal of a time; what was taken meanwhile comes with the next free slots."""
    if reason is not BookingReason.SLOT_TAKEN or request.assignment_id is None:
        return refused(wish, reason)
    slots = _alternatives(sitting, request.assignment_id, request.start, without_appointment)
    return refused(wish, reason).model_copy(update={"alternatives": slots})


def refused(wish: BookingRecord | CancelRecord | RescheduleRecord, reason: BookingReason) -> BookingOutcome:
    """A refusal without more."""
    return BookingOutcome(
        booking_id=wish.booking_id, revision=wish.revision, outcome="declined", reason=reason
    )


def booked(
    wish: BookingRecord | RescheduleRecord, decision: Accept, patient_id: str | None = None
) -> BookingOutcome:
    """The appointment as it stands now."""
    return BookingOutcome(
        booking_id=wish.booking_id,
        revision=wish.revision,
        outcome="accepted",
        appointment_status="booked",
        column_id=str(decision.column_id),
        starts_at=documents.instant_text(decision.start),
        ends_at=documents.instant_text(decision.end),
        patient_id=patient_id,
    )


def _taken(sitting: Sitting, request: BookingRequest, without_appointment: int | None) -> TakenTime:
    """The taken time that decides; a number that is no column of ours never reaches the database."""
    columns = [column for column in request.column_ids if column in sitting.calendar.columns]
    return _taken_time(sitting, columns, (request.start, request.start + 1), without_appointment)


def _taken_time(
    sitting: Sitting, columns: list[int], starts: Interval, without_appointment: int | None
) -> TakenTime:
    if not columns:
        return TakenTime({})
    calendar, snapshot, lane = sitting.calendar, sitting.work.snapshot, sitting.lane
    busy = snapshot.busy(
        busy_window(calendar, starts),
        deciding_columns(calendar, columns),
        without_appointment=without_appointment,
    )
    if lane.terms.max_appointments_per_day is None:
        return TakenTime(busy)
    booked_starts = snapshot.booked_starts(
        lane.partner_id, cap_window(calendar, starts), without_appointment=without_appointment
    )
    return TakenTime(busy, booked_starts)


def _alternatives(
    sitting: Sitting, assignment_id: int, start: int, without_appointment: int | None
) -> list[Alternative]:
    """The next free slots of the assignment, in any of its columns, as they could be booked now."""
    calendar, terms, now = sitting.calendar, sitting.lane.terms, instant(sitting.now)
    columns = list(calendar.assignments[assignment_id].column_ids)
    first, last = offer_window(calendar, terms, now)
    after = max(start, first)
    slots = []
    for end in dict.fromkeys((min(after + NEARBY_SECONDS, last), last)):
        is_far = end - after > NEARBY_SECONDS
        if after >= end or (is_far and next(sitting.far_searches, None) is None):
            break
        taken = _taken_time(sitting, columns, (after, end), without_appointment)
        slots = alternatives(calendar, taken, terms, now, assignment_id, (after, end), MAX_ALTERNATIVES)
        if len(slots) == MAX_ALTERNATIVES:
            break
    return [
        Alternative(
            slot_id=slot_id(slot),
            column_id=str(slot.column_id),
            starts_at=documents.instant_text(slot.start),
            ends_at=documents.instant_text(slot.end),
        )
        for slot in slots
    ]
