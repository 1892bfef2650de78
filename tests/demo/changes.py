"""The second half of the demo: what becomes of appointments and consents after the booking.

Partners move and cancel, staff move and cancel, a patient withdraws a
consent; each line says what was done, what the partner was told, and what
stands in the practice.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from agent.adapters import tables
from agent.operations import Agent
from exchange_formats.acknowledgements import RemovalAcknowledgement
from exchange_formats.bookings import BookingRecord, BookingsRecord, CancelRecord, RescheduleRecord
from exchange_formats.codec import encode
from exchange_formats.envelope import Envelope, Kind
from exchange_formats.patients import PatientRecord, RemovalRecord
from exchange_formats.receipts import BookingOutcome
from tests.demo.scenes import Offers, booking_of, newcomer, open_to_new_patients
from tests.kit.house import PRACTICE_ID, House, PartnerSide

APPOINTMENT, CAME = tables.appointment.c, tables.partner_appointment.c


@dataclass(frozen=True, slots=True)
class Deed:
    """Who did what, what the partner was told, what stands in the practice; and what all that must be."""

    who: str
    what: str
    found: tuple[str, str]
    expected: tuple[str, str]


def changes(house: House, agent: Agent) -> Iterator[Deed]:
    """In the order in which they happen."""
    yield from _partner_changes(house, agent)
    yield from _staff_changes(house, agent)
    yield from _removal(house, agent)


# --- by the partner ------------------------------------------------------------------------------


def _partner_changes(house: House, agent: Agent) -> Iterator[Deed]:
    dentport, zahnzeit = house.partners["dentport"], house.partners["zahnzeit"]
    offers, anybody = Offers(dentport, busy_days=_days_touched(house)), open_to_new_patients(dentport)
    first = offers.next(anybody)
    same_assignment = {first.assignment_id}
    elsewhere, taken = offers.next(same_assignment), offers.next(same_assignment)

    def asks(partner: PartnerSide, what: str, wish: BookingsRecord, told: str, stands: str) -> Deed:
        answer = _answer(house, agent, partner, wish)
        return Deed(partner.partner_id, what, (answer, _in_the_book(house, wish.booking_id)), (told, stands))

    booking = booking_of(dentport, first, newcomer()).model_copy(update={"slot_id": None})
    yield asks(
        dentport, "books with any practitioner", booking, "accepted: booked", f"booked {first.starts_at}"
    )
    other = booking_of(zahnzeit, taken, newcomer())
    yield asks(zahnzeit, "books a time", other, "accepted: booked", f"booked {taken.starts_at}")
    yield asks(
        dentport,
        "moves its appointment to that time",
        _moved(booking, 2, taken.slot_id, taken.starts_at),
        "declined: slot_taken, 3 alternatives",
        f"booked {first.starts_at}",
    )
    yield asks(
        dentport,
        "moves it to a free time",
        _moved(booking, 3, elsewhere.slot_id, elsewhere.starts_at),
        "accepted: booked",
        f"booked {elsewhere.starts_at}",
    )
    yield asks(
        zahnzeit, "cancels dentport's booking", _cancelled(booking, 9), "declined: unknown_appointment",
        f"booked {elsewhere.starts_at}",
    )  # fmt: skip
    yield asks(
        dentport, "cancels it", _cancelled(booking, 4), "accepted: cancelled",
        f"cancelled {elsewhere.starts_at}",
    )  # fmt: skip
    late = booking_of(dentport, offers.next(anybody), newcomer())
    yield asks(
        dentport, "cancels before the booking came", _cancelled(late, 2), "declined: unknown_appointment",
        "nothing",
    )  # fmt: skip
    yield asks(dentport, "the booking comes late", late, "declined: stale_revision", "nothing")


def _moved(booking: BookingRecord, revision: int, slot_id: str, starts_at: str) -> RescheduleRecord:
    return RescheduleRecord(
        record="booking",
        booking_id=booking.booking_id,
        revision=revision,
        action="reschedule",
        slot_id=slot_id,
        assignment_id=booking.assignment_id,
        starts_at=starts_at,
    )


def _cancelled(booking: BookingRecord, revision: int) -> CancelRecord:
    return CancelRecord(record="booking", booking_id=booking.booking_id, revision=revision, action="cancel")


def _answer(house: House, agent: Agent, partner: PartnerSide, wish: BookingsRecord) -> str:
    partner.book(wish)
    _round_trip(agent, partner)
    answer = partner.inbox(Kind.RECEIPTS)[-1].records[1]
    assert isinstance(answer, BookingOutcome)
    if answer.outcome == "accepted":
        return f"accepted: {answer.appointment_status}"
    alternatives = f", {len(answer.alternatives)} alternatives" if answer.alternatives else ""
    return f"declined: {answer.reason}{alternatives}"


def _round_trip(agent: Agent, partner: PartnerSide) -> None:
    """Fetch, receive, and deliver the receipt."""
    agent.exchange(partner.partner_id)
    list(agent.receive(partner.partner_id))
    agent.exchange(partner.partner_id, fetch_files=False)


def _in_the_book(house: House, booking_id: str) -> str:
    with house.connector.reading() as connection:
        row = connection.execute(_appointment_of(booking_id)).one_or_none()
    return f"{row.status} {row.starts_at:%Y-%m-%dT%H:%M:%SZ}" if row else "nothing"


def _appointment_of(booking_id: str) -> Any:
    return (
        select(tables.appointment)
        .join(tables.partner_appointment, CAME.appointment_id == APPOINTMENT.appointment_id)
        .where(CAME.booking_id == booking_id)
    )


def _days_touched(house: House) -> set[tuple[str, str]]:
    """Column and day of everything that was booked so far."""
    with house.connector.reading() as connection:
        rows = connection.execute(
            select(APPOINTMENT.column_id, APPOINTMENT.starts_at).join(
                tables.partner_appointment, CAME.appointment_id == APPOINTMENT.appointment_id
            )
        ).all()
    return {(str(row.column_id), row.starts_at.strftime("%Y-%m-%d")) for row in rows}


# --- by the staff --------------------------------------------------------------------------------


def _staff_changes(house: House, agent: Agent) -> Iterator[Deed]:
    dentport = house.partners["dentport"]
    moved, cancelled = (f"dentport-{number:04d}" for number in (1, 2))
    with house.connector.writing() as connection:
        row = connection.execute(_appointment_of(moved)).one()
        later = {name: getattr(row, name) + timedelta(minutes=5) for name in ("starts_at", "ends_at")}
        # On purpose, like a receptionist who squeezes somebody in: five minutes later, whoever comes next.
        connection.execute(
            update(tables.appointment)
            .where(APPOINTMENT.appointment_id == row.appointment_id)
            .values(exclusive=False, **later)
        )
        other = connection.execute(_appointment_of(cancelled)).one()
        connection.execute(
            update(tables.appointment)
            .where(APPOINTMENT.appointment_id == other.appointment_id)
            .values(status="cancelled")
        )
    agent.tell_updates("dentport")
    agent.exchange("dentport", fetch_files=False)
    told = {
        record.booking_id: f"{record.appointment_status} {record.starts_at}"
        for file in dentport.inbox(Kind.APPOINTMENT_UPDATES)
        for record in file.records
    }
    for what, booking_id in (("move an appointment of dentport", moved), ("cancel another", cancelled)):
        stands = _in_the_book(house, booking_id)
        yield Deed(
            "staff", what, (f"update: {told.pop(booking_id, 'none')}", stands), (f"update: {stands}", stands)
        )
    again = agent.tell_updates("dentport")
    yield Deed(
        "staff",
        "change nothing more",
        (f"{again + len(told)} further updates", ""),
        ("0 further updates", ""),
    )


# --- a consent is withdrawn ----------------------------------------------------------------------


def _removal(house: House, agent: Agent) -> Iterator[Deed]:
    dentport = house.partners["dentport"]
    someone = next(
        record for record in dentport.inbox(Kind.PATIENTS)[-1].records if isinstance(record, PatientRecord)
    )
    disclosure, consent = tables.disclosure.c, tables.consent.c
    with house.connector.writing() as connection:
        patient_id = connection.scalar(
            select(disclosure.patient_id).where(
                disclosure.partner_id == "dentport", disclosure.alias == someone.patient_id
            )
        )
        connection.execute(
            update(tables.consent)
            .where(consent.partner_id == "dentport", consent.patient_id == patient_id)
            .values(status="DENIED", changed_at=datetime.now(UTC).replace(microsecond=0))
        )
    for what in ("a patient withdraws the consent", "the next file, not yet acknowledged"):
        yield Deed("practice", what, _told_of(agent, dentport, someone.patient_id), ("removal", ""))
    _acknowledge(agent, dentport, someone.patient_id)
    yield Deed(
        "dentport", "acknowledges the removal", _told_of(agent, dentport, someone.patient_id), ("nothing", "")
    )


def _told_of(agent: Agent, partner: PartnerSide, alias: str) -> tuple[str, str]:
    """What a new patients file says of this alias."""
    agent.export(partner.partner_id, Kind.PATIENTS)
    agent.exchange(partner.partner_id, fetch_files=False)
    for record in partner.inbox(Kind.PATIENTS)[-1].records:
        if record.patient_id == alias:
            return ("removal" if isinstance(record, RemovalRecord) else "patient"), ""
    return "nothing", ""


def _acknowledge(agent: Agent, partner: PartnerSide, alias: str) -> None:
    partner.sequence += 1
    envelope = Envelope(
        record="envelope",
        format="otv",
        version=1,
        kind=Kind.ACKNOWLEDGEMENTS,
        message_id=str(uuid.uuid4()),
        sequence=partner.sequence,
        practice_id=PRACTICE_ID,
        partner_id=partner.partner_id,
        created_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        time_zone="Europe/Berlin",
        in_reply_to=partner.inbox(Kind.PATIENTS)[-1].envelope.message_id,
    )
    line = RemovalAcknowledgement(record="removal_acknowledgement", patient_id=alias)
    partner.send(partner.gpg.seal(b"".join(encode(envelope, [line]))))
    _round_trip(agent, partner)
