"""Import: the bookings of one document, decided and written inside the caller's transaction.

The step of `agent.flows.receive` in which the appointment book changes. Each
line gets exactly one outcome, and the same line again gets the first one
(promise P2). A partner reaches only what it booked itself: everything is
looked up by partner and booking id, so that somebody else's appointment and
none at all are one and the same (reading A10).
"""

from dataclasses import replace
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from agent.domain.attribution import attribution_problem
from agent.domain.availability import MINUTE
from agent.domain.booking_life import BOOK, AnsweredRevision, revision_refusal
from agent.domain.booking_rules import Accept, Refuse, requested
from agent.domain.intervals import instant, utc_datetime
from agent.domain.practice import PracticeCalendar
from agent.domain.practice_hours import believed_since
from agent.errors import OtvUserError
from agent.flows.book import PATIENT_OVERLAP, book
from agent.flows.lane import Lane, PracticeSide
from agent.flows.sitting import Sitting, booked, declined, placed, refused
from agent.ports import LedgerBooking, PartnerAppointment, StandingAppointment, WriteTransaction
from exchange_formats.bookings import BookingRecord, CancelRecord, RescheduleRecord
from exchange_formats.codec import BookingDocument, content_digest
from exchange_formats.receipts import BookingOutcome, BookingReason


def import_bookings(
    practice: PracticeSide, lane: Lane, work: WriteTransaction, document: BookingDocument, now: datetime
) -> list[BookingOutcome]:
    """One outcome per line, in their order; raises OtvUserError and DatabaseError, then nothing stays."""
    calendar = work.snapshot.calendar()
    sitting = Sitting(
        lane=lane,
        work=work,
        calendar=calendar,
        author=_author(practice, work),
        now=now,
        today=now.astimezone(ZoneInfo(calendar.time_zone)).date(),
        judged_at=_judged_at(practice, lane, calendar, document, now),
    )
    return [_outcome(sitting, wish) for wish in document.records]


def _author(practice: PracticeSide, work: WriteTransaction) -> int:
    user = work.snapshot.staff_member(practice.otv_login)
    problem = attribution_problem(user)
    if user is None or problem is not None:
        raise OtvUserError(f"the practice user for online booking cannot be the author: {problem}")
    return user.staff_id


def _judged_at(
    practice: PracticeSide,
    lane: Lane,
    calendar: PracticeCalendar,
    document: BookingDocument,
    now: datetime,
) -> int:
    """When the partner wrote the file, but no further back than its availability file is good for.

    A slot that was on offer when the patient chose it is not lost on the way;
    a partner cannot reach around the lead time by an old date.
    """
    written_at = datetime.fromisoformat(document.envelope.created_at)
    good_for = int(lane.availability_valid_for.total_seconds())
    earliest = believed_since(calendar, instant(now), good_for, instant(now - practice.max_message_age))
    return max(instant(min(written_at, now)), earliest)


def _outcome(sitting: Sitting, wish: BookingRecord | CancelRecord | RescheduleRecord) -> BookingOutcome:
    """The first outcome of this revision, or a new one and its row in the ledger."""
    lane, ledger = sitting.lane, sitting.work.ledger
    partner_id = lane.partner_id
    digest = content_digest(wish)
    answered = ledger.revisions(partner_id, wish.booking_id, wish.revision)
    told = ledger.appointment(partner_id, wish.booking_id)
    for first in answered:
        if first.revision == wish.revision:
            if first.content_sha256 == digest:
                outcome = BookingOutcome.model_validate_json(first.record)
                _tell_again(sitting, told, outcome)
                return _without_withdrawn(sitting, told, outcome)
            return refused(wish, BookingReason.CONFLICT)

    if not answered and told is None and ledger.is_finished(partner_id, wish.booking_id):
        return refused(wish, _finished(lane, wish))
    if wish.action == BOOK and told is None:
        answered += ledger.cancellations(partner_id, wish.booking_id)
    earlier = (
        AnsweredRevision(one.revision, one.action, BookingOutcome.model_validate_json(one.record))
        for one in answered
    )
    reason = revision_refusal(wish.revision, wish.action, earlier, has_appointment=told is not None)
    outcome = refused(wish, reason) if reason else _carried_out(sitting, wish, told)
    ledger.add_booking(
        LedgerBooking(
            partner_id=partner_id,
            booking_id=wish.booking_id,
            revision=wish.revision,
            action=wish.action,
            content_sha256=digest,
            record=outcome.model_dump_json(),
            decided_at=sitting.now,
        )
    )
    return outcome


def _finished(lane: Lane, wish: BookingRecord | CancelRecord | RescheduleRecord) -> BookingReason:
    """Why nothing is done about a booking whose rows were purged: it is over, and never comes to life again.

    It gets no new row: that would be the first of another life.
    """
    if isinstance(wish, BookingRecord):
        return BookingReason.CONFLICT
    if not _permitted(lane, wish):
        return BookingReason.ACTION_NOT_PERMITTED
    return BookingReason.APPOINTMENT_CLOSED


def _permitted(lane: Lane, wish: CancelRecord | RescheduleRecord) -> bool:
    return lane.may_cancel if isinstance(wish, CancelRecord) else lane.may_reschedule


def _carried_out(
    sitting: Sitting,
    wish: BookingRecord | CancelRecord | RescheduleRecord,
    told: PartnerAppointment | None,
) -> BookingOutcome:
    if isinstance(wish, BookingRecord):
        return book(sitting, wish)
    if not _permitted(sitting.lane, wish):
        return refused(wish, BookingReason.ACTION_NOT_PERMITTED)
    if told is None:
        return refused(wish, BookingReason.UNKNOWN_APPOINTMENT)
    stands = sitting.work.book.appointment(told.appointment_id)
    if isinstance(wish, CancelRecord):
        return _cancel(sitting, wish, told, stands)
    return _reschedule(sitting, wish, told, stands)


