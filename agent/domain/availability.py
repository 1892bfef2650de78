"""What can be booked: free slots, and the judgement on a single one.

One piece of code serves both stories: the export publishes `free_slots`, and
a booking is judged by `is_free`, which asks `free_slots` again for that one
slot. Nobody may decide elsewhere whether a time can be had.

All instants are epoch seconds, all interval lists sorted and disjoint.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from agent.domain.intervals import Interval, merged, subtracted, utc_datetime, wall_clock
from agent.domain.opening import MIDNIGHT, PlacedArea, open_time, template_time
from agent.domain.practice import (
    AppointmentAssignment,
    OfferTerms,
    PracticeCalendar,
    ScheduleColumn,
    TemplateArea,
    TemplateAreaKind,
)

__all__ = [
    "PlacedArea",
    "Slot",
    "busy_window",
    "duration_minutes",
    "free_slots",
    "is_free",
    "offer_window",
    "open_time",
    "parse_slot_id",
    "slot_id",
    "template_time",
]

MINUTE = 60

_SLOT_ID = re.compile(r"(0|[1-9][0-9]{0,17})-(0|[1-9][0-9]{0,17})-(0|[1-9][0-9]{0,9})")
_LATEST_START = 2**32
"""In the year 2106: far from where calendar arithmetic overflows."""


class Slot(NamedTuple):
    """A bookable time: one assignment in one column, from start to end, buffers not included."""

    assignment_id: int
    column_id: int
    start: int
    end: int


def duration_minutes(calendar: PracticeCalendar, assignment: AppointmentAssignment) -> int | None:
    """The assignment's length, else its type's; None if neither is above zero.

    Without a length an assignment is never offered (reading A14).
    """
    if assignment.duration_minutes and assignment.duration_minutes > 0:
        return assignment.duration_minutes
    kind = calendar.types.get(assignment.type_id) if assignment.type_id is not None else None
    if kind and kind.duration_minutes and kind.duration_minutes > 0:
        return kind.duration_minutes
    return None


def offer_window(calendar: PracticeCalendar, terms: OfferTerms, now: int) -> Interval:
    """Where a slot may start: from the lead time on until the last local day of the horizon is over.

    Empty (`start == end`) where the lead time reaches beyond the horizon.
    """
    zone = ZoneInfo(calendar.time_zone)
    today = utc_datetime(now).astimezone(zone).date()
    earliest = now + terms.lead_time_minutes * MINUTE
    end = wall_clock(today + timedelta(days=terms.booking_horizon_days + 1), MIDNIGHT, zone)
    return earliest, max(earliest, end)


def busy_window(calendar: PracticeCalendar, window: Interval) -> Interval:
    """The busy time that decides over slots starting in `window`: wider by the largest buffers and length."""
    before = max((a.buffer_before_minutes for a in calendar.assignments.values()), default=0)
    after = max((a.buffer_after_minutes for a in calendar.assignments.values()), default=0)
    return window[0] - before * MINUTE, window[1] + _longest_offer(calendar) + after * MINUTE


def free_slots(
    calendar: PracticeCalendar,
    busy: Mapping[int, Sequence[Interval]],
    terms: OfferTerms,
    now: int,
    window: Interval | None = None,
) -> Iterator[Slot]:
    """Every slot on offer that starts in `window` and in the offer window, by column, assignment, start.

    `busy` is taken time per column, sorted and disjoint, covering
    `busy_window` of what is asked for. A slot starts on the grid and lies wholly
    in open time, outside block areas and outside reserve areas that list
    neither its assignment nor its type; an assignment that an area is reserved
    for is offered elsewhere too. With its buffers it keeps clear of busy time,
    also on columns where the practice itself allows overlaps. Buffers may
    reach into closed or reserved time.
    """
    starts = offer_window(calendar, terms, now)
    if window is not None:
        starts = max(starts[0], window[0]), min(starts[1], window[1])
    if starts[0] >= starts[1]:
        return
    reach = starts[0], starts[1] + _longest_offer(calendar)
    opened = open_time(calendar, reach)
    areas = template_time(calendar, reach)
    for column_id, column in sorted(calendar.columns.items()):
        placed_here = [placed for placed in areas if _applies(placed.area, column)]
        for assignment, length in _offers(calendar, column_id):
            allowed = subtracted(opened[column_id], _forbidden(placed_here, assignment))
            room = subtracted(allowed, _kept_clear(busy.get(column_id, ()), assignment))
            for start in _starts(room, length, terms.grid_minutes * MINUTE, starts[1]):
                yield Slot(assignment.assignment_id, column_id, start, start + length)


def is_free(
    calendar: PracticeCalendar,
    busy: Mapping[int, Sequence[Interval]],
    terms: OfferTerms,
    now: int,
    *,
    assignment_id: int,
    column_id: int,
    start: int,
) -> bool:
    """Whether `free_slots` would offer exactly this; the cost is that of one column and day."""
    if assignment_id not in calendar.assignments or column_id not in calendar.columns:
        return False
    alone = replace(
        calendar,
        columns={column_id: calendar.columns[column_id]},
        assignments={assignment_id: calendar.assignments[assignment_id]},
    )
    return any(free_slots(alone, busy, terms, now, (start, start + 1)))


def _longest_offer(calendar: PracticeCalendar) -> int:
    lengths = (duration_minutes(calendar, assignment) for assignment in calendar.assignments.values())
    return max((length for length in lengths if length), default=0) * MINUTE


def _offers(calendar: PracticeCalendar, column_id: int) -> Iterator[tuple[AppointmentAssignment, int]]:
    """What the column offers, with its length in seconds."""
    for _, assignment in sorted(calendar.assignments.items()):
        minutes = duration_minutes(calendar, assignment)
        if minutes and column_id in assignment.column_ids:
            yield assignment, minutes * MINUTE


def _starts(room: Iterable[Interval], length: int, grid: int, before: int) -> Iterator[int]:
    """Every multiple of `grid` earlier than `before` from which `length` fits into the room."""
    for start, end in room:
        last = end - length
        if start <= last:
            yield from range(-(-start // grid) * grid, min(last + 1, before), grid)


def _applies(area: TemplateArea, column: ScheduleColumn) -> bool:
    if area.column_id is not None:
        return area.column_id == column.column_id
    return area.practitioner_id is None or area.practitioner_id == column.practitioner_id


def _forbidden(areas: Iterable[PlacedArea], assignment: AppointmentAssignment) -> list[Interval]:
    return merged(
        (start, end)
        for area, start, end in areas
        if area.kind is TemplateAreaKind.BLOCK
        or not (assignment.assignment_id in area.assignment_ids or assignment.type_id in area.type_ids)
    )


def _kept_clear(busy: Sequence[Interval], assignment: AppointmentAssignment) -> Sequence[Interval]:
    """Where the slot itself may not lie: busy time grown by the buffers, which keeps its order."""
    before = assignment.buffer_before_minutes * MINUTE
    after = assignment.buffer_after_minutes * MINUTE
    if not before and not after:
        return busy
    return [(start - after, end + before) for start, end in busy]


def slot_id(slot: Slot) -> str:
    """The partner's name for a slot: opaque by contract, the same in every later file."""
    return f"{slot.assignment_id}-{slot.column_id}-{slot.start}"


def parse_slot_id(text: str) -> tuple[int, int, int] | None:
    """Assignment, column and start, or None for anything that `slot_id` never writes."""
    parts = _SLOT_ID.fullmatch(text)
    if parts is None or int(parts[3]) >= _LATEST_START:
        return None
    return int(parts[1]), int(parts[2]), int(parts[3])
