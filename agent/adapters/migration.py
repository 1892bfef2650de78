"""Makes the agent's own tables, and brings those of an older version to the newest; by Alembic.

Each run is one transaction under the writers' lock: whoever comes second finds
nothing left to do, and what fails in the middle leaves everything as it was.
Never called by the service, and it never touches a table of the practice.
"""

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.ddl.postgresql import PostgresqlImpl
from alembic.ddl.sqlite import SQLiteImpl
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, Integer, MetaData, Table, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from agent.adapters import tables
from agent.adapters.audit_log import SqlAuditLog
from agent.adapters.audit_memory import AuditMemory
from agent.adapters.database import Connector
from agent.adapters.practice_schema import agent_tables, make_file, quoted
from agent.adapters.schema_version import SCHEMA_VERSION, TABLES_MIGRATED, found_version, require_version

SCRIPTS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Step:
    """One version further."""

    version: int
    what: str


def create_agent_tables(connector: Connector) -> None:
    """The agent's own tables and their version; repeatable.

    Makes the SQLite file if there is none. Raises TablesBehindError and
    TablesAheadError for tables of another version, which stay as they are.
    """
    if connector.sqlite_file:
        make_file(connector.sqlite_file)
    with connector.writing() as connection:
        if connector.agent_schema:
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {quoted(connector.agent_schema)}"))
        if found_version(connection, connector.agent_schema) is None:
            _upgrade(connection, connector.agent_schema)
        else:
            require_version(connection, connector.agent_schema)
            tables.metadata.create_all(connection, tables=agent_tables())


def steps(connector: Connector) -> list[Step]:
    """What `migrate` would do now, in its order. Raises TablesAheadError, SchemaMismatchError."""
    with connector.reading() as connection:
        return _steps(connection, connector.agent_schema)


def migrate(connector: Connector, audit_key: bytes, memory: AuditMemory | None, at: datetime) -> list[Step]:
    """Bring the tables to the newest version; what was done, which may be nothing.

    The audit entry is part of it. Raises as `steps`, SchemaMismatchError for a login that does not own
    the tables, and what appending to the audit log raises.
    """
    with connector.writing() as connection:
        to_do = _steps(connection, connector.agent_schema)
        audit = SqlAuditLog(connection, audit_key, memory)
        if to_do:
            _upgrade(connection, connector.agent_schema)
            before, after = to_do[0].version - 1, to_do[-1].version
            program = version("otv-agent")
            audit.append(TABLES_MIGRATED, at, from_version=before, to_version=after, program=program)
    appended = audit.appended()
    if memory is not None and appended is not None:
        memory.remember(appended)
    return to_do


def _steps(connection: Connection, schema: str | None) -> list[Step]:
    found = found_version(connection, schema)
    if found is None or found > SCHEMA_VERSION:
        require_version(connection, schema)
    scripts = ScriptDirectory.from_config(_config(SCRIPTS)).iterate_revisions("head", str(found))
    return [Step(int(script.revision), script.doc) for script in reversed(list(scripts))]


def _upgrade(connection: Connection, schema: str | None) -> None:
    config = _config(SCRIPTS)
    config.attributes.update(connection=connection, schema=schema)
    options = connection.get_execution_options()
    # The scripts name the schema as it is: nothing of that is to be translated once more.
    connection.execution_options(schema_translate_map={})
    try:
        command.upgrade(config, "head")
    finally:
        connection.execution_options(schema_translate_map=options["schema_translate_map"])


def _config(scripts: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    return config


# --- one fact: Alembic keeps its place in our own table, whose version is a number ------------------


class _Revision(TypeDecorator[str]):
    """Alembic's name of a version, kept as our number."""

    impl = Integer
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> str:
        return str(value)


def _version_table(version_table: str, version_table_schema: str | None) -> Table:
    return Table(
        version_table,
        MetaData(naming_convention=tables.metadata.naming_convention),
        Column("version", _Revision, key="version_num", primary_key=True),
        schema=version_table_schema,
    )


class _Postgresql(PostgresqlImpl):
    """Known to Alembic by being defined."""

    __dialect__ = "postgresql"

    def version_table_impl(
        self, *, version_table: str, version_table_schema: str | None, version_table_pk: bool, **_: Any
    ) -> Table:
        return _version_table(version_table, version_table_schema)


class _Sqlite(SQLiteImpl):
    """Known to Alembic by being defined."""

    __dialect__ = "sqlite"

    def version_table_impl(
        self, *, version_table: str, version_table_schema: str | None, version_table_pk: bool, **_: Any
    ) -> Table:
        return _version_table(version_table, version_table_schema)
