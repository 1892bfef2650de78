"""Looks whether the practice database has what the agent needs, and says exactly what is missing.

For `otv-agent practice check`, and for an integrator who maps a vendor's
tables by views. Every problem is one sentence; nothing is changed, and no
row's content is ever quoted.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, Table, exists, func, inspect, select, text
from sqlalchemy.engine import Inspector

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.adapters.practice_schema import (
    GUARD_NAME,
    SCHEMA_VERSION,
    Right,
    agent_tables,
    practice_tables,
    required_rights,
)
from agent.adapters.practice_snapshot import SqlPracticeSnapshot
from agent.domain.attribution import attribution_problem

HOLIDAYS_AHEAD = timedelta(days=365)


def check_practice(connector: Connector, otv_login: str) -> list[str]:
    """Everything that is missing, as sentences; empty if the agent can work.

    Content is looked at only where all tables and rights are there. Raises
    DatabaseUnavailableError.
    """
    with connector.reading() as connection:
        problems = list(_structure(connector, connection))
        if not problems:
            problems = [sentence for look in _CONTENT for sentence in look(connection)]
            problems += _author(connection, otv_login)
    return problems


# --- structure ---------------------------------------------------------------------------------


def _structure(connector: Connector, connection: Connection) -> Iterator[str]:
    inspector = inspect(connection)
    for schema, wanted in (
        (connector.practice_schema, practice_tables()),
        (connector.agent_schema, agent_tables()),
    ):
        present = {*inspector.get_table_names(schema), *inspector.get_view_names(schema)}
        for table in wanted:
            if table.name not in present:
                yield f"table or view {_named(schema, table)} is missing"
            else:
                yield from _columns(inspector, schema, table)
    if connector.dialect == "postgresql":
        yield from _rights(connector, connection)


def _columns(inspector: Inspector, schema: str | None, table: Table) -> Iterator[str]:
    """By name and by family of type: an integrator may choose another length or integer size."""
    found = {column["name"]: column["type"] for column in inspector.get_columns(table.name, schema)}
    for column in table.columns:
        if column.name not in found:
            yield f"column {_named(schema, table)}.{column.name} is missing"
            continue
        wanted = column.type.dialect_impl(inspector.dialect)
        actual = found[column.name]
        if wanted._type_affinity is not actual._type_affinity:
            kind = type(actual).__name__.lower()
            yield f"column {_named(schema, table)}.{column.name} is of type {kind}, which does not fit"


def _rights(connector: Connector, connection: Connection) -> Iterator[str]:
    schemas = {tables.PRACTICE_SCHEMA: connector.practice_schema, tables.AGENT_SCHEMA: connector.agent_schema}
    for right in required_rights():
        table = _named(schemas[right.table.schema or ""], right.table)
        if not _is_granted(connection, table, right):
            columns = f" of {', '.join(right.columns)}" if right.columns else ""
            yield f"the database role lacks {right.privilege}{columns} on {table}"


def _is_granted(connection: Connection, table: str, right: Right) -> bool:
    """True also for a table that is missing: that has been said already."""
    if connection.scalar(text("SELECT to_regclass(:name)"), {"name": table}) is None:
        return True
    if not right.columns:
        asked = text("SELECT has_table_privilege(:name, :privilege)")
        return bool(connection.scalar(asked, {"name": table, "privilege": right.privilege}))
    asked = text("SELECT has_column_privilege(:name, :column, :privilege)")
    return all(
        connection.scalar(asked, {"name": table, "column": column, "privilege": right.privilege})
        for column in right.columns
    )


def _named(schema: str | None, table: Table) -> str:
    return f"{schema}.{table.name}" if schema else table.name


# --- content -----------------------------------------------------------------------------------


def _version(connection: Connection) -> Iterator[str]:
    version = connection.scalar(select(tables.schema_version.c.version))
    if version != SCHEMA_VERSION:
        yield (
            f"the agent's tables are of version {version or 'unknown'}, this agent needs {SCHEMA_VERSION}: "
            "run `otv-agent practice create-tables`, or a newer agent"
        )


def _practice_row(connection: Connection) -> Iterator[str]:
    rows = connection.execute(select(tables.practice.c.time_zone)).all()
    if len(rows) != 1:
        yield f"table practice has {len(rows)} rows, and must have exactly one"
    for row in rows:
        try:
            ZoneInfo(row.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            yield "the practice's time_zone is not known; for Germany it is Europe/Berlin"


def _holidays(connection: Connection) -> Iterator[str]:
    today = datetime.now(UTC).date()
    holiday = tables.public_holiday.c
    ahead = select(func.count()).where(
        holiday.federal_state.in_(select(tables.practice.c.federal_state)),
        holiday.holiday_date.between(today, today + HOLIDAYS_AHEAD),
    )
    if not connection.scalar(ahead):
        yield "table public_holiday has no day of the practice's federal state in the coming year"


def _hours(connection: Connection) -> Iterator[str]:
    column, hours, shift = tables.schedule_column.c, tables.working_hours.c, tables.shift.c
    without = select(func.count()).where(
        column.active,
        ~exists().where(hours.column_id == column.column_id),
        ~exists().where(shift.column_id == column.column_id),
    )
    count = connection.scalar(without)
    if count:
        yield f"{count} active column(s) have neither working hours nor shifts, and will never be offered"


def _guard(connection: Connection) -> Iterator[str]:
    """An integrator's constraint may have any name; what counts is that overlaps are excluded."""
    if connection.dialect.name == "sqlite":
        asked = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE :name || '%'"
        guarded = connection.scalar(text(asked), {"name": GUARD_NAME}) == 2
    else:
        asked = "SELECT count(*) FROM pg_constraint WHERE contype = 'x'"
        guarded = bool(connection.scalar(text(asked)))
    if not guarded:
        yield "nothing in the database keeps the appointments of a column from overlapping"


_CONTENT: tuple[Callable[[Connection], Iterator[str]], ...] = (
    _version,
    _practice_row,
    _holidays,
    _hours,
    _guard,
)


def _author(connection: Connection, otv_login: str) -> list[str]:
    problem = attribution_problem(SqlPracticeSnapshot(connection).staff_member(otv_login))
    return [f"practice user `{otv_login}`: {problem}"] if problem else []
