"""Where slots may start: lead time in minutes and in working days, and the horizon in local days."""

from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from agent.domain.availability import NOTHING_TAKEN, busy_window, free_slots, offer_window
from agent.domain.practice import OfferTerms, PracticeCalendar
from tests.kit.calendars import (
    CLEANING,
    MONDAY,
    MORNING,
    NOW,
    TERMS,
    WHOLE_DAY,
    absence,
    assignment,
    at,
    calendar,
    clock,
    special,
    weekly,
)

DAY = timedelta(days=1)
FRIDAY = MONDAY + 4 * DAY
WEEKDAYS = tuple(weekly(MONDAY + number * DAY, time(8), time(9)) for number in range(5))


def test_the_lead_time_is_kept_to_the_second() -> None:
    practice = calendar(assignment(), hours=(MORNING,))
    terms = replace(TERMS, lead_time_minutes=60)
    on_time = [slot.start for slot in free_slots(practice, NOTHING_TAKEN, terms, at(MONDAY, 8), WHOLE_DAY)]
    a_second_late = [
        slot.start for slot in free_slots(practice, NOTHING_TAKEN, terms, at(MONDAY, 8) + 1, WHOLE_DAY)
    ]
    assert (on_time, a_second_late) == (clock(9, 9.5), clock(9.5))


def test_the_last_day_of_the_horizon_is_offered_whole_and_the_next_not_at_all() -> None:
    practice = calendar(
        assignment(), hours=(weekly(MONDAY, time(23), time(0)), weekly(MONDAY + DAY, time(0), time(1)))
    )
    offered = [
        slot.start
        for slot in free_slots(practice, NOTHING_TAKEN, replace(TERMS, booking_horizon_days=7), NOW)
    ]
    last = MONDAY + 7 * DAY
    assert offered == [
        at(MONDAY, 23),
        at(MONDAY, 23, 30),
        at(MONDAY + DAY, 0),
        at(MONDAY + DAY, 0, 30),
        at(last, 23),
        at(last, 23, 30),
    ]


def test_nothing_is_offered_when_the_lead_time_reaches_beyond_the_horizon() -> None:
    terms = OfferTerms(lead_time_minutes=3 * 24 * 60, booking_horizon_days=1, grid_minutes=30)
    practice = calendar(assignment(), hours=(MORNING,))
    start, end = offer_window(practice, terms, NOW)
    assert start == end
    assert list(free_slots(practice, NOTHING_TAKEN, terms, NOW)) == []


def test_the_busy_window_is_wide_enough_for_buffers_and_length() -> None:
    practice = calendar(assignment(buffers=(10, 0)), assignment(CLEANING, 60, buffers=(0, 20)))
    assert busy_window(practice, (10_000, 20_000)) == (10_000 - 10 * 60, 20_000 + 80 * 60)


# --- not before the next working day -------------------------------------------------------------


def first_start(practice: PracticeCalendar, working_days: int, now: int) -> date | None:
    """The day of the first slot; the rest of the lead time is nothing."""
    terms = replace(TERMS, lead_time_working_days=working_days)
    start = offer_window(practice, terms, now)[0]
    slots = list(free_slots(practice, NOTHING_TAKEN, terms, now))
    if not slots:
        assert offer_window(practice, terms, now)[0] == offer_window(practice, terms, now)[1]
        return None
    day = MONDAY + (slots[0].start - at(MONDAY, 0)) // 86_400 * DAY
    assert start == at(day, 0)
    return day


@pytest.mark.parametrize(
    ("now", "working_days", "expected"),
    [
        (at(MONDAY, 6), 1, MONDAY + DAY),
        (at(MONDAY, 23, 59), 1, MONDAY + DAY),
        (at(MONDAY, 6), 2, MONDAY + 2 * DAY),
        (at(FRIDAY, 6), 1, MONDAY + 7 * DAY),
        (at(FRIDAY + DAY, 12), 1, MONDAY + 7 * DAY),
        (at(FRIDAY + DAY, 12), 2, MONDAY + 8 * DAY),
        (at(MONDAY, 6), 10, MONDAY + 14 * DAY),
        (at(MONDAY, 6), 11, None),
    ],
)
def test_a_lead_time_of_working_days_ends_at_the_start_of_the_nth_later_day_that_opens(
    now: int, working_days: int, expected: date | None
) -> None:
    assert first_start(calendar(assignment(), hours=WEEKDAYS), working_days, now) == expected


def test_a_day_that_is_closed_for_whatever_reason_is_no_working_day() -> None:
    practice = calendar(
        assignment(),
        hours=WEEKDAYS,
        holidays=(MONDAY + DAY,),
        absences=(absence(at(MONDAY + 2 * DAY, 0), at(MONDAY + 2 * DAY, 24)),),
        specials=(special(MONDAY + 3 * DAY), special(MONDAY + 5 * DAY, time(9), time(10))),
    )
    assert first_start(practice, 1, NOW) == FRIDAY
    assert first_start(practice, 2, NOW) == FRIDAY + DAY


def test_a_day_on_which_any_column_opens_is_a_working_day_for_all() -> None:
    practice = calendar(
        assignment(),
        hours=(*WEEKDAYS, weekly(MONDAY + 5 * DAY, time(8), time(9), 2)),
        columns={1: None, 2: None},
    )
    assert offer_window(practice, replace(TERMS, lead_time_working_days=1), at(FRIDAY, 6))[0] == at(
        FRIDAY + DAY, 0
    )


def test_both_lead_times_hold_and_the_later_one_decides() -> None:
    practice = calendar(assignment(), hours=WEEKDAYS)
    terms = replace(TERMS, lead_time_working_days=1, lead_time_minutes=48 * 60)
    assert offer_window(practice, terms, NOW)[0] == NOW + 48 * 3600
    assert offer_window(practice, replace(terms, lead_time_minutes=60), NOW)[0] == at(MONDAY + DAY, 0)


@pytest.mark.parametrize("day", [date(2027, 3, 27), date(2027, 10, 30)])
def test_the_next_working_day_begins_at_local_midnight_when_the_clock_changes_that_night(day: date) -> None:
    practice = calendar(assignment(), hours=(weekly(day + DAY, time(8), time(9)),))
    terms = replace(TERMS, lead_time_working_days=1)
    assert offer_window(practice, terms, at(day, 12))[0] == at(day + DAY, 0)
    assert offer_window(practice, terms, at(day, 12))[1] == at(day + 15 * DAY, 0)
