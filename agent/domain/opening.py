"""When somebody works in each column: hours of every kind, netted and placed in time.

The first step of availability: special hours, shifts, weekly hours, holidays
and absences go in, and only open time comes out (reading A12). What can be
booked in it is decided in `agent.domain.availability`; nothing here knows an
appointment.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import date, time
from zoneinfo import ZoneInfo

from agent.domain.intervals import Interval, instant, intersected, merged, subtracted
from agent.domain.local_days import Stretch, local_days, stretches
from agent.domain.practice import (
    PracticeCalendar,
    ScheduleColumn,
    Shift,
    SpecialHours,
    TemplateArea,
    WorkingHours,
)

Hours = tuple[time, time]


def open_time(
    calendar: PracticeCalendar, window: Interval, column_ids: Collection[int] | None = None
) -> dict[int, list[Interval]]:
    """Per column, the time inside `window` in which somebody works there (rule R7, reading A12).

    Hours for a date replace whatever else holds in the column on that day,
    public holidays too, because they were entered for that very date. A valid
    shift replaces the weekly hours of its column on every day of its
    validity, also on days for which its cycle has no hours; several valid
    shifts add up. Absences of the practice and of the column's practitioner
    are taken out of all of it.
    """
    zone = ZoneInfo(calendar.time_zone)
    stretch = stretches(zone)
    days = list(local_days(window, zone))
    timetables = _timetables(calendar)
    opened = {}
    for column_id, column in calendar.columns.items():
        if column_ids is not None and column_id not in column_ids:
            continue
        hours = merged(_placed(timetables[column_id], days, calendar.holidays, stretch))
        present = subtracted(hours, _absences(calendar, column))
        opened[column_id] = list(intersected(list(present), [window]))
    return opened


def is_valid(row: WorkingHours | Shift | TemplateArea, day: date) -> bool:
    """Whether the row holds on the day; both dates of a validity are included."""
    return row.valid_from <= day and (row.valid_until is None or day <= row.valid_until)


class _Timetable:
    """The hours of one column, by what they are looked up with."""

    __slots__ = ("shifts", "special", "weekly")

    def __init__(self) -> None:
        self.weekly: dict[int, list[WorkingHours]] = defaultdict(list)
        self.shifts: list[Shift] = []
        self.special: dict[date, list[SpecialHours]] = {}

    def hours(self, day: date, holidays: Collection[date]) -> list[Hours]:
        special = self.special.get(day)
        if special is not None:
            return _special_hours(special)
        if day in holidays:
            return []
        valid_shifts = [shift for shift in self.shifts if is_valid(shift, day)]
        if valid_shifts:
            return [hours for shift in valid_shifts for hours in _shift_hours(shift, day)]
        return [(row.starts, row.ends) for row in self.weekly[day.weekday()] if is_valid(row, day)]


def _timetables(calendar: PracticeCalendar) -> dict[int, _Timetable]:
    timetables: dict[int, _Timetable] = defaultdict(_Timetable)
    for row in calendar.working_hours:
        timetables[row.column_id].weekly[row.weekday].append(row)
    for shift in calendar.shifts:
        timetables[shift.column_id].shifts.append(shift)
    for special in calendar.special_hours:
        timetables[special.column_id].special.setdefault(special.special_date, []).append(special)
    return timetables


def _placed(
    timetable: _Timetable, days: Iterable[date], holidays: Collection[date], stretch: Stretch
) -> Iterator[Interval]:
    for day in days:
        for starts, ends in timetable.hours(day, holidays):
            interval = stretch(day, starts, ends)
            if interval:
                yield interval


def _special_hours(rows: Iterable[SpecialHours]) -> list[Hours]:
    hours = []
    for row in rows:
        if row.starts is None or row.ends is None:
            return []  # closed, whatever else was entered for the day
        hours.append((row.starts, row.ends))
    return hours


def _shift_hours(shift: Shift, day: date) -> Iterator[Hours]:
    # Days since the anchor, never the parity of week numbers: 2026-W53 and 2027-W01 are both odd.
    day_index = (day - shift.anchor_date).days % shift.cycle_days
    return ((hours.starts, hours.ends) for hours in shift.hours if hours.day_index == day_index)


def _absences(calendar: PracticeCalendar, column: ScheduleColumn) -> list[Interval]:
    return merged(
        (instant(absence.starts_at), instant(absence.ends_at))
        for absence in calendar.absences
        if absence.practitioner_id is None or absence.practitioner_id == column.practitioner_id
    )
