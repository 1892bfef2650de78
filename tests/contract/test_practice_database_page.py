"""docs/practice-database.md against the tables, and its worked example on a real server."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Table, insert, select, text, update

from agent.adapters import tables
from agent.adapters.appointment_book import SqlAppointmentBook
from agent.adapters.database import Connector
from agent.adapters.practice_check import check_practice
from agent.adapters.practice_schema import grants
from agent.adapters.practice_snapshot import SqlPracticeSnapshot
from agent.domain.intervals import instant
from agent.errors import SlotTakenError
from agent.ports import NewAppointment, NewPatient
from tests.kit.databases import CHECKUP, OTV_LOGIN, OTV_USER, TREATMENT, PostgresqlServer

PAGE = (Path(__file__).parents[2] / "docs" / "practice-database.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `(\w+)`[^\n]*\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL))
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
# The morning after the clocks went forward: eight o'clock in Berlin is six in UTC.
EIGHT_LOCAL = datetime(2027, 3, 29, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize("table", tables.metadata.sorted_tables, ids=lambda table: table.name)
def test_page_tells_exactly_the_columns_of_the_table(table: Table) -> None:
    first_cells = re.findall(r"^\| (`[^|]*) \|", SECTIONS[table.name], re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(first_cells)) == [column.name for column in table.columns]


def test_page_has_no_table_that_does_not_exist() -> None:
    assert set(SECTIONS) == {table.name for table in tables.metadata.sorted_tables}


@pytest.fixture
def mapped_url(postgresql_server: PostgresqlServer, postgresql_url: str) -> str:
    """The small practice with its appointments and patients kept in the vendor's tables of the page."""
    owner = Connector(postgresql_url)
    with owner.writing() as connection:
        connection.execute(text("DROP TABLE practice.appointment"))
        connection.execute(text("DROP TABLE practice.patient CASCADE"))
        for statements in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL):
            connection.exec_driver_sql(statements)
        for statement in grants("mapped_agent"):
            connection.execute(text(statement))
    owner.dispose()
    return postgresql_url.replace("//postgres:@", "//mapped_agent:@")


@pytest.fixture(scope="module", autouse=True)
def mapped_role(postgresql_server: PostgresqlServer) -> None:
    postgresql_server.execute("CREATE ROLE mapped_agent LOGIN")


def test_worked_example_lacks_nothing_and_takes_bookings(mapped_url: str) -> None:
    connector = Connector(mapped_url)
    assert check_practice(connector, OTV_LOGIN) == []
    half_past = EIGHT_LOCAL + timedelta(minutes=30)
    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        patient_id = book.create_patient(NewPatient("Kim", "Neu", NOW.date(), []), OTV_USER, NOW)
        wish = NewAppointment(TREATMENT, patient_id, None, CHECKUP, EIGHT_LOCAL, half_past)
        key = book.add_appointment(wish, OTV_USER, NOW)
        with pytest.raises(SlotTakenError):
            book.add_appointment(wish, OTV_USER, NOW)
    window = (instant(EIGHT_LOCAL), instant(half_past))
    with connector.reading() as connection:
        assert SqlPracticeSnapshot(connection).busy(window) == {TREATMENT: [window]}
    table = tables.appointment
    with connector.writing() as connection:
        cancelled = {"status": "cancelled", "changed_by": OTV_USER, "changed_at": NOW}
        connection.execute(update(table).where(table.c.appointment_id == key).values(cancelled))
    with connector.reading() as connection:
        assert connection.scalar(select(table.c.status)) == "cancelled"
        assert SqlPracticeSnapshot(connection).busy(window) == {}
    connector.dispose()


def test_worked_example_keeps_a_practitioner_with_two_lanes_apart(
    postgresql_url: str, mapped_url: str
) -> None:
    """Also when the lane becomes the practitioner's afterwards, which nothing stands in the way of."""
    owner, connector = Connector(postgresql_url), Connector(mapped_url)
    lane, other = {"name": "x", "position": 3, "room_id": None, "active": True}, tables.schedule_column
    with owner.writing() as connection:
        statement = insert(other).values(**lane, practitioner_id=None, overlaps_allowed=False)
        second_lane: int = connection.execute(statement).inserted_primary_key[0]
    begin = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=30)

    def wish(lane: int, hours: int) -> NewAppointment:
        starts_at = begin + timedelta(hours=hours)
        return NewAppointment(lane, patient_id, None, CHECKUP, starts_at, starts_at + timedelta(minutes=30))

    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        patient_id = book.create_patient(NewPatient("Kim", "Neu", NOW.date(), []), OTV_USER, NOW)
        for lane_and_hour in ((TREATMENT, 0), (second_lane, 0), (second_lane, 1)):
            book.add_appointment(wish(*lane_and_hour), OTV_USER, NOW)
    with owner.writing() as connection:
        connection.execute(update(other).where(other.c.column_id == second_lane).values(practitioner_id=1))
    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        free = book.add_appointment(wish(TREATMENT, 2), OTV_USER, NOW)
        with pytest.raises(SlotTakenError):
            book.add_appointment(wish(TREATMENT, 1), OTV_USER, NOW)
        with pytest.raises(SlotTakenError):
            starts_at = begin + timedelta(minutes=45)
            ends_at = starts_at + timedelta(minutes=30)
            book.move_appointment(free, TREATMENT, starts_at, ends_at, OTV_USER, NOW)
        book.move_appointment(
            free, second_lane, begin + timedelta(hours=3), begin + timedelta(hours=4), 2, NOW
        )
        book.cancel_appointment(free, "pat", OTV_USER, NOW)
        stands = book.appointment(free)
        assert stands is not None
        assert (stands.column_id, stands.status) == (second_lane, "cancelled")
    owner.dispose()
    connector.dispose()


def test_worked_example_streams_the_vendors_patients(postgresql_url: str, mapped_url: str) -> None:
    owner, connector = Connector(postgresql_url), Connector(mapped_url)
    info = {"created_by": 1, "created_at": NOW, "changed_by": 1, "changed_at": NOW}
    with owner.writing() as connection:
        anna = {"given_name": "Anna", "family_name": "Müller", "active": True, **info}
        connection.execute(insert(tables.patient).values(anna))
    with connector.reading() as connection:
        [consented] = SqlPracticeSnapshot(connection).consented_patients("dentport")
    assert len(consented.patient.contact_points) == 2
    owner.dispose()
    connector.dispose()
