"""Finds what staff changed in partners' appointments, and remembers which files tell of it.

The update story asks it for differences and stores each decided file here in
the same transaction as the change of what was told, so that an update is
neither lost nor decided twice (reading A11). It judges no difference and never
changes what was told; that is `agent.adapters.booking_ledger`.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, or_, select, update

from agent.adapters import tables
from agent.ports import ChangedAppointment, PartnerAppointment, StandingAppointment, UpdateMessage

_TOLD = tuple(tables.partner_appointment.c)
_STANDS = (
    tables.appointment.c.appointment_id,
    tables.appointment.c.column_id,
    tables.appointment.c.patient_id,
    tables.appointment.c.assignment_id,
    tables.appointment.c.starts_at,
    tables.appointment.c.ends_at,
    tables.appointment.c.status,
)


class SqlUpdateLedger:
    """`UpdateLedger` over one open write transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def changed(self, partner_id: str, ends_after: datetime) -> list[ChangedAppointment]:
        told, stands = tables.partner_appointment, tables.appointment
        rows = self._connection.execute(
            select(*_TOLD, *_STANDS)
            .select_from(told.outerjoin(stands, stands.c.appointment_id == told.c.appointment_id))
            .where(told.c.partner_id == partner_id, _ends_after(ends_after), _differs())
            .order_by(told.c.booking_id)
        )
        return [_changed(row) for row in rows]

    def add_message(self, message: UpdateMessage) -> None:
        self._connection.execute(
            insert(tables.update_message),
            {
                "message_id": message.message_id,
                "partner_id": message.partner_id,
                "sequence": message.sequence,
                "created_at": message.created_at,
                "audit_head": message.audit_head,
            },
        )
        self._connection.execute(
            insert(tables.update_line),
            [
                {"message_id": message.message_id, "position": position, "record": record}
                for position, record in enumerate(message.lines)
            ],
        )

    def unpublished(self, partner_id: str) -> list[UpdateMessage]:
        table = tables.update_message
        rows = self._connection.execute(
            select(table)
            .where(table.c.partner_id == partner_id, table.c.published_at.is_(None))
            .order_by(table.c.sequence)
        ).all()
        return [
            UpdateMessage(
                message_id=row.message_id,
                partner_id=row.partner_id,
                sequence=row.sequence,
                created_at=row.created_at,
                audit_head=row.audit_head,
                lines=self._lines(row.message_id),
            )
            for row in rows
        ]

    def mark_published(self, message_id: str, at: datetime) -> None:
        table = tables.update_message
        self._connection.execute(
            update(table)
            .where(table.c.message_id == message_id, table.c.published_at.is_(None))
            .values(published_at=at)
        )

    def _lines(self, message_id: str) -> tuple[str, ...]:
        table = tables.update_line
        return tuple(
            self._connection.scalars(
                select(table.c.record).where(table.c.message_id == message_id).order_by(table.c.position)
            )
        )


def _ends_after(moment: datetime) -> ColumnElement[bool]:
    """What stands is asked for by column: the index begins with it, and the years before are not read."""
    appointment = tables.appointment.c
    standing = select(appointment.appointment_id).where(
        appointment.column_id.in_(select(tables.schedule_column.c.column_id)), appointment.ends_at > moment
    )
    told = tables.partner_appointment.c
    return or_(told.told_ends_at > moment, told.appointment_id.in_(standing))


def _differs() -> ColumnElement[bool]:
    told, stands = tables.partner_appointment.c, tables.appointment.c
    return or_(
        stands.appointment_id.is_(None),
        stands.column_id != told.told_column_id,
        stands.starts_at != told.told_starts_at,
        stands.ends_at != told.told_ends_at,
        and_(told.told_status == "cancelled", stands.status != "cancelled"),
        and_(told.told_status != "cancelled", stands.status == "cancelled"),
    )


def _changed(row: Row[Any]) -> ChangedAppointment:
    told, stands = row[: len(_TOLD)], row[len(_TOLD) :]
    return ChangedAppointment(
        PartnerAppointment(*told), None if stands[0] is None else StandingAppointment(*stands)
    )
