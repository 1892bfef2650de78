"""Kind `appointment_updates`: what the practice changed in appointments that came from this partner.

Each change is told once, in the order of the files' sequence numbers, with
the state that holds; what the partner itself asked for is not repeated. After a
power cut the same message may come twice. Which of an update and a receipt is
newer about a booking, the number that begins `audit_head` says; what is older
than the last one applied is ignored.
"""

from typing import Literal

from exchange_formats.fields import Identifier, Record, UtcInstant


class AppointmentUpdateRecord(Record):
    """The appointment of one booking as it stands now.

    `appointment_status` is FHIR R4 AppointmentStatus. A deleted appointment
    reads as cancelled; then column and times are those last told.
    """

    record: Literal["appointment_update"] = "appointment_update"
    booking_id: Identifier
    appointment_status: Literal["booked", "cancelled"]
    column_id: Identifier
    starts_at: UtcInstant
    ends_at: UtcInstant
