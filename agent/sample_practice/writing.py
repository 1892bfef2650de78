"""Writes rows in batches, counts them, and leaves the key counters behind the last key.

All keys are given by the generator, so that the same plan makes the same
practice on both databases. PostgreSQL's counters do not notice given keys:
unless they are moved, the first patient created afterwards collides.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select

BATCH_ROWS = 5000


class RowWriter:
    """Adds rows to tables within one open transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.counts: dict[str, int] = {}

    def is_empty(self, table: Table) -> bool:
        return self._connection.execute(select(table).limit(1)).first() is None

    def write(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Insert all rows in batches; each row has the columns of the first."""
        pending = iter(rows)
        while batch := list(islice(pending, BATCH_ROWS)):
            self._connection.execute(insert(table), batch)
            self.counts[table.name] = self.counts.get(table.name, 0) + len(batch)

    def move_key_counters(self, tables: Iterable[Table], schema: str | None) -> None:
        """Have PostgreSQL continue after the highest key of every table that counts by itself."""
        if self._connection.dialect.name != "postgresql":
            return
        for table in tables:
            key = table.primary_key.columns[0]
            if key.identity is not None:
                counter = func.pg_get_serial_sequence(f"{schema}.{table.name}", key.name)
                highest = select(func.coalesce(func.max(key), 0) + 1).scalar_subquery()
                self._connection.execute(select(func.setval(counter, highest, False)))
