"""Which version the agent's own tables have, and whether this program can work with them.

Asked at every start, so it must not need Alembic. The one fact is the row in
the table `schema_version`.
"""

import json
from importlib.metadata import version

from sqlalchemy import Connection, inspect, select

from agent.adapters import tables
from agent.errors import SchemaMismatchError, TablesAheadError, TablesBehindError

SCHEMA_VERSION = 2
"""What this program works with: the newest of `agent.adapters.migrations`."""
TABLES_MIGRATED = "tables migrated"
"""The event of the audit log."""


def found_version(connection: Connection, agent_schema: str | None) -> int | None:
    """None where the agent has no tables yet. Raises SchemaMismatchError for anything but one row."""
    if not inspect(connection).has_table(tables.schema_version.name, schema=agent_schema):
        return None
    versions = connection.scalars(select(tables.schema_version.c.version)).all()
    if len(versions) != 1:
        raise SchemaMismatchError("table schema_version does not hold exactly one row")
    return int(versions[0])


def require_version(connection: Connection, agent_schema: str | None) -> None:
    """Raises TablesBehindError, TablesAheadError, SchemaMismatchError."""
    found = found_version(connection, agent_schema)
    if found is None:
        raise SchemaMismatchError("the agent's tables are missing: run `otv-agent practice create-tables`")
    if found < SCHEMA_VERSION:
        raise TablesBehindError(
            f"the agent's tables have version {found}, and this program works with version {SCHEMA_VERSION}"
        )
    if found > SCHEMA_VERSION:
        raise TablesAheadError(
            f"the agent's tables have version {found}{_brought_by(connection)}, "
            f"and this is otv-agent {version('otv-agent')}, which knows them up to version {SCHEMA_VERSION}"
        )


def _brought_by(connection: Connection) -> str:
    """As the audit log tells; tables that were made new by that version have no such entry."""
    entry = tables.audit_entry.c
    migrations = select(entry.details).where(entry.event == TABLES_MIGRATED)
    details = connection.scalar(migrations.order_by(entry.sequence.desc()).limit(1))
    return "" if details is None else f", brought there by otv-agent {json.loads(details)['program']}"
