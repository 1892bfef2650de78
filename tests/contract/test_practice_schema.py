"""The tables, the guard's format rule and what the least-privilege role can and cannot do."""

import stat
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, func, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from agent.adapters import tables
from agent.adapters.appointment_book import SqlAppointmentBook
from agent.adapters.database import Connector
from agent.adapters.migration import create_agent_tables
from agent.adapters.overlap_guard import GUARD_NAME
from agent.adapters.practice_check import check_practice
from agent.adapters.practice_schema import (
    agent_tables,
    create_practice_tables,
    grants,
    practice_tables,
    quoted,
)
from agent.adapters.practice_snapshot import SqlPracticeSnapshot
from agent.adapters.schema_version import SCHEMA_VERSION
from agent.domain.practice import ContactPoint
from agent.errors import SchemaMismatchError
from agent.ports import NewAppointment, NewPatient
from tests.kit.databases import (
    ANNA,
    CHECKUP,
    DENTPORT,
    INSERTED_AT,
    OTV_LOGIN,
    OTV_USER,
    PROPHYLAXIS,
    TREATMENT,
    PostgresqlServer,
    add_appointment,
    insert_small_practice,
)

NINE = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
INSUFFICIENT_PRIVILEGE = "42501"
_role_numbers = count(1)


def test_creating_everything_again_changes_nothing(connector: Connector) -> None:
    with connector.writing() as connection:
        key = add_appointment(connection, NINE, NINE + timedelta(minutes=30))
    create_practice_tables(connector)
    create_agent_tables(connector)
    with connector.reading() as connection:
        assert connection.scalars(select(tables.appointment.c.appointment_id)).all() == [key]
        assert connection.scalars(select(tables.schema_version.c.version)).all() == [SCHEMA_VERSION]
    assert check_practice(connector, OTV_LOGIN) == []


def test_sqlite_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    connector = Connector(f"sqlite:///{tmp_path / 'new practice ü.db'}")
    create_practice_tables(connector)
    connector.dispose()
    file = tmp_path / "new practice ü.db"
    assert file.stat().st_size > 0
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_schemas_of_another_name_are_created_and_used(postgresql_server: PostgresqlServer) -> None:
    name = postgresql_server.create_database()
    connector = Connector(postgresql_server.url(name), practice_schema='odd "name"', agent_schema="agent two")
    create_practice_tables(connector)
    create_agent_tables(connector)
    with connector.reading() as connection:
        assert len(inspect(connection).get_table_names(schema='odd "name"')) == len(practice_tables())
        assert len(inspect(connection).get_table_names(schema="agent two")) == len(agent_tables())
        assert connection.scalar(select(func.count()).select_from(tables.patient)) == 0
    insert_small_practice(connector)
    with connector.writing() as connection:
        add_appointment(connection, NINE, NINE + timedelta(minutes=30))
        with pytest.raises(IntegrityError, match=GUARD_NAME), connection.begin_nested():
            add_appointment(connection, NINE, NINE + timedelta(minutes=30))
    connector.dispose()
    postgresql_server.drop_database(name)


@pytest.mark.parametrize("written", ["2027-03-01 09:00:00", "2027-03-01T09:00:00+00:00", "2027-03-01"])
def test_sqlite_time_that_would_not_sort_is_refused(sqlite_url: str, written: str) -> None:
    connector = Connector(sqlite_url)
    with connector.writing() as connection:
        key = add_appointment(connection, NINE, NINE + timedelta(minutes=30))
        with pytest.raises(IntegrityError, match="are written YYYY-MM-DD"):
            connection.execute(
                text("UPDATE appointment SET starts_at = :at WHERE appointment_id = :key"),
                {"at": written, "key": key},
            )
    connector.dispose()


@pytest.fixture
def restricted(postgresql_server: PostgresqlServer, postgresql_url: str) -> Iterator[Connector]:
    """The small practice, seen with the rights that the documentation tells to grant."""
    role = f"agent role {next(_role_numbers)}"
    postgresql_server.execute(f"CREATE ROLE {quoted(role)} LOGIN")
    owner = Connector(postgresql_url)
    with owner.writing() as connection:
        for statement in grants(role):
            connection.execute(text(statement))
    owner.dispose()
    connector = Connector(postgresql_url.replace("//postgres:@", f"//{role.replace(' ', '%20')}:@"))
    yield connector
    connector.dispose()


def test_least_privilege_role_can_do_the_whole_work(restricted: Connector) -> None:
    assert check_practice(restricted, OTV_LOGIN) == []
    with restricted.reading() as connection:
        snapshot = SqlPracticeSnapshot(connection)
        assert snapshot.calendar().columns
        assert len(list(snapshot.consented_patients(DENTPORT))) == 3
        assert snapshot.removed_aliases(DENTPORT) == []
    with restricted.writing() as connection:
        book = SqlAppointmentBook(connection)
        assert book.ensure_consent_page("newcomer", "Newcomer", OTV_USER, INSERTED_AT)
        contact = ContactPoint("phone", "mobile", "0171 5550199")
        newcomer = NewPatient("Kim", "Neu", INSERTED_AT.date(), [contact])
        patient_id = book.create_patient(newcomer, OTV_USER, INSERTED_AT)
        ends_at = NINE + timedelta(minutes=30)
        wish = NewAppointment(TREATMENT, patient_id, None, CHECKUP, NINE, ends_at)
        key = book.add_appointment(wish, OTV_USER, INSERTED_AT)
        book.add_note("possible_duplicate", DENTPORT, patient_id, ANNA, key, INSERTED_AT)
        table = tables.appointment
        cancelled = {"status": "cancelled", "changed_by": OTV_USER, "changed_at": NINE}
        changed = connection.execute(update(table).where(table.c.appointment_id == key).values(cancelled))
        assert changed.rowcount == 1


