"""The notes for the staff, read back and resolved, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, insert

from agent.adapters import tables
from agent.adapters.appointment_book import SqlAppointmentBook
from agent.adapters.database import Connector
from agent.adapters.staff_notes import StaffNote, resolve_note, staff_note, staff_notes
from tests.kit.databases import ANNA, CLARA, DENTPORT, LEA, add_appointment

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
START = datetime(2027, 3, 8, 9, 0, tzinfo=UTC)


@pytest.fixture
def appointment_id(connector: Connector) -> int:
    """An appointment that left two notes: Anna may be Clara, and is booked elsewhere then."""
    with connector.writing() as connection:
        key = add_appointment(connection, START, START + timedelta(minutes=30), patient_id=ANNA)
        book = SqlAppointmentBook(connection)
        book.add_note("denied", DENTPORT, ANNA, CLARA, key, NOW)
        book.add_note("patient_overlap", DENTPORT, ANNA, None, key, NOW)
    return key


def listed(connector: Connector, *, resolved_too: bool = False) -> list[StaffNote]:
    with connector.reading() as connection:
        return staff_notes(connection, resolved_too=resolved_too)


@pytest.mark.usefixtures("appointment_id")
def test_notes_are_listed_oldest_first_with_partner_appointment_and_column(connector: Connector) -> None:
    assert listed(connector) == [
        StaffNote(1, "denied", DENTPORT, "Dentport", ANNA, CLARA, START, "Behandlung", NOW, None),
        StaffNote(2, "patient_overlap", DENTPORT, "Dentport", ANNA, None, START, "Behandlung", NOW, None),
    ]


def test_note_outlives_its_appointment_and_a_partner_that_the_practice_does_not_know(
    connector: Connector, appointment_id: int
) -> None:
    with connector.writing() as connection:
        connection.execute(
            delete(tables.appointment).where(tables.appointment.c.appointment_id == appointment_id)
        )
        note = {"kind": "inactive", "partner_id": "praxo", "patient_id": LEA, "created_at": NOW}
        connection.execute(insert(tables.staff_note).values(**note))
    orphans = [(note.partner_name, note.starts_at, note.column_name) for note in listed(connector)]
    assert orphans == [("Dentport", None, None), ("Dentport", None, None), (None, None, None)]


@pytest.mark.usefixtures("appointment_id")
def test_resolved_note_is_listed_only_on_request_and_the_other_stays_open(connector: Connector) -> None:
    with connector.writing() as connection:
        resolve_note(connection, 1, LATER)
    assert [note.note_id for note in listed(connector)] == [2]
    assert [note.resolved_at for note in listed(connector, resolved_too=True)] == [LATER, None]


@pytest.mark.usefixtures("appointment_id")
def test_single_note_is_found_by_its_number_resolved_or_not(connector: Connector) -> None:
    with connector.writing() as connection:
        resolve_note(connection, 1, LATER)
        found = [staff_note(connection, number) for number in (1, 2, 99)]
    assert [note and (note.note_id, note.resolved_at) for note in found] == [(1, LATER), (2, None), None]
