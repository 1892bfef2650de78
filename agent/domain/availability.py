"""What can be booked: free slots, and the judgement on a single one.

One piece of code serves both stories: the export publishes `free_slots`, and
a booking is judged by asking `free_slots` again for that one start. Nobody
may decide elsewhere whether a time can be had. Beside the slots themselves
this module is the door to the parts they are made of.

All instants are epoch seconds, all interval lists sorted and disjoint.
"""

from collections.abc import Collection, Iterable, Iterator
from operator import attrgetter

from agent.domain.intervals import Interval, overlaps, subtracted
from agent.domain.offer_window import busy_window, duration_minutes, longest_offer, offer_window
from agent.domain.opening import open_time
from agent.domain.practice import AppointmentAssignment, OfferTerms, PracticeCalendar
from agent.domain.slots import Slot, parse_slot_id, slot_id
from agent.domain.taken_time import (
    MINUTE,
    NOTHING_TAKEN,
    TakenTime,
    cap_window,
    deciding_columns,
    full_days,
    kept_clear,
    taken_in,
)
from agent.domain.template_areas import PlacedArea, areas_of, template_time, usable_time

__all__ = [
    "MINUTE",
    "NOTHING_TAKEN",
    "PlacedArea",
    "Slot",
    "TakenTime",
    "alternatives",
    "busy_window",
    "cap_window",
    "deciding_columns",
    "duration_minutes",
    "free_columns",
    "free_slots",
    "is_free",
    "offer_window",
    "open_time",
    "parse_slot_id",
    "slot_id",
    "template_time",
]


def free_slots(
    calendar: PracticeCalendar,
    taken: TakenTime,
    terms: OfferTerms,
    now: int,
    window: Interval | None = None,
    *,
    assignment_ids: Collection[int] | None = None,
    column_ids: Collection[int] | None = None,
) -> Iterator[Slot]:
    """Every slot on offer that starts in `window` and in the offer window, by column, assignment, start.

    `taken` covers `busy_window` of what is asked for, in the `deciding_columns`
    of the columns. A slot starts on the grid and lies wholly in open time that
    template areas leave to its assignment; an assignment that an area is
    reserved for is offered elsewhere too, unless it is `reserved_only`. With
    its buffers it keeps clear of taken time, also on columns where the
    practice itself allows overlaps. Buffers may reach into closed or reserved
    time. On a day on which the partner's cap is reached nothing is offered.
    """
    starts = offer_window(calendar, terms, now)
    if window is not None:
        starts = max(starts[0], window[0]), min(starts[1], window[1])
    if starts[0] >= starts[1]:
        return
    reach = starts[0], starts[1] + longest_offer(calendar)
    opened = open_time(calendar, reach, column_ids)
    areas = template_time(calendar, reach)
    full = full_days(calendar, taken, terms)
    columns = [calendar.columns[column_id] for column_id in sorted(opened)]
    busy = taken_in(calendar, taken.busy, columns)
    for column in columns:
        column_id, areas_here = column.column_id, areas_of(column, areas)
        for assignment, length in _offers(calendar, column_id, assignment_ids):
            usable = usable_time(opened[column_id], areas_here, assignment)
            room = subtracted(usable, kept_clear(busy[column_id], assignment))
            for start in _starts(room, length, terms.grid_minutes * MINUTE, starts[1]):
                if not full or not overlaps(full, start, start + 1):
                    yield Slot(assignment.assignment_id, column_id, start, start + length)


def free_columns(
    calendar: PracticeCalendar,
    taken: TakenTime,
    terms: OfferTerms,
    now: int,
    *,
    assignment_id: int,
    column_ids: Collection[int],
    start: int,
) -> frozenset[int]:
    """In which of the columns `free_slots` offers the assignment at exactly this start."""
    slots = free_slots(
        calendar,
        taken,
        terms,
        now,
        (start, start + 1),
        assignment_ids=(assignment_id,),
        column_ids=column_ids,
    )
    return frozenset(slot.column_id for slot in slots)


def is_free(
    calendar: PracticeCalendar,
    taken: TakenTime,
    terms: OfferTerms,
    now: int,
    *,
    assignment_id: int,
    column_id: int,
    start: int,
) -> bool:
    """Whether `free_slots` would offer exactly this; the cost is that of one column and day."""
    return bool(
        free_columns(
            calendar,
            taken,
            terms,
            now,
            assignment_id=assignment_id,
            column_ids=(column_id,),
            start=start,
        )
    )


def alternatives(
    calendar: PracticeCalendar,
    taken: TakenTime,
    terms: OfferTerms,
    now: int,
    assignment_id: int,
    window: Interval,
    limit: int,
) -> list[Slot]:
    """The first free slots of the assignment that start in the window, at most one for each start.

    Of several columns at one start the first in the order of the appointment book.
    """
    slots = free_slots(calendar, taken, terms, now, window, assignment_ids=(assignment_id,))
    order = {column_id: position for position, column_id in enumerate(calendar.columns)}
    first: dict[int, Slot] = {}
    for slot in sorted(slots, key=lambda slot: order[slot.column_id]):
        first.setdefault(slot.start, slot)
    return sorted(first.values(), key=attrgetter("start"))[:limit]


def _offers(
    calendar: PracticeCalendar, column_id: int, assignment_ids: Collection[int] | None
) -> Iterator[tuple[AppointmentAssignment, int]]:
    """What the column offers, with its length in seconds."""
    for assignment_id, assignment in sorted(calendar.assignments.items()):
        if assignment_ids is not None and assignment_id not in assignment_ids:
            continue
        minutes = duration_minutes(calendar, assignment)
        if minutes and column_id in assignment.column_ids:
            yield assignment, minutes * MINUTE


def _starts(room: Iterable[Interval], length: int, grid: int, before: int) -> Iterator[int]:
    """Every multiple of `grid` earlier than `before` from which `length` fits into the room."""
    for start, end in room:
        last = end - length
        if start <= last:
            yield from range(-(-start // grid) * grid, min(last + 1, before), grid)
