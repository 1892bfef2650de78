"""The service's sweep in a flood: a long list is read once, and nobody else waits for its end."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from agent import sweep
from agent.clockwork import Clockwork
from agent.ports import ClaimedFile
from agent.sweep import Sweep
from agent.troubles import Troubles
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, ZAHNZEIT, Stage

pytestmark = ON_SQLITE_ALONE
FLOOD = 4


class FloodedInbound:
    """An inbound folder that counts its listings; meanwhile the other partner sends its first file."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._inbound: Any = stage.agent.lane(DENTPORT).inbound
        self.listed = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inbound, name)

    def claim(self) -> Iterator[ClaimedFile]:
        self.listed += 1
        for number, claimed in enumerate(self._inbound.claim(), 1):
            if number == FLOOD // 2:
                self._stage.drop(self._stage.sealed(self._stage.booking(), partner_id=ZAHNZEIT), ZAHNZEIT)
            if number == FLOOD:
                self.others_done = len(self._stage.outbox(ZAHNZEIT))
            yield claimed


def test_sweep_in_a_flood_lists_it_once_and_takes_the_other_partners_file_before_its_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listing 30,000 files takes longer than a partner may wait for its turn."""
    monkeypatch.setattr(sweep, "LOOK_SECONDS", 0.0)
    for _ in range(FLOOD):
        stage.drop(stage.sealed(stage.booking()))
    flooded: Any = FloodedInbound(stage)
    lanes = {**stage.agent.lanes, DENTPORT: replace(stage.agent.lane(DENTPORT), inbound=flooded)}
    agent, troubles = replace(stage.agent, lanes=lanes), Troubles()
    Sweep(lambda: agent, Clockwork(troubles), troubles, lambda: None, pytest.fail).sweep()
    assert flooded.others_done == 1
    assert flooded.listed == 1
    assert len(stage.outbox(DENTPORT)) == FLOOD
