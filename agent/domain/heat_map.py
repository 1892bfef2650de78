"""How full the next weeks are: open, busy and offered time per day and column.

For the status page; made by the rules that make the availability files, so
that nobody sees a time as offered that no partner is told of.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from agent.domain.availability import TakenTime, free_slots, open_time
from agent.domain.intervals import Interval, intersected, merged
from agent.domain.local_days import DAY, day_start, local_date
from agent.domain.practice import OfferTerms, PracticeCalendar
from agent.domain.taken_time import MINUTE, taken_in

WEEKS = 4
DAYS = 7 * WEEKS


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One local day of one column, in whole minutes: open, and of that busy and offered.

    Busy is what is taken in the column or shared with it; offered is what at
    least one slot for some partner covers. The rest is neither: past, too soon,
    reserved, or too short for what can be booked.
    """

    open_minutes: int
    busy_minutes: int
    offered_minutes: int


@dataclass(frozen=True, slots=True)
class HeatColumn:
    """One column of the appointment book, its cells in the order of the map's days."""

    column_id: int
    name: str
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Local days from today on, and the columns in the order of the appointment book."""

    days: tuple[date, ...]
    columns: tuple[HeatColumn, ...]


def heat_window(calendar: PracticeCalendar, now: int, days: int = DAYS) -> Interval:
    """From the start of today to the end of the last day."""
    bounds = _bounds(calendar, now, days)
    return bounds[0], bounds[-1]


def heat_map(
    calendar: PracticeCalendar,
    busy: Mapping[int, Sequence[Interval]],
    offers: Collection[tuple[OfferTerms, TakenTime]],
    now: int,
    days: int = DAYS,
) -> HeatMap:
    """`offers` are the terms of each partner that gets availability, and what is taken under them.

    Taken time covers the `busy_window` of the `heat_window`.
    """
    bounds = _bounds(calendar, now, days)
    window = bounds[0], bounds[-1]
    opened = open_time(calendar, window)
    taken = taken_in(calendar, busy, calendar.columns.values())
    offered = _offered(calendar, offers, now, window)
    columns = []
    for column_id, column in calendar.columns.items():
        parts = [
            _per_day(stretches, bounds)
            for stretches in (
                opened[column_id],
                list(intersected(opened[column_id], taken[column_id])),
                offered[column_id],
            )
        ]
        columns.append(HeatColumn(column_id, column.name, tuple(map(HeatCell, *parts))))
    first = local_date(now, ZoneInfo(calendar.time_zone))
    return HeatMap(tuple(first + number * DAY for number in range(days)), tuple(columns))


def _bounds(calendar: PracticeCalendar, now: int, days: int) -> list[int]:
    """Where the local days begin, and where the last one ends."""
    zone = ZoneInfo(calendar.time_zone)
    today = local_date(now, zone)
    return [day_start(today + timedelta(days=number), zone) for number in range(days + 1)]


def _offered(
    calendar: PracticeCalendar,
    offers: Collection[tuple[OfferTerms, TakenTime]],
    now: int,
    window: Interval,
) -> Mapping[int, list[Interval]]:
    covered: dict[int, set[Interval]] = defaultdict(set)
    for terms, taken in offers:
        for slot in free_slots(calendar, taken, terms, now, window):
            covered[slot.column_id].add((slot.start, slot.end))
    return {column_id: merged(covered[column_id]) for column_id in calendar.columns}


def _per_day(stretches: Sequence[Interval], bounds: Sequence[int]) -> list[int]:
    return [
        sum(end - start for start, end in intersected(stretches, [day])) // MINUTE for day in pairwise(bounds)
    ]
