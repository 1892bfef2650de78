"""Reads the notes that imports leave for the staff, and marks one as dealt with.

Notes say that two records may be one person, or that a patient has two
appointments at a time. They are for the practice alone: nothing here is ever
part of a document for a partner.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select, update

from agent.adapters import tables


@dataclass(frozen=True, slots=True)
class StaffNote:
    """One note; the appointment's time and column are None once the practice has deleted it.

    `kind` is a DuplicateKind, or `patient_overlap`, which has no other patient.
    """

    note_id: int
    kind: str
    partner_id: str
    partner_name: str | None
    patient_id: int
    other_patient_id: int | None
    starts_at: datetime | None
    column_name: str | None
    created_at: datetime
    resolved_at: datetime | None


def staff_notes(connection: Connection, *, resolved_too: bool = False) -> list[StaffNote]:
    """The open notes, or all of them, oldest first."""
    chosen = _notes().order_by(tables.staff_note.c.note_id)
    if not resolved_too:
        chosen = chosen.where(tables.staff_note.c.resolved_at.is_(None))
    return [StaffNote(*row) for row in connection.execute(chosen)]


def staff_note(connection: Connection, note_id: int) -> StaffNote | None:
    """One note, None if there is none of that number."""
    row = connection.execute(_notes().where(tables.staff_note.c.note_id == note_id)).one_or_none()
    return None if row is None else StaffNote(*row)


def resolve_note(connection: Connection, note_id: int, at: datetime) -> None:
    """From now on the note is dealt with."""
    note = tables.staff_note
    connection.execute(update(note).where(note.c.note_id == note_id).values(resolved_at=at))


def _notes() -> Select[Any]:
    note, partner = tables.staff_note, tables.booking_partner
    appointment, column = tables.appointment, tables.schedule_column
    return (
        select(
            note.c.note_id,
            note.c.kind,
            note.c.partner_id,
            partner.c.name,
            note.c.patient_id,
            note.c.other_patient_id,
            appointment.c.starts_at,
            column.c.name,
            note.c.created_at,
            note.c.resolved_at,
        )
        .outerjoin_from(note, partner, partner.c.partner_id == note.c.partner_id)
        .outerjoin(appointment, appointment.c.appointment_id == note.c.appointment_id)
        .outerjoin(column, column.c.column_id == appointment.c.column_id)
    )
