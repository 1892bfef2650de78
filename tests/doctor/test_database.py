"""What the doctor says of the database: a server that refuses, a role, tables, the author, the clock."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from agent.adapters.database import Connector
from agent.adapters.posix_rights import Account, own_account
from agent.adapters.practice_schema import grants
from agent.app import build
from agent.config import load_config
from agent.doctor import Check, Finding, State
from agent.doctor.clocks import clocks
from agent.doctor.database import database
from agent.operations import Agent
from tests.kit.command_line import edited
from tests.kit.databases import PostgresqlServer
from tests.kit.house import House

STRANGER = Account("otv-agent", 54321, 54321, frozenset({54321}))


@contextmanager
def agent_on(house: House, url: str) -> Iterator[Agent]:
    """The house's agent on another database; a url holds no password."""
    bare = url.replace(":@", "@")
    with edited(house.config_path, lambda content: content["database"].update(url=bare)):
        agent = build(load_config(house.config_path))
    try:
        yield agent
    finally:
        agent.close()


def looked_at(agent: Agent) -> dict[Check, Finding]:
    return {found.check: found for found in database(agent, own_account())}


@pytest.fixture
def role(postgresql_server: PostgresqlServer, postgresql_url: str) -> Iterator[str]:
    """Address of the small practice for a role of its own with what `grants` lists; dropped at the end."""
    name = postgresql_url.partition("@/")[2].partition("?")[0]
    postgresql_server.execute(f"CREATE ROLE otv_{name} LOGIN")
    url = postgresql_server.url(name)
    for statement in grants(f"otv_{name}"):
        run(url, statement)
    yield postgresql_server.url(name, f"otv_{name}")
    run(url, f"DROP OWNED BY otv_{name}")
    postgresql_server.execute(f"DROP ROLE otv_{name}")


def run(url: str, *statements: str) -> None:
    connector = Connector(url)
    with connector.writing() as connection:
        for statement in statements:
            connection.execute(text(statement))
    connector.dispose()


def test_role_with_what_it_needs_and_nothing_else_is_fine(house: House, role: str) -> None:
    with agent_on(house, role) as agent:
        found = looked_at(agent)
    assert found[Check.DATABASE].state is State.FINE
    assert found[Check.ROLE].state is State.FINE
    assert found[Check.TABLES].state is State.FINE


def test_tables_of_an_older_program_are_failed_with_the_command_that_mends_them(
    house: House, sqlite_url: str
) -> None:
    run(sqlite_url, "UPDATE schema_version SET version = 1")
    with agent_on(house, sqlite_url) as agent:
        found = looked_at(agent)
    tables = found[Check.TABLES]
    assert (tables.state, tables.exit_code, Check.AUTHOR in found) == (State.FAILED, 20, False)
    assert "version 1, and this program works with version 2" in str(tables.said.values["error"])
    assert tables.remedy is not None
    assert "otv-agent practice migrate" in tables.remedy.text


def test_role_that_lacks_a_right_is_failed_and_named(house: House, role: str, postgresql_url: str) -> None:
    name = role.partition("//")[2].partition(":")[0]
    run(postgresql_url, f"REVOKE INSERT ON practice.appointment FROM {name}")
    with agent_on(house, role) as agent:
        found = looked_at(agent)[Check.ROLE]
    assert (found.state, found.exit_code) == (State.FAILED, 20)
    assert found.said.values == {
        "count": 1,
        "problem": "the database login lacks INSERT on practice.appointment",
    }


def test_role_that_may_do_more_is_warned_of(house: House, role: str, postgresql_url: str) -> None:
    name = role.partition("//")[2].partition(":")[0]
    run(postgresql_url, f"GRANT DELETE ON practice.patient TO {name}")
    with agent_on(house, role) as agent:
        found = looked_at(agent)[Check.ROLE]
    assert (found.state, found.said.values["problem"]) == (State.WARNING, "DELETE on practice.patient")
    run(postgresql_url, f"ALTER TABLE practice.patient OWNER TO {name}")
    with agent_on(house, role) as agent:
        owner = looked_at(agent)[Check.ROLE]
    run(postgresql_url, "ALTER TABLE practice.patient OWNER TO postgres")
    assert (owner.state, owner.said.values["problem"]) == (State.WARNING, "owner of tables")
    with agent_on(house, postgresql_url) as agent:
        assert looked_at(agent)[Check.ROLE].said.values["problem"] == "SUPERUSER"


def test_server_that_is_read_only_is_failed_before_work_begins(
    house: House, postgresql_server: PostgresqlServer, postgresql_url: str
) -> None:
    name = postgresql_url.partition("@/")[2].partition("?")[0]
    postgresql_server.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    with agent_on(house, postgresql_url) as agent:
        found = looked_at(agent)
    assert (found[Check.DATABASE].state, found[Check.DATABASE].exit_code) == (State.FAILED, 20)
    assert "default_transaction_read_only" in str(found[Check.DATABASE].said.values["reason"])
    assert set(found) == {Check.DATABASE}


def test_server_that_is_not_there_is_failed_and_nothing_else_is_told(house: House) -> None:
    with agent_on(house, "postgresql+psycopg://otv@127.0.0.1:1/practice") as agent:
        (found,) = database(agent, own_account())
    assert (found.check, found.state, found.exit_code) == (Check.DATABASE, State.FAILED, 20)


def test_sqlite_file_that_the_account_may_not_write_is_failed(agent: Agent) -> None:
    (found,) = database(agent, STRANGER)
    assert (found.check, found.state, found.exit_code) == (Check.DATABASE, State.FAILED, 20)
    assert "may not write to" in found.said.text


def test_missing_table_and_an_author_with_a_permission_are_failed(house: House, sqlite_url: str) -> None:
    run(sqlite_url, "INSERT INTO role_permission (role_id, permission) VALUES (2, 'patients')")
    with agent_on(house, sqlite_url) as agent:
        author = looked_at(agent)[Check.AUTHOR]
        run(sqlite_url, "DROP TABLE shift_hours")
        tables = looked_at(agent)[Check.TABLES]
    assert (author.state, author.exit_code) == (State.FAILED, 20)
    assert (tables.state, tables.exit_code) == (State.FAILED, 20)
    assert tables.said.values["problem"] == "table or view shift_hours is missing"


@pytest.mark.parametrize(
    ("ahead", "state"), [(0, State.FINE), (60, State.WARNING), (3600, State.FAILED)], ids=str
)
def test_database_servers_clock_is_held_against_ours(
    house: House, postgresql_server: PostgresqlServer, postgresql_url: str, ahead: int, state: State
) -> None:
    """A real server whose clock is wrong, as far as its sessions can see."""
    name = postgresql_url.partition("@/")[2].partition("?")[0]
    run(
        postgresql_url,
        "CREATE SCHEMA wrong",
        "CREATE FUNCTION wrong.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
        f"$$SELECT pg_catalog.clock_timestamp() + interval '{ahead} seconds'$$",
    )
    postgresql_server.execute(f'ALTER DATABASE "{name}" SET search_path = wrong, pg_catalog')
    with agent_on(house, postgresql_url) as agent:
        found = {one.check: one for one in clocks(agent)}
    assert found[Check.DATABASE_CLOCK].state is state
    assert found[Check.AUDIT_CLOCK].state is State.FINE
