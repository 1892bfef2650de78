"""Book: a wish for a slot becomes an appointment of the right patient, or is refused.

A step of `agent.flows.import_bookings`, in its transaction. The refusal never
depends on whether the person is known (reading A8): the time is judged before
anybody is looked up, and a patient's own overlap is for the staff alone.
"""

from datetime import date, datetime
from functools import partial

from agent.domain.booking_rules import Accept, Refuse, requested
from agent.domain.consent import usable_birth_date
from agent.domain.intervals import instant, utc_datetime
from agent.domain.matching import Match, PersonInBooking, match
from agent.domain.practice import Consent, ContactPoint
from agent.flows.sitting import Sitting, booked, declined, placed, refused
from agent.ports import NewAppointment, NewPatient, PartnerAppointment
from exchange_formats.bookings import BookingRecord
from exchange_formats.receipts import BookingOutcome, BookingReason

PATIENT_OVERLAP = "patient_overlap"
"""Kind of the staff note: the patient has another appointment at that time."""


def book(sitting: Sitting, wish: BookingRecord) -> BookingOutcome:
    """Decide, and write patient, appointment, consent page, notes and audit entry."""
    person = _person(wish)
    if usable_birth_date(person.birth_date, sitting.today) is None:
        return refused(wish, BookingReason.BIRTH_DATE_IMPLAUSIBLE)
    request = requested(
        sitting.calendar,
        wish.slot_id,
        wish.assignment_id,
        instant(datetime.fromisoformat(wish.starts_at)),
        declared_new_patient=wish.patient.new_patient,
    )
    result = placed(sitting, request, partial(_write, sitting, wish, person))
    if isinstance(result, Refuse):
        return declined(sitting, wish, request, result.reason)
    decision, found = result
    return booked(wish, decision, _told_patient_id(sitting, found))


def _person(wish: BookingRecord) -> PersonInBooking:
    patient = wish.patient
    return PersonInBooking(
        given_name=patient.given_name,
        family_name=patient.family_name,
        birth_date=date.fromisoformat(patient.birth_date),
        contact_points=tuple(
            ContactPoint(contact.system, contact.use, contact.value) for contact in patient.contact_points
        ),
    )


def _write(sitting: Sitting, wish: BookingRecord, person: PersonInBooking, decision: Accept) -> Match:
    """Everything of one accepted booking; who it was matched to."""
    book, partner_id = sitting.work.book, sitting.lane.partner_id
    found = _match(sitting, wish, person)
    starts_at, ends_at = utc_datetime(decision.start), utc_datetime(decision.end)
    overlaps = found.patient_id is not None and book.has_overlap(found.patient_id, starts_at, ends_at)
    patient_id = _patient(sitting, person, found)
    appointment_id = book.add_appointment(
        NewAppointment(
            column_id=decision.column_id,
            patient_id=patient_id,
            type_id=decision.type_id,
            assignment_id=decision.assignment_id,
            starts_at=starts_at,
            ends_at=ends_at,
        ),
        sitting.author,
        sitting.now,
    )
    sitting.work.ledger.add_appointment(
        PartnerAppointment(
            partner_id=partner_id,
            booking_id=wish.booking_id,
            appointment_id=appointment_id,
            patient_id=patient_id,
            told_status="booked",
            told_column_id=decision.column_id,
            told_starts_at=starts_at,
            told_ends_at=ends_at,
        )
    )
    book.ensure_consent_page(partner_id, sitting.lane.partner_name, sitting.author, sitting.now)
    for other_patient_id, kind in found.possible_duplicates:
        book.add_note(kind.value, partner_id, patient_id, other_patient_id, appointment_id, sitting.now)
    if overlaps:
        book.add_note(PATIENT_OVERLAP, partner_id, patient_id, None, appointment_id, sitting.now)
    sitting.work.audit.append(
        "appointment booked",
        sitting.now,
        partner_id,
        appointment_id=appointment_id,
        author=sitting.author,
        patient="new" if found.patient_id is None else "known",
        staff_notes=len(found.possible_duplicates) + overlaps,
    )
    return found


def _match(sitting: Sitting, wish: BookingRecord, person: PersonInBooking) -> Match:
    partner_id, work = sitting.lane.partner_id, sitting.work
    hint = wish.patient.patient_id
    hinted = work.disclosures.patient_of_alias(partner_id, hint) if hint is not None else None
    candidates = work.book.candidates(partner_id, person.family_name, person.birth_date, sitting.today)
    return match(person, candidates, hinted, sitting.today)


def _patient(sitting: Sitting, person: PersonInBooking, found: Match) -> int:
    if found.patient_id is not None:
        return found.patient_id
    return sitting.work.book.create_patient(
        NewPatient(person.given_name, person.family_name, person.birth_date, person.contact_points),
        sitting.author,
        sitting.now,
    )


def _told_patient_id(sitting: Sitting, found: Match) -> str | None:
    """Only of a patient who consented and whom the partner holds, if it may hold any at all (A2, A8)."""
    patient = found.patient
    if patient is None or patient.consent is not Consent.GRANTED or not sitting.lane.receives_patients:
        return None
    return sitting.work.disclosures.alias_of(sitting.lane.partner_id, patient.patient_id)
