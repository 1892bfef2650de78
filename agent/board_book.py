"""What the status page shows of the practice's database: one look, and the costly part of it apart.

Used by `agent.board_reader` alone, which decides how often.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.adapters.activity import activity
from agent.adapters.day_counts import read_day_series
from agent.adapters.hold_ledger import SqlHoldLedger
from agent.adapters.practice_snapshot import SqlPracticeSnapshot
from agent.adapters.staff_notes import staff_notes
from agent.board_rows import NEVER, Bookkeeping
from agent.domain.availability import TakenTime, busy_window, cap_window
from agent.domain.day_series import DaySeries
from agent.domain.heat_map import HeatMap, heat_map, heat_window
from agent.domain.intervals import instant
from agent.domain.practice import PracticeCalendar
from agent.freshness import Standing, read_standing
from agent.operations import Agent
from agent.ports import PracticeIdentity, PracticeSnapshot


@dataclass(frozen=True, slots=True)
class Book:
    """What one look gave; `partners` by partner id."""

    identity: PracticeIdentity
    calendar: PracticeCalendar
    standing: Standing
    open_notes: int
    partners: Mapping[str, Bookkeeping]


@dataclass(frozen=True, slots=True)
class Charts:
    """What takes a second in a large practice."""

    heat: HeatMap
    series: DaySeries


def read_book(agent: Agent, now: datetime) -> Book:
    """Raises DatabaseError."""
    with agent.connector.reading() as connection:
        snapshot, last = SqlPracticeSnapshot(connection), activity(connection, now)
        calendar = snapshot.calendar()
        held = SqlHoldLedger(connection).all_held()
        return Book(
            identity=snapshot.identity(),
            calendar=calendar,
            standing=read_standing(agent, snapshot, held, now),
            open_notes=len(staff_notes(connection)),
            partners={
                partner_id: Bookkeeping(
                    last.get(partner_id, NEVER),
                    snapshot.revoked_at(partner_id),
                    len(snapshot.removed_aliases(partner_id)),
                )
                for partner_id in agent.lanes
            },
        )


def read_charts(agent: Agent, book: Book, now: datetime) -> Charts:
    """Raises DatabaseError."""
    with agent.connector.reading() as connection:
        return Charts(
            _heat(agent, SqlPracticeSnapshot(connection), book, instant(now)),
            read_day_series(connection, tuple(agent.lanes), book.calendar.time_zone, now),
        )


def _heat(agent: Agent, snapshot: PracticeSnapshot, book: Book, now: int) -> HeatMap:
    """Offered is what any partner gets now; one whose lane is closed gets nothing."""
    window = heat_window(book.calendar, now)
    busy = snapshot.busy(busy_window(book.calendar, window))
    days = cap_window(book.calendar, window)
    offers = [
        (lane.terms, TakenTime(busy, snapshot.booked_starts(partner_id, days)))
        for partner_id, lane in agent.lanes.items()
        if partner_id not in book.standing.revoked
    ]
    return heat_map(book.calendar, busy, offers, now)
