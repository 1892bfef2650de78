"""One house for the tests of the rules, on SQLite, with whole hours on offer; its books must balance too."""

from collections.abc import Iterator

import pytest

from tests.flows.conftest import stage
from tests.flows.stage import Stage
from tests.kit.house import NOTHING_IS_SUDDEN, default_plan, open_house
from tests.kit.leak_guard import pytest_runtest_makereport, watch_after_each_test
from tests.kit.openpgp import short_folder
from tests.rules.chair import Chair, open_chair

__all__ = ["chair", "furnished_stage", "pytest_runtest_makereport", "stage", "watch_after_each_test"]


@pytest.fixture(scope="session")
def furnished_stage() -> Iterator[Stage]:
    """A small practice with both its partners, and an agent that offers whole hours."""
    plan = default_plan(patients=60, days=10, columns=4, appointments_per_column_and_day=4)
    offer = {"grid_minutes": 60, "booking_horizon_days": 45}
    with short_folder() as folder, open_house(folder, plan, offer=offer, guard=NOTHING_IS_SUDDEN) as house:
        yield Stage(house, house.agent())


@pytest.fixture
def chair(stage: Stage) -> Iterator[Chair]:
    """A column that is open from 8 to 12 on one day and offers appointments of an hour."""
    with open_chair(stage) as chair:
        yield chair
