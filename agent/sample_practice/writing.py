"""Writes rows in batches, counts them, and leaves the key counters behind the last key.

All keys are given by the generator, so that the same plan makes the same
practice on both databases. PostgreSQL takes the rows by COPY, several times
faster than INSERT; its counters do not notice given keys: unless they are
moved, the first patient created afterwards collides.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import psycopg
from sqlalchemy import Connection, Table, func, insert, select
from sqlalchemy.exc import DBAPIError

from agent.adapters.practice_schema import quoted

BATCH_ROWS = 5000

Row = Mapping[str, Any]


class RowWriter:
    """Adds rows to the practice's tables within one open transaction; `schema` is theirs, None on SQLite."""

    def __init__(self, connection: Connection, schema: str | None) -> None:
        self._connection = connection
        self._schema = schema
        self.counts: Counter[str] = Counter()

    def is_empty(self, table: Table) -> bool:
        return self._connection.execute(select(table).limit(1)).first() is None

    def write(self, table: Table, rows: Iterable[Row]) -> None:
        """Add all rows in batches; each row has the columns of the first, in the same order."""
        pending = iter(rows)
        while batch := list(islice(pending, BATCH_ROWS)):
            if self._schema is None:
                self._connection.execute(insert(table), batch)
            else:
                self._copy(f"{quoted(self._schema)}.{quoted(table.name)}", batch)
            self.counts[table.name] += len(batch)

    def move_key_counters(self, tables: Iterable[Table]) -> None:
        """Have PostgreSQL continue after the highest key of every table that counts by itself."""
        if self._schema is None:
            return
        for table in tables:
            key = table.primary_key.columns[0]
            if key.identity is not None:
                place = f"{quoted(self._schema)}.{quoted(table.name)}"
                highest = select(func.coalesce(func.max(key), 0) + 1).scalar_subquery()
                counter = func.pg_get_serial_sequence(place, key.name)
                self._connection.execute(select(func.setval(counter, highest, False)))

    def _copy(self, place: str, batch: Sequence[Row]) -> None:
        statement = f"COPY {place} ({', '.join(map(quoted, batch[0]))}) FROM STDIN"
        driver = self._connection.connection.driver_connection
        if not isinstance(driver, psycopg.Connection):
            raise TypeError("COPY needs psycopg")
        try:
            with driver.cursor() as cursor, cursor.copy(statement.encode()) as copy:
                for row in batch:
                    copy.write_row(list(row.values()))
        except psycopg.Error as error:
            # As SQLAlchemy would have raised it, so that the connector can tell what is wrong.
            raise DBAPIError(statement, None, error) from error
