"""The open time of each column, day by day, without the template areas: where staff put appointments.

Open time itself comes from the rules that are used for booking; here it is
only cut into days.
"""

from collections.abc import Iterator, Sequence
from datetime import date, time
from itertools import groupby

from agent.domain.availability import PlacedArea, open_time, template_time
from agent.domain.intervals import Interval, merged, subtracted, utc_datetime, wall_clock
from agent.domain.practice import PracticeCalendar, ScheduleColumn
from agent.sample_practice.plan import ZONE, PracticePlan

OpenDay = tuple[date, list[Interval]]


def open_days(plan: PracticePlan, calendar: PracticeCalendar) -> dict[int, list[OpenDay]]:
    """Per column, each day of the plan's window with open time outside all areas, stretches in order."""
    window = wall_clock(plan.first_day, time(0), ZONE), wall_clock(plan.end_day, time(0), ZONE)
    opened, areas = open_time(calendar, window), template_time(calendar, window)
    return {
        column_id: list(_by_day(subtracted(opened[column_id], _areas_of(column, areas))))
        for column_id, column in calendar.columns.items()
    }


def _by_day(stretches: Iterator[Interval]) -> Iterator[OpenDay]:
    for day, group in groupby(
        stretches, key=lambda stretch: utc_datetime(stretch[0]).astimezone(ZONE).date()
    ):
        yield day, list(group)


def _areas_of(column: ScheduleColumn, areas: Sequence[PlacedArea]) -> list[Interval]:
    return merged(
        (start, end)
        for area, start, end in areas
        if area.column_id in (None, column.column_id)
        and area.practitioner_id in (None, column.practitioner_id)
    )
