"""Opening time of the practice as a whole, and how long a file is good when only that counts."""

from datetime import date, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.intervals import Interval, merged
from agent.domain.practice_hours import (
    after_open_time,
    before_open_time,
    believed_since,
    open_days,
    practice_open,
)
from tests.kit.calendars import MONDAY, absence, at, calendar, span, weekly

DAY = timedelta(days=1)
HOUR = 3600
FRIDAY = MONDAY + 4 * DAY
OFFICE_HOURS = calendar(
    hours=tuple(
        weekly(MONDAY + number * DAY, *half)
        for number in range(5)
        for half in ((time(8), time(12)), (time(13), time(18)))
    )
)
TWO_WEEKS = 14 * 24 * HOUR


def good_until(start: int, seconds: int, latest: int = TWO_WEEKS) -> int:
    opened = practice_open(OFFICE_HOURS, (start, start + latest))
    return after_open_time(opened, start, seconds, start + latest)


def test_the_practice_is_open_while_somebody_works_in_any_column() -> None:
    practice = calendar(
        hours=(
            weekly(MONDAY, time(8), time(12)),
            weekly(MONDAY, time(11), time(14), 2),
            weekly(MONDAY, time(16), time(17), 2),
        ),
        columns={1: None, 2: 7},
        absences=(absence(*span(16.5, 18), 7),),
    )
    assert practice_open(practice, (at(MONDAY, 0), at(MONDAY, 24))) == [span(8, 14), span(16, 16.5)]


def test_open_days_are_the_local_days_with_open_time_across_weeks_and_clock_changes() -> None:
    sunday = date(2027, 3, 28)
    practice = calendar(hours=(weekly(sunday, time(23), time(0)), weekly(sunday + DAY, time(0), time(1))))
    window = at(sunday - 7 * DAY, 0), at(sunday + 8 * DAY, 0)
    assert list(open_days(practice, window)) == [at(sunday + number * DAY, 0) for number in (-7, -6, 0, 1, 7)]


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (at(MONDAY, 9), at(MONDAY, 10)),
        (at(MONDAY, 11, 30), at(MONDAY, 13, 30)),
        (at(MONDAY, 12, 10), at(MONDAY, 14)),
        (at(FRIDAY, 17, 50), at(MONDAY + 7 * DAY, 8, 50)),
        (at(FRIDAY + 2 * DAY, 3), at(MONDAY + 7 * DAY, 9)),
        # Used up at the very moment when the practice closes: good until it opens again.
        (at(FRIDAY, 17), at(MONDAY + 7 * DAY, 8)),
    ],
)
def test_an_hour_of_opening_time_passes_neither_at_noon_nor_at_night_nor_at_weekends(
    start: int, expected: int
) -> None:
    assert good_until(start, HOUR) == expected


def test_a_count_that_open_time_does_not_fill_ends_at_the_latest_moment() -> None:
    assert good_until(at(MONDAY, 9), HOUR, latest=HOUR // 2) == at(MONDAY, 9, 30)
    assert good_until(at(FRIDAY, 18), HOUR, latest=24 * HOUR) == at(FRIDAY + DAY, 18)
    assert after_open_time([], 1000, 60, 5000) == 5000


def test_a_signature_is_believed_over_a_weekend_but_not_over_a_working_day() -> None:
    """A file of one opening hour, written before the weekend, is still good when the practice opens."""
    now = at(MONDAY + 7 * DAY, 8, 30)
    assert believed_since(OFFICE_HOURS, now, HOUR, now - TWO_WEEKS) == at(FRIDAY, 17, 30) + 1
    noon = at(MONDAY, 11, 30)
    assert believed_since(OFFICE_HOURS, noon, HOUR, noon - TWO_WEEKS) == at(MONDAY, 10, 30) + 1
    assert believed_since(OFFICE_HOURS, at(MONDAY, 12, 30), HOUR, noon - TWO_WEEKS) == at(MONDAY, 11)


def test_nothing_is_believed_from_before_the_earliest_moment() -> None:
    now = at(MONDAY, 8, 30)
    assert believed_since(OFFICE_HOURS, now, HOUR, now - 2 * HOUR) == now - 2 * HOUR


stretches = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), max_size=5).map(
    lambda pairs: merged((start, start + length) for start, length in pairs)
)


@settings(max_examples=200, deadline=None)
@given(stretches, st.integers(1, 20), st.integers(0, 70))
def test_what_is_believed_is_exactly_what_is_still_good(
    opened: list[Interval], seconds: int, now: int
) -> None:
    good = [start for start in range(now + 1) if after_open_time(opened, start, seconds, 1000) > now]
    assert before_open_time(opened, now, seconds, 0) == min(good)
    assert good == list(range(min(good), now + 1))


@settings(max_examples=200, deadline=None)
@given(stretches, st.integers(1, 20), st.integers(0, 70), st.integers(0, 40))
def test_after_open_time_is_what_counting_second_by_second_finds(
    opened: list[Interval], seconds: int, start: int, at_most: int
) -> None:
    moment, left, latest = start, seconds, start + at_most
    while moment < latest:
        is_open = any(begin <= moment < end for begin, end in opened)
        if is_open and left == 0:
            break
        left -= is_open
        moment += 1
    assert after_open_time(opened, start, seconds, latest) == moment
