"""When somebody works in each column, and where template areas lie, placed in time.

The first half of availability: hours, shifts, holidays and absences are netted
here and leave only as open time (reading A12). What can be booked in it is
decided in `agent.domain.availability`; nothing here knows an appointment.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, time, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from agent.domain.intervals import (
    Interval,
    instant,
    intersected,
    merged,
    subtracted,
    utc_datetime,
    wall_clock,
)
from agent.domain.practice import (
    PracticeCalendar,
    ScheduleColumn,
    Shift,
    TemplateArea,
    WorkingHours,
)

MIDNIGHT = time(0)

Stretch = Callable[[date, time, time], Interval | None]
"""Hours on a local date as an interval, None if they hold no time."""


class PlacedArea(NamedTuple):
    """One occurrence of a template area."""

    area: TemplateArea
    start: int
    end: int


def open_time(calendar: PracticeCalendar, window: Interval) -> dict[int, list[Interval]]:
    """Per column, the time inside `window` in which somebody works there (rule R7, reading A12).

    A valid shift replaces the weekly hours of its column on every day of its
    validity, also on days for which its cycle has no hours; several valid
    shifts add up. Public holidays, absences of the practice and absences of
    the column's practitioner are taken out.
    """
    zone = ZoneInfo(calendar.time_zone)
    stretch = _stretches(zone)
    days = [day for day in _local_days(window, zone) if day not in calendar.holidays]
    weekly: dict[int, list[WorkingHours]] = defaultdict(list)
    for row in calendar.working_hours:
        weekly[row.column_id].append(row)
    shifts: dict[int, list[Shift]] = defaultdict(list)
    for shift in calendar.shifts:
        shifts[shift.column_id].append(shift)
    opened = {}
    for column_id, column in calendar.columns.items():
        hours = merged(_hours(weekly[column_id], shifts[column_id], days, stretch))
        present = subtracted(hours, _absences(calendar, column))
        opened[column_id] = list(intersected(list(present), [window]))
    return opened


def template_time(calendar: PracticeCalendar, window: Interval) -> list[PlacedArea]:
    """Every occurrence of a template area that touches `window`, whole, by start."""
    zone = ZoneInfo(calendar.time_zone)
    stretch = _stretches(zone)
    areas: dict[int, list[TemplateArea]] = defaultdict(list)
    for area in calendar.template_areas:
        areas[area.weekday].append(area)
    placed = []
    for day in _local_days(window, zone):
        for area in areas[day.weekday()]:
            interval = stretch(day, area.starts, area.ends) if _is_valid(area, day) else None
            if interval and interval[0] < window[1] and interval[1] > window[0]:
                placed.append(PlacedArea(area, *interval))
    return sorted(placed, key=lambda occurrence: (occurrence.start, occurrence.end, occurrence.area.area_id))


def _local_days(window: Interval, zone: ZoneInfo) -> Iterator[date]:
    if window[0] >= window[1]:
        return
    first = utc_datetime(window[0]).astimezone(zone).date()
    last = utc_datetime(window[1] - 1).astimezone(zone).date()
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def _stretches(zone: ZoneInfo) -> Stretch:
    """Converter with a memory, because the columns of a practice mostly share their hours."""

    @cache
    def stretch(day: date, starts: time, ends: time) -> Interval | None:
        # `ends` 00:00 is the end of the day; hours never run past it. The comparison on the wall comes
        # first: when the clock is put forward, an end that is skipped would land behind a later start.
        if ends != MIDNIGHT and ends <= starts:
            return None
        last_day = day + timedelta(days=1) if ends == MIDNIGHT else day
        start, end = wall_clock(day, starts, zone), wall_clock(last_day, ends, zone)
        return (start, end) if start < end else None

    return stretch


def _hours(
    weekly: Sequence[WorkingHours], shifts: Sequence[Shift], days: Iterable[date], stretch: Stretch
) -> Iterator[Interval]:
    for day in days:
        valid_shifts = [shift for shift in shifts if _is_valid(shift, day)]
        if valid_shifts:
            hours = [pair for shift in valid_shifts for pair in _shift_hours(shift, day)]
        else:
            weekday = day.weekday()
            hours = [
                (row.starts, row.ends) for row in weekly if row.weekday == weekday and _is_valid(row, day)
            ]
        for starts, ends in hours:
            interval = stretch(day, starts, ends)
            if interval:
                yield interval


def _shift_hours(shift: Shift, day: date) -> Iterator[tuple[time, time]]:
    # Days since the anchor, never the parity of week numbers: 2026-W53 and 2027-W01 are both odd.
    day_index = (day - shift.anchor_date).days % shift.cycle_days
    return ((hours.starts, hours.ends) for hours in shift.hours if hours.day_index == day_index)


def _is_valid(row: WorkingHours | Shift | TemplateArea, day: date) -> bool:
    return row.valid_from <= day and (row.valid_until is None or day <= row.valid_until)


def _absences(calendar: PracticeCalendar, column: ScheduleColumn) -> list[Interval]:
    return merged(
        (instant(absence.starts_at), instant(absence.ends_at))
        for absence in calendar.absences
        if absence.practitioner_id is None or absence.practitioner_id == column.practitioner_id
    )
