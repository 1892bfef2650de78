"""Kind `patients`: who agreed to be known to this partner, and whom the partner must remove.

Each file is the whole set. Somebody missing from a file is *not* thereby
removed: only a `removal` record removes, and it is repeated in every later
file until the partner acknowledges it (kind `acknowledgements`). A cut or
empty file therefore never reads as mass removal.
"""

from collections.abc import Sequence
from json.encoder import encode_basestring
from typing import Annotated, Literal, NamedTuple

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


class PatientLine(NamedTuple):
    """A PatientRecord ready to be written, for bases of hundreds of thousands: the same line, in a
    fraction of the time. The values are taken as they are; whoever makes it has made them valid.

    `contact_points` are (system, use, value); a test holds its line equal to the model's.
    """

    patient_id: str
    given_name: str
    family_name: str
    birth_date: str | None
    contact_points: Sequence[tuple[str, str, str]]

    @property
    def record(self) -> str:
        return "patient"

    def line(self) -> bytes:
        """The record as it stands in a file."""
        birth_date = f'"{self.birth_date}"' if self.birth_date else "null"
        contacts = ",".join(
            [
                f'{{"system":"{system}","use":"{use}","value":{encode_basestring(value)}}}'
                for system, use, value in self.contact_points
            ]
        )
        return (
            f'{{"record":"patient","patient_id":"{self.patient_id}",'
            f'"given_name":{encode_basestring(self.given_name)},'
            f'"family_name":{encode_basestring(self.family_name)},'
            f'"birth_date":{birth_date},"contact_points":[{contacts}]}}\n'
        ).encode()


class RemovalRecord(Record):
    """Erase everything held under this alias. No reason is given."""

    record: Literal["removal"] = "removal"
    patient_id: Identifier


PatientsRecord = Annotated[PatientRecord | RemovalRecord, Field(discriminator="record")]
