"""Kind `patients`: who agreed to be known to this partner, and whom the partner must remove.

Each file is the whole set. Somebody missing from a file is *not* thereby
removed: only a `removal` record removes, and it is repeated in every later
file. A cut or empty file therefore never reads as mass removal.
"""

from typing import Annotated, Literal

from pydantic import Field

from exchange_formats.fields import CalendarDate, ContactPoint, Identifier, PersonName, Record


class PatientRecord(Record):
    """Given name, family name, birth date, contact points: nothing more may leave (rule R14).

    `patient_id` is an alias for this partner alone.
    """

    record: Literal["patient"] = "patient"
    patient_id: Identifier
    given_name: PersonName
    family_name: PersonName
    birth_date: CalendarDate | None
    contact_points: Annotated[list[ContactPoint], Field(max_length=50)]


class RemovalRecord(Record):
    """Erase everything held under this alias. No reason is given."""

    record: Literal["removal"] = "removal"
    patient_id: Identifier


PatientsRecord = Annotated[PatientRecord | RemovalRecord, Field(discriminator="record")]
