"""Whether a booking is accepted: the judgement on one wish, without any effect.

Receive asks it inside the writing transaction, with what the database says at
that moment; a rescheduling is judged like a booking. It asks the same code
that published the slot, so what is published at an instant is accepted at
that instant. It never looks at who the patient is: a refusal must not tell
whether somebody is known (reading A8).
"""

import re
from dataclasses import dataclass, replace

from agent.domain.availability import (
    MINUTE,
    NOTHING_TAKEN,
    TakenTime,
    duration_minutes,
    free_columns,
    offer_window,
    parse_slot_id,
)
from agent.domain.practice import OfferTerms, PracticeCalendar
from agent.domain.slots import LATEST_START
from exchange_formats.receipts import BookingReason

_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """One wish.

    `assignment_id` is None if unreadable. `column_ids` are the columns that
    will do, the preferred one first; none if the slot id does not stand for
    this assignment and start.
    """

    assignment_id: int | None
    column_ids: tuple[int, ...]
    start: int
    declared_new_patient: bool


@dataclass(frozen=True, slots=True)
class Accept:
    """What is to be written: the appointment without its buffers, in epoch seconds."""

    column_id: int
    start: int
    end: int
    type_id: int | None
    assignment_id: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """Declined, and why."""

    reason: BookingReason


Decision = Accept | Refuse


def requested(
    calendar: PracticeCalendar,
    slot_id: str | None,
    assignment_id: str,
    start: int,
    *,
    declared_new_patient: bool,
) -> BookingRequest:
    """A wish from what the partner wrote, all of it foreign text.

    Without a slot id any column of the assignment will do, in the order of the
    appointment book. With one, the booking repeats the assignment and the start
    that it stands for; where they differ there is no column, and nobody gets a
    time they did not choose.
    """
    wanted = int(assignment_id) if _NUMBER.fullmatch(assignment_id) else None
    if slot_id is None:
        column_ids = _any_column(calendar, wanted, start)
    else:
        slot = parse_slot_id(slot_id)
        column_ids = (slot[1],) if slot and (slot[0], slot[2]) == (wanted, start) else ()
    return BookingRequest(wanted, column_ids, start, declared_new_patient)


def _any_column(calendar: PracticeCalendar, assignment_id: int | None, start: int) -> tuple[int, ...]:
    assignment = calendar.assignments.get(assignment_id) if assignment_id is not None else None
    if assignment is None or not 0 <= start < LATEST_START:
        return ()
    return tuple(key for key in calendar.columns if key in assignment.column_ids)


def decide(
    request: BookingRequest,
    calendar: PracticeCalendar,
    taken: TakenTime,
    terms: OfferTerms,
    *,
    judged_at: int,
    now: int,
) -> Decision:
    """Accept in the first column that is free, or refuse by the first rule that speaks.

    `taken` covers `busy_window` around the start, in the `deciding_columns` of
    the wished ones. Lead time and horizon count from `judged_at`, the moment the
    partner signed as far back as the caller believes it, so that a slot which
    was on offer then is not lost on the way, and a day beyond that horizon from
    `now`. Nothing may start before `now`.
    Whether the patient is new is what the patient says (reading A8).
    """
    assignment = (
        calendar.assignments.get(request.assignment_id) if request.assignment_id is not None else None
    )
    if assignment is None:
        return Refuse(BookingReason.ASSIGNMENT_UNKNOWN)
    if request.declared_new_patient and not assignment.open_to_new_patients:
        return Refuse(BookingReason.NOT_FOR_NEW_PATIENTS)
    minutes = duration_minutes(calendar, assignment)
    if minutes is None:
        return Refuse(BookingReason.DURATION_UNKNOWN)
    column_id = _column(request, calendar, taken, terms, judged_at=judged_at, now=now)
    if isinstance(column_id, BookingReason):
        return Refuse(column_id)
    end = request.start + minutes * MINUTE
    return Accept(column_id, request.start, end, assignment.type_id, assignment.assignment_id)


def _column(
    request: BookingRequest,
    calendar: PracticeCalendar,
    taken: TakenTime,
    terms: OfferTerms,
    *,
    judged_at: int,
    now: int,
) -> int | BookingReason:
    """The first of the wished columns that is free, or why none is."""
    if not request.column_ids:
        return BookingReason.SLOT_NOT_OFFERED
    earliest, horizon = offer_window(calendar, terms, judged_at)
    if request.start < max(now, earliest):
        return _reason_of_late(request, calendar, terms)
    # Midnight brings another day on offer; a partner's clock that is slow by seconds does not take it back.
    offered_at = judged_at if request.start < horizon else now
    free = _offered(request, calendar, taken, terms, offered_at)
    for column_id in request.column_ids:
        if column_id in free:
            return column_id
    was_offered = _offered(request, calendar, NOTHING_TAKEN, terms, offered_at)
    return BookingReason.SLOT_TAKEN if was_offered else BookingReason.SLOT_NOT_OFFERED


def _reason_of_late(request: BookingRequest, calendar: PracticeCalendar, terms: OfferTerms) -> BookingReason:
    # Taken or not is of no more interest, so the columns count as empty and the start as reached.
    without_lead = replace(terms, lead_time_minutes=0, lead_time_working_days=0)
    was_offered = _offered(request, calendar, NOTHING_TAKEN, without_lead, request.start)
    return BookingReason.LEAD_TIME_PASSED if was_offered else BookingReason.SLOT_NOT_OFFERED


def _offered(
    request: BookingRequest, calendar: PracticeCalendar, taken: TakenTime, terms: OfferTerms, at: int
) -> frozenset[int]:
    if request.assignment_id is None:
        return frozenset()
    return free_columns(
        calendar,
        taken,
        terms,
        at,
        assignment_id=request.assignment_id,
        column_ids=request.column_ids,
        start=request.start,
    )
