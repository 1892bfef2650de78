"""What the reception does in the practice's own software: patients, answers, staff appointments."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.domain.availability import Slot
from agent.domain.intervals import utc_datetime
from tests.kit.canaries import BOOKED_FAMILY_NAME

BIRTH_DATE = date(1980, 5, 17)
FAMILY_NAME = BOOKED_FAMILY_NAME
FAR_BEYOND_THE_BOOK = 1_000_000


def add_patient(
    connector: Connector,
    given_name: str,
    family_name: str = FAMILY_NAME,
    birth_date: date | None = BIRTH_DATE,
    *,
    active: bool = True,
    consents: Mapping[str, str] | None = None,
    email: str = "patient@example.org",
) -> int:
    """A patient with one contact point and an answer per partner; its id."""
    with connector.writing() as connection:
        person = {"given_name": given_name, "family_name": family_name, "birth_date": birth_date}
        patient_id = _inserted(
            connection, tables.patient, **person, active=active, **_record_info(connection)
        )
        contact = {"system": "email", "use": "home", "value": email}
        connection.execute(insert(tables.contact_point).values(patient_id=patient_id, **contact))
    for partner_id, status in (consents or {}).items():
        answer(connector, patient_id, partner_id, status)
    return patient_id


def answer(connector: Connector, patient_id: int, partner_id: str, status: str) -> None:
    """What the patient says to this partner from now on; `NONE` takes the entry away."""
    consent = tables.consent
    this = (consent.c.patient_id == patient_id, consent.c.partner_id == partner_id)
    with connector.writing() as connection:
        connection.execute(delete(consent).where(*this))
        if status == "NONE":
            return
        row = {"patient_id": patient_id, "partner_id": partner_id, "status": status}
        author = {"changed_by": _somebody(connection), "changed_at": _now()}
        connection.execute(insert(consent).values(**row, **author))


def set_active(connector: Connector, patient_id: int, active: bool) -> None:
    """Take a patient out of the active ones, or back."""
    with connector.writing() as connection:
        this = tables.patient.c.patient_id == patient_id
        connection.execute(update(tables.patient).where(this).values(active=active))


def take_slot(connection: Connection, slot: Slot) -> None:
    """An appointment that the reception makes by hand, inside its own transaction."""
    times = {"starts_at": utc_datetime(slot.start), "ends_at": utc_datetime(slot.end)}
    row = {"column_id": slot.column_id, "status": "booked", "exclusive": True}
    connection.execute(insert(tables.appointment).values(**row, **times, **_record_info(connection)))


def change_appointment(connector: Connector, booking_id: str, **values: Any) -> None:
    """Move or cancel by hand the appointment that a booking led to."""
    with connector.writing() as connection:
        this = tables.appointment.c.appointment_id == _appointment_of(connection, booking_id)
        connection.execute(update(tables.appointment).where(this).values(values))


def delete_appointment(connector: Connector, booking_id: str) -> None:
    """What the law forbids and a practice software may allow."""
    with connector.writing() as connection:
        this = tables.appointment.c.appointment_id == _appointment_of(connection, booking_id)
        connection.execute(delete(tables.appointment).where(this))


def lose_appointments(
    connector: Connector, partner_id: str, booking_ids: Sequence[str], ends_at: datetime
) -> None:
    """The partner was told of these, half an hour long, and the book has them no more."""
    came = tables.partner_appointment
    with connector.writing() as connection:
        last = connection.scalar(select(func.max(came.c.appointment_id))) or 0
        first = max(last, FAR_BEYOND_THE_BOOK) + 1
        told = {
            "partner_id": partner_id,
            "patient_id": 1,
            "told_status": "booked",
            "told_column_id": 1,
            "told_starts_at": ends_at - timedelta(minutes=30),
            "told_ends_at": ends_at,
        }
        numbered = enumerate(booking_ids, first)
        rows = [
            {**told, "booking_id": booking_id, "appointment_id": number} for number, booking_id in numbered
        ]
        connection.execute(insert(came), rows)


def _appointment_of(connection: Connection, booking_id: str) -> int:
    came = tables.partner_appointment.c
    return connection.execute(select(came.appointment_id).where(came.booking_id == booking_id)).scalar_one()


def _inserted(connection: Connection, table: Any, **values: Any) -> int:
    key = connection.execute(insert(table).values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def _record_info(connection: Connection) -> dict[str, Any]:
    author = _somebody(connection)
    return {"created_by": author, "created_at": _now(), "changed_by": author, "changed_at": _now()}


def _somebody(connection: Connection) -> int:
    return int(connection.execute(select(tables.staff_member.c.staff_id)).scalars().first() or 0)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
