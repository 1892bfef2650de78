"""A short race on each database; `make race N=2000` runs a long one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.databases import PostgresqlServer
from tests.races.practice import make_practice
from tests.races.race import run_race


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
    result = run_race(empty_url, attempts=100, days=1)
    assert result.complaints == []
