"""From practice values to the records of a document; pure, lazy, nothing more than the formats allow.

What may leave is decided in `agent.domain.consent` and
`agent.domain.availability`; this module only gives it its shape.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from agent.domain.availability import (
    duration_minutes,
    free_slots,
    offer_window,
    open_time,
    slot_id,
    template_time,
)
from agent.domain.intervals import Interval, intersected, merged
from agent.domain.practice import ContactPoint, OfferTerms, Patient, PracticeCalendar, TemplateArea
from exchange_formats import availability, fields, patients, reference_data
from exchange_formats.fields import Record

MAX_NAME_CHARACTERS = 100
MAX_CONTACT_CHARACTERS = 200
MAX_CONTACT_POINTS = 50


@lru_cache(maxsize=65536)
def instant_text(seconds: int) -> str:
    """An instant as the formats write it; cached, because columns share the same clock."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def datetime_text(moment: datetime) -> str:
    """An aware datetime as the formats write it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def availability_records(
    calendar: PracticeCalendar, busy: Mapping[int, Sequence[Interval]], terms: OfferTerms, now: int
) -> Iterator[Record]:
    """Kind `availability`: the window, each column's time, template areas, then what can be booked."""
    window = offer_window(calendar, terms, now)
    yield availability.Window(
        starts_at=instant_text(window[0]),
        ends_at=instant_text(window[1]),
        lead_time_minutes=terms.lead_time_minutes,
        booking_horizon_days=terms.booking_horizon_days,
        grid_minutes=terms.grid_minutes,
    )
    opened = open_time(calendar, window)
    for column_id in sorted(calendar.columns):
        yield from _column_time(column_id, "free", opened.get(column_id, []))
        yield from _column_time(column_id, "busy", intersected([*busy.get(column_id, [])], [window]))
    yield from _template_records(calendar, window)
    for slot in free_slots(calendar, busy, terms, now):
        yield availability.FreeSlot(
            slot_id=slot_id(slot),
            assignment_id=str(slot.assignment_id),
            column_id=str(slot.column_id),
            starts_at=instant_text(slot.start),
            ends_at=instant_text(slot.end),
        )


def _column_time(column_id: int, status: str, stretches: Iterable[Interval]) -> Iterator[Record]:
    for start, end in stretches:
        yield availability.ColumnTime(
            column_id=str(column_id),
            status="free" if status == "free" else "busy",
            starts_at=instant_text(start),
            ends_at=instant_text(end),
        )
