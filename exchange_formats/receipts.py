"""Kind `receipts`: one definite, neutral answer per booking, and one per message.

A receipt never tells who is a patient: linked to a record that has not
consented and newly created look alike. Repeating a message gets the same
receipt again.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from exchange_formats.fields import Identifier, Record, Sha256, UtcInstant

MAX_ALTERNATIVES = 3


class MessageReason(StrEnum):
    """Why a whole signed message was refused; nothing in it had an effect."""

    INVALID_DOCUMENT = "invalid_document"
    UNSUPPORTED_VERSION = "unsupported_version"
    WRONG_PRACTICE = "wrong_practice"
    WRONG_PARTNER = "wrong_partner"
    WRONG_KIND = "wrong_kind"
    TIME_OUT_OF_BOUNDS = "time_out_of_bounds"
    MESSAGE_ID_REUSED = "message_id_reused"
    PARTNER_REVOKED = "partner_revoked"


class BookingReason(StrEnum):
    """Why a booking, a cancellation or a rescheduling was declined.

    `unknown_appointment` says the same of somebody else's booking and of none at all.
    """

    SLOT_TAKEN = "slot_taken"
    SLOT_NOT_OFFERED = "slot_not_offered"
    LEAD_TIME_PASSED = "lead_time_passed"
    ASSIGNMENT_UNKNOWN = "assignment_unknown"
    NOT_FOR_NEW_PATIENTS = "not_for_new_patients"
    DURATION_UNKNOWN = "duration_unknown"
    BIRTH_DATE_IMPLAUSIBLE = "birth_date_implausible"
    CONFLICT = "conflict"
    STALE_REVISION = "stale_revision"
    UNKNOWN_APPOINTMENT = "unknown_appointment"
    APPOINTMENT_CLOSED = "appointment_closed"
    ACTION_NOT_PERMITTED = "action_not_permitted"


class MessageOutcome(Record):
    """The first record: what became of the message. `sealed_sha256` names the sealed file that was read."""

    record: Literal["message_outcome"] = "message_outcome"
    outcome: Literal["processed", "refused"]
    reason: MessageReason | None = None
    sealed_sha256: Sha256


class Alternative(Record):
    """A slot that was free when the wished one was found taken; to be booked like any other."""

    slot_id: Identifier
    column_id: Identifier
    starts_at: UtcInstant
    ends_at: UtcInstant


class BookingOutcome(Record):
    """The answer to one line of a bookings file, in their order.

    `outcome` is FHIR R4 ParticipationStatus, `appointment_status` FHIR R4
    AppointmentStatus. `patient_id` comes back only for a patient who
    consented to this partner. `alternatives` come with `slot_taken`: the next
    free slots of the same assignment.
    """

    record: Literal["booking_outcome"] = "booking_outcome"
    booking_id: Identifier
    revision: Annotated[int, Field(ge=1)]
    outcome: Literal["accepted", "declined"]
    reason: BookingReason | None = None
    appointment_status: Literal["booked", "cancelled"] | None = None
    column_id: Identifier | None = None
    starts_at: UtcInstant | None = None
    ends_at: UtcInstant | None = None
    patient_id: Identifier | None = None
    alternatives: Annotated[list[Alternative], Field(max_length=MAX_ALTERNATIVES)] = Field(
        default_factory=list
    )


ReceiptRecord = Annotated[MessageOutcome | BookingOutcome, Field(discriminator="record")]
