"""Import: the bookings of one document, decided and written inside the caller's transaction.

The step of `agent.flows.receive` in which the appointment book changes. The
rules decide on what this transaction sees, and the database has the last word
on every slot (promise P13). Each booking gets exactly one outcome, and the
same booking again gets the first one (promise P2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from agent.domain import documents
from agent.domain.attribution import attribution_problem
from agent.domain.availability import busy_window
from agent.domain.booking_rules import Accept, BookingRequest, decide, requested
from agent.domain.consent import usable_birth_date
from agent.domain.intervals import Interval, instant, utc_datetime
from agent.domain.matching import Match, PersonInBooking, match
from agent.domain.practice import Consent, ContactPoint, PracticeCalendar
from agent.errors import OtvUserError, SlotTakenError
from agent.flows.lane import Lane, PracticeSide
from agent.ports import LedgerBooking, NewAppointment, NewPatient, WriteTransaction
from exchange_formats.bookings import BookingRecord
from exchange_formats.codec import BookingDocument, content_digest
from exchange_formats.receipts import BookingOutcome, BookingReason


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


def import_bookings(
    practice: PracticeSide, lane: Lane, work: WriteTransaction, document: BookingDocument, now: datetime
) -> list[BookingOutcome]:
    """One outcome per booking, in their order; raises OtvUserError and DatabaseError, then nothing stays."""
    calendar = work.snapshot.calendar()
    sitting = Sitting(
        lane=lane,
        work=work,
        calendar=calendar,
        author=_author(practice, work),
        now=now,
        today=now.astimezone(ZoneInfo(calendar.time_zone)).date(),
        judged_at=_judged_at(lane, document, now),
    )
    return [_outcome(sitting, booking) for booking in document.records]


def _author(practice: PracticeSide, work: WriteTransaction) -> int:
    user = work.snapshot.staff_member(practice.otv_login)
    problem = attribution_problem(user)
    if user is None or problem is not None:
        raise OtvUserError(f"the practice user for online booking cannot be the author: {problem}")
    return user.staff_id


def _judged_at(lane: Lane, document: BookingDocument, now: datetime) -> int:
    """When the partner wrote the file, but no further back than its availability file is good for.

    A slot that was on offer when the patient chose it is not lost on the way;
    a partner cannot reach around the lead time by an old date.
    """
    written_at = datetime.fromisoformat(document.envelope.created_at)
    return instant(max(min(written_at, now), now - lane.availability_valid_for))


def _outcome(sitting: Sitting, booking: BookingRecord) -> BookingOutcome:
    """The first outcome of this booking revision, or a new one and its row in the ledger."""
    partner_id = sitting.lane.partner_id
    digest = content_digest(booking)
    first = sitting.work.ledger.booking(partner_id, booking.booking_id, booking.revision)
    if first is not None:
        if first.content_sha256 == digest:
            return BookingOutcome.model_validate_json(first.record)
        return _declined(booking, BookingReason.CONFLICT)
    if sitting.work.ledger.has_appointment(partner_id, booking.booking_id):
        # Another revision of a booking that stands would be a second appointment, not a change of the first.
        outcome, appointment_id, patient_id = _declined(booking, BookingReason.CONFLICT), None, None
    else:
        outcome, appointment_id, patient_id = _place(sitting, booking)
    sitting.work.ledger.add_booking(
        LedgerBooking(
            partner_id=partner_id,
            booking_id=booking.booking_id,
            revision=booking.revision,
            content_sha256=digest,
            record=outcome.model_dump_json(),
            appointment_id=appointment_id,
            patient_id=patient_id,
            decided_at=sitting.now,
        )
    )
    return outcome


def _place(sitting: Sitting, booking: BookingRecord) -> tuple[BookingOutcome, int | None, int | None]:
    """Decide, and write what was decided: outcome, appointment id, patient id."""
    person = _person(booking)
    if usable_birth_date(person.birth_date, sitting.today) is None:
        return _declined(booking, BookingReason.BIRTH_DATE_IMPLAUSIBLE), None, None
    request = requested(
        booking.slot_id,
        booking.assignment_id,
        instant(datetime.fromisoformat(booking.starts_at)),
        declared_new_patient=booking.patient.new_patient,
    )
    decision = decide(
        request,
        sitting.calendar,
        _taken(sitting, request),
        sitting.lane.terms,
        judged_at=sitting.judged_at,
        now=instant(sitting.now),
    )
    if not isinstance(decision, Accept):
        return _declined(booking, decision.reason), None, None

    found = _match(sitting, booking, person)
    try:
        # Undone together: a patient without the appointment would be a record that nobody asked for.
        with sitting.work.savepoint():
            patient_id, appointment_id = _write(sitting, person, found, decision)
    except SlotTakenError:
        return _declined(booking, BookingReason.SLOT_TAKEN), None, None
    return _accepted(sitting, booking, decision, found), appointment_id, patient_id


def _taken(sitting: Sitting, request: BookingRequest) -> Sequence[Interval]:
    """The taken time that decides; a number that is no column of ours never reaches the database."""
    column_id = request.column_id
    if column_id is None or column_id not in sitting.calendar.columns:
        return ()
    window = busy_window(sitting.calendar, (request.start, request.start + 1))
    return sitting.work.snapshot.busy(window, [column_id]).get(column_id, ())


def _person(booking: BookingRecord) -> PersonInBooking:
    patient = booking.patient
    return PersonInBooking(
        given_name=patient.given_name,
        family_name=patient.family_name,
        birth_date=date.fromisoformat(patient.birth_date),
        contact_points=tuple(
            ContactPoint(contact.system, contact.use, contact.value) for contact in patient.contact_points
        ),
    )


def _match(sitting: Sitting, booking: BookingRecord, person: PersonInBooking) -> Match:
    partner_id, work = sitting.lane.partner_id, sitting.work
    hint = booking.patient.patient_id
    hinted = work.disclosures.patient_of_alias(partner_id, hint) if hint is not None else None
    candidates = work.book.candidates(partner_id, person.birth_date, sitting.today)
    return match(person, candidates, hinted, sitting.today)


def _write(sitting: Sitting, person: PersonInBooking, found: Match, decision: Accept) -> tuple[int, int]:
    """Patient, appointment, consent page and staff notes; the ids of the first two."""
    book, partner_id = sitting.work.book, sitting.lane.partner_id
    patient_id = found.patient_id
    if patient_id is None:
        patient_id = book.create_patient(
            NewPatient(person.given_name, person.family_name, person.birth_date, person.contact_points),
            sitting.author,
            sitting.now,
        )
    appointment_id = book.add_appointment(
        NewAppointment(
            column_id=decision.column_id,
            patient_id=patient_id,
            type_id=decision.type_id,
            assignment_id=decision.assignment_id,
            starts_at=utc_datetime(decision.start),
            ends_at=utc_datetime(decision.end),
        ),
        sitting.author,
        sitting.now,
    )
    book.ensure_consent_page(partner_id, sitting.lane.partner_name, sitting.author, sitting.now)
    for other_patient_id, kind in found.possible_duplicates:
        book.add_note(kind.value, partner_id, patient_id, other_patient_id, appointment_id, sitting.now)
    sitting.work.audit.append(
        "appointment booked",
        sitting.now,
        partner_id,
        appointment_id=appointment_id,
        author=sitting.author,
        patient="new" if found.patient_id is None else "known",
        staff_notes=len(found.possible_duplicates),
    )
    return patient_id, appointment_id


def _accepted(sitting: Sitting, booking: BookingRecord, decision: Accept, found: Match) -> BookingOutcome:
    return BookingOutcome(
        booking_id=booking.booking_id,
        revision=booking.revision,
        outcome="accepted",
        appointment_status="booked",
        column_id=str(decision.column_id),
        starts_at=documents.instant_text(decision.start),
        ends_at=documents.instant_text(decision.end),
        patient_id=_told_patient_id(sitting, found),
    )


def _told_patient_id(sitting: Sitting, found: Match) -> str | None:
    """Only of a patient who consented and whom the partner holds, if it may hold any at all (A2, A8)."""
    patient = found.patient
    if patient is None or patient.consent is not Consent.GRANTED or not sitting.lane.receives_patients:
        return None
    return sitting.work.disclosures.alias_of(sitting.lane.partner_id, patient.patient_id)


def _declined(booking: BookingRecord, reason: BookingReason) -> BookingOutcome:
    return BookingOutcome(
        booking_id=booking.booking_id, revision=booking.revision, outcome="declined", reason=reason
    )
