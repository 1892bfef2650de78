"""Creates the tables, the guard against double bookings and the least-privilege rights.

Run once by whoever administers the database; the daemon never calls it. The
guard is what makes a double booking impossible whoever writes (promise P13):
an exclusion constraint on PostgreSQL, triggers on SQLite, where all writers
queue and a trigger therefore sees everything that is committed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Table, insert, select, text

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.errors import DatabaseError

SCHEMA_VERSION = 1
GUARD_NAME = "appointment_no_overlap"
"""Name of the exclusion constraint, beginning of the triggers' names, and the triggers' message."""

# Moved or cancelled for a partner; who an appointment is for and what it is never changes.
_APPOINTMENT_CHANGES = (
    "column_id",
    "starts_at",
    "ends_at",
    "status",
    "cancelled_by",
    "cancelled_at",
    "cancellation_reason",
    "changed_by",
    "changed_at",
)
_INSERTED_TABLES = (
    tables.booking_partner,
    tables.consent_page,
    tables.patient,
    tables.contact_point,
    tables.appointment,
)

_INSTANT_PATTERN = "-".join(["[0-9]" * 4, "[0-9]" * 2, "[0-9]" * 2]) + "T" + ":".join(["[0-9]" * 2] * 3) + "Z"
# A moment written any other way would not sort by time, and the comparison would let overlaps through.
_SQLITE_GUARD = """
CREATE TRIGGER IF NOT EXISTS {name}_{event}
BEFORE {event} {columns} ON appointment
BEGIN
  SELECT RAISE(ABORT, 'appointment times are written YYYY-MM-DDTHH:MM:SSZ')
  WHERE NEW.starts_at NOT GLOB '{pattern}' OR NEW.ends_at NOT GLOB '{pattern}';
  SELECT RAISE(ABORT, '{name}')
  WHERE NEW.exclusive AND NEW.status <> 'cancelled' AND EXISTS (
    SELECT 1 FROM appointment AS other
    WHERE other.column_id = NEW.column_id AND other.ends_at > NEW.starts_at AND other.starts_at < NEW.ends_at
      AND other.exclusive AND other.status <> 'cancelled' {not_itself});
END
"""
_POSTGRESQL_GUARD = """
ALTER TABLE {table} ADD CONSTRAINT {name} EXCLUDE USING gist
  (column_id WITH =, tstzrange(starts_at, ends_at) WITH &&) WHERE (status <> 'cancelled' AND exclusive)
"""


@dataclass(frozen=True, slots=True)
class Right:
    """What the agent's database role must be allowed: `columns` narrows an UPDATE, empty means all."""

    table: Table
    privilege: str
    columns: tuple[str, ...] = ()


def practice_tables() -> list[Table]:
    """The tables or views of the practice, referenced ones first."""
    return [table for table in tables.metadata.sorted_tables if table.schema == tables.PRACTICE_SCHEMA]


def agent_tables() -> list[Table]:
    """The agent's own tables."""
    return [table for table in tables.metadata.sorted_tables if table.schema == tables.AGENT_SCHEMA]


def create_practice_tables(connector: Connector) -> None:
    """The reference practice database with its guard; repeatable.

    Makes the SQLite file if there is none. On PostgreSQL the login must own
    the database, which then may install the trusted extension `btree_gist`.
    """
    _create(connector, connector.practice_schema, practice_tables())
    with connector.writing() as connection:
        if connector.dialect == "sqlite":
            _guard_sqlite(connection)
        else:
            _guard_postgresql(connection, f"{quoted(connector.practice_schema or '')}.appointment")


def create_agent_tables(connector: Connector) -> None:
    """The agent's own tables and their version; repeatable."""
    _create(connector, connector.agent_schema, agent_tables())
    with connector.writing() as connection:
        if connection.scalar(select(tables.schema_version.c.version)) is None:
            connection.execute(insert(tables.schema_version).values(version=SCHEMA_VERSION))


def required_rights() -> list[Right]:
    """Every right the agent uses; nothing it does not."""
    rights = [Right(table, "SELECT") for table in practice_tables()]
    rights += [Right(table, "INSERT") for table in _INSERTED_TABLES]
    rights.append(Right(tables.appointment, "UPDATE", _APPOINTMENT_CHANGES))
    for table in agent_tables():
        rights += [Right(table, privilege) for privilege in _agent_privileges(table)]
    return rights


def grants(
    role_name: str,
    practice_schema: str = tables.PRACTICE_SCHEMA,
    agent_schema: str = tables.AGENT_SCHEMA,
) -> list[str]:
    """The GRANT statements for the agent's database role on PostgreSQL, to be run by the owner."""
    role = quoted(role_name)
    schemas = {tables.PRACTICE_SCHEMA: quoted(practice_schema), tables.AGENT_SCHEMA: quoted(agent_schema)}
    statements = [f"GRANT USAGE ON SCHEMA {schema} TO {role}" for schema in schemas.values()]
    for right in required_rights():
        columns = f" ({', '.join(right.columns)})" if right.columns else ""
        table = f"{schemas[right.table.schema or '']}.{quoted(right.table.name)}"
        statements.append(f"GRANT {right.privilege}{columns} ON {table} TO {role}")
    return statements


def quoted(name: str) -> str:
    """A PostgreSQL identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def _agent_privileges(table: Table) -> tuple[str, ...]:
    if table is tables.schema_version:
        return ("SELECT",)
    if table is tables.audit_entry:
        # The chain would show a change; without the right there is none to show (promise P6).
        return ("SELECT", "INSERT")
    return ("SELECT", "INSERT", "UPDATE", "DELETE")


def _create(connector: Connector, schema: str | None, wanted: Iterable[Table]) -> None:
    if connector.sqlite_file:
        _make_file(connector.sqlite_file)
    with connector.writing() as connection:
        if schema:
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}"))
        tables.metadata.create_all(connection, tables=list(wanted))


def _make_file(file: Path) -> None:
    """With its folder, for this account alone: it will hold patients."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError as error:
        raise DatabaseError(f"sqlite {file} cannot be made: {error.strerror}") from error


def _guard_sqlite(connection: Connection) -> None:
    changes = "OF column_id, starts_at, ends_at, status, exclusive"
    itself = "AND other.appointment_id <> OLD.appointment_id"
    for event, columns, not_itself in (("insert", "", ""), ("update", changes, itself)):
        connection.exec_driver_sql(
            _SQLITE_GUARD.format(
                name=GUARD_NAME,
                event=event,
                columns=columns,
                not_itself=not_itself,
                pattern=_INSTANT_PATTERN,
            )
        )


def _guard_postgresql(connection: Connection, table: str) -> None:
    connection.execute(text("CREATE EXTENSION IF NOT EXISTS btree_gist"))
    stands = "SELECT 1 FROM pg_constraint WHERE conrelid = to_regclass(:table) AND conname = :name"
    if connection.scalar(text(stands), {"table": table, "name": GUARD_NAME}) is None:
        connection.execute(text(_POSTGRESQL_GUARD.format(table=table, name=GUARD_NAME)))