def test_least_privilege_role_cannot_write_past_the_guard(restricted: Connector) -> None:
    """Whatever it says an appointment occupies: the column tells."""
    statement = text(
        "INSERT INTO practice.appointment (column_id, starts_at, ends_at, status, exclusive, created_by, "
        "created_at, changed_by, changed_at, occupied_keys) "
        "VALUES (1, :begin, :end, 'booked', true, 2, :begin, 2, :begin, '{}')"
    )
    values = {"begin": NINE, "end": NINE + timedelta(minutes=30)}
    with restricted.writing() as connection:
        connection.execute(statement, values)
        with pytest.raises(IntegrityError, match=GUARD_NAME), connection.begin_nested():
            connection.execute(statement, values)


def test_login_that_may_change_columns_alone_changes_what_their_appointments_occupy(
    postgresql_server: PostgresqlServer, postgresql_url: str
) -> None:
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    role = f"office {next(_role_numbers)}"
    postgresql_server.execute(f"CREATE ROLE {quoted(role)} LOGIN")
    owner = Connector(postgresql_url)
    column = tables.schedule_column
    with owner.writing() as connection:
        connection.execute(text(f"GRANT USAGE ON SCHEMA practice TO {quoted(role)}"))
        rights = "SELECT, UPDATE (practitioner_id)"
        connection.execute(text(f"GRANT {rights} ON practice.schedule_column TO {quoted(role)}"))
        add_appointment(connection, begin, begin + timedelta(minutes=30))
    office = Connector(postgresql_url.replace("//postgres:@", f"//{role.replace(' ', '%20')}:@"))
    with office.writing() as connection:
        connection.execute(update(column).where(column.c.column_id == TREATMENT).values(practitioner_id=2))
    with (
        owner.writing() as connection,
        pytest.raises(IntegrityError, match=GUARD_NAME),
        connection.begin_nested(),
    ):
        add_appointment(connection, begin, begin + timedelta(minutes=30), column_id=PROPHYLAXIS)
    office.dispose()
    owner.dispose()


FORBIDDEN = {
    "rename_a_patient": update(tables.patient).values(family_name="x"),
    "delete_a_patient": delete(tables.patient),
    "change_a_contact": update(tables.contact_point).values(value="x"),
    "change_a_consent": update(tables.consent).values(status="GRANTED"),
    "grant_a_consent": insert(tables.consent).values(
        partner_id=DENTPORT, patient_id=2, status="GRANTED", changed_by=OTV_USER, changed_at=NINE
    ),
    "delete_an_appointment": delete(tables.appointment),
    "hand_an_appointment_to_another_patient": update(tables.appointment).values(patient_id=ANNA),
    "make_an_appointment_overlap": update(tables.appointment).values(exclusive=False),
    "give_itself_a_permission": insert(tables.role_permission).values(role_id=2, permission="all"),
    "add_a_staff_member": insert(tables.staff_member).values(
        login_name="x", initials="x", name="x", role_id=1, active=True
    ),
    "change_the_hours": delete(tables.working_hours),
    "rewrite_the_audit": update(tables.audit_entry).values(event="x"),
    "delete_the_audit": delete(tables.audit_entry),
    "change_the_version": update(tables.schema_version).values(version=9),
    "empty_a_table": text("TRUNCATE practice.patient CASCADE"),
    "drop_the_guard": text("ALTER TABLE practice.appointment DROP CONSTRAINT appointment_no_overlap"),
    "loosen_an_appointment": text("UPDATE practice.appointment SET occupied_keys = '{}'"),
    "switch_off_the_guard": text("ALTER TABLE practice.appointment DISABLE TRIGGER USER"),
    "make_a_table": text("CREATE TABLE practice.extra (x integer)"),
}


def test_least_privilege_role_can_do_nothing_else(restricted: Connector) -> None:
    allowed = []
    with restricted.writing() as connection:
        for name, statement in FORBIDDEN.items():
            if not refused(connection, statement):
                allowed.append(name)
    assert allowed == []


def refused(connection: Connection, statement: object) -> bool:
    try:
        with connection.begin_nested():
            connection.execute(statement)  # type: ignore[call-overload]
    except DBAPIError as error:
        return getattr(error.orig, "sqlstate", None) == INSUFFICIENT_PRIVILEGE
    return False


def test_right_that_is_missing_leaves_the_adapter_as_schema_mismatch(restricted: Connector) -> None:
    with (
        pytest.raises(SchemaMismatchError, match="permission denied for table patient"),
        restricted.writing() as connection,
    ):
        connection.execute(delete(tables.patient))
