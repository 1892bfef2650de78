"""Days and hours of the practice's own clock as intervals of instants.

Between `agent.domain.intervals`, which knows no day, and the rules, which
are written in days and wall-clock hours. No rule stands here.
"""

from collections.abc import Callable, Iterator
from datetime import date, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from agent.domain.intervals import Interval, utc_datetime, wall_clock

DAY = timedelta(days=1)
MIDNIGHT = time(0)

Stretch = Callable[[date, time, time], Interval | None]
"""Hours on a local date as an interval, None if they hold no time."""


def local_date(seconds: int, zone: ZoneInfo) -> date:
    """The date on the calendar on the wall at an instant."""
    return utc_datetime(seconds).astimezone(zone).date()


def day_start(day: date, zone: ZoneInfo) -> int:
    """The instant at which a local day begins."""
    return wall_clock(day, MIDNIGHT, zone)


def local_days(window: Interval, zone: ZoneInfo) -> Iterator[date]:
    """Every local day that has a moment in the window; none for an empty window."""
    if window[0] >= window[1]:
        return
    first, last = local_date(window[0], zone), local_date(window[1] - 1, zone)
    for offset in range((last - first).days + 1):
        yield first + offset * DAY


def whole_days(window: Interval, zone: ZoneInfo) -> Interval:
    """The window widened to whole local days; an empty window stays as it is."""
    if window[0] >= window[1]:
        return window
    first, last = local_date(window[0], zone), local_date(window[1] - 1, zone)
    return day_start(first, zone), day_start(last + DAY, zone)


def stretches(zone: ZoneInfo) -> Stretch:
    """Converter with a memory, because the columns of a practice mostly share their hours."""

    @cache
    def stretch(day: date, starts: time, ends: time) -> Interval | None:
        # `ends` 00:00 is the end of the day; hours never run past it. The comparison on the wall comes
        # first: when the clock is put forward, an end that is skipped would land behind a later start.
        if ends != MIDNIGHT and ends <= starts:
            return None
        last_day = day + DAY if ends == MIDNIGHT else day
        start, end = wall_clock(day, starts, zone), wall_clock(last_day, ends, zone)
        return (start, end) if start < end else None

    return stretch
