"""Staff write in the very moment in which the agent does: each such moment, and what the partner is told."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from sqlalchemy import select

from agent.adapters import database, tables
from agent.domain.documents import instant_text
from agent.domain.intervals import utc_datetime
from agent.domain.slots import Slot
from agent.errors import DatabaseUnavailableError
from agent.ports import AppointmentBook
from tests.kit.databases import DENTPORT, INSERTED_AT, PROPHYLAXIS, TREATMENT, PostgresqlServer
from tests.races.agent_side import AgentSide, booking, rescheduling
from tests.races.practice import SAME_ROOM, SECOND_CHAIR, contested_time, make_practice

CONTESTED = contested_time(1)


@pytest.fixture(scope="module")
def template(postgresql_server: PostgresqlServer) -> str:
    name = postgresql_server.create_database()
    make_practice(postgresql_server.url(name))
    return name


@pytest.fixture
def url(postgresql_server: PostgresqlServer, template: str) -> Iterator[str]:
    name = postgresql_server.create_database(template)
    yield postgresql_server.url(name)
    postgresql_server.drop_database(name)


@pytest.fixture
def agent(url: str) -> Iterator[AgentSide]:
    side = AgentSide(url, DENTPORT)
    yield side
    side.connector.dispose()


@pytest.fixture
def reception(url: str) -> Iterator["psycopg.Connection[Any]"]:
    """The practice software's own connection, in a transaction until it commits."""
    with closing(psycopg.connect(url)) as connection:
        yield connection


