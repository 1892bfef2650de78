"""The agent's tables come from version to version with all that stands in them, or not at all."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Inspector, MetaData, Table, insert, inspect, select, text, update

from agent.adapters import migration, tables
from agent.adapters.audit_log import SqlAuditLog
from agent.adapters.database import Connector
from agent.adapters.migration import create_agent_tables, migrate, steps
from agent.adapters.practice_schema import agent_tables, quoted
from agent.adapters.schema_version import SCHEMA_VERSION, require_version
from agent.errors import SchemaMismatchError, TablesAheadError, TablesBehindError
from tests.kit.databases import PostgresqlServer

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
AUDIT_KEY = b"k" * 32
FIRST_TABLES = Path(__file__).parent
"""As the program made them before it knew of migrations, word for word."""
MESSAGE = {
    "partner_id": "dentport",
    "message_id": "m-1",
    "content_sha256": "a" * 64,
    "sealed_sha256": "b" * 64,
    "received_at": NOW,
    "in_reply_to": None,
    "receipt_id": "r-1",
    "receipt_sequence": 1,
    "audit_head": "1:c",
}
OLD_MESSAGE = Table(
    "inbound_message",
    MetaData(),
    *(column._copy() for column in tables.inbound_message.columns if column.name != "arrived_at"),
    schema=tables.AGENT_SCHEMA,
)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Connector]]:
    """Makes databases without any table, once on each kind."""
    with ExitStack() as stack:
        yield partial(_new_database, request, tmp_path, stack)


def _new_database(request: pytest.FixtureRequest, folder: Path, stack: ExitStack) -> Connector:
    if request.param == "sqlite":
        file = folder / f"{len(list(folder.glob('*.db')))}.db"
        file.touch()
        url = f"sqlite:///{file}"
    else:
        server: PostgresqlServer = request.getfixturevalue("postgresql_server")
        name = server.create_database()
        stack.callback(server.drop_database, name)
        url = server.url(name)
    connector = Connector(url)
    stack.callback(connector.dispose)
    return connector


@pytest.fixture
def first(new_database: Callable[[], Connector]) -> Connector:
    """The tables of version 1 with a message and an audit entry in them."""
    connector = new_database()
    with connector.writing() as connection:
        make_first_tables(connection)
        connection.execute(insert(OLD_MESSAGE), MESSAGE)
        SqlAuditLog(connection, AUDIT_KEY).append("file imported", NOW, "dentport")
    return connector


def make_first_tables(connection: Connection) -> None:
    script = (FIRST_TABLES / f"agent_tables_1.{connection.dialect.name}.sql").read_text()
    for statement in script.rstrip(";\n").split(";\n"):
        connection.execute(text(statement))


def layout(connector: Connector) -> dict[str, Any]:
    """All that the database tells of the agent's tables."""
    with connector.reading() as connection:
        return _layout(inspect(connection), connector.agent_schema)


def _layout(look: Inspector, schema: str | None) -> dict[str, Any]:
    return {
        name: {
            "columns": [
                {**column, "type": str(column["type"])} for column in look.get_columns(name, schema=schema)
            ],
            "key": look.get_pk_constraint(name, schema=schema),
            "foreign": look.get_foreign_keys(name, schema=schema),
            "unique": sorted(look.get_unique_constraints(name, schema=schema), key=str),
            "indexes": sorted(look.get_indexes(name, schema=schema), key=str),
            "checks": look.get_check_constraints(name, schema=schema),
        }
        for name in look.get_table_names(schema=schema)
    }


def audit_log(connector: Connector) -> list[tuple[str, str]]:
    entry = tables.audit_entry.c
    with connector.reading() as connection:
        found = connection.execute(select(entry.event, entry.details).order_by(entry.sequence)).all()
    return [(row.event, row.details) for row in found]


def version_of(connector: Connector) -> int:
    with connector.reading() as connection:
        return int(connection.execute(select(tables.schema_version.c.version)).scalar_one())


def broken_scripts(folder: Path) -> Path:
    """Those of the program and one step more, which fails when half of it is done."""
    scripts = folder / "migrations"
    shutil.copytree(migration.SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "version_3.py").write_text(
        '"""A step that fails."""\n'
        "from alembic import op\n"
        "from sqlalchemy import Column, Integer\n"
        f'revision, down_revision = "{SCHEMA_VERSION + 1}", "{SCHEMA_VERSION}"\n'
        "def upgrade():\n"
        "    schema = op.get_context().version_table_schema\n"
        '    op.create_table("half", Column("done", Integer), schema=schema)\n'
        '    with op.batch_alter_table("inbound_message", schema=schema) as table:\n'
        '        table.drop_column("message_id")\n'
        '        table.drop_column("no_such_column")\n'
    )
    return scripts


