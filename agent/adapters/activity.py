"""When something last happened for each partner, read from what the stories wrote down anyway.

For the status; it decides nothing and writes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, func, select

from agent.adapters import tables
from agent.domain.freshness import CLOCK_TOLERANCE


@dataclass(frozen=True, slots=True)
class Activity:
    """The last moments of one partner; None for never."""

    delivered_at: datetime | None
    received_at: datetime | None
    booked_at: datetime | None
    unconfirmed: int
    """Deliveries that the server took before their size could be compared."""


def activity(connection: Connection, now: datetime) -> Mapping[str, Activity]:
    """By partner id; partners without any are left out.

    What lies ahead of `now` was written while the clock was wrong, and is no last moment.
    """
    entry, message = tables.audit_entry.c, tables.inbound_message.c
    until = now + timedelta(seconds=CLOCK_TOLERANCE)
    by_now = entry.at <= until
    delivered = _latest(connection, entry.partner_id, entry.at, entry.event.like("delivered %"), by_now)
    booked = _latest(connection, entry.partner_id, entry.at, entry.event == "appointment booked", by_now)
    received = _latest(connection, message.partner_id, message.received_at, message.received_at <= until)
    unconfirmed = connection.execute(
        select(entry.partner_id, func.count())
        .where(entry.event == "delivered unconfirmed")
        .group_by(entry.partner_id)
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
