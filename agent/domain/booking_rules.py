"""Whether a booking is accepted: the judgement on one wish, without any effect.

Receive asks it inside the writing transaction, with what the database says at
that moment. It asks `is_free`, the same code that published the slot, so what
is published at an instant is accepted at that instant. It never looks at who
the patient is: a refusal must not tell whether somebody is known (reading A8).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.domain.availability import MINUTE, Slot, duration_minutes, is_free, parse_slot_id
from agent.domain.intervals import Interval
from agent.domain.practice import OfferTerms, PracticeCalendar
from exchange_formats.receipts import BookingReason

_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """One wish.

    `assignment_id` is None if unreadable, `column_id` if the slot id does not
    stand for this assignment and start.
    """

    assignment_id: int | None
    column_id: int | None
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


def requested(slot_id: str, assignment_id: str, start: int, *, declared_new_patient: bool) -> BookingRequest:
    """A wish from what the partner wrote, all of it foreign text.

    A booking repeats the assignment and the start that its slot id stands for;
    where they differ the column is None, and nobody gets a time they did not choose.
    """
    wanted = int(assignment_id) if _NUMBER.fullmatch(assignment_id) else None
    slot = parse_slot_id(slot_id)
    column_id = slot[1] if slot and (slot[0], slot[2]) == (wanted, start) else None
    return BookingRequest(wanted, column_id, start, declared_new_patient)


def decide(
    request: BookingRequest,
    calendar: PracticeCalendar,
    busy: Sequence[Interval],
    terms: OfferTerms,
    *,
    judged_at: int,
    now: int,
) -> Decision:
    """Accept or refuse, by the first rule that speaks.

    `busy` is the taken time of the wished column, covering `busy_window` around
    the start. Lead time and horizon count from `judged_at`, the moment the
    partner signed as far back as the caller believes it, so that a slot which
    was on offer then is not lost on the way; but nothing may start before `now`.
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
    if request.column_id is None:
        return Refuse(BookingReason.SLOT_NOT_OFFERED)
    end = request.start + minutes * MINUTE
    wish = Slot(assignment.assignment_id, request.column_id, request.start, end)
    reason = _time_refusal(wish, calendar, busy, terms, judged_at=judged_at, now=now)
    if reason:
        return Refuse(reason)
    return Accept(wish.column_id, wish.start, wish.end, assignment.type_id, wish.assignment_id)


def _time_refusal(
    wish: Slot,
    calendar: PracticeCalendar,
    busy: Sequence[Interval],
    terms: OfferTerms,
    *,
    judged_at: int,
    now: int,
) -> BookingReason | None:
    def is_offered(taken: Sequence[Interval], terms: OfferTerms, at: int) -> bool:
        return is_free(
            calendar,
            {wish.column_id: taken},
            terms,
            at,
            assignment_id=wish.assignment_id,
            column_id=wish.column_id,
            start=wish.start,
        )

    if wish.start < max(now, judged_at + terms.lead_time_minutes * MINUTE):
        # Taken or not is of no more interest, so the column counts as empty and the start as reached.
        was_offered = is_offered((), replace(terms, lead_time_minutes=0), wish.start)
        return BookingReason.LEAD_TIME_PASSED if was_offered else BookingReason.SLOT_NOT_OFFERED
    if is_offered(busy, terms, judged_at):
        return None
    return BookingReason.SLOT_TAKEN if is_offered((), terms, judged_at) else BookingReason.SLOT_NOT_OFFERED
