"""One small house for all that the doctor looks at; each test breaks one thing and puts it back."""

from collections.abc import Iterator

import pytest

from agent.app import build
from agent.config import load_config
from agent.operations import Agent
from tests.kit.house import House, default_plan, open_house
from tests.kit.leak_guard import pytest_runtest_makereport, watch_after_each_test
from tests.kit.openpgp import short_folder

__all__ = ["agent", "house", "pytest_runtest_makereport", "watch_after_each_test"]


@pytest.fixture(scope="package")
def house() -> Iterator[House]:
    plan, offer = default_plan(patients=20, columns=4, days=5), {"booking_horizon_days": 3}
    with short_folder() as folder, open_house(folder, plan, offer=offer) as house:
        yield house


@pytest.fixture
def agent(house: House) -> Iterator[Agent]:
    agent = build(load_config(house.config_path))
    yield agent
    agent.close()
