"""Kind `bookings`: what patients chose, cancelled or moved at the partner's. No free text, by design.

`booking_id` and `revision` are the partner's; all records about one
appointment carry one `booking_id`, each later one a higher `revision`. The
same pair with the same content is answered as before and has no second
effect; with other content it is a conflict. A booking that was cancelled is
finished: its id is never booked again.
"""

from typing import Annotated, Literal

from pydantic import Field

from exchange_formats.fields import CalendarDate, ContactPoint, Identifier, PersonName, Record, UtcInstant

Revision = Annotated[int, Field(ge=1, le=1_000_000)]


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
    """One wish for one slot.

    `assignment_id` and `starts_at` repeat what the slot id stands for, so that
    a mix-up on the partner's side is refused and nobody is told a wrong time.
    Without a slot id any column will do that offers the assignment at that
    start; the practice chooses.
    """

    record: Literal["booking"]
    booking_id: Identifier
    revision: Revision
    action: Literal["book"]
    slot_id: Identifier | None = None
    assignment_id: Identifier
    starts_at: UtcInstant
    patient: BookingPatient


class CancelRecord(Record):
    """The appointment of this booking is not wanted any more.

    `cancellation_reason` is FHIR R4 AppointmentCancellationReason: `pat` the patient, `other` anything else.
    """

    record: Literal["booking"]
    booking_id: Identifier
    revision: Revision
    action: Literal["cancel"]
    cancellation_reason: Literal["pat", "other"] = "pat"


class RescheduleRecord(Record):
    """Another time for the appointment of this booking, in the same assignment; else as in a booking."""

    record: Literal["booking"]
    booking_id: Identifier
    revision: Revision
    action: Literal["reschedule"]
    slot_id: Identifier | None = None
    assignment_id: Identifier
    starts_at: UtcInstant


BookingsRecord = Annotated[BookingRecord | CancelRecord | RescheduleRecord, Field(discriminator="action")]
