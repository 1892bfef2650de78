"""Kind `availability`: when the practice is open, when it is taken, and what can be booked.

Absences, holidays and shifts are netted on site and never appear (sickness is
health data). Busy time says from when to when and nothing else. The free
slots are derived from exactly the function that later judges the booking.
"""

from typing import Annotated, Literal

from pydantic import Field

from exchange_formats.fields import Identifier, Record, UtcInstant


class Window(Record):
    """What the file covers: always the first record. Slots outside are neither offered nor denied."""

    record: Literal["window"] = "window"
    starts_at: UtcInstant
    ends_at: UtcInstant
    lead_time_minutes: Annotated[int, Field(ge=0)]
    lead_time_working_days: Annotated[int, Field(ge=0)]
    booking_horizon_days: Annotated[int, Field(ge=0)]
    grid_minutes: Annotated[int, Field(ge=1, le=60)]


class Opening(Record):
    """A stretch in which the practice is open: somebody works in at least one column.

    With the envelope's `next_expected_at` it tells a partner whether a missing file is a fault
    or a closed practice.
    """

    record: Literal["opening"] = "opening"
    starts_at: UtcInstant
    ends_at: UtcInstant


class ColumnTime(Record):
    """A stretch of one column: `free` is netted opening time, `busy` is taken (FHIR R4 SlotStatus).

    Busy stretches are merged and also lie outside opening time where somebody works longer.
    """

    record: Literal["column_time"] = "column_time"
    column_id: Identifier
    status: Literal["free", "busy"]
    starts_at: UtcInstant
    ends_at: UtcInstant


class TemplateTime(Record):
    """A template area placed in time: kept for the listed assignments, or blocked.

    Without a column it applies to every column.
    """

    record: Literal["template_time"] = "template_time"
    kind: Literal["reserve", "block"]
    column_id: Identifier | None
    starts_at: UtcInstant
    ends_at: UtcInstant
    assignment_ids: list[Identifier]


class FreeSlot(Record):
    """Something a patient can book now. `slot_id` is opaque and the same in every later file."""

    record: Literal["slot"] = "slot"
    slot_id: Identifier
    assignment_id: Identifier
    column_id: Identifier
    status: Literal["free"] = "free"
    starts_at: UtcInstant
    ends_at: UtcInstant


AvailabilityRecord = Annotated[
    Window | Opening | ColumnTime | TemplateTime | FreeSlot, Field(discriminator="record")
]
