"""What the agent did by a clock that was ahead, told from the audit log once the clock is right again.

For the operator's `audit accept-clock`; it reads only. Entries count as
written by a wrong clock if they bear a time that has not come yet.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, select

from agent.adapters import tables
from agent.adapters.audit_log import CLOCK_ACCEPTED, CLOCK_TOLERANCE
from agent.errors import QuarantineReason
from exchange_formats.receipts import MessageReason

BY_OUR_CLOCK = frozenset({QuarantineReason.SIGNATURE_TIME.value, QuarantineReason.KEY_EXPIRED.value})
"""Reasons that a clock alone can bring about, and that no partner was told."""


@dataclass(frozen=True, slots=True)
class WrongTime:
    """Entries with times still to come; sequences 0 and no latest time if there are none."""

    first: int = 0
    last: int = 0
    latest_at: datetime | None = None
    set_aside: list[tuple[str, str]] = field(default_factory=list)
    """Partner and file id of files that are to be judged again."""
    answered_too_old: int = 0
    """Messages that a receipt has called too old or too new: the partner has to send them anew."""
    declined: int = 0
    """Bookings declined in that time, for whatever reason; some may have come too late by the clock alone."""


def wrong_time(connection: Connection, now: datetime) -> WrongTime:
    """What stands in the log since the last accepted clock and bears a time after `now`."""
    table = tables.audit_entry
    accepted = select(func.max(table.c.sequence)).where(table.c.event == CLOCK_ACCEPTED).scalar_subquery()
    entries = connection.execute(
        select(table.c.sequence, table.c.at, table.c.event, table.c.partner_id, table.c.details)
        .where(table.c.at > now + CLOCK_TOLERANCE, table.c.sequence > func.coalesce(accepted, 0))
        .order_by(table.c.sequence)
    ).all()
    if not entries:
        return WrongTime()
    told = [(entry.event, entry.partner_id, json.loads(entry.details)) for entry in entries]
    return WrongTime(
        first=entries[0].sequence,
        last=entries[-1].sequence,
        latest_at=max(entry.at for entry in entries),
        set_aside=[
            (partner_id, details["file_id"])
            for event, partner_id, details in told
            if event == "file quarantined" and details["reason"] in BY_OUR_CLOCK
        ],
        answered_too_old=sum(
            event == "file refused" and details["reason"] == MessageReason.TIME_OUT_OF_BOUNDS.value
            for event, _, details in told
        ),
        declined=sum(details["declined"] for event, _, details in told if event == "file imported"),
    )
