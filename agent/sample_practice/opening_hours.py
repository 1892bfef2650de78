"""When the sample practice is open: hours, a shift, absences, holidays and template areas around the window.

It holds one of everything that decides about open time: hours that change
in mid-window, a shift that replaces weekly hours from its second week on, a
Saturday morning and a day off for their own dates, vacations, an afternoon
off, the day of the practice's outing, the closure between the years, and
areas that belong to a column, to a practitioner and to nobody.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, time, timedelta

import holidays

from agent.domain.intervals import utc_datetime, wall_clock
from agent.domain.practice import (
    PlannedAbsence,
    PracticeCalendar,
    Shift,
    ShiftHours,
    SpecialHours,
    TemplateArea,
    TemplateAreaKind,
    WorkingHours,
)
from agent.sample_practice.organisation import OFFER_FIRST_VISIT, OFFER_PAIN, PAIN, TYPES, Organisation
from agent.sample_practice.plan import FEDERAL_STATES, TIME_ZONE, ZONE, PracticePlan

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY = range(6)
SHIFT_COLUMN = 2
SATURDAY_COLUMN, DAY_OFF_COLUMN = 1, 3
_WEEK = timedelta(days=7)
_LONG_AGO = timedelta(days=400)

_Hours = tuple[tuple[int, ...], time, time]
_LONG_DAYS = (MONDAY, TUESDAY, THURSDAY)
_DENTIST_HOURS: tuple[_Hours, ...] = (
    (_LONG_DAYS, time(8), time(12)),
    (_LONG_DAYS, time(13), time(18)),
    ((WEDNESDAY,), time(8), time(13)),
    ((FRIDAY,), time(8), time(14)),
)
_PROPHYLAXIS_HOURS: tuple[_Hours, ...] = (
    ((*_LONG_DAYS, WEDNESDAY), time(8), time(12, 30)),
    ((*_LONG_DAYS, WEDNESDAY), time(13), time(17)),
    ((FRIDAY,), time(8), time(13)),
)
_SHARED_HOURS: tuple[_Hours, ...] = (
    ((*_LONG_DAYS, WEDNESDAY, FRIDAY), time(8), time(12)),
    (_LONG_DAYS, time(14), time(17)),
)


def practice_calendar(plan: PracticePlan, house: Organisation) -> PracticeCalendar:
    """Everything that decides when the practice is open, as the rules know it."""
    state_holidays = public_holidays(plan)[plan.federal_state]
    return PracticeCalendar(
        time_zone=TIME_ZONE,
        practitioners=house.practitioners,
        rooms=house.rooms,
        columns=house.columns,
        types=TYPES,
        assignments={
            key: offer for key, offer in house.assignments.items() if key not in house.withdrawn_assignments
        },
        working_hours=tuple(_working_hours(plan, house)),
        shifts=(_shift(plan),),
        absences=tuple(_absences(plan, house)),
        holidays=frozenset(state_holidays),
        template_areas=tuple(_template_areas(plan)),
        special_hours=tuple(_special_hours(plan)),
    )


def public_holidays(plan: PracticePlan) -> dict[str, dict[date, str]]:
    """The public holidays of all sixteen states, from the year before the window to the year after."""
    years = range(plan.first_day.year - 1, plan.end_day.year + 2)
    return {
        state: dict(holidays.country_holidays("DE", subdiv=state, years=years, language="de"))
        for state in FEDERAL_STATES
    }


def _working_hours(plan: PracticePlan, house: Organisation) -> Iterator[WorkingHours]:
    change_day, since = _mid_window(plan), plan.first_day - _LONG_AGO
    for column_id in house.columns:
        for weekdays, starts, ends in _hours_of(column_id, house):
            for weekday in weekdays:
                if (column_id, weekday, starts) == (1, THURSDAY, time(13)):
                    # The long Thursday begins in mid-window.
                    yield WorkingHours(
                        column_id, weekday, starts, ends, since, change_day - timedelta(days=1)
                    )
                    yield WorkingHours(column_id, weekday, starts, time(20), change_day, None)
                else:
                    yield WorkingHours(column_id, weekday, starts, ends, since, None)


def _hours_of(column_id: int, house: Organisation) -> tuple[_Hours, ...]:
    if column_id == house.shared_column:
        return _SHARED_HOURS
    return _PROPHYLAXIS_HOURS if column_id in house.prophylaxis_columns else _DENTIST_HOURS


def _shift(plan: PracticePlan) -> Shift:
    """Early and late weeks by turns."""
    valid_from = _monday_after(plan.first_day)
    early = [ShiftHours(day, time(7), time(13, 30)) for day in range(5)]
    late = [ShiftHours(7 + day, time(12, 30), time(15, 30)) for day in range(5)]
    late += [ShiftHours(7 + day, time(16), time(19)) for day in range(5)]
    return Shift(SHIFT_COLUMN, 14, valid_from - 3 * _WEEK, valid_from, None, (*early, *late))


def _special_hours(plan: PracticePlan) -> Iterator[SpecialHours]:
    next_monday = _monday_after(plan.first_day)
    yield SpecialHours(SATURDAY_COLUMN, next_monday + timedelta(days=SATURDAY), time(9), time(13))
    yield SpecialHours(DAY_OFF_COLUMN, next_monday + timedelta(days=THURSDAY), None, None)


def _absences(plan: PracticePlan, house: Organisation) -> Iterator[PlannedAbsence]:
    for year in range(plan.first_day.year - 1, plan.end_day.year + 1):
        yield _away(None, date(year, 12, 24), date(year + 1, 1, 2))
    next_monday = _monday_after(plan.first_day)
    training_day = next_monday + timedelta(days=TUESDAY)
    yield _away(1, training_day, training_day, time(14), time(18))
    outing = next_monday + 2 * _WEEK + timedelta(days=WEDNESDAY)
    yield _away(None, outing, outing + timedelta(days=1))
    weeks = plan.days // 7
    for practitioner_id in house.practitioners:
        if weeks > 4:
            vacation = next_monday + (2 + 3 * practitioner_id % (weeks - 4)) * _WEEK
            yield _away(
                practitioner_id, vacation, vacation + timedelta(days=11 if practitioner_id % 2 else 5)
            )


def _away(
    practitioner_id: int | None, first: date, last: date, starts: time = time(0), ends: time = time(0)
) -> PlannedAbsence:
    """From a wall-clock time of the first day to one of the last; midnight ends the day before."""
    return PlannedAbsence(
        practitioner_id,
        utc_datetime(wall_clock(first, starts, ZONE)),
        utc_datetime(wall_clock(last, ends, ZONE)),
    )


def _template_areas(plan: PracticePlan) -> Iterator[TemplateArea]:
    reserve = TemplateArea(
        area_id=0,
        kind=TemplateAreaKind.RESERVE,
        weekday=THURSDAY,
        starts=time(14),
        ends=time(15),
        valid_from=plan.first_day - _LONG_AGO,
        valid_until=None,
        column_id=None,
        practitioner_id=None,
        assignment_ids=frozenset(),
        type_ids=frozenset(),
    )
    block = replace(reserve, kind=TemplateAreaKind.BLOCK, starts=time(12), ends=time(13))
    pain = replace(reserve, starts=time(9), ends=time(9, 40), column_id=1, type_ids=frozenset({PAIN}))
    areas = [
        *(replace(pain, weekday=day, assignment_ids=frozenset({OFFER_PAIN})) for day in range(5)),
        # The team meeting, in every column.
        replace(block, weekday=WEDNESDAY),
        replace(reserve, practitioner_id=1, assignment_ids=frozenset({OFFER_FIRST_VISIT})),
        replace(block, weekday=FRIDAY, starts=time(11), column_id=3, valid_until=_mid_window(plan)),
    ]
    return (replace(area, area_id=key) for key, area in enumerate(areas, 1))


def _mid_window(plan: PracticePlan) -> date:
    return plan.first_day + timedelta(days=plan.days // 2)


def _monday_after(day: date) -> date:
    return day + timedelta(days=7 - day.weekday())
