"""One village for all fast crash tests: it may die as often as they like."""

from collections.abc import Iterator

import pytest

from tests.crash.village import Village, open_village
from tests.flows.stage import DENTPORT


@pytest.fixture(scope="module")
def village() -> Iterator[Village]:
    """After one cycle, so that everything that is made once is there."""
    with open_village(seed=7) as village:
        village.book(DENTPORT)
        assert village.cradle.begin("sync").wait() == 0
        yield village
