"""First and last line of every file: what it is, who it is for, and that it is whole.

All of it lies inside the signature. A receiver refuses a file that names
another practice or partner, another kind, or a creation time out of bounds,
so that a forwarded, replayed or renamed file has no effect.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from exchange_formats.fields import Identifier, Record, UtcInstant


class Kind(StrEnum):
    """What a file carries."""

    AVAILABILITY = "availability"
    REFERENCE_DATA = "reference_data"
    PATIENTS = "patients"
    BOOKINGS = "bookings"
    RECEIPTS = "receipts"
    APPOINTMENT_UPDATES = "appointment_updates"
    ACKNOWLEDGEMENTS = "acknowledgements"
    KEY_HANDOVER = "key_handover"


class Envelope(Record):
    """The first line.

    `sequence` counts per partner and kind: a higher number is newer, a gap is
    no error. `valid_until` says when a snapshot must no longer be offered,
    `next_expected_at` when a newer one should have come: both count the
    practice's opening time alone, because its computer may be off at night.
    `audit_head` anchors the practice's audit chain with the partner
    (practice to partner only): keep it, so that a rewritten log can be shown later.
    """

    record: Literal["envelope"]
    format: Literal["otv"]
    # Not Literal[1], which would take `true` for 1.
    version: Annotated[int, Field(ge=1, le=1)]
    kind: Kind
    message_id: Identifier
    sequence: Annotated[int, Field(ge=1, le=2**53 - 1)]
    practice_id: Identifier
    partner_id: Identifier
    created_at: UtcInstant
    valid_until: UtcInstant | None = None
    next_expected_at: UtcInstant | None = None
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z0-9+_/-]{1,64}$")]
    in_reply_to: Identifier | None = None
    audit_head: Annotated[str, Field(pattern=r"^[0-9]+:[0-9a-f]{64}$")] | None = None


class Trailer(Record):
    """The last line: how many records stand between it and the envelope; without it a file was cut."""

    record: Literal["trailer"]
    record_count: Annotated[int, Field(ge=0)]
