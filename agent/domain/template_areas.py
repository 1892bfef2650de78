"""Template areas placed in time, and what they leave of a column's open time for one offer (reading A13).

Between open time and free slots. An area reserves time for what it lists or
takes it from everything; it belongs to a column, to a practitioner or to
nobody, and then to every column.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from agent.domain.intervals import Interval, intersected, merged, subtracted
from agent.domain.local_days import local_days, stretches
from agent.domain.opening import is_valid
from agent.domain.practice import (
    AppointmentAssignment,
    PracticeCalendar,
    ScheduleColumn,
    TemplateArea,
    TemplateAreaKind,
)


class PlacedArea(NamedTuple):
    """One occurrence of a template area."""

    area: TemplateArea
    start: int
    end: int


def template_time(calendar: PracticeCalendar, window: Interval) -> list[PlacedArea]:
    """Every occurrence of a template area that touches `window`, whole, by start."""
    zone = ZoneInfo(calendar.time_zone)
    stretch = stretches(zone)
    areas: dict[int, list[TemplateArea]] = defaultdict(list)
    for area in calendar.template_areas:
        areas[area.weekday].append(area)
    placed = []
    for day in local_days(window, zone):
        for area in areas[day.weekday()]:
            interval = stretch(day, area.starts, area.ends) if is_valid(area, day) else None
            if interval and interval[0] < window[1] and interval[1] > window[0]:
                placed.append(PlacedArea(area, *interval))
    return sorted(placed, key=lambda occurrence: (occurrence.start, occurrence.end, occurrence.area.area_id))


def areas_of(column: ScheduleColumn, areas: Iterable[PlacedArea]) -> list[PlacedArea]:
    """Those that concern the column; a column named by the area goes before a practitioner."""
    return [placed for placed in areas if _applies(placed.area, column)]


def lists(area: TemplateArea, assignment: AppointmentAssignment) -> bool:
    """Whether a reserve area keeps its time for this assignment, by itself or by its type."""
    return assignment.assignment_id in area.assignment_ids or assignment.type_id in area.type_ids


def usable_time(
    opened: Sequence[Interval], areas: Sequence[PlacedArea], assignment: AppointmentAssignment
) -> Iterator[Interval]:
    """What of a column's open time the assignment may lie in; `areas` are those of the column.

    Out of bounds are block areas and reserve areas that do not list it; where
    two areas overlap, both must let it in. A `reserved_only` assignment lies
    in time reserved for it and nowhere else; areas that touch are one stretch.
    """
    forbidden = merged((start, end) for area, start, end in areas if _keeps_out(area, assignment))
    if not assignment.reserved_only:
        return subtracted(opened, forbidden)
    reserved = merged((start, end) for area, start, end in areas if not _keeps_out(area, assignment))
    return subtracted(intersected(opened, reserved), forbidden)


def _applies(area: TemplateArea, column: ScheduleColumn) -> bool:
    if area.column_id is not None:
        return area.column_id == column.column_id
    return area.practitioner_id is None or area.practitioner_id == column.practitioner_id


def _keeps_out(area: TemplateArea, assignment: AppointmentAssignment) -> bool:
    return area.kind is TemplateAreaKind.BLOCK or not lists(area, assignment)
