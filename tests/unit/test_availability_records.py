"""What an availability file says of a practice: openings, columns, areas and slots, and nothing of why."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from agent.domain.availability import NOTHING_TAKEN, TakenTime
from agent.domain.availability_records import availability_records
from agent.domain.intervals import instant
from agent.domain.practice import PracticeCalendar, TemplateAreaKind
from tests.kit.calendars import (
    CHECK_UP,
    CHECK_UP_TYPE,
    CLEANING,
    DENTIST,
    HYGIENIST,
    MONDAY,
    TERMS,
    absence,
    area,
    assignment,
    at,
    calendar,
    span,
    special,
    weekly,
)

DAY = timedelta(days=1)
TEN = at(MONDAY, 10)
HOURS = tuple(
    weekly(MONDAY + number * DAY, time(8), time(12), column_id) for number in range(5) for column_id in (1, 2)
)
TWO_CHAIRS = calendar(assignment(columns=(1, 2)), hours=HOURS, columns={1: DENTIST, 2: DENTIST}, absences=())


def records(
    practice: PracticeCalendar, kind: str, taken: TakenTime = NOTHING_TAKEN, **terms: int
) -> list[Any]:
    """The records of one sort, as a partner gets them at ten on Monday."""
    told = availability_records(practice, taken, replace(TERMS, **terms), TEN)
    return [record for record in told if record.record == kind]


def times(told: list[Any]) -> list[tuple[int, int]]:
    return [
        (instant(datetime.fromisoformat(one.starts_at)), instant(datetime.fromisoformat(one.ends_at)))
        for one in told
    ]


def day_hours(number: int, starts: int = 8, ends: int = 12) -> tuple[int, int]:
    return at(MONDAY + number * DAY, starts), at(MONDAY + number * DAY, ends)


def test_openings_run_from_the_start_of_today_to_the_end_of_the_horizon() -> None:
    openings = times(records(TWO_CHAIRS, "opening", lead_time_minutes=3 * 24 * 60, booking_horizon_days=11))
    assert openings == [day_hours(number) for number in (*range(5), *range(7, 12))]


def test_openings_reach_a_week_ahead_when_the_horizon_is_shorter() -> None:
    openings = times(records(TWO_CHAIRS, "opening", booking_horizon_days=1))
    assert openings == [day_hours(number) for number in (*range(5), 7)]


def test_openings_are_those_of_the_practice_and_leave_out_its_closures_and_holidays() -> None:
    practice = replace(
        TWO_CHAIRS,
        holidays=frozenset({MONDAY + DAY}),
        absences=(absence(*day_hours(2, 0, 24)), absence(*day_hours(3, 0, 24), DENTIST)),
        special_hours=(special(MONDAY, time(10), time(16), column_id=2),),
    )
    assert times(records(practice, "opening", booking_horizon_days=5)) == [
        day_hours(0, 8, 16),
        day_hours(4),
        day_hours(7),
    ]


def test_a_closed_practice_and_an_empty_offer_window_still_tell_the_openings() -> None:
    kinds = [record.record for record in availability_records(calendar(), NOTHING_TAKEN, TERMS, TEN)]
    assert kinds == ["window"]
    nothing_on_offer = records(TWO_CHAIRS, "opening", lead_time_working_days=2, booking_horizon_days=1)
    assert len(nothing_on_offer) == 6
    assert records(TWO_CHAIRS, "slot", lead_time_working_days=2, booking_horizon_days=1) == []


def test_busy_time_of_a_column_holds_what_it_shares_so_that_free_minus_busy_is_what_can_be_booked() -> None:
    taken = TakenTime({1: [span(10, 11)], 2: [span(10.5, 11.5)]})
    busy = [record for record in records(TWO_CHAIRS, "column_time", taken) if record.status == "busy"]
    assert [record.column_id for record in busy] == ["1", "2"]
    assert times(busy) == [span(10, 11.5), span(10, 11.5)]
    slots = records(TWO_CHAIRS, "slot", taken, booking_horizon_days=0)
    assert [(record.column_id, record.starts_at) for record in slots] == [
        ("1", "2027-01-11T10:30:00Z"),
        ("2", "2027-01-11T10:30:00Z"),
    ]


def test_a_switched_off_column_is_not_told_but_takes_time() -> None:
    practice = calendar(assignment(columns=(1, 2)), hours=HOURS, columns={1: DENTIST, 2: DENTIST}, idle=(2,))
    told = records(practice, "column_time", TakenTime({2: [span(10, 11)]}))
    assert {record.column_id for record in told} == {"1"}
    assert times([record for record in told if record.status == "busy"]) == [span(10, 11)]


def test_an_absence_cannot_be_told_from_a_day_without_hours() -> None:
    """Absences are health data (reading A12): the same file whether somebody is away or never works then."""
    away = replace(TWO_CHAIRS, absences=(absence(*day_hours(1, 0, 24), DENTIST),))
    never = replace(
        TWO_CHAIRS, working_hours=tuple(row for row in HOURS if row.weekday != 1), special_hours=()
    )
    assert list(
        availability_records(away, NOTHING_TAKEN, replace(TERMS, booking_horizon_days=5), TEN)
    ) == list(availability_records(never, NOTHING_TAKEN, replace(TERMS, booking_horizon_days=5), TEN))


@pytest.mark.parametrize(
    ("owner", "columns"),
    [
        ({"column_id": 2}, ["2"]),
        ({"practitioner_id": HYGIENIST}, ["2", "3"]),
        ({"column_id": 1, "practitioner_id": HYGIENIST}, ["1"]),
        ({}, [None]),
        ({"column_id": 9}, []),
    ],
)
def test_an_area_is_told_for_each_column_it_concerns_and_once_if_for_all(
    owner: dict[str, Any], columns: list[str | None]
) -> None:
    practice = calendar(
        assignment(),
        assignment(CLEANING, type_id=None),
        areas=(area(TemplateAreaKind.RESERVE, MONDAY, time(9), time(11), types=(CHECK_UP_TYPE,), **owner),),
        columns={1: DENTIST, 2: HYGIENIST, 3: HYGIENIST},
    )
    told = records(practice, "template_time", booking_horizon_days=0)
    assert [record.column_id for record in told] == columns
    assert all(record.assignment_ids == [str(CHECK_UP)] for record in told)
    assert times(told) == [span(9, 11)] * len(columns)


@pytest.mark.parametrize(("day", "offset"), [(date(2027, 3, 28), 1), (date(2027, 10, 31), 2)])
def test_times_of_a_day_with_a_clock_change_are_told_in_utc_morning_and_afternoon(
    day: date, offset: int
) -> None:
    """Before the change the offset is the old one, after it the new."""
    practice = calendar(
        assignment(minutes=60),
        hours=(weekly(day, time(1), time(2)), weekly(day, time(8), time(9)), weekly(day, time(14), time(15))),
    )
    told: list[Any] = list(availability_records(practice, NOTHING_TAKEN, TERMS, at(day - DAY, 12)))
    starts = [record.starts_at for record in told if record.record == "slot"][:3]
    new = 3 - offset
    assert starts == [
        f"{(datetime.combine(day, time(hour)) - timedelta(hours=shift)).isoformat()}Z"
        for hour, shift in ((1, offset), (8, new), (14, new))
    ]
