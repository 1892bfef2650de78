"""When something last happened for each partner, read from what the stories wrote down anyway.

For the status; it decides nothing and writes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, func, select

from agent.adapters import tables


@dataclass(frozen=True, slots=True)
class Activity:
    """The last moments of one partner; None for never."""

    delivered_at: datetime | None
    received_at: datetime | None
    booked_at: datetime | None
    unconfirmed: int
    """Deliveries that the server took before their size could be compared."""


def activity(connection: Connection) -> Mapping[str, Activity]:
    """By partner id; partners without any are left out."""
    entry, message = tables.audit_entry, tables.inbound_message
    delivered = _latest(connection, entry.c.partner_id, entry.c.at, entry.c.event.like("delivered %"))
    booked = _latest(connection, entry.c.partner_id, entry.c.at, entry.c.event == "appointment booked")
    received = _latest(connection, message.c.partner_id, message.c.received_at)
    unconfirmed = connection.execute(
        select(entry.c.partner_id, func.count())
        .where(entry.c.event == "delivered unconfirmed")
        .group_by(entry.c.partner_id)
    )
    counts = {row[0]: row[1] for row in unconfirmed}
    return {
        partner_id: Activity(
            delivered.get(partner_id),
            received.get(partner_id),
            booked.get(partner_id),
            counts.get(partner_id, 0),
        )
        for partner_id in delivered.keys() | booked.keys() | received.keys()
    }


def _latest(
    connection: Connection, partner_id: Column[Any], at: Column[Any], *conditions: ColumnElement[bool]
) -> dict[str, datetime]:
    rows = connection.execute(select(partner_id, func.max(at)).where(*conditions).group_by(partner_id))
    return {row[0]: row[1] for row in rows if row[0] is not None}