def _cancel(
    sitting: Sitting, wish: CancelRecord, told: PartnerAppointment, stands: StandingAppointment | None
) -> BookingOutcome:
    """Cancelled stays cancelled, whoever did it; the appointment itself stays in the book."""
    if stands is not None and stands.status != "cancelled":
        if not _is_ahead(sitting, stands):
            return refused(wish, BookingReason.APPOINTMENT_CLOSED)
        book = sitting.work.book
        book.cancel_appointment(stands.appointment_id, wish.cancellation_reason, sitting.author, sitting.now)
        _audit(sitting, "appointment cancelled", stands)
    _tell(sitting, told, "cancelled", stands)
    return BookingOutcome(
        booking_id=wish.booking_id,
        revision=wish.revision,
        outcome="accepted",
        appointment_status="cancelled",
    )


def _reschedule(
    sitting: Sitting, wish: RescheduleRecord, told: PartnerAppointment, stands: StandingAppointment | None
) -> BookingOutcome:
    """To another time, or nothing changes: the old appointment stands until the new time is written."""
    if stands is None or not _is_ahead(sitting, stands):
        return refused(wish, BookingReason.APPOINTMENT_CLOSED)
    if wish.assignment_id != str(stands.assignment_id):
        return refused(wish, BookingReason.SLOT_NOT_OFFERED)
    request = requested(
        sitting.calendar,
        wish.slot_id,
        wish.assignment_id,
        instant(datetime.fromisoformat(wish.starts_at)),
        declared_new_patient=False,
    )
    sitting = _with_own_length(sitting, stands)
    itself = stands.appointment_id
    result = placed(sitting, request, partial(_move, sitting, told, stands), without_appointment=itself)
    if isinstance(result, Refuse):
        return declined(sitting, wish, request, result.reason, without_appointment=itself)
    return booked(wish, result[0])


def _with_own_length(sitting: Sitting, stands: StandingAppointment) -> Sitting:
    """The sitting in which the assignment is as long as this appointment: staff may have lengthened it."""
    calendar = sitting.calendar
    assignment = calendar.assignments.get(stands.assignment_id or 0)
    if assignment is None:
        return sitting
    minutes = int((stands.ends_at - stands.starts_at).total_seconds()) // MINUTE
    own = replace(assignment, duration_minutes=minutes)
    assignments = {**calendar.assignments, assignment.assignment_id: own}
    return replace(sitting, calendar=replace(calendar, assignments=assignments))


def _move(sitting: Sitting, told: PartnerAppointment, stands: StandingAppointment, decision: Accept) -> None:
    book, itself = sitting.work.book, stands.appointment_id
    moved = replace(
        stands,
        column_id=decision.column_id,
        starts_at=utc_datetime(decision.start),
        ends_at=utc_datetime(decision.end),
    )
    if stands.patient_id is not None and book.has_overlap(
        stands.patient_id, moved.starts_at, moved.ends_at, without_appointment=itself
    ):
        book.add_note(PATIENT_OVERLAP, sitting.lane.partner_id, stands.patient_id, None, itself, sitting.now)
    book.move_appointment(
        itself, moved.column_id, moved.starts_at, moved.ends_at, sitting.author, sitting.now
    )
    _tell(sitting, told, "booked", moved)
    _audit(sitting, "appointment rescheduled", moved)


def _is_ahead(sitting: Sitting, stands: StandingAppointment) -> bool:
    """Booked, and not begun: what has happened in the practice is not the partner's to change."""
    return stands.status == "booked" and stands.starts_at > sitting.now


def _tell(
    sitting: Sitting, told: PartnerAppointment, status: str, stands: StandingAppointment | None
) -> None:
    """The receipt tells this state, so that no update repeats it."""
    if stands is None:
        sitting.work.ledger.tell_appointment(replace(told, told_status=status))
        return
    sitting.work.ledger.tell_appointment(
        replace(
            told,
            told_status=status,
            told_column_id=stands.column_id,
            told_starts_at=stands.starts_at,
            told_ends_at=stands.ends_at,
        )
    )


def _tell_again(sitting: Sitting, told: PartnerAppointment | None, first: BookingOutcome) -> None:
    """A first answer in a new receipt is the newest the partner reads, and may be long untrue.

    It counts as what the partner was told last, so that an update follows if something else stands.
    """
    if told is None or first.appointment_status is None:
        return
    told = replace(told, told_status=first.appointment_status)
    if first.column_id is not None and first.starts_at is not None and first.ends_at is not None:
        told = replace(
            told,
            told_column_id=int(first.column_id),
            told_starts_at=datetime.fromisoformat(first.starts_at),
            told_ends_at=datetime.fromisoformat(first.ends_at),
        )
    sitting.work.ledger.tell_appointment(told)


def _without_withdrawn(
    sitting: Sitting, told: PartnerAppointment | None, first: BookingOutcome
) -> BookingOutcome:
    """A first answer as it may be given today: who withdrew meanwhile is to be forgotten (reading A9)."""
    lane = sitting.lane
    if told is None or first.patient_id is None:
        return first
    alias = sitting.work.disclosures.alias_of(lane.partner_id, told.patient_id)
    if lane.receives_patients and alias == first.patient_id:
        return first
    return first.model_copy(update={"patient_id": None})


def _audit(sitting: Sitting, event: str, stands: StandingAppointment) -> None:
    sitting.work.audit.append(
        event,
        sitting.now,
        sitting.lane.partner_id,
        appointment_id=stands.appointment_id,
        author=sitting.author,
    )
