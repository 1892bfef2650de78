"""When the practice as a whole is open, and time counted in it.

The practice's computer may be off when nobody is there. So how long a file is
good, when the next one is due and how far back a signature is believed all
count opening time alone.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from agent.domain.intervals import Interval, intersected, merged, overlaps
from agent.domain.local_days import DAY, day_start, local_date, local_days
from agent.domain.opening import open_time
from agent.domain.practice import PracticeCalendar

_WEEK = timedelta(days=7)


def practice_open(calendar: PracticeCalendar, window: Interval) -> list[Interval]:
    """The time inside `window` in which somebody works in at least one column."""
    return merged(chain.from_iterable(open_time(calendar, window).values()))


def open_days(calendar: PracticeCalendar, window: Interval) -> Iterator[int]:
    """The starts of the local days in `window` on which the practice opens; looked up week by week."""
    zone = ZoneInfo(calendar.time_zone)
    cursor = window[0]
    while cursor < window[1]:
        week = cursor, min(day_start(local_date(cursor, zone) + _WEEK, zone), window[1])
        opened = practice_open(calendar, week)
        for day in local_days(week, zone):
            start, end = day_start(day, zone), day_start(day + DAY, zone)
            if overlaps(opened, start, end):
                yield start
        cursor = week[1]


def after_open_time(opened: Sequence[Interval], start: int, seconds: int, latest: int) -> int:
    """The moment up to which at most `seconds` of open time pass from `start` on, but `latest` at most.

    A count that is used up when the practice closes lasts until it opens
    again: nobody is at work between the two.
    """
    for begin, end in intersected(opened, [(start, latest)]):
        if end - begin > seconds:
            return begin + seconds
        seconds -= end - begin
    return latest


def before_open_time(opened: Sequence[Interval], end: int, seconds: int, earliest: int) -> int:
    """The first moment whose `after_open_time` lies after `end`, but `earliest` at least."""
    is_open = overlaps(opened, end, end + 1)
    left = seconds - 1 if is_open else seconds
    for begin, finish in reversed(list(intersected(opened, [(earliest, end)]))):
        if finish - begin > left:
            return finish - left
        left -= finish - begin
    return earliest


def believed_since(calendar: PracticeCalendar, now: int, seconds: int, earliest: int) -> int:
    """How far back a partner's own date is believed: the first moment whose file would still be good now.

    A file is good for `seconds` of opening time; nothing before `earliest` is believed.
    """
    return before_open_time(practice_open(calendar, (earliest, now + 1)), now, seconds, earliest)
