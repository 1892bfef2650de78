"""A short race on each database; `make race N=2000` runs a long one."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from agent.adapters.database import Connector
from tests.kit.databases import PROPHYLAXIS, TREATMENT, PostgresqlServer, add_appointment
from tests.races.practice import ON_PURPOSE, SAME_ROOM, SECOND_CHAIR, contested_time, make_practice
from tests.races.race import run_race
from tests.races.verdict import Verdict

TAKEN_AWAY = {
    "sqlite": ["DROP TRIGGER appointment_no_overlap_insert"],
    "postgresql": ["ALTER TABLE practice.appointment DROP CONSTRAINT appointment_no_overlap"],
}


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'practice.db'}"
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


def test_two_partners_and_two_receptionists_at_once_never_book_anything_twice(empty_url: str) -> None:
    make_practice(empty_url)
    result = run_race(empty_url, attempts=200, days=1)
    assert result.complaints == []


def test_verdict_finds_each_kind_of_pair_once_the_guard_is_away(empty_url: str) -> None:
    make_practice(empty_url)
    connector = Connector(empty_url)
    begin, _ = contested_time(1)
    with connector.writing() as connection:
        for statement in TAKEN_AWAY[connector.dialect]:
            connection.execute(text(statement))
        for column_id in (TREATMENT, TREATMENT, SECOND_CHAIR, PROPHYLAXIS, SAME_ROOM, ON_PURPOSE):
            add_appointment(connection, begin, begin + timedelta(minutes=30), column_id=column_id)
    assert Verdict(connector).double_bookings() == {"column": 1, "practitioner": 2, "room": 1}
    connector.dispose()