@pytest.fixture
def slot(agent: AgentSide) -> Slot:
    """At ten in the dentist's first column."""
    slots = [slot for slot in agent.published(CONTESTED) if slot.column_id == TREATMENT]
    return slots[len(slots) // 4]


def add(reception: "psycopg.Connection[Any]", column_id: int, slot: Slot, minutes_later: int = 0) -> int:
    later = timedelta(minutes=minutes_later)
    row = reception.execute(
        "INSERT INTO practice.appointment (column_id, starts_at, ends_at, status, exclusive, "
        "created_by, created_at, changed_by, changed_at) VALUES (%s, %s, %s, 'booked', true, 1, %s, 1, %s) "
        "RETURNING appointment_id",
        (
            column_id,
            utc_datetime(slot.start) + later,
            utc_datetime(slot.end) + later,
            INSERTED_AT,
            INSERTED_AT,
        ),
    ).fetchone()
    assert row is not None
    return int(row[0])


def move(reception: "psycopg.Connection[Any]", appointment_id: int, **values: object) -> None:
    changes = ", ".join(f"{name} = %({name})s" for name in values)
    statement = f"UPDATE practice.appointment SET {changes} WHERE appointment_id = %(appointment_id)s"
    reception.execute(statement.encode(), {**values, "appointment_id": appointment_id})


class Meanwhile:
    """The appointment book, in which something happens just before the agent's first or later writing."""

    def __init__(self, deed: Callable[[], object], book: AppointmentBook, *, writing: int = 1) -> None:
        self._deed, self._book, self._left = deed, book, writing

    def __getattr__(self, name: str) -> Any:
        if name in ("add_appointment", "move_appointment"):
            self._left -= 1
            if self._left == 0:
                self._deed()
        return getattr(self._book, name)


def appointments_of_the_agent(agent: AgentSide) -> list[tuple[int, str]]:
    table = tables.appointment.c
    with agent.connector.reading() as connection:
        rows = connection.execute(select(table.column_id, table.status).where(table.created_by == 2))
        return [(row[0], row[1]) for row in rows]


@pytest.mark.parametrize("beside", [TREATMENT, SECOND_CHAIR], ids=["same_column", "same_dentist"])
def test_time_that_staff_take_between_decision_and_writing_is_slot_taken(
    agent: AgentSide, reception: "psycopg.Connection[Any]", slot: Slot, beside: int
) -> None:
    elsewhere = add(reception, beside, slot, minutes_later=240)
    reception.commit()

    def staff_move_it_here() -> None:
        values = {"starts_at": utc_datetime(slot.start), "ends_at": utc_datetime(slot.end)}
        move(reception, elsewhere, **values)
        reception.commit()

    [outcome] = agent.imported([booking(slot, "b1")], partial(Meanwhile, staff_move_it_here))
    assert (outcome.outcome, outcome.reason) == ("declined", "slot_taken")
    assert len(outcome.alternatives or ()) == 3
    offered = {(other.column_id, other.starts_at) for other in outcome.alternatives or ()}
    assert offered.isdisjoint((str(column), instant_text(slot.start)) for column in (TREATMENT, SECOND_CHAIR))
    assert appointments_of_the_agent(agent) == []


def test_wish_for_any_column_goes_to_the_next_one_when_staff_are_faster(
    agent: AgentSide, reception: "psycopg.Connection[Any]", slot: Slot
) -> None:
    def staff_take_the_dentist() -> None:
        add(reception, TREATMENT, slot)
        reception.commit()

    wish = booking(slot, "b1", any_column=True)
    [outcome] = agent.imported([wish], partial(Meanwhile, staff_take_the_dentist))
    assert (outcome.outcome, outcome.column_id) == ("accepted", str(SAME_ROOM))


def test_wish_for_any_column_is_slot_taken_when_staff_take_the_only_one_that_is_open(
    agent: AgentSide, reception: "psycopg.Connection[Any]", slot: Slot
) -> None:
    """The columns left over never offered that time; the one that was lost did."""
    reception.execute("DELETE FROM practice.working_hours WHERE column_id <> %s", (TREATMENT,))
    reception.commit()

    def staff_take_the_dentist() -> None:
        add(reception, TREATMENT, slot)
        reception.commit()

    wish = booking(slot, "b1", any_column=True)
    [outcome] = agent.imported([wish], partial(Meanwhile, staff_take_the_dentist))
    assert (outcome.outcome, outcome.reason) == ("declined", "slot_taken")


def test_rescheduling_onto_a_time_that_staff_take_meanwhile_leaves_the_appointment_where_it_was(
    agent: AgentSide, reception: "psycopg.Connection[Any]", slot: Slot
) -> None:
    wish = booking(slot, "b1")
    [first] = agent.imported([wish])
    later = Slot(slot.assignment_id, slot.column_id, slot.start + 3600, slot.end + 3600)

    def staff_take_it() -> None:
        add(reception, SECOND_CHAIR, later)
        reception.commit()

    [outcome] = agent.imported([rescheduling(wish, later)], partial(Meanwhile, staff_take_it))
    assert (first.outcome, outcome.reason) == ("accepted", "slot_taken")
    table = tables.appointment.c
    with agent.connector.reading() as connection:
        starts = connection.scalar(select(table.starts_at).where(table.created_by == 2))
    assert starts == utc_datetime(slot.start)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_agent_waits_for_an_open_transaction_of_the_staff_and_then_knows(
    agent: AgentSide, reception: "psycopg.Connection[Any]", slot: Slot, end: str
) -> None:
    add(reception, SECOND_CHAIR, slot)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(agent.imported, [booking(slot, "b1")])
        time.sleep(0.3)
        assert not waiting.done()
        getattr(reception, end)()
        [outcome] = waiting.result(10)
    assert outcome.outcome == ("declined" if end == "commit" else "accepted")


def test_transaction_that_staff_leave_open_makes_the_file_wait_and_come_again(
    url: str, reception: "psycopg.Connection[Any]", slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A temporary fault after the time that a lock is waited for; then nothing of the file has happened."""
    monkeypatch.setitem(database._POSTGRESQL_ARGUMENTS, "options", "-c timezone=UTC -c lock_timeout=300ms")
    agent = AgentSide(url, DENTPORT)
    add(reception, TREATMENT, slot)
    other = Slot(slot.assignment_id, slot.column_id, slot.start - 3600, slot.end - 3600)
    wishes = [booking(other, "b0"), booking(slot, "b1")]
    with pytest.raises(DatabaseUnavailableError, match="55P03"):
        agent.imported(wishes)
    assert appointments_of_the_agent(agent) == []
    reception.commit()
    outcomes = agent.imported(wishes)
    assert [outcome.reason for outcome in outcomes] == [None, "slot_taken"]
    agent.connector.dispose()


def test_deadlock_with_the_staff_is_a_temporary_fault_and_the_file_comes_again(
    agent: AgentSide, reception: "psycopg.Connection[Any]", slot: Slot
) -> None:
    """The agent has the first time and wants the second; the staff have the second and want the first."""
    other = Slot(slot.assignment_id, slot.column_id, slot.start + 3600, slot.end + 3600)
    add(reception, TREATMENT, other)
    reception.execute("SET deadlock_timeout = '5s'")  # the agent's own, of one second, is to notice it

    def staff_want_the_first() -> None:
        pool.submit(add, reception, TREATMENT, slot)
        time.sleep(0.3)

    wishes = [booking(slot, "b1"), booking(other, "b2")]

    with ThreadPoolExecutor(1) as pool, pytest.raises(DatabaseUnavailableError, match="40P01"):
        agent.imported(wishes, partial(Meanwhile, staff_want_the_first, writing=2))
    assert appointments_of_the_agent(agent) == []
    reception.rollback()
    assert [outcome.outcome for outcome in agent.imported(wishes)] == ["accepted", "accepted"]


@pytest.mark.parametrize("first", ["column", "appointment"])
def test_column_that_changes_while_an_appointment_is_written_guards_it_with_the_new_practitioner(
    url: str, agent: AgentSide, reception: "psycopg.Connection[Any]", slot: Slot, first: str
) -> None:
    """Whichever of the two transactions comes first, the other waits for it."""
    change = "UPDATE practice.schedule_column SET practitioner_id = 2 WHERE column_id = 3"
    with closing(psycopg.connect(url)) as office, ThreadPoolExecutor(1) as pool:
        if first == "column":
            office.execute(change)
            waiting: Any = pool.submit(add, reception, SECOND_CHAIR, slot)
        else:
            add(reception, SECOND_CHAIR, slot)
            waiting = pool.submit(office.execute, change)
        time.sleep(0.2)
        assert not waiting.done()
        (office if first == "column" else reception).commit()
        waiting.result(10)
        (reception if first == "column" else office).commit()
    add(reception, TREATMENT, slot)
    with pytest.raises(psycopg.errors.ExclusionViolation):
        add(reception, PROPHYLAXIS, slot)
