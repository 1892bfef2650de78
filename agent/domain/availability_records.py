"""From calendar and taken time to the records of an availability file; pure, lazy.

What is on offer is decided in `agent.domain.availability`; this module only
gives it its shape, and says nothing of why a time is not open or taken.
"""

from collections.abc import Generator, Iterable, Iterator
from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from agent.domain.availability import TakenTime, free_slots, offer_window, open_time, slot_id
from agent.domain.documents import instant_text
from agent.domain.intervals import Interval, intersected
from agent.domain.local_days import day_start, local_date
from agent.domain.practice import OfferTerms, PracticeCalendar
from agent.domain.practice_hours import practice_open
from agent.domain.taken_time import taken_in
from agent.domain.template_areas import PlacedArea, areas_of, lists, template_time
from exchange_formats import availability
from exchange_formats.fields import Line

_WEEK_AHEAD = timedelta(days=8)


def availability_records(
    calendar: PracticeCalendar, taken: TakenTime, terms: OfferTerms, now: int
) -> Generator[Line, None, None]:
    """Kind `availability`: the window, the practice's openings, each column's time, areas, then the slots."""
    window = offer_window(calendar, terms, now)
    yield availability.Window(
        starts_at=instant_text(window[0]),
        ends_at=instant_text(window[1]),
        lead_time_minutes=terms.lead_time_minutes,
        lead_time_working_days=terms.lead_time_working_days,
        booking_horizon_days=terms.booking_horizon_days,
        grid_minutes=terms.grid_minutes,
    )
    for start, end in practice_open(calendar, opening_window(calendar, window, now)):
        yield availability.Opening(starts_at=instant_text(start), ends_at=instant_text(end))
    opened = open_time(calendar, window)
    busy = taken_in(calendar, taken.busy, calendar.columns.values())
    for column_id in sorted(calendar.columns):
        yield from _column_time(column_id, "free", opened[column_id])
        yield from _column_time(column_id, "busy", intersected(busy[column_id], [window]))
    yield from _template_records(calendar, window)
    for slot in free_slots(calendar, taken, terms, now):
        yield availability.FreeSlot(
            slot_id=slot_id(slot),
            assignment_id=str(slot.assignment_id),
            column_id=str(slot.column_id),
            starts_at=instant_text(slot.start),
            ends_at=instant_text(slot.end),
        )


def opening_window(calendar: PracticeCalendar, window: Interval, now: int) -> Interval:
    """From the start of today to the end of the offer window, and a week ahead at least.

    A partner with a short horizon too can tell a weekend from a fault.
    """
    zone = ZoneInfo(calendar.time_zone)
    today = local_date(now, zone)
    return day_start(today, zone), max(window[1], day_start(today + _WEEK_AHEAD, zone))


def _column_time(
    column_id: int, status: Literal["free", "busy"], stretches: Iterable[Interval]
) -> Iterator[Line]:
    for start, end in stretches:
        yield availability.ColumnTime(
            column_id=str(column_id),
            status=status,
            starts_at=instant_text(start),
            ends_at=instant_text(end),
        )


def _template_records(calendar: PracticeCalendar, window: Interval) -> Iterator[Line]:
    for placed in template_time(calendar, window):
        for column_id in _template_columns(calendar, placed):
            yield availability.TemplateTime(
                kind=placed.area.kind.value,
                column_id=column_id,
                starts_at=instant_text(placed.start),
                ends_at=instant_text(placed.end),
                assignment_ids=[
                    str(assignment.assignment_id)
                    for assignment in calendar.assignments.values()
                    if lists(placed.area, assignment)
                ],
            )


def _template_columns(calendar: PracticeCalendar, placed: PlacedArea) -> list[str | None]:
    if placed.area.column_id is None and placed.area.practitioner_id is None:
        return [None]
    return [str(column.column_id) for column in calendar.columns.values() if areas_of(column, [placed])]
