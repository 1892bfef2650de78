"""What each partner was told of one patient, read from the ledgers for people (GDPR Art. 15 and 19).

Two ways lead out of the house: the patients files, and the answers and updates
about appointments that the partner booked. The last time of a patients file is
not kept for each patient, which would rewrite the whole ledger with every file:
each file is the whole set, so it is the newest one before the removal. Reads
only, and never a name.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from agent.adapters import tables
from agent.adapters.practice_snapshot import SqlPracticeSnapshot


@dataclass(frozen=True, slots=True)
class RecordDisclosure:
    """Name, birth date and contact points, sent to one partner by patients files.

    `removal_due`: the next patients file tells the partner to erase it. Then
    `removal_told_at` is set, and `removal_confirmed_at` when it says that it has.
    """

    partner_id: str
    alias: str
    first_sent_at: datetime
    last_sent_at: datetime | None
    removal_due: bool
    removal_told_at: datetime | None
    removal_confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class AppointmentDisclosure:
    """An appointment that came from the partner, as it was last told; `status` is `booked` or `cancelled`."""

    partner_id: str
    booking_id: str
    status: str
    column_id: int
    starts_at: datetime
    ends_at: datetime
    first_told_at: datetime
    last_told_at: datetime


@dataclass(frozen=True, slots=True)
class PatientDisclosures:
    """All that any partner was ever told of one patient, by partner."""

    records: tuple[RecordDisclosure, ...]
    appointments: tuple[AppointmentDisclosure, ...]


def disclosures_of(connection: Connection, patient_id: int) -> PatientDisclosures:
    """Also of a patient whose record the practice has deleted meanwhile."""
    return PatientDisclosures(
        _record_disclosures(connection, patient_id), _appointment_disclosures(connection, patient_id)
    )


def _record_disclosures(connection: Connection, patient_id: int) -> tuple[RecordDisclosure, ...]:
    told, sent = tables.disclosure.c, tables.outbound_message.c
    last_sent_at = (
        select(func.max(sent.created_at))
        .where(
            sent.partner_id == told.partner_id,
            sent.kind == "patients",
            sent.patient_count > 0,
            or_(told.removal_sequence.is_(None), sent.sequence < told.removal_sequence),
        )
        .scalar_subquery()
        .label("last_sent_at")
    )
    rows = connection.execute(
        select(tables.disclosure, last_sent_at)
        .where(told.patient_id == patient_id, told.first_sent_at.is_not(None))
        .order_by(told.partner_id)
    ).all()
    snapshot = SqlPracticeSnapshot(connection)
    return tuple(
        RecordDisclosure(
            partner_id=row.partner_id,
            alias=row.alias,
            first_sent_at=row.first_sent_at,
            last_sent_at=row.last_sent_at,
            removal_due=row.removed_at is None and row.alias in snapshot.removed_aliases(row.partner_id),
            removal_told_at=row.removed_at,
            removal_confirmed_at=row.removal_confirmed_at,
        )
        for row in rows
    )


def _appointment_disclosures(connection: Connection, patient_id: int) -> tuple[AppointmentDisclosure, ...]:
    table = tables.partner_appointment
    rows = connection.execute(
        select(table)
        .where(table.c.patient_id == patient_id)
        .order_by(table.c.partner_id, table.c.told_starts_at, table.c.booking_id)
    ).all()
    found = []
    for row in rows:
        moments = _told_at(connection, row.partner_id, row.booking_id)
        found.append(
            AppointmentDisclosure(
                partner_id=row.partner_id,
                booking_id=row.booking_id,
                status=row.told_status,
                column_id=row.told_column_id,
                starts_at=row.told_starts_at,
                ends_at=row.told_ends_at,
                first_told_at=min(moments),
                last_told_at=max(moments),
            )
        )
    return tuple(found)


def _told_at(connection: Connection, partner_id: str, booking_id: str) -> list[datetime]:
    """When the partner was told of the appointment: by accepting answers, and by updates.

    An answer that declines tells nothing of anybody.
    """
    booking, line, message = tables.booking.c, tables.update_line.c, tables.update_message.c
    answers = connection.execute(
        select(booking.record, booking.decided_at).where(
            booking.partner_id == partner_id, booking.booking_id == booking_id
        )
    )
    updates = connection.execute(
        select(line.record, message.created_at)
        .join(tables.update_message, message.message_id == line.message_id)
        .where(message.partner_id == partner_id, line.record.contains(booking_id, autoescape=True))
    )
    moments = [at for record, at in answers if json.loads(record)["outcome"] == "accepted"]
    return moments + [at for record, at in updates if json.loads(record)["booking_id"] == booking_id]
