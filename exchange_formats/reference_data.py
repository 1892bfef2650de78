"""Kind `reference_data`: the names behind the ids. No patient, no staff but practitioners with a column."""

from typing import Annotated, Literal

from pydantic import Field

from exchange_formats.fields import Identifier, Label, Record

Minutes = Annotated[int, Field(ge=1, le=24 * 60)]


class PractitionerRecord(Record):
    record: Literal["practitioner"] = "practitioner"
    practitioner_id: Identifier
    name: Label


class TreatmentRoomRecord(Record):
    record: Literal["treatment_room"] = "treatment_room"
    room_id: Identifier
    name: Label


class ColumnRecord(Record):
    """A column of the appointment book, and whose it is (if anybody's)."""

    record: Literal["column"] = "column"
    column_id: Identifier
    name: Label
    practitioner_id: Identifier | None
    room_id: Identifier | None


class AppointmentTypeRecord(Record):
    record: Literal["appointment_type"] = "appointment_type"
    type_id: Identifier
    name: Label
    duration_minutes: Minutes | None


class AppointmentAssignmentRecord(Record):
    """What a patient chooses. `duration_minutes` is already resolved from the type where needed;
    null means that it cannot be booked."""

    record: Literal["appointment_assignment"] = "appointment_assignment"
    assignment_id: Identifier
    label: Label
    type_id: Identifier | None
    duration_minutes: Minutes | None
    open_to_new_patients: bool
    column_ids: list[Identifier]


ReferenceRecord = Annotated[
    PractitionerRecord
    | TreatmentRoomRecord
    | ColumnRecord
    | AppointmentTypeRecord
    | AppointmentAssignmentRecord,
    Field(discriminator="record"),
]
