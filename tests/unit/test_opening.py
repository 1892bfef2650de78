"""When somebody works in a column: each sort of hours and of absence, and which goes before which."""

from datetime import date, time, timedelta

import pytest

from agent.domain.availability import open_time
from agent.domain.intervals import Interval
from agent.domain.practice import PracticeCalendar, SpecialHours
from tests.kit.calendars import (
    COLUMN,
    DENTIST,
    HYGIENIST,
    MONDAY,
    MORNING,
    NOW,
    OTHER_COLUMN,
    WHOLE_DAY,
    absence,
    at,
    calendar,
    cycle,
    span,
    special,
    weekly,
)

DAY = timedelta(days=1)


def opened(
    practice: PracticeCalendar, column_id: int = COLUMN, window: Interval = WHOLE_DAY
) -> list[Interval]:
    return open_time(practice, window)[column_id]


def test_open_time_of_touching_hours_is_one_stretch_and_ends_at_midnight_if_written_so() -> None:
    practice = calendar(
        hours=(
            weekly(MONDAY, time(16), time(20)),
            weekly(MONDAY, time(20), time(0)),
            weekly(MONDAY, time(8), time(9)),
        )
    )
    assert opened(practice) == [(at(MONDAY, 8), at(MONDAY, 9)), (at(MONDAY, 16), at(MONDAY, 24))]


def test_open_time_is_cut_to_the_window() -> None:
    window = at(MONDAY, 9), at(MONDAY, 9, 40)
    assert opened(calendar(hours=(MORNING,)), window=window) == [window]


def test_open_time_of_an_empty_window_is_empty_for_every_column() -> None:
    assert open_time(calendar(hours=(MORNING,)), (NOW, NOW)) == {COLUMN: []}


def test_both_dates_of_a_validity_are_included() -> None:
    practice = calendar(hours=(weekly(MONDAY, time(8), time(9), valid_from=MONDAY, valid_until=MONDAY),))
    three_weeks = at(MONDAY - 7 * DAY, 0), at(MONDAY + 7 * DAY, 24)
    assert opened(practice, window=three_weeks) == [(at(MONDAY, 8), at(MONDAY, 9))]


def test_a_valid_shift_replaces_weekly_hours_also_on_days_without_hours_of_its_own() -> None:
    shift = cycle(14, MONDAY, (0, time(14), time(15)), valid_until=MONDAY + 7 * DAY)
    practice = calendar(hours=(MORNING,), shifts=(shift,))
    three_mondays = at(MONDAY, 0), at(MONDAY + 14 * DAY, 24)
    assert opened(practice, window=three_mondays) == [
        (at(MONDAY, 14), at(MONDAY, 15)),
        (at(MONDAY + 14 * DAY, 8), at(MONDAY + 14 * DAY, 10)),
    ]


def test_a_shift_of_another_column_leaves_weekly_hours_alone() -> None:
    shift = cycle(1, MONDAY, (0, time(14), time(15)), column_id=OTHER_COLUMN)
    practice = calendar(hours=(MORNING,), shifts=(shift,), columns={COLUMN: DENTIST, OTHER_COLUMN: HYGIENIST})
    assert opened(practice) == [(at(MONDAY, 8), at(MONDAY, 10))]
    assert opened(practice, OTHER_COLUMN) == [(at(MONDAY, 14), at(MONDAY, 15))]


def test_two_valid_shifts_add_up() -> None:
    shifts = cycle(1, MONDAY, (0, time(8), time(12))), cycle(1, MONDAY, (0, time(11), time(14)))
    assert opened(calendar(shifts=shifts)) == [(at(MONDAY, 8), at(MONDAY, 14))]


def test_a_public_holiday_closes_every_column_even_during_a_shift() -> None:
    shift = cycle(1, MONDAY, (0, time(8), time(12)))
    assert opened(calendar(hours=(MORNING,), holidays=(MONDAY,))) == []
    assert opened(calendar(shifts=(shift,), holidays=(MONDAY,))) == []


def test_an_absence_of_the_practitioner_closes_all_columns_of_that_person_only() -> None:
    away = absence(at(MONDAY, 9), at(MONDAY, 12), DENTIST)
    hours = tuple(weekly(MONDAY, time(8), time(10), column_id) for column_id in (1, 2, 3))
    practice = calendar(hours=hours, absences=(away,), columns={1: DENTIST, 2: DENTIST, 3: HYGIENIST})
    assert opened(practice, 1) == opened(practice, 2) == [(at(MONDAY, 8), at(MONDAY, 9))]
    assert opened(practice, 3) == [(at(MONDAY, 8), at(MONDAY, 10))]


def test_an_absence_of_the_practice_closes_every_column_also_one_without_a_practitioner() -> None:
    away = absence(at(MONDAY, 9), at(MONDAY, 12)), absence(at(MONDAY, 8), at(MONDAY, 8, 30), DENTIST)
    hours = tuple(weekly(MONDAY, time(8), time(10), column_id) for column_id in (1, 2))
    practice = calendar(hours=hours, absences=away, columns={1: None, 2: HYGIENIST})
    assert opened(practice, 1) == opened(practice, 2) == [(at(MONDAY, 8), at(MONDAY, 9))]


# --- hours of one date ---------------------------------------------------------------------------