# --- one way to the newest version ---------------------------------------------------------------


def test_tables_made_step_by_step_are_those_that_the_program_works_with(
    new_database: Callable[[], Connector],
) -> None:
    made, wanted = new_database(), new_database()
    create_agent_tables(made)
    with wanted.writing() as connection:
        if wanted.agent_schema:
            connection.execute(text(f"CREATE SCHEMA {quoted(wanted.agent_schema)}"))
        tables.metadata.create_all(connection, tables=agent_tables())
    assert layout(made) == layout(wanted)
    assert version_of(made) == SCHEMA_VERSION


def test_tables_of_the_first_program_become_those_of_a_new_database_with_what_stood_in_them(
    first: Connector, new_database: Callable[[], Connector]
) -> None:
    versions = list(range(2, SCHEMA_VERSION + 1))
    assert [step.version for step in steps(first)] == versions
    assert [step.version for step in migrate(first, AUDIT_KEY, None, NOW)] == versions
    assert version_of(first) == SCHEMA_VERSION
    new = new_database()
    create_agent_tables(new)
    assert layout(first) == layout(new)
    with first.reading() as connection:
        message = connection.execute(select(tables.inbound_message)).one()
    assert message._mapping == {**MESSAGE, "arrived_at": None}
    old, migrated = audit_log(first)
    assert (old[0], migrated[0]) == ("file imported", "tables migrated")
    assert '"from_version":1' in migrated[1]
    assert migrate(first, AUDIT_KEY, None, NOW) == []


# --- all of it or nothing ------------------------------------------------------------------------


def test_migration_that_fails_in_the_middle_leaves_everything_as_it_was(
    first: Connector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = layout(first)
    with monkeypatch.context() as patch:
        patch.setattr(migration, "SCRIPTS", broken_scripts(tmp_path))
        with pytest.raises(Exception, match="no_such_column"):
            migrate(first, AUDIT_KEY, None, NOW)
    assert version_of(first) == 1
    assert layout(first) == before
    with first.reading() as connection:
        assert connection.execute(select(OLD_MESSAGE)).one()._mapping == MESSAGE
    assert migrate(first, AUDIT_KEY, None, NOW)
    assert version_of(first) == SCHEMA_VERSION


def test_of_two_that_migrate_at_once_one_does_it_and_the_other_finds_it_done(first: Connector) -> None:
    together = threading.Barrier(2)
    done: list[int] = []

    def run() -> None:
        together.wait()
        done.append(len(migrate(first, AUDIT_KEY, None, NOW)))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, SCHEMA_VERSION - 1]
    assert [event for event, _ in audit_log(first)] == ["file imported", "tables migrated"]


# --- other versions ------------------------------------------------------------------------------


def test_tables_of_another_version_are_neither_worked_with_nor_made_again(first: Connector) -> None:
    with first.reading() as connection, pytest.raises(TablesBehindError, match="version 1, and this program"):
        require_version(connection, first.agent_schema)
    with pytest.raises(TablesBehindError):
        create_agent_tables(first)
    migrate(first, AUDIT_KEY, None, NOW)
    with first.writing() as connection:
        connection.execute(update(tables.schema_version).values(version=SCHEMA_VERSION + 1))
    with first.reading() as connection, pytest.raises(TablesAheadError, match="brought there by otv-agent "):
        require_version(connection, first.agent_schema)
    with pytest.raises(TablesAheadError):
        steps(first)


def test_migration_by_a_login_that_does_not_own_the_tables_says_so_and_changes_nothing(
    postgresql_server: PostgresqlServer,
) -> None:
    name = postgresql_server.create_database()
    owner = Connector(postgresql_server.url(name))
    with owner.writing() as connection:
        make_first_tables(connection)
        postgresql_server.execute("CREATE ROLE migrating LOGIN")
        connection.execute(text('GRANT USAGE ON SCHEMA otv_agent TO "migrating"'))
        connection.execute(text('GRANT ALL ON ALL TABLES IN SCHEMA otv_agent TO "migrating"'))
    service = Connector(postgresql_server.url(name, "migrating"))
    with pytest.raises(SchemaMismatchError, match="must be owner of table inbound_message"):
        migrate(service, AUDIT_KEY, None, NOW)
    assert version_of(owner) == 1
    for connector in (service, owner):
        connector.dispose()
    postgresql_server.drop_database(name)
    postgresql_server.execute("DROP ROLE migrating")


def test_every_version_up_to_the_one_the_program_works_with_has_its_script() -> None:
    names = {script.name for script in migration.SCRIPTS.glob("versions/*.py")}
    assert names == {f"version_{number}.py" for number in range(1, SCHEMA_VERSION + 1)}
