"""Hypothesis strategies: whole practices with everything in them that decides about free time."""

from datetime import date, time
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, composite

from agent.domain.availability import TakenTime
from agent.domain.intervals import Interval, merged
from agent.domain.practice import (
    AppointmentAssignment,
    OfferTerms,
    PracticeCalendar,
    Shift,
    SpecialHours,
    TemplateArea,
    TemplateAreaKind,
    WorkingHours,
)
from tests.kit.calendars import (
    DENTIST,
    HYGIENIST,
    absence,
    area,
    assignment,
    at,
    calendar,
    cycle,
    special,
    weekly,
)
from tests.kit.slot_oracle import DAY, TICK, Practice

FIRST_DAYS = (
    date(2027, 3, 27),  # the clock goes forward on the second day
    date(2027, 10, 30),  # and back
    date(2026, 12, 30),  # from week 53 into week 1, both odd
    date(2027, 1, 3),
    date(2027, 6, 14),
)
DAYS = 3
COLUMNS = {1: DENTIST, 2: HYGIENIST, 3: None, 4: DENTIST, 5: HYGIENIST}
"""Who works where; column 5 may be switched off."""

wall_times = st.sampled_from(
    [time(0), time(1), time(2), time(3), time(6, 35), *(time(hour, 30) for hour in (8, 12, 13, 17)), time(22)]
)
hours_between = st.one_of(
    st.lists(wall_times, min_size=2, max_size=2, unique=True).map(sorted).map(tuple),
    st.tuples(wall_times, wall_times),  # also those that end before they start
)
patterns = st.sampled_from(
    [
        [(time(8, 30), time(12, 30)), (time(13, 30), time(17, 30))],
        [(time(0), time(0))],
        [(time(1), time(3)), (time(6, 35), time(0))],
        [],
    ]
)
busy_ticks = st.tuples(st.integers(-60, DAYS * 288 + 60), st.integers(1, 30))


@composite
def practices(draw: DrawFn) -> Practice:
    """A practice over a few days, with appointments, terms and a moment on the first of them."""
    first = draw(st.sampled_from(FIRST_DAYS))
    midnight = at(first, 0)

    def ticks(pair: tuple[int, int]) -> Interval:
        return midnight + pair[0] * TICK, midnight + (pair[0] + pair[1]) * TICK

    busy = {column_id: merged(map(ticks, draw(st.lists(busy_ticks, max_size=4)))) for column_id in COLUMNS}
    booked = [ticks(pair)[0] for pair in draw(st.lists(busy_ticks, max_size=4))]
    terms = OfferTerms(
        lead_time_minutes=draw(st.sampled_from([0, 45, 600])),
        booking_horizon_days=draw(st.sampled_from([0, 1, 2, 2])),
        grid_minutes=draw(st.sampled_from([5, 15, 30, 60])),
        lead_time_working_days=draw(st.sampled_from([0, 0, 1, 2])),
        max_appointments_per_day=draw(st.sampled_from([None, None, 1, 2])),
    )
    now = midnight + draw(st.integers(0, 86_400))
    return Practice(draw(_calendars(first)), TakenTime(busy, booked), terms, now)


@composite
def _calendars(draw: DrawFn, first: date) -> PracticeCalendar:
    days = [first + offset * DAY for offset in range(DAYS + 1)]
    some_day, some_column = st.sampled_from(days), st.sampled_from(sorted(COLUMNS))
    absent_from = at(first, 0) + draw(st.integers(-60, DAYS * 288)) * TICK
    absent = absence(
        absent_from,
        absent_from + draw(st.integers(1, 200)) * TICK,
        draw(st.sampled_from([None, DENTIST, HYGIENIST])),
    )
    return calendar(
        draw(_assignments(101)),
        draw(_assignments(102)),
        hours=(
            *(weekly(day, *pair, column) for column in COLUMNS for pair in draw(patterns) for day in days),
            *draw(st.lists(st.builds(_weekly, some_day, hours_between, some_column, some_day), max_size=3)),
        ),
        shifts=tuple(draw(st.lists(_shifts(first), max_size=1))),
        specials=tuple(draw(st.lists(st.builds(_special, some_day, hours_between, some_column), max_size=3))),
        absences=(absent,) if draw(st.booleans()) else (),
        holidays=draw(st.sampled_from([(), (), (days[1],)])),
        areas=tuple(draw(st.lists(_areas(days), max_size=3))),
        columns={column_id: COLUMNS[column_id] for column_id in draw(st.permutations(sorted(COLUMNS)))},
        rooms=draw(st.sampled_from([{}, {1: 1, 2: 2, 3: 3, 4: 4}, {1: 1, 2: 2, 3: 2, 5: 1}])),
        overlapping=draw(st.sampled_from([(), (), (3,), (4,), (2, 5)])),
        idle=draw(st.sampled_from([(), (5,)])),
    )


def _weekly(day: date, hours: tuple[time, time], column_id: int, limit: date) -> WorkingHours:
    return weekly(day, *hours, column_id, valid_until=limit if limit > day else None)


def _special(day: date, hours: tuple[time, time], column_id: int) -> SpecialHours:
    # Four at night to one in the morning stands for a closed day.
    return special(day, *(() if hours[0] > hours[1] > time(0) else hours), column_id=column_id)


def _assignments(assignment_id: int) -> st.SearchStrategy[AppointmentAssignment]:
    columns: Any = [(1,), (1, 2), (2, 3, 4), (1, 2, 3, 4, 5, 99)]
    return st.builds(
        assignment,
        st.just(assignment_id),
        st.sampled_from([None, 5, 30, 50, 120]),
        type_id=st.sampled_from([None, 201, 202]),
        buffers=st.tuples(st.sampled_from([0, 10]), st.sampled_from([0, 15])),
        columns=st.sampled_from(columns),
        reserved_only=st.sampled_from([False, False, True]),
    )


@composite
def _shifts(draw: DrawFn, first: date) -> Shift:
    days = draw(st.sampled_from([1, 2, 7, 14, 28, 365]))
    hours = draw(st.lists(st.tuples(st.integers(0, days - 1), hours_between), max_size=4))
    return cycle(
        days,
        first + draw(st.integers(-800, 20)) * DAY,
        *((day_index, starts, ends) for day_index, (starts, ends) in hours),
        column_id=draw(st.sampled_from(sorted(COLUMNS))),
        valid_from=first + draw(st.integers(0, 2)) * DAY,
        valid_until=draw(st.sampled_from([None, first + DAY])),
    )


@composite
def _areas(draw: DrawFn, days: list[date]) -> TemplateArea:
    return area(
        draw(st.sampled_from([*TemplateAreaKind, TemplateAreaKind.RESERVE])),
        draw(st.sampled_from(days)),
        *draw(hours_between),
        column_id=draw(st.sampled_from([None, None, 1, 2])),
        practitioner_id=draw(st.sampled_from([None, DENTIST, HYGIENIST])),
        assignments=draw(st.sampled_from([(), (101,), (101, 102)])),
        types=draw(st.sampled_from([(), (202,)])),
    )
