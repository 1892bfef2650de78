"""Half-open stretches of time in UTC, and the one door from wall-clock time to instants.

An instant is a whole number of seconds since 1970-01-01 UTC, an interval is
`(start, end)` with `start < end` that holds its start and not its end. Lists
of intervals are sorted, disjoint and not touching unless a function says
otherwise. Plain integers keep the sweep over a whole practice cheap.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Interval = tuple[int, int]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(moment: datetime) -> int:
    """Seconds since the epoch of an aware datetime."""
    return int(moment.timestamp())


def utc_datetime(seconds: int) -> datetime:
    """The aware UTC datetime of an instant."""
    # Not `fromtimestamp`, which on Windows refuses what lies before 1970.
    return _EPOCH + timedelta(seconds=seconds)


def wall_clock(day: date, at: time, zone: ZoneInfo) -> int:
    """The instant at which the clock on the wall shows `at` on `day`.

    Each end of an interval is converted by itself, so that a day with a
    clock change has 23 or 25 hours. A time that the change skips counts as
    if the clock had not been changed yet; of a time that occurs twice the
    first is meant (PEP 495, fold=0).
    """
    return int(datetime.combine(day, at, zone).timestamp())


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Any intervals as a sorted, disjoint list in which touching ones have become one."""
    result: list[Interval] = []
    for start, end in sorted(intervals):
        if start >= end:
            continue
        if result and start <= result[-1][1]:
            if end > result[-1][1]:
                result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result


def subtracted(minuend: Iterable[Interval], taken: Sequence[Interval]) -> Iterator[Interval]:
    """What remains of `minuend` outside `taken`, in one pass.

    `minuend` is sorted and disjoint; `taken` may overlap itself as long as its
    starts and its ends both never go back.
    """
    position, count = 0, len(taken)
    for start, end in minuend:
        cursor = start
        while position < count:
            taken_start, taken_end = taken[position]
            if taken_start >= end:
                break
            if taken_start > cursor:
                yield cursor, taken_start
            cursor = max(cursor, taken_end)
            if taken_end >= end:
                break  # the next of `minuend` may lie under it too
            position += 1
        if cursor < end:
            yield cursor, end


def intersected(left: Sequence[Interval], right: Sequence[Interval]) -> Iterator[Interval]:
    """What lies in both; both sorted and disjoint."""
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            yield start, end
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1


def overlaps(intervals: Sequence[Interval], start: int, end: int) -> bool:
    """Whether any of the sorted, disjoint intervals shares a moment with `[start, end)`.

    An empty stretch shares none.
    """
    if start >= end:
        return False
    position = bisect_right(intervals, (start, end))
    if position < len(intervals) and intervals[position][0] < end:
        return True
    return position > 0 and intervals[position - 1][1] > start
