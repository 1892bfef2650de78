"""Streams the rows of a SELECT as the driver's own tuples, a few thousand in memory at a time.

For the two queries that read the whole patient base, where SQLAlchemy's row
objects and value conversion cost as much as the reading itself. Values come
as the driver gives them: on SQLite a date is ISO text and a boolean 0 or 1.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from typing import Any

from sqlalchemy import Connection, Select

# A round trip for each on PostgreSQL: not too few; two streams at once in memory: not too many.
ROWS_AT_A_TIME = 2_000

_cursor_numbers = count(1)


@contextmanager
def streamed(connection: Connection, statement: Select[Any]) -> Iterator[Iterator[tuple[Any, ...]]]:
    """The rows in the statement's order; several streams may be open on one connection."""
    compiled = statement.compile(
        dialect=connection.dialect,
        schema_translate_map=connection.get_execution_options()["schema_translate_map"],
        render_schema_translate=True,
        compile_kwargs={"render_postcompile": True},
    )
    values = compiled.construct_params()
    parameters = [values[name] for name in compiled.positiontup] if compiled.positiontup else values
    # A cursor of our own, not SQLAlchemy's `result.cursor`, which may have read ahead and so lost rows.
    with closing(_cursor(connection)) as cursor:
        cursor.execute(str(compiled), parameters)
        yield iter(cursor)


def _cursor(connection: Connection) -> Any:
    driver_connection: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        return driver_connection.cursor()
    # Named, it stays on the server; unnamed, the driver would fetch all rows at once.
    cursor = driver_connection.cursor(name=f"otv_agent_{next(_cursor_numbers)}")
    cursor.itersize = ROWS_AT_A_TIME
    return cursor
