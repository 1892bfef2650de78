"""From practice values to the records of a document; pure, lazy, nothing more than the formats allow.

What may leave is decided in `agent.domain.consent` and
`agent.domain.availability`; this module only gives it its shape.
"""

import unicodedata
from collections.abc import Generator
from datetime import UTC, date, datetime
from functools import lru_cache

from agent.domain.availability import duration_minutes
from agent.domain.consent import usable_birth_date
from agent.domain.practice import ContactPoint, Patient, PracticeCalendar
from exchange_formats import fields, patients, reference_data
from exchange_formats.fields import Line

MAX_NAME_CHARACTERS = 100
MAX_LABEL_CHARACTERS = 200
MINUTES_PER_DAY = 24 * 60
MIN_CONTACT_CHARACTERS = 3
MAX_CONTACT_CHARACTERS = 200
MAX_CONTACT_POINTS = 50

SYSTEMS = frozenset({"phone", "email"})
USES = frozenset({"home", "work", "mobile"})


@lru_cache(maxsize=65536)
def instant_text(seconds: int) -> str:
    """An instant as the formats write it; cached, because columns share the same clock."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def datetime_text(moment: datetime) -> str:
    """An aware datetime as the formats write it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def reference_records(calendar: PracticeCalendar) -> Generator[Line, None, None]:
    """Kind `reference_data`: only practitioners with a column (rule R8)."""
    with_column = {column.practitioner_id for column in calendar.columns.values()}
    for practitioner in calendar.practitioners.values():
        if practitioner.practitioner_id in with_column:
            yield reference_data.PractitionerRecord(
                practitioner_id=str(practitioner.practitioner_id),
                name=_label(practitioner.name, practitioner.practitioner_id),
            )
    for room in calendar.rooms.values():
        yield reference_data.TreatmentRoomRecord(
            room_id=str(room.room_id), name=_label(room.name, room.room_id)
        )
    for column in calendar.columns.values():
        yield reference_data.ColumnRecord(
            column_id=str(column.column_id),
            name=_label(column.name, column.column_id),
            practitioner_id=_optional_id(column.practitioner_id),
            room_id=_optional_id(column.room_id),
        )
    for kind in calendar.types.values():
        yield reference_data.AppointmentTypeRecord(
            type_id=str(kind.type_id),
            name=_label(kind.name, kind.type_id),
            duration_minutes=_sayable_minutes(kind.duration_minutes),
        )
    for assignment in calendar.assignments.values():
        yield reference_data.AppointmentAssignmentRecord(
            assignment_id=str(assignment.assignment_id),
            label=_label(assignment.label, assignment.assignment_id),
            type_id=_optional_id(assignment.type_id),
            duration_minutes=_sayable_minutes(duration_minutes(calendar, assignment)),
            open_to_new_patients=assignment.open_to_new_patients,
            column_ids=[str(column_id) for column_id in sorted(assignment.column_ids)],
        )


def patient_line(patient: Patient, alias: str, today: date) -> patients.PatientLine | None:
    """What may be told of a patient (rule R14); None if no name remains without invisible characters.

    A placeholder is no birth date (reading A7).
    """
    given_name = _presentable(patient.given_name, MAX_NAME_CHARACTERS)
    family_name = _presentable(patient.family_name, MAX_NAME_CHARACTERS)
    if not given_name or not family_name:
        return None
    birth_date = usable_birth_date(patient.birth_date, today)
    contacts = [_presentable_contact(contact) for contact in patient.contact_points[:MAX_CONTACT_POINTS]]
    return patients.PatientLine(
        alias,
        given_name,
        family_name,
        birth_date.isoformat() if birth_date else None,
        [contact for contact in contacts if contact],
    )


def removal_record(alias: str) -> patients.RemovalRecord:
    """The notice that this alias is to be erased, without a reason (reading A9)."""
    return patients.RemovalRecord(patient_id=alias)


def _presentable_contact(contact: ContactPoint) -> tuple[str, str, str] | None:
    """None for what the formats have no word for, such as a fax."""
    value = _presentable(contact.value, MAX_CONTACT_CHARACTERS)
    if len(value) < MIN_CONTACT_CHARACTERS or contact.system not in SYSTEMS or contact.use not in USES:
        return None
    return contact.system, contact.use, value


def _presentable(text: str, max_characters: int) -> str:
    """A value from the practice's records as the formats allow it: no invisible characters, not too long."""
    text = text.strip()
    if text.isprintable() and len(text) <= max_characters:
        return text
    kept = (character for character in text if unicodedata.category(character) not in fields.UNPRINTABLE)
    return "".join(kept).strip()[:max_characters].strip()


def _label(text: str, number: int) -> str:
    """A name from the practice's own lists; what has none is called by its number, and keeps no file back."""
    return _presentable(text, MAX_LABEL_CHARACTERS) or str(number)


def _sayable_minutes(minutes: int | None) -> int | None:
    """A length that the formats have room for; any other is as good as none."""
    return minutes if minutes is not None and 1 <= minutes <= MINUTES_PER_DAY else None


def _optional_id(number: int | None) -> str | None:
    return None if number is None else str(number)
