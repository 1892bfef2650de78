"""One house per kind of database for all tests of the stories.

After every test its books must balance, and nothing of a patient may have leaked.
"""

from collections.abc import Iterator

import pytest

from tests.flows.evidence import assert_books_balance
from tests.flows.stage import Stage
from tests.kit.house import NOTHING_IS_SUDDEN, default_plan, open_house
from tests.kit.leak_guard import pytest_runtest_makereport, watch_after_each_test
from tests.kit.openpgp import short_folder

__all__ = ["furnished_stage", "pytest_runtest_makereport", "stage", "watch_after_each_test"]


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def furnished_stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A small practice with both its partners, once on each kind of database."""
    url = None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql_server")
        url = server.url(server.create_database()).replace(":@", "@")  # a url holds no password
    plan = default_plan(patients=60, days=10, columns=4, appointments_per_column_and_day=4)
    with short_folder() as folder, open_house(folder, plan, url, guard=NOTHING_IS_SUDDEN) as house:
        yield Stage(house, house.agent())


@pytest.fixture
def stage(furnished_stage: Stage) -> Iterator[Stage]:
    """The house, tidied up for the next test; nothing may be lost and nothing left lying about."""
    yield furnished_stage
    for partner_id in furnished_stage.house.partners:
        for path in furnished_stage.outbox(partner_id):
            path.unlink()
    assert_books_balance(furnished_stage)
    for partner_id in furnished_stage.house.partners:
        assert furnished_stage.agent.lane(partner_id).inbound.counts()["waiting"] == 0
