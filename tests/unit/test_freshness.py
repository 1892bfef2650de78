"""How fresh a lane is: opening time makes it late, and nothing but a good cycle makes it better."""

from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.app import VALID_FOR_EXPORTS
from agent.domain.freshness import (
    CLOCK_TOLERANCE,
    DAY,
    LOOK_BACK,
    RED_AFTER,
    STARTING,
    Cause,
    Freshness,
    Judgement,
    held,
    judged,
)
from agent.domain.intervals import Interval, merged
from agent.domain.practice import PracticeCalendar
from agent.domain.practice_hours import practice_open
from tests.kit.calendars import MONDAY, absence, at, calendar, weekly

ONE_DAY = timedelta(days=1)
MINUTE, QUARTER, HOUR = 60, 900, 3600
FRIDAY = MONDAY + 4 * ONE_DAY
NEXT_MONDAY = MONDAY + 7 * ONE_DAY
GREEN, AMBER, RED = Freshness


def office(**days: object) -> PracticeCalendar:
    """Open from 8 to 12 and from 13 to 18 on Mondays to Fridays."""
    halves = ((time(8), time(12)), (time(13), time(18)))
    hours = tuple(weekly(MONDAY + number * ONE_DAY, *half) for number in range(5) for half in halves)
    return calendar(hours=hours, **days)  # type: ignore[arg-type]


def judge(
    last_good: int | None,
    now: int,
    *,
    every: int = QUARTER,
    running_since: int | None = None,
    practice: PracticeCalendar | None = None,
) -> Judgement:
    opened = practice_open(practice or office(), (now - LOOK_BACK, now + 1))
    return judged(opened, last_good, every, now, running_since)


@pytest.mark.parametrize(
    ("minutes", "colour", "cause"),
    [
        (0, GREEN, Cause.ON_TIME),
        (30, GREEN, Cause.ON_TIME),
        (31, AMBER, Cause.LATE),
        (60, AMBER, Cause.LATE),
        (61, RED, Cause.OUT_OF_DATE),
    ],
)
def test_lane_is_late_after_two_intervals_and_out_of_date_after_four(
    minutes: int, colour: Freshness, cause: Cause
) -> None:
    since = at(MONDAY, 9)
    assert judge(since, since + minutes * MINUTE) == Judgement(colour, cause, minutes * MINUTE)


def test_lane_is_red_when_its_availability_file_is_no_good_any_more() -> None:
    assert RED_AFTER == VALID_FOR_EXPORTS


def test_visits_by_the_minute_are_judged_by_five_minutes() -> None:
    since = at(MONDAY, 9)
    colours = [judge(since, since + minutes * MINUTE, every=MINUTE).freshness for minutes in (10, 11, 20, 21)]
    assert colours == [GREEN, AMBER, AMBER, RED]


@pytest.mark.parametrize(
    ("last_good", "now"),
    [
        (at(MONDAY, 11, 59), at(MONDAY, 13, 10)),
        (at(MONDAY, 18), at(MONDAY + ONE_DAY, 8)),
        (at(FRIDAY, 17, 50), at(NEXT_MONDAY, 8, 20)),
    ],
)
def test_computer_that_was_off_at_noon_at_night_or_at_the_weekend_is_not_late(
    last_good: int, now: int
) -> None:
    found = judge(last_good, now)
    assert (found.freshness, found.cause) == (GREEN, Cause.CLOSED)


def test_holiday_and_absence_of_the_whole_practice_make_nothing_late() -> None:
    away = absence(at(MONDAY + ONE_DAY, 0), at(MONDAY + 2 * ONE_DAY, 0))
    closed = office(holidays=(MONDAY,), absences=(away,))
    last_good, wednesday = at(MONDAY - 3 * ONE_DAY, 18), at(MONDAY + 2 * ONE_DAY, 8, 15)
    assert judge(last_good, wednesday, practice=closed).freshness is GREEN
    assert judge(last_good, wednesday).freshness is RED


@pytest.mark.parametrize("sunday", [date(2027, 3, 28), date(2027, 10, 31)])
def test_night_of_a_clock_change_is_an_hour_shorter_or_longer_and_counts_so(sunday: date) -> None:
    practice = calendar(hours=(weekly(sunday, time(0), time(12)),))
    opened_at = at(sunday, 0)
    real_hours = (at(sunday, 12) - opened_at) // HOUR
    assert real_hours in (11, 13)
    assert judge(opened_at, at(sunday, 12), practice=practice).waited == real_hours * HOUR
    assert judge(opened_at, opened_at + HOUR, practice=practice).freshness is AMBER
    assert judge(opened_at, opened_at + HOUR + 1, practice=practice).freshness is RED


def test_service_that_just_started_is_given_time_before_it_is_red() -> None:
    started = at(MONDAY + ONE_DAY, 12, 5)
    for last_good in (None, at(MONDAY, 9)):
        first = judge(last_good, started + STARTING - 1, running_since=started)
        assert (first.freshness, first.cause) == (AMBER, Cause.STARTING)
        assert judge(last_good, started + STARTING, running_since=started).freshness is RED
        assert judge(last_good, started).freshness is RED


def test_service_that_fails_through_days_of_rest_is_late_all_the_same() -> None:
    closed = office(absences=(absence(at(MONDAY, 0), at(MONDAY + 21 * ONE_DAY, 0)),))
    evening = at(MONDAY - 3 * ONE_DAY, 18)
    colours = [
        judge(evening, evening + days * DAY + 1, practice=closed, running_since=evening - DAY)
        for days in (0, 1, 2)
    ]
    assert [one.freshness for one in colours] == [GREEN, AMBER, RED]
    assert colours[2].cause is Cause.LATE_WHILE_CLOSED
    assert judge(evening, evening + 20 * DAY, practice=closed).freshness is GREEN
    came_back = evening + 20 * DAY
    assert judge(evening, came_back + HOUR, practice=closed, running_since=came_back).freshness is GREEN


def test_good_cycle_ahead_of_the_clock_counts_for_nothing() -> None:
    now = at(MONDAY, 9)
    assert judge(now + CLOCK_TOLERANCE, now).freshness is GREEN
    wrong = judge(now + CLOCK_TOLERANCE + 1, now)
    assert (wrong.freshness, wrong.cause) == (RED, Cause.UNKNOWN)
    assert judge(now - 1, now, running_since=now + HOUR).freshness is GREEN
    assert judge(None, now, running_since=now + HOUR).freshness is RED, "no start lies ahead either"


def test_held_lane_is_amber_at_least_and_says_so() -> None:
    assert held(Judgement(GREEN, Cause.ON_TIME, 5)) == Judgement(AMBER, Cause.HELD)
    assert held(Judgement(RED, Cause.OUT_OF_DATE, 5)) == Judgement(RED, Cause.HELD, 5)


@given(
    opened=st.lists(st.tuples(st.integers(0, 9 * DAY), st.integers(1, DAY)), max_size=12),
    last_good=st.integers(0, 3 * DAY),
    running_since=st.none() | st.integers(0, 9 * DAY),
    every=st.integers(1, 2 * DAY),
    times=st.lists(st.integers(0, 9 * DAY), min_size=2),
)
def test_colour_never_gets_better_as_time_passes_without_a_good_cycle(
    opened: list[Interval], last_good: int, running_since: int | None, every: int, times: list[int]
) -> None:
    stretches = merged((start, start + length) for start, length in opened)
    since = [moment for moment in sorted(times) if moment >= max(last_good, running_since or 0)]
    levels = [judged(stretches, last_good, every, moment, running_since).freshness.level for moment in since]
    assert levels == sorted(levels)
