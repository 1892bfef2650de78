"""Days on which the clock changes, and years whose week numbers mislead.

Berlin puts the clock forward on 2027-03-28 (02:00 becomes 03:00) and back on
2027-10-31 (03:00 becomes 02:00).
"""

from datetime import date, time, timedelta

import pytest

from agent.domain.availability import NOTHING_TAKEN, free_slots, offer_window, open_time
from agent.domain.intervals import wall_clock
from agent.domain.practice import OfferTerms
from tests.kit.calendars import BERLIN, COLUMN, TERMS, assignment, at, calendar, cycle, utc, weekly

FORWARD = date(2027, 3, 28)
BACK = date(2027, 10, 31)
DAY = timedelta(days=1)


def opened(day: date, starts: time, ends: time) -> list[tuple[int, int]]:
    practice = calendar(hours=(weekly(day, starts, ends),))
    return open_time(practice, (at(day, 0), at(day, 24)))[COLUMN]


@pytest.mark.parametrize(
    ("day", "starts", "ends", "expected"),
    [
        (FORWARD - DAY, time(8), time(12), (utc(FORWARD - DAY, 7), utc(FORWARD - DAY, 11))),
        (FORWARD, time(8), time(12), (utc(FORWARD, 6), utc(FORWARD, 10))),
        (FORWARD, time(14), time(18), (utc(FORWARD, 12), utc(FORWARD, 16))),
        (FORWARD, time(1), time(8), (utc(FORWARD, 0), utc(FORWARD, 6))),
        (BACK - DAY, time(8), time(12), (utc(BACK - DAY, 6), utc(BACK - DAY, 10))),
        (BACK, time(8), time(12), (utc(BACK, 7), utc(BACK, 11))),
        (BACK, time(14), time(18), (utc(BACK, 13), utc(BACK, 17))),
        (BACK, time(1), time(8), (utc(BACK - DAY, 23), utc(BACK, 7))),
    ],
)
def test_hours_on_a_day_with_a_clock_change_follow_the_wall_clock(
    day: date, starts: time, ends: time, expected: tuple[int, int]
) -> None:
    assert opened(day, starts, ends) == [expected]


@pytest.mark.parametrize(("day", "hours"), [(FORWARD, 23), (BACK, 25), (FORWARD + DAY, 24)])
def test_a_whole_day_from_midnight_to_midnight_has_the_length_of_that_day(day: date, hours: int) -> None:
    ((start, end),) = opened(day, time(0), time(0))
    assert end - start == hours * 3600


def test_a_time_that_the_change_skips_counts_as_if_the_clock_had_not_been_changed() -> None:
    assert wall_clock(FORWARD, time(2, 30), BERLIN) == utc(FORWARD, 1, 30)


def test_a_time_that_occurs_twice_means_the_first() -> None:
    assert wall_clock(BACK, time(2, 30), BERLIN) == utc(BACK, 0, 30)


@pytest.mark.parametrize(
    ("starts", "ends"),
    [(time(2, 30), time(3)), (time(3), time(2, 30)), (time(12), time(8)), (time(9), time(9))],
)
def test_hours_that_end_before_they_start_hold_no_time_even_where_the_clock_is_put_forward(
    starts: time, ends: time
) -> None:
    assert opened(FORWARD, starts, ends) == []


@pytest.mark.parametrize(
    ("day", "first_utc_hour"), [(FORWARD - DAY, 12), (FORWARD, 11), (BACK - DAY, 11), (BACK, 12)]
)
def test_afternoon_slots_around_a_clock_change_start_when_the_door_opens(
    day: date, first_utc_hour: int
) -> None:
    practice = calendar(assignment(), hours=(weekly(day, time(13), time(14)),))
    slots = [
        slot.start
        for slot in free_slots(practice, NOTHING_TAKEN, TERMS, at(day - DAY, 8), (at(day, 0), at(day, 24)))
    ]
    assert slots == [utc(day, first_utc_hour), utc(day, first_utc_hour, 30)]


def test_the_horizon_ends_at_local_midnight_though_the_clock_changes_on_the_way() -> None:
    terms = OfferTerms(lead_time_minutes=60, booking_horizon_days=1, grid_minutes=30)
    assert offer_window(calendar(), terms, at(FORWARD - DAY, 12)) == (at(FORWARD - DAY, 13), utc(FORWARD, 22))
    assert offer_window(calendar(), terms, at(BACK - DAY, 12)) == (at(BACK - DAY, 13), utc(BACK, 23))


def test_today_is_the_local_day_when_the_utc_day_is_still_yesterday() -> None:
    terms = OfferTerms(lead_time_minutes=0, booking_horizon_days=0, grid_minutes=30)
    just_after_midnight = at(date(2027, 7, 1), 0, 30)
    assert offer_window(calendar(), terms, just_after_midnight)[1] == at(date(2027, 7, 1), 24)


def test_a_two_week_shift_alternates_though_week_53_and_week_1_are_both_odd() -> None:
    monday_w53 = date(2026, 12, 28)
    practice = calendar(shifts=(cycle(14, monday_w53, (0, time(8), time(12)), (7, time(14), time(18))),))
    opened = open_time(practice, (at(monday_w53, 0), at(date(2027, 1, 17), 24)))[COLUMN]
    assert opened == [
        (at(monday_w53, 8), at(monday_w53, 12)),
        (at(date(2027, 1, 4), 14), at(date(2027, 1, 4), 18)),
        (at(date(2027, 1, 11), 8), at(date(2027, 1, 11), 12)),
    ]


def test_a_shift_before_its_anchor_counts_its_cycle_backwards() -> None:
    anchor = date(2027, 1, 4)
    practice = calendar(shifts=(cycle(3, anchor, (2, time(8), time(9))),))
    opened = open_time(practice, (at(date(2026, 12, 30), 0), at(anchor, 0)))[COLUMN]
    assert opened == [(at(day, 8), at(day, 9)) for day in (date(2026, 12, 31), date(2027, 1, 3))]
