"""Kind `bookings`: what patients chose at the partner's. No free text, by design.

`booking_id` and `revision` are the partner's. The same pair with the same
content is answered as before and has no second effect; with other content it
is a conflict.
"""

from typing import Annotated, Literal

from pydantic import Field

from exchange_formats.fields import CalendarDate, ContactPoint, Identifier, PersonName, Record, UtcInstant


class BookingPatient(Record):
    """Who wants to come. All but the hint is mandatory.

    `patient_id` is the alias from the patients file, a hint that is verified
    against names and birth date. `new_patient` is what the person says.
    """

    given_name: PersonName
    family_name: PersonName
    birth_date: CalendarDate
    contact_points: Annotated[list[ContactPoint], Field(min_length=1, max_length=10)]
    new_patient: bool
    patient_id: Identifier | None = None


class BookingRecord(Record):
    """One wish for one slot. `assignment_id` and `starts_at` repeat what the slot id stands for, so
    that a mix-up on the partner's side is refused and nobody is told a wrong time."""

    record: Literal["booking"]
    booking_id: Identifier
    revision: Annotated[int, Field(ge=1, le=1_000_000)]
    action: Literal["book"]
    slot_id: Identifier
    assignment_id: Identifier
    starts_at: UtcInstant
    patient: BookingPatient
