"""Compares the tables, columns, types and rights that are there with those the agent uses.

A part of `agent.adapters.practice_check`. A view counts as much as a table,
and a type only by its kind: an integrator's `bigint` is as good as `integer`.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    Date,
    DateTime,
    Inspector,
    Integer,
    String,
    Table,
    Time,
    inspect,
    text,
)
from sqlalchemy.types import NullType

from agent.adapters import tables
from agent.adapters.practice_schema import Right, required_rights

_KINDS: dict[type[Any], str] = {
    Integer: "an integer",
    Boolean: "a boolean",
    Date: "a date",
    DateTime: "a timestamp with time zone",
    Time: "a time of day",
    String: "a text",
}


def layout_problems(
    connection: Connection, wanted: Iterable[Table], practice_schema: str | None, agent_schema: str | None
) -> Iterator[str]:
    """One sentence for each table, column and type that is missing."""
    inspector = inspect(connection)
    for table, schema in _in_schemas(wanted, practice_schema, agent_schema):
        if inspector.has_table(table.name, schema=schema):
            yield from _column_problems(connection, inspector, table, schema)
        else:
            yield _missing_table(table, schema)


def missing_rights(
    connection: Connection, wanted: Iterable[Table], practice_schema: str | None, agent_schema: str | None
) -> Iterator[str]:
    """One sentence for each right on a table that is there; none on SQLite, which knows no rights."""
    if connection.dialect.name != "postgresql":
        return
    inspector = inspect(connection)
    there = {
        table: schema
        for table, schema in _in_schemas(wanted, practice_schema, agent_schema)
        if inspector.has_table(table.name, schema=schema)
    }
    for right in required_rights():
        if right.table in there and not _has_right(connection, right, there[right.table]):
            yield _missing_right(right, there[right.table])


def _in_schemas(
    wanted: Iterable[Table], practice_schema: str | None, agent_schema: str | None
) -> Iterator[tuple[Table, str | None]]:
    schemas = {tables.PRACTICE_SCHEMA: practice_schema, tables.AGENT_SCHEMA: agent_schema}
    yield from ((table, schemas[table.schema or ""]) for table in wanted)


def _missing_table(table: Table, schema: str | None) -> str:
    if table.schema == tables.AGENT_SCHEMA:
        shown = _shown(table.name, schema)
        return f"the agent's table {shown} is missing: run `otv-agent practice create-tables`"
    return f"table or view {_shown(table.name, schema)} is missing"


def _shown(name: str, schema: str | None) -> str:
    return f"{schema}.{name}" if schema else name


def _column_problems(
    connection: Connection, inspector: Inspector, table: Table, schema: str | None
) -> Iterator[str]:
    present = {column["name"]: column["type"] for column in inspector.get_columns(table.name, schema=schema)}
    for column in table.columns:
        shown = f"{_shown(table.name, schema)}.{column.name}"
        if column.name not in present:
            yield f"column {shown} is missing"
            continue
        expected = _kind(column.type.dialect_impl(connection.dialect))
        found = _kind(present[column.name])
        # A view's computed column has no declared type on SQLite.
        if found is not None and found != expected:
            yield f"column {shown} must be {expected} and is {found}"


def _kind(type_: Any) -> str | None:
    if isinstance(type_, NullType):
        return None
    type_ = getattr(type_, "impl_instance", type_)
    if isinstance(type_, DateTime) and not type_.timezone:
        return "a timestamp without time zone"
    return next((kind for base, kind in _KINDS.items() if isinstance(type_, base)), f"a {type_}".lower())


def _has_right(connection: Connection, right: Right, schema: str | None) -> bool:
    """By the table's number: by its name PostgreSQL would fail without USAGE on the schema."""
    oid = (
        "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = :schema AND c.relname = :table"
    )
    usage = "has_schema_privilege(:schema, 'USAGE')"
    names = {"schema": schema, "table": right.table.name, "privilege": right.privilege}
    if not right.columns:
        question = f"SELECT {usage} AND has_table_privilege(({oid}), :privilege)"
        return bool(connection.scalar(text(question), names))
    question = f"SELECT {usage} AND has_column_privilege(({oid}), :column, :privilege)"
    return all(connection.scalar(text(question), {**names, "column": column}) for column in right.columns)


def _missing_right(right: Right, schema: str | None) -> str:
    columns = f" ({', '.join(right.columns)})" if right.columns else ""
    return f"the database login lacks {right.privilege}{columns} on {_shown(right.table.name, schema)}"
