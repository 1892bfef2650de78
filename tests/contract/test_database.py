"""The door to the database: its transactions, its waiting, and how its errors are told."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text

from agent.adapters import database, tables
from agent.adapters.database import Connector
from agent.errors import ConfigError, DatabaseError, DatabaseUnavailableError, SchemaMismatchError
from tests.kit.databases import PostgresqlServer

ROOM = insert(tables.treatment_room).values(name="Canary-Zimmer")
ROOMS = select(func.count()).select_from(tables.treatment_room)


def rooms(connector: Connector) -> int:
    with connector.reading() as connection:
        return connection.scalar(ROOMS) or 0


def test_writing_commits_at_the_end_of_the_block(connector: Connector) -> None:
    with connector.writing() as connection:
        connection.execute(ROOM)
        assert rooms(connector) == 2
    assert rooms(connector) == 3


def test_writing_rolls_back_everything_when_the_block_raises(connector: Connector) -> None:
    with pytest.raises(ZeroDivisionError), connector.writing() as connection:
        connection.execute(ROOM)
        raise ZeroDivisionError
    assert rooms(connector) == 2


def test_savepoint_rolls_back_alone(connector: Connector) -> None:
    with connector.writing() as connection:
        connection.execute(ROOM)
        with pytest.raises(ZeroDivisionError), connection.begin_nested():
            connection.execute(ROOM)
            raise ZeroDivisionError
    assert rooms(connector) == 3


def test_reading_refuses_to_write_and_the_next_writer_may(connector: Connector) -> None:
    with pytest.raises(DatabaseUnavailableError), connector.reading() as connection:
        connection.execute(ROOM)
    with connector.writing() as connection:
        connection.execute(ROOM)
    assert rooms(connector) == 3


def test_second_writer_waits_for_the_first(connector: Connector) -> None:
    order = []

    def write_second() -> None:
        with connector.writing() as connection:
            order.append(f"second sees {connection.scalar(ROOMS)}")

    with connector.writing() as connection:
        thread = threading.Thread(target=write_second)
        thread.start()
        connection.execute(ROOM)
        thread.join(0.3)
        order.append("first done")
    thread.join(10)
    assert order == ["first done", "second sees 3"]


def test_writer_that_waits_too_long_is_told_to_come_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**database._POSTGRESQL_ARGUMENTS, "options": "-c lock_timeout=200ms"}
    monkeypatch.setattr(database, "_POSTGRESQL_ARGUMENTS", options)
    monkeypatch.setattr(database, "LOCK_TIMEOUT_SECONDS", 0.2)
    connector = Connector(database_url)
    with (
        connector.writing(),
        pytest.raises(DatabaseUnavailableError, match=r"55P03|SQLITE_BUSY"),
        connector.writing(),
    ):
        pass
    connector.dispose()


def test_refused_row_is_told_without_its_values(connector: Connector) -> None:
    """A driver quotes the row: "Failing row contains (...)"."""
    person = insert(tables.patient).values(
        given_name="Canary", family_name="Canary", active=True, created_by=None, changed_by=1
    )
    with pytest.raises(DatabaseError) as caught, connector.writing() as connection:
        connection.execute(person)
    assert "Canary" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_reference_to_nothing_is_refused(connector: Connector) -> None:
    orphan = insert(tables.role_permission).values(role_id=999, permission="all")
    with pytest.raises(DatabaseError), connector.writing() as connection:
        connection.execute(orphan)


def test_missing_table_is_a_schema_mismatch(connector: Connector) -> None:
    with pytest.raises(SchemaMismatchError, match="no_such_table"), connector.reading() as connection:
        connection.execute(text("SELECT 1 FROM no_such_table"))


def test_missing_sqlite_file_is_an_error_and_is_not_created(tmp_path: Path) -> None:
    file = tmp_path / "mistyped.db"
    with (
        pytest.raises(DatabaseUnavailableError, match=r"mistyped\.db"),
        Connector(f"sqlite:///{file}").reading(),
    ):
        pass
    assert not file.exists()


def test_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    file = tmp_path / "letter.db"
    file.write_text("Sehr geehrte Damen und Herren, " * 100)
    with pytest.raises(DatabaseError, match="SQLITE_NOTADB"), Connector(f"sqlite:///{file}").reading():
        pass


def test_server_that_is_down_is_told_without_the_password() -> None:
    connector = Connector("postgresql://agent:geheim@127.0.0.1:1/practice")
    with pytest.raises(DatabaseUnavailableError) as caught, connector.reading():
        pass
    assert "postgresql 127.0.0.1/practice" in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_database_that_does_not_exist_yet_is_unavailable(postgresql_server: PostgresqlServer) -> None:
    connector = Connector(postgresql_server.url("not_there_yet"))
    with pytest.raises(DatabaseUnavailableError), connector.reading():
        pass


def test_connections_heal_after_the_server_dropped_them(
    postgresql_server: PostgresqlServer, postgresql_url: str
) -> None:
    connector = Connector(postgresql_url)
    drop = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'otv-agent' AND pid <> pg_backend_pid()"
    )
    assert rooms(connector) == 2
    postgresql_server.execute(drop)
    assert rooms(connector) == 2
    with pytest.raises(DatabaseUnavailableError), connector.writing() as connection:
        postgresql_server.execute(drop)
        connection.execute(ROOM)
    assert rooms(connector) == 2
    connector.dispose()


@pytest.mark.parametrize("url", ["", "sqlite://", "sqlite:///:memory:", "mysql://host/name", "practice.db"])
def test_address_of_anything_else_is_a_config_error(url: str) -> None:
    with pytest.raises(ConfigError, match=r"database\.url"):
        Connector(url)


def test_sqlite_is_durable_and_checks_references(sqlite_url: str) -> None:
    connector = Connector(sqlite_url)
    with connector.reading() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    connector.dispose()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
