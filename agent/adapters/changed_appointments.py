"""Finds the appointments of a partner that do not stand as the partner was last told (reading A11).

The query behind `PracticeSnapshot.changed_appointments`. It only narrows: which
difference is worth telling, the rules in `agent.domain.updates` decide. It
reads and never writes.
"""

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from agent.adapters import tables
from agent.ports import ChangedAppointment, PartnerAppointment, StandingAppointment

_TOLD, _STANDS = tables.partner_appointment.c, tables.appointment.c
_TOLD_COLUMNS = [_TOLD[one.name] for one in fields(PartnerAppointment)]
_STANDING_COLUMNS = [_STANDS[one.name] for one in fields(StandingAppointment)]


def read_changes(connection: Connection, partner_id: str, ends_after: datetime) -> list[ChangedAppointment]:
    """By booking id; of each pair one of the two ends lies after that moment."""
    joined = tables.partner_appointment.outerjoin(
        tables.appointment, _STANDS.appointment_id == _TOLD.appointment_id
    )
    rows = connection.execute(
        select(*_TOLD_COLUMNS, *_STANDING_COLUMNS)
        .select_from(joined)
        .where(_TOLD.partner_id == partner_id, _recent(ends_after), _different())
        .order_by(_TOLD.booking_id)
    )
    return [_changed(*row) for row in rows]


def _recent(ends_after: datetime) -> ColumnElement[bool]:
    """What stands is looked up by column, because the index begins with it: the years before are not read."""
    standing = select(_STANDS.appointment_id).where(
        _STANDS.column_id.in_(select(tables.schedule_column.c.column_id)), _STANDS.ends_at > ends_after
    )
    return or_(_TOLD.told_ends_at > ends_after, _TOLD.appointment_id.in_(standing))


def _different() -> ColumnElement[bool]:
    return or_(
        _STANDS.appointment_id.is_(None),
        _STANDS.column_id != _TOLD.told_column_id,
        _STANDS.starts_at != _TOLD.told_starts_at,
        _STANDS.ends_at != _TOLD.told_ends_at,
        and_(_TOLD.told_status == "cancelled", _STANDS.status != "cancelled"),
        and_(_TOLD.told_status != "cancelled", _STANDS.status == "cancelled"),
    )


def _changed(*values: Any) -> ChangedAppointment:
    told, stands = values[: len(_TOLD_COLUMNS)], values[len(_TOLD_COLUMNS) :]
    deleted = stands[0] is None
    return ChangedAppointment(PartnerAppointment(*told), None if deleted else StandingAppointment(*stands))