def test_hours_of_a_date_replace_weekly_hours_and_shifts_on_that_day_only() -> None:
    shift = cycle(1, MONDAY, (0, time(14), time(18)), valid_from=MONDAY + DAY)
    specials = special(MONDAY, time(10), time(11)), special(MONDAY + DAY, time(7), time(8))
    practice = calendar(hours=(MORNING,), shifts=(shift,), specials=specials)
    assert opened(practice, window=(at(MONDAY, 0), at(MONDAY + 2 * DAY, 24))) == [
        span(10, 11),
        (at(MONDAY + DAY, 7), at(MONDAY + DAY, 8)),
        (at(MONDAY + 2 * DAY, 14), at(MONDAY + 2 * DAY, 18)),
    ]


def test_several_hours_of_one_date_add_up() -> None:
    specials = special(MONDAY, time(13), time(14)), special(MONDAY, time(8), time(9))
    assert opened(calendar(hours=(MORNING,), specials=specials)) == [span(8, 9), span(13, 14)]


@pytest.mark.parametrize("order", [1, -1])
def test_a_date_entered_as_closed_stays_closed_whatever_else_was_entered(order: int) -> None:
    specials = (special(MONDAY), special(MONDAY, time(8), time(9)))[::order]
    assert opened(calendar(hours=(MORNING,), specials=specials)) == []


@pytest.mark.parametrize(
    "half", [SpecialHours(COLUMN, MONDAY, time(8), None), SpecialHours(COLUMN, MONDAY, None, time(9))]
)
def test_a_date_with_half_its_hours_is_closed(half: SpecialHours) -> None:
    assert opened(calendar(hours=(MORNING,), specials=(half,))) == []


def test_hours_of_a_date_hold_on_a_public_holiday_in_their_own_column_alone() -> None:
    practice = calendar(
        hours=(MORNING, weekly(MONDAY, time(8), time(10), OTHER_COLUMN)),
        specials=(special(MONDAY, time(9), time(10)),),
        holidays=(MONDAY,),
        columns={COLUMN: DENTIST, OTHER_COLUMN: HYGIENIST},
    )
    assert (opened(practice), opened(practice, OTHER_COLUMN)) == ([span(9, 10)], [])


@pytest.mark.parametrize("who", [DENTIST, None])
def test_an_absence_and_a_closure_are_taken_out_of_the_hours_of_a_date_too(who: int | None) -> None:
    away = absence(*span(9, 10), who)
    practice = calendar(specials=(special(MONDAY, time(8), time(12)),), absences=(away,))
    assert opened(practice) == [span(8, 9), span(10, 12)]


# --- cycles --------------------------------------------------------------------------------------


@pytest.mark.parametrize("years", [-20, 0, 20])
@pytest.mark.parametrize("days", [1, 7, 14, 28, 365, 1461])
def test_a_cycle_comes_round_from_an_anchor_long_ago_and_from_one_still_to_come(
    days: int, years: int
) -> None:
    anchor = MONDAY - timedelta(days=2) + years * 3 * timedelta(days=days)
    practice = calendar(shifts=(cycle(days, anchor, (2 % days, time(8), time(9))),))
    assert opened(practice) == [span(8, 9)]
    next_day = opened(practice, window=(at(MONDAY + DAY, 0), at(MONDAY + DAY, 24)))
    assert bool(next_day) == (days == 1)


def test_hours_of_a_cycle_beyond_its_length_never_come() -> None:
    practice = calendar(shifts=(cycle(7, MONDAY, (7, time(8), time(9)), (-7, time(10), time(11))),))
    assert opened(practice, window=(at(MONDAY, 0), at(MONDAY + 21 * DAY, 24))) == []


def test_a_weekly_cycle_keeps_its_weekday_from_week_53_to_week_1() -> None:
    friday_w53 = date(2027, 1, 1)
    practice = calendar(shifts=(cycle(7, date(2026, 12, 28), (4, time(8), time(9))),))
    window = at(date(2026, 12, 28), 0), at(date(2027, 1, 10), 24)
    assert opened(practice, window=window) == [
        (at(day, 8), at(day, 9)) for day in (friday_w53, friday_w53 + 7 * DAY)
    ]


# --- parts of days -------------------------------------------------------------------------------


def test_an_afternoon_off_leaves_the_morning_and_an_hour_off_cuts_the_day_in_two() -> None:
    hours = (weekly(MONDAY, time(8), time(18)),)
    assert opened(calendar(hours=hours, absences=(absence(*span(12, 24), DENTIST),))) == [span(8, 12)]
    assert opened(calendar(hours=hours, absences=(absence(*span(10, 11), DENTIST),))) == [
        span(8, 10),
        span(11, 18),
    ]


def test_an_absence_over_midnight_takes_from_both_days() -> None:
    hours = weekly(MONDAY, time(8), time(0)), weekly(MONDAY + DAY, time(0), time(8))
    away = absence(at(MONDAY, 20), at(MONDAY + DAY, 6), DENTIST)
    window = at(MONDAY, 0), at(MONDAY + DAY, 24)
    assert opened(calendar(hours=hours, absences=(away,)), window=window) == [
        span(8, 20),
        (at(MONDAY + DAY, 6), at(MONDAY + DAY, 8)),
    ]


def test_only_the_columns_asked_for_are_looked_up() -> None:
    practice = calendar(hours=(MORNING,), columns={COLUMN: DENTIST, OTHER_COLUMN: HYGIENIST})
    assert open_time(practice, WHOLE_DAY, (COLUMN, 99)) == {COLUMN: [span(8, 10)]}
    assert open_time(practice, (NOW, NOW)) == {COLUMN: [], OTHER_COLUMN: []}
