"""Promise P13: whoever writes, however many at once, no column ever holds two appointments at one time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.adapters.overlap_guard import GUARD_NAME
from tests.kit.databases import PROPHYLAXIS, TREATMENT, add_appointment

# Ahead of now: when a column changes, the guard looks at what is still to come.
EIGHT = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=60)
# The dentist's second chair; another person in the hygienist's room; a column in which both the dentist
# and her first room are put over everything on purpose; and one that belongs to nobody and lies nowhere.
SECOND_CHAIR, SAME_ROOM, ON_PURPOSE, NOBODYS = 3, 4, 5, 6
_COLUMNS = {
    SECOND_CHAIR: {"practitioner_id": 1, "room_id": None},
    SAME_ROOM: {"practitioner_id": None, "room_id": 2},
    ON_PURPOSE: {"practitioner_id": 1, "room_id": 1, "overlaps_allowed": True},
    NOBODYS: {"practitioner_id": None, "room_id": None},
}


def at(minutes: int) -> datetime:
    return EIGHT + timedelta(minutes=minutes)


def appointments(connector: Connector) -> list[tuple[int, datetime, datetime]]:
    table = tables.appointment.c
    with connector.reading() as connection:
        rows = connection.execute(select(table.column_id, table.starts_at, table.ends_at))
        return [(row[0], row[1], row[2]) for row in rows]


@pytest.fixture
def shared(connector: Connector) -> Connector:
    """The small practice with columns that share a practitioner or a room."""
    with connector.writing() as connection:
        for key, lane in _COLUMNS.items():
            row = {"overlaps_allowed": False, "active": True, **lane}
            connection.execute(insert(tables.schedule_column).values(name="x", position=key, **row))
    return connector


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


KEPT_APART = [(TREATMENT, SECOND_CHAIR), (SECOND_CHAIR, TREATMENT), (PROPHYLAXIS, SAME_ROOM)]
FREE_OF_EACH_OTHER = [
    (TREATMENT, PROPHYLAXIS),
    (SECOND_CHAIR, SAME_ROOM),
    (TREATMENT, ON_PURPOSE),
    (ON_PURPOSE, TREATMENT),
    (SECOND_CHAIR, NOBODYS),
    (SAME_ROOM, NOBODYS),
]


@pytest.mark.parametrize(("one", "other"), KEPT_APART)
def test_insert_beside_a_column_with_the_same_practitioner_or_room_is_refused(
    shared: Connector, one: int, other: int
) -> None:
    with shared.writing() as connection:
        add_appointment(connection, at(0), at(30), column_id=one)
        add_appointment(connection, at(30), at(60), column_id=other)
        add_appointment(connection, at(0), at(30), column_id=other, exclusive=False)
        add_appointment(connection, at(0), at(30), column_id=other, status="cancelled")
        with pytest.raises(IntegrityError, match=GUARD_NAME), connection.begin_nested():
            add_appointment(connection, at(29), at(59), column_id=other)


@pytest.mark.parametrize(("one", "other"), FREE_OF_EACH_OTHER)
def test_insert_beside_a_column_that_shares_nothing_or_overlaps_on_purpose_is_accepted(
    shared: Connector, one: int, other: int
) -> None:
    with shared.writing() as connection:
        add_appointment(connection, at(0), at(30), column_id=one)
        add_appointment(connection, at(0), at(30), column_id=other)


def test_column_that_overlaps_on_purpose_still_keeps_its_own_exclusive_appointments_apart(
    shared: Connector,
) -> None:
    with shared.writing() as connection:
        add_appointment(connection, at(0), at(30), column_id=ON_PURPOSE)
        add_appointment(connection, at(0), at(30), column_id=ON_PURPOSE, exclusive=False)
        with pytest.raises(IntegrityError, match=GUARD_NAME), connection.begin_nested():
            add_appointment(connection, at(0), at(30), column_id=ON_PURPOSE)


INTO_THE_CHAIR: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "moved_to_the_column": ({"column_id": PROPHYLAXIS}, {"column_id": SECOND_CHAIR}),
    "moved_in_time": ({"starts_at": at(60), "ends_at": at(90)}, {"starts_at": at(20), "ends_at": at(50)}),
    "made_longer": ({"starts_at": at(30), "ends_at": at(60)}, {"starts_at": at(29)}),
    "uncancelled": ({"status": "cancelled"}, {"status": "booked"}),
    "made_exclusive": ({"exclusive": False}, {"exclusive": True}),
}


@pytest.mark.parametrize("change", INTO_THE_CHAIR)
def test_change_into_the_practitioners_other_appointment_is_refused(shared: Connector, change: str) -> None:
    before, after = INTO_THE_CHAIR[change]
    row: dict[str, Any] = {"starts_at": at(0), "ends_at": at(30), "column_id": SECOND_CHAIR, **before}
    with shared.writing() as connection:
        add_appointment(connection, at(0), at(30))
        key = add_appointment(connection, **row)
        with pytest.raises(IntegrityError, match=GUARD_NAME), connection.begin_nested():
            alter(connection, key, **after)


def test_shortening_or_leaving_an_appointment_frees_the_practitioner(shared: Connector) -> None:
    with shared.writing() as connection:
        key = add_appointment(connection, at(0), at(60))
        alter(connection, key, ends_at=at(30))
        other = add_appointment(connection, at(30), at(60), column_id=SECOND_CHAIR)
        alter(connection, other, column_id=NOBODYS)
        alter(connection, key, ends_at=at(60))
    assert len(appointments(shared)) == 2


@pytest.mark.parametrize(
    "change",
    [{"practitioner_id": 2}, {"room_id": 1}, {"overlaps_allowed": True}],
    ids=["practitioner", "room", "overlaps"],
)
def test_appointments_follow_a_change_of_their_column(shared: Connector, change: dict[str, object]) -> None:
    """What is written afterwards is judged by the column as it is now, also beside what was there before."""
    column = tables.schedule_column
    with shared.writing() as connection:
        add_appointment(connection, at(0), at(30), column_id=SECOND_CHAIR)
        connection.execute(update(column).where(column.c.column_id == SECOND_CHAIR).values(change))
        beside = {"practitioner_id": (PROPHYLAXIS, TREATMENT), "room_id": (TREATMENT, PROPHYLAXIS)}
        taken, free = beside.get(next(iter(change)), (SECOND_CHAIR, TREATMENT))
        add_appointment(connection, at(0), at(30), column_id=free)
        with pytest.raises(IntegrityError, match=GUARD_NAME), connection.begin_nested():
            add_appointment(connection, at(0), at(30), column_id=taken)


def test_column_changes_freely_and_the_patients_it_puts_over_each_other_still_arrive(
    shared: Connector,
) -> None:
    column = tables.schedule_column
    with shared.writing() as connection:
        first = add_appointment(connection, at(0), at(30), column_id=NOBODYS)
        add_appointment(connection, at(0), at(30), column_id=TREATMENT)
        add_appointment(connection, at(60), at(90), column_id=NOBODYS)
        dentists = update(column).where(column.c.column_id == NOBODYS).values(practitioner_id=1)
        connection.execute(dentists)
        alter(connection, first, status="arrived")
        with pytest.raises(IntegrityError, match=GUARD_NAME), connection.begin_nested():
            alter(connection, first, starts_at=at(5))
        with pytest.raises(IntegrityError, match=GUARD_NAME), connection.begin_nested():
            add_appointment(connection, at(0), at(30), column_id=NOBODYS)
        with pytest.raises(IntegrityError, match=GUARD_NAME), connection.begin_nested():
            add_appointment(connection, at(60), at(90), column_id=TREATMENT)


def alter(connection: Connection, appointment_id: int, **values: object) -> None:
    table = tables.appointment
    connection.execute(update(table).where(table.c.appointment_id == appointment_id).values(values))
