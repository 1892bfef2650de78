"""Makes the bookings to import: slots apart from each other, every other one for a known patient."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import cycle, islice

from pydantic import ValidationError
from sqlalchemy import select

from agent.adapters import tables
from agent.adapters.practice_snapshot import SqlPracticeSnapshot
from agent.domain.availability import Slot, TakenTime, busy_window, free_slots, offer_window, slot_id
from agent.domain.consent import usable_birth_date
from agent.domain.documents import instant_text
from agent.domain.practice import OfferTerms
from benchmarks.running_agent import PARTNER_ID
from exchange_formats.bookings import BookingPatient, BookingRecord
from exchange_formats.fields import ContactPoint
from tests.kit.house import House

APART_SECONDS = 1800
"""More than any buffer of the sample practice."""


def sealed_file(house: House, wishes: Iterator[BookingRecord], count: int) -> bytes:
    """The next `count` bookings as the partner seals them."""
    partner = house.partners[PARTNER_ID]
    return partner.gpg.seal(partner.bookings_file(list(islice(wishes, count))))


def bookings(house: House, horizon_days: int) -> Iterator[BookingRecord]:
    """Every one acceptable, and no two in each other's way."""
    known = cycle(_known_patients(house))
    for number, slot in enumerate(_separate_slots(house, horizon_days)):
        yield BookingRecord(
            record="booking",
            booking_id=f"bench-{number:06d}",
            revision=1,
            action="book",
            slot_id=slot_id(slot),
            assignment_id=str(slot.assignment_id),
            starts_at=instant_text(slot.start),
            patient=next(known) if number % 2 else _new_patient(number),
        )


def _separate_slots(house: House, horizon_days: int) -> Iterator[Slot]:
    """From the second day on, so that none slips below the lead time during the run."""
    now = int(datetime.now(UTC).timestamp())
    terms = OfferTerms(24 * 60, horizon_days, 15)
    with house.connector.reading() as connection:
        snapshot = SqlPracticeSnapshot(connection)
        calendar = snapshot.calendar()
        taken = TakenTime(snapshot.busy(busy_window(calendar, offer_window(calendar, terms, now))))
    by_time = sorted(free_slots(calendar, taken, terms, now), key=lambda slot: (slot.start, slot.column_id))
    free_from: dict[int, int] = {}
    for slot in by_time:
        # One person may have two columns.
        who = calendar.columns[slot.column_id].practitioner_id or 0
        if slot.start >= free_from.get(who, 0):
            free_from[who] = slot.end + APART_SECONDS
            yield slot


def _known_patients(house: House) -> list[BookingPatient]:
    patient = tables.patient.c
    statement = select(patient.given_name, patient.family_name, patient.birth_date).where(patient.active)
    with house.connector.reading() as connection:
        people = connection.execute(statement.order_by(patient.patient_id)).all()
    today = datetime.now(UTC).date()
    dated = [row for row in people if usable_birth_date(row.birth_date, today)]
    return [person for row in dated if (person := _presentable(*row)) is not None]


def _presentable(given_name: str, family_name: str, birth_date: date) -> BookingPatient | None:
    """None for a name that the practice keeps but that no partner could send."""
    try:
        return _person(given_name, family_name, birth_date.isoformat(), new_patient=False)
    except ValidationError:
        return None


def _new_patient(number: int) -> BookingPatient:
    birth_date = f"{1940 + number % 70}-{1 + number % 12:02d}-{1 + number % 28:02d}"
    return _person(f"Neu{number}", "Benchmark", birth_date, new_patient=True)


def _person(given_name: str, family_name: str, birth_date: str, *, new_patient: bool) -> BookingPatient:
    return BookingPatient(
        given_name=given_name,
        family_name=family_name,
        birth_date=birth_date,
        contact_points=[ContactPoint(system="email", use="home", value="patient@example.org")],
        new_patient=new_patient,
    )
