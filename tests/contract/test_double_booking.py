"""Promise P13: whoever writes, however many at once, no column ever holds two appointments at one time."""

import multiprocessing
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Barrier

import pytest
from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.adapters.overlap_guard import GUARD_NAME
from agent.errors import DatabaseUnavailableError
from tests.kit.databases import PROPHYLAXIS, TREATMENT, add_appointment

WRITERS = 4
ATTEMPTS = 25
EIGHT = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return EIGHT + timedelta(minutes=minutes)


def test_racing_agents_and_staff_never_book_a_column_twice(database_url: str, connector: Connector) -> None:
    """Starts on a 10 minute grid, lengths up to 50 minutes, one crowded morning in two columns."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(WRITERS)
    pipes = [context.Pipe(duplex=False) for _ in range(WRITERS)]
    processes = [
        context.Process(target=race, args=(database_url, seed, start, seed % 2 == 1, sender), daemon=True)
        for seed, (_, sender) in enumerate(pipes)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0] * WRITERS
    booked = sum(receiver.recv() for receiver, _ in pipes)
    standing = appointments(connector)
    assert len(standing) == booked > WRITERS
    assert overlapping(standing) == []


def race(url: str, seed: int, start: Barrier, as_staff: bool, sender: Pipe) -> None:
    """Insert at random; what the database refuses as an overlap is not counted."""
    choice = random.Random(seed)
    connector = Connector(url)
    booked = 0
    start.wait(30)
    for _ in range(ATTEMPTS):
        begin = 10 * choice.randrange(24)
        length = choice.randrange(10, 60, 10)
        booked += insert_one(connector, begin, length, choice.choice((TREATMENT, PROPHYLAXIS)), as_staff)
    connector.dispose()
    sender.send(booked)


def insert_one(connector: Connector, begin: int, length: int, column_id: int, as_staff: bool) -> bool:
    """Staff's software knows nothing of the agent's lock: on PostgreSQL it writes beside it."""
    try:
        with connector.writing() as connection:
            if as_staff and connector.dialect == "postgresql":
                connection.rollback()
            return insert_unless_taken(connection, at(begin), at(begin + length), column_id)
    except DatabaseUnavailableError:
        return False


def insert_unless_taken(connection: Connection, begin: datetime, end: datetime, column_id: int) -> bool:
    try:
        with connection.begin_nested():
            add_appointment(connection, begin, end, column_id=column_id)
    except IntegrityError as error:
        assert GUARD_NAME in str(error.orig)
        return False
    return True


def appointments(connector: Connector) -> list[tuple[int, datetime, datetime]]:
    table = tables.appointment.c
    with connector.reading() as connection:
        rows = connection.execute(select(table.column_id, table.starts_at, table.ends_at))
        return [(row[0], row[1], row[2]) for row in rows]


def overlapping(standing: list[tuple[int, datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    lanes = defaultdict(list)
    for column_id, starts_at, ends_at in standing:
        lanes[column_id].append((starts_at, ends_at))
    return [
        (earlier, later)
        for lane in map(sorted, lanes.values())
        for (_, earlier), (later, _) in pairwise(lane)
        if later < earlier
    ]


@pytest.mark.parametrize(("begin", "end"), [(0, 30), (10, 20), (-10, 1), (29, 60), (-10, 60)])
def test_overlapping_insert_is_refused(connector: Connector, begin: int, end: int) -> None:
    with connector.writing() as connection:
        add_appointment(connection, at(0), at(30))
        with pytest.raises(IntegrityError, match=GUARD_NAME), connection.begin_nested():
            add_appointment(connection, at(begin), at(end))
    assert len(appointments(connector)) == 1


def test_neighbours_other_columns_and_cancelled_times_are_accepted(connector: Connector) -> None:
    with connector.writing() as connection:
        add_appointment(connection, at(0), at(30))
        add_appointment(connection, at(-30), at(0))
        add_appointment(connection, at(30), at(60))
        add_appointment(connection, at(0), at(30), column_id=PROPHYLAXIS)
        add_appointment(connection, at(60), at(90), status="cancelled")
        add_appointment(connection, at(60), at(90))
    assert len(appointments(connector)) == 6


def test_overlap_on_purpose_is_accepted_when_one_of_them_is_not_exclusive(connector: Connector) -> None:
    with connector.writing() as connection:
        add_appointment(connection, at(0), at(30))
        add_appointment(connection, at(0), at(30), exclusive=False)
        with pytest.raises(IntegrityError, match=GUARD_NAME), connection.begin_nested():
            add_appointment(connection, at(0), at(30))


@pytest.mark.parametrize(
    "change",
    [
        {"starts_at": at(20), "ends_at": at(50)},
        {"column_id": TREATMENT},
        {"status": "booked"},
        {"exclusive": True},
    ],
    ids=["moved", "other_column", "uncancelled", "made_exclusive"],
)
def test_change_into_an_overlap_is_refused(connector: Connector, change: dict[str, object]) -> None:
    before: dict[str, dict[str, object]] = {
        "column_id": {"column_id": PROPHYLAXIS},
        "status": {"status": "cancelled"},
        "exclusive": {"exclusive": False},
    }
    apart = {"starts_at": at(60), "ends_at": at(90)} if "starts_at" in change else {}
    table = tables.appointment
    with connector.writing() as connection:
        add_appointment(connection, at(0), at(30))
        other = {"starts_at": at(0), "ends_at": at(30), **apart, **before.get(next(iter(change)), {})}
        key = add_appointment(connection, **other)  # type: ignore[arg-type]
        with pytest.raises(IntegrityError, match=GUARD_NAME), connection.begin_nested():
            connection.execute(update(table).where(table.c.appointment_id == key).values(change))


def test_appointment_moved_within_its_own_time_is_accepted(connector: Connector) -> None:
    table = tables.appointment
    with connector.writing() as connection:
        key = add_appointment(connection, at(0), at(30))
        later = {"starts_at": at(10), "ends_at": at(40)}
        connection.execute(update(table).where(table.c.appointment_id == key).values(later))
    assert appointments(connector) == [(TREATMENT, at(10), at(40))]
