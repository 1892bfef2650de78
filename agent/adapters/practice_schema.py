"""Creates the reference practice, has the guard against double bookings set, and names the least rights.

Run once by whoever administers the database; the daemon never calls it. The
guard itself is `agent.adapters.overlap_guard`.
"""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Table, text

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.adapters.overlap_guard import create_guard
from agent.errors import DatabaseError

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

    Makes the SQLite file if there is none. On PostgreSQL the login must own the database.
    """
    if connector.sqlite_file:
        make_file(connector.sqlite_file)
    schema = connector.practice_schema and quoted(connector.practice_schema)
    with connector.writing() as connection:
        if schema:
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
        tables.metadata.create_all(connection, tables=practice_tables())
    with connector.writing() as connection:
        create_guard(connection, schema)


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
    if table in (tables.audit_entry, tables.revoked_key):
        # The chain would show a change; without the right there is none to show (promise P6).
        return ("SELECT", "INSERT")
    return ("SELECT", "INSERT", "UPDATE", "DELETE")


def make_file(file: Path) -> None:
    """With its folder, for this account alone: it will hold patients. Raises DatabaseError."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError as error:
        raise DatabaseError(f"sqlite {file} cannot be made: {error.strerror}") from error
