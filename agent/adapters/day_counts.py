"""Counts what came from the partners day by day, in the agent's own tables, one query for each sort.

For the status page's chart; it writes nothing. The database itself counts by
local day, told how far the practice's clock is from UTC and when that changes:
a hundred thousand rows become a few hundred before they come here.
"""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import JSON, ColumnElement, Connection, case, cast, func, select, type_coerce

from agent.adapters import tables
from agent.adapters.epoch import epoch
from agent.domain.day_series import DayCounts, DaySeries
from agent.domain.intervals import instant, utc_datetime
from agent.domain.local_days import DAY, day_start, local_date

DAYS = 30
DAY_SECONDS, QUARTER_SECONDS = 86_400, 900
SET_ASIDE = ("file quarantined", "file refused")
"""Audit events of files that were not imported."""
_FIRST_DAY = date(1970, 1, 1).toordinal()


@dataclass(slots=True)
class _Tally:
    """One partner's day while it is counted."""

    accepted: Counter[str] = field(default_factory=Counter)
    declined: Counter[str] = field(default_factory=Counter)
    set_aside: int = 0
    latencies: Counter[int] = field(default_factory=Counter)
    """How many files took so many seconds."""

    def counts(self) -> DayCounts:
        return DayCounts(
            accepted=self.accepted["book"],
            cancelled=self.accepted["cancel"],
            rescheduled=self.accepted["reschedule"],
            declined=dict(self.declined),
            set_aside=self.set_aside,
            latency_median_seconds=self._latency(50),
            latency_p95_seconds=self._latency(95),
        )

    def _latency(self, percent: int) -> float | None:
        """The shortest time within which so many of the files were imported (nearest rank)."""
        wanted = self.latencies.total() * percent
        seen = 0
        for seconds, files in sorted(self.latencies.items()):
            seen += files * 100
            if seen >= wanted:
                return float(seconds)
        return None


class _Days:
    """The local days in question, and what was counted on each of them for each partner."""

    def __init__(self, time_zone: str, now: datetime, days: int) -> None:
        self._zone = ZoneInfo(time_zone)
        today = local_date(instant(now), self._zone)
        self.shown = tuple(today - number * DAY for number in reversed(range(days)))
        self._starts = [day_start(day, self._zone) for day in (*self.shown, today + DAY)]
        self.since = utc_datetime(self._starts[0])
        self._tallies: dict[tuple[str, date], _Tally] = defaultdict(_Tally)

    def number(self, connection: Connection, moment: ColumnElement[Any]) -> ColumnElement[int]:
        """Expression for the days from 1970 to the local day of a moment, labelled `day`."""
        seconds = epoch(connection, moment)
        first, *changes = self._offsets()
        offset = case(*((seconds >= at, shift) for at, shift in reversed(changes)), else_=first[1])
        # Grouped by its name: to PostgreSQL the same expression with parameters is another one each time.
        return ((seconds + (offset if changes else first[1])) // DAY_SECONDS).label("day")

    def tally(self, partner_id: str, number: int) -> _Tally:
        return self._tallies[partner_id, date.fromordinal(_FIRST_DAY + number)]

    def counts(self, partner_id: str) -> tuple[DayCounts, ...]:
        return tuple(self._tallies[partner_id, day].counts() for day in self.shown)

    def _offsets(self) -> list[tuple[int, int]]:
        """From which instant on the local clock is so many seconds ahead of UTC."""
        found = [(self._starts[0], self._ahead(self._starts[0]))]
        for start, end in pairwise(self._starts):
            if self._ahead(end) != found[-1][1]:
                changed = (
                    at for at in range(start, end + 1, QUARTER_SECONDS) if self._ahead(at) != found[-1][1]
                )
                at = next(changed)
                found.append((at, self._ahead(at)))
        return found

    def _ahead(self, at: int) -> int:
        offset = utc_datetime(at).astimezone(self._zone).utcoffset()
        return int((offset or timedelta()).total_seconds())


def read_day_series(
    connection: Connection, partner_ids: Collection[str], time_zone: str, now: datetime, days: int = DAYS
) -> DaySeries:
    """The last `days` local days of these partners, today with what there is of it."""
    found = _Days(time_zone, now, days)
    _count_bookings(connection, partner_ids, found)
    _count_set_aside(connection, partner_ids, found)
    _count_latencies(connection, partner_ids, found)
    return DaySeries(found.shown, {partner_id: found.counts(partner_id) for partner_id in partner_ids})


def _count_bookings(connection: Connection, partner_ids: Collection[str], found: _Days) -> None:
    """Each wish once, as it was decided first: repeats and contradictions of it have no row."""
    booking = tables.booking.c
    record = _json(connection, booking.record)
    outcome, reason = record["outcome"].as_string(), record["reason"].as_string()
    rows = connection.execute(
        select(
            booking.partner_id,
            found.number(connection, booking.decided_at),
            booking.action,
            outcome.label("outcome"),
            reason.label("reason"),
            func.count(),
        )
        .where(booking.partner_id.in_(partner_ids), booking.decided_at >= found.since)
        .group_by(booking.partner_id, "day", booking.action, "outcome", "reason")
    )
    for partner_id, day, action, how, why, count in rows:
        tally = found.tally(partner_id, day)
        if how == "accepted":
            tally.accepted[action] += count
        else:
            tally.declined[why] += count


def _count_set_aside(connection: Connection, partner_ids: Collection[str], found: _Days) -> None:
    entry = tables.audit_entry.c
    rows = connection.execute(
        select(entry.partner_id, found.number(connection, entry.at), func.count())
        .where(entry.event.in_(SET_ASIDE), entry.partner_id.in_(partner_ids), entry.at >= found.since)
        .group_by(entry.partner_id, "day")
    )
    for partner_id, day, count in rows:
        found.tally(partner_id, day).set_aside += count


def _count_latencies(connection: Connection, partner_ids: Collection[str], found: _Days) -> None:
    """Of files whose arrival is known; a sender's clock may have set it a little ahead of ours."""
    message = tables.inbound_message.c
    took = epoch(connection, message.received_at) - epoch(connection, message.arrived_at)
    rows = connection.execute(
        select(
            message.partner_id,
            found.number(connection, message.received_at),
            took.label("took"),
            func.count(),
        )
        .where(
            message.partner_id.in_(partner_ids),
            message.received_at >= found.since,
            message.arrived_at.is_not(None),
        )
        .group_by(message.partner_id, "day", "took")
    )
    for partner_id, day, seconds, count in rows:
        found.tally(partner_id, day).latencies[max(0, seconds)] += count


def _json(connection: Connection, text: ColumnElement[str]) -> Any:
    # SQLite reads JSON from text as it stands, and would take a cast for one to a number.
    return type_coerce(text, JSON) if connection.dialect.name == "sqlite" else cast(text, JSON)
