"""Staff at the reception: a practice software that writes plain SQL and knows nothing of the agent.

It adds, moves, lengthens, shortens, cancels, revives and overlaps at random,
sometimes two appointments in one transaction, sometimes with a pause before
the commit. It asks nobody before it writes; the database alone refuses. Nothing of
the agent is known or imported here.
"""

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from multiprocessing.synchronize import Event
from typing import Any, Protocol

import psycopg

SQLITE = "sqlite:///"
RECEPTIONIST = 1
LONGEST_PAUSE_SECONDS = 0.01
PATIENCE_SECONDS = 20


class Cursor(Protocol):
    """What psycopg and sqlite3 have in common."""

    def execute(self, statement: Any, values: Any = ..., /) -> Any: ...

    def fetchone(self) -> Any: ...


def receptionist(
    url: str, contested: tuple[datetime, datetime], columns: Sequence[int], seed: str, over: Event
) -> Counter[str]:
    """One process: writes until the race is over."""
    return Reception(url, contested, columns, seed).work(over.is_set)


class Reception:
    """One member of staff at one computer."""

    def __init__(
        self, url: str, contested: tuple[datetime, datetime], columns: Sequence[int], seed: str
    ) -> None:
        self._file = url.removeprefix(SQLITE) if url.startswith(SQLITE) else None
        self._url = url
        self._columns = columns
        self._choice = random.Random(seed)
        self._begin, end = contested
        self._steps = int((end - self._begin) / timedelta(minutes=5))

    def work(self, is_over: Callable[[], bool]) -> Counter[str]:
        """One transaction after the other; what became of them."""
        figures: Counter[str] = Counter()
        with self._connected() as connection:
            while not is_over():
                figures["staff attempts"] += 1
                figures[self._transaction(connection)] += 1
                time.sleep(self._choice.uniform(0, LONGEST_PAUSE_SECONDS))
        return figures

    def _transaction(self, connection: Any) -> str:
        try:
            cursor = connection.cursor()
            for _ in range(self._choice.choice((1, 1, 1, 2))):
                self._choice.choice(_DEEDS)(self, cursor)
            if self._choice.random() < 0.2:
                time.sleep(self._choice.uniform(0, LONGEST_PAUSE_SECONDS))
            connection.commit()
        except (psycopg.Error, sqlite3.Error) as error:
            connection.rollback()
            return _refusal(error)
        return "staff written"

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        if self._file is not None:
            connection: Any = sqlite3.connect(self._file, timeout=PATIENCE_SECONDS)
        else:
            connection = psycopg.connect(self._url)
        try:
            yield connection
        finally:
            connection.close()

    # --- deeds -----------------------------------------------------------------------------------

    def add(self, cursor: Cursor) -> None:
        starts_at, ends_at = self._some_time()
        now = self._written(self._begin)
        row = {
            "column_id": self._choice.choice(self._columns),
            "starts_at": starts_at,
            "ends_at": ends_at,
            "status": "booked",
            "exclusive": self._choice.random() > 0.1,
            "created_by": RECEPTIONIST,
            "created_at": now,
            "changed_by": RECEPTIONIST,
            "changed_at": now,
        }
        marks = ", ".join(self._mark for _ in row)
        statement = f"INSERT INTO {self._table} ({', '.join(row)}) VALUES ({marks})"
        cursor.execute(statement, tuple(row.values()))

    def move(self, cursor: Cursor) -> None:
        starts_at, ends_at = self._some_time()
        self._alter(
            cursor, column_id=self._choice.choice(self._columns), starts_at=starts_at, ends_at=ends_at
        )

    def make_longer_or_shorter(self, cursor: Cursor) -> None:
        row = self._some_appointment(cursor, "starts_at")
        if row is not None:
            starts_at = datetime.fromisoformat(row[1]) if isinstance(row[1], str) else row[1]
            # Both ends: a colleague may have moved it since it was looked at.
            self._alter_one(
                cursor,
                row[0],
                starts_at=self._written(starts_at),
                ends_at=self._written(starts_at + self._some_length()),
            )

    def cancel(self, cursor: Cursor) -> None:
        self._alter(cursor, status="cancelled", cancelled_by=RECEPTIONIST)

    def revive(self, cursor: Cursor) -> None:
        self._alter(cursor, status="booked", cancelled_by=None)

    def receive_patient(self, cursor: Cursor) -> None:
        self._alter(cursor, status="arrived")

    def insist_on_being_alone(self, cursor: Cursor) -> None:
        self._alter(cursor, exclusive=True)

    def overlap_on_purpose(self, cursor: Cursor) -> None:
        self._alter(cursor, exclusive=False)

    # --- writing ---------------------------------------------------------------------------------

    @property
    def _table(self) -> str:
        return "practice.appointment" if self._file is None else "appointment"

    @property
    def _mark(self) -> str:
        return "%s" if self._file is None else "?"

    def _written(self, moment: datetime) -> Any:
        return moment if self._file is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _some_time(self) -> tuple[Any, Any]:
        starts_at = self._begin + timedelta(minutes=5 * self._choice.randrange(self._steps))
        return self._written(starts_at), self._written(starts_at + self._some_length())

    def _some_length(self) -> timedelta:
        return timedelta(minutes=self._choice.randrange(5, 65, 5))

    def _alter(self, cursor: Cursor, **values: Any) -> None:
        row = self._some_appointment(cursor, "status")
        if row is not None:
            self._alter_one(cursor, row[0], **values)

    def _some_appointment(self, cursor: Cursor, column: str) -> Any:
        cursor.execute(f"SELECT appointment_id, {column} FROM {self._table} ORDER BY random() LIMIT 1")
        return cursor.fetchone()

    def _alter_one(self, cursor: Cursor, appointment_id: int, **values: Any) -> None:
        changes = ", ".join(f"{name} = {self._mark}" for name in values)
        statement = f"UPDATE {self._table} SET {changes} WHERE appointment_id = {self._mark}"
        cursor.execute(statement, (*values.values(), appointment_id))


_DEEDS: tuple[Callable[[Reception, Cursor], None], ...] = (
    *(Reception.add,) * 6,
    *(Reception.move,) * 5,
    *(Reception.make_longer_or_shorter,) * 2,
    *(Reception.cancel,) * 6,
    *(Reception.revive,) * 2,
    Reception.receive_patient,
    Reception.insist_on_being_alone,
    Reception.overlap_on_purpose,
)


def _refusal(error: Exception) -> str:
    """A guard that speaks, a deadlock, a locked file; anything else is wrong and ends the race."""
    if isinstance(error, psycopg.errors.ExclusionViolation) or "appointment_no_overlap" in str(error):
        return "staff refused"
    if isinstance(error, psycopg.errors.DeadlockDetected):
        return "staff deadlocks"
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return "staff kept waiting"
    raise error
