"""Receiving in the service: all inbound folders in turn, one file of each.

Imports into the one practice database are a lane of their own. Folder events
only wake the sweep; the sweep finds what events have missed. A fault of one
partner's folder, also a defect, keeps no other partner's files waiting.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterator

from agent.clockwork import Clockwork
from agent.errors import AgentError, SuddenChangeError
from agent.flows.file_result import FileResult
from agent.job_names import SWEEP, exchanging, held_back, receiving
from agent.operations import Agent
from agent.troubles import Troubles
from exchange_formats.envelope import Kind

log = logging.getLogger(__name__)

WAKE_MARGIN_SECONDS = 0.5
LOOK_SECONDS = 3.0
"""In a flood the partners whose folders were empty are looked at anew this often."""
SWEEP_SECONDS = 600.0
"""Then the sweep begins anew, with the licence asked for again; thousands of files take long to list."""


def wake(agent: Agent, clockwork: Clockwork) -> None:
    """A folder event, or files that have not held still yet: look when they have."""
    settled = agent.config.settings.inbound.settle_seconds + WAKE_MARGIN_SECONDS
    clockwork.soon(SWEEP, settled)


class Sweep:
    """One job for all lanes."""

    def __init__(
        self,
        current: Callable[[], Agent],
        clockwork: Clockwork,
        troubles: Troubles,
        book_changed: Callable[[], None],
        broken: Callable[[AgentError], None],
    ) -> None:
        """`current` tells the agent that is wired now; `broken` hears an error that must end the process."""
        self._current = current
        self._clockwork = clockwork
        self._troubles = troubles
        self._book_changed = book_changed
        self._broken = broken

    def sweep(self) -> None:
        """All lanes in turn, one file of each: a flood from one partner delays nobody else's bookings."""
        agent = self._current()
        lanes = {partner_id: agent.receive(partner_id) for partner_id in agent.lanes}
        looked_at = began_at = time.monotonic()
        while lanes and agent is self._current() and not self._clockwork.stopping:
            for partner_id in list(lanes):
                if not self._receive_one(partner_id, lanes[partner_id]):
                    del lanes[partner_id]
            if time.monotonic() - began_at > SWEEP_SECONDS:
                break
            if lanes and time.monotonic() - looked_at > LOOK_SECONDS:
                lanes |= self._new_arrivals(agent, lanes.keys())
                looked_at = time.monotonic()
        if lanes:
            self._clockwork.soon(SWEEP, WAKE_MARGIN_SECONDS)
        if not self._clockwork.stopping:
            self._look_again()

    def _new_arrivals(self, agent: Agent, busy: Collection[str]) -> dict[str, Iterator[FileResult]]:
        """For the lanes that have run out of files; the long list of a busy one is not read again."""
        troubles = self._troubles.current()
        return {
            partner_id: agent.receive(partner_id)
            for partner_id in agent.lanes
            if partner_id not in busy
            and receiving(partner_id) not in troubles
            and held_back(Kind.BOOKINGS, partner_id) not in troubles
        }

    def _receive_one(self, partner_id: str, files: Iterator[FileResult]) -> bool:
        """The next file of a lane; False if there is none, or if a fault of ours makes them all wait."""
        place = receiving(partner_id)
        try:
            result = next(files, None)
        except SuddenChangeError as error:
            self._troubles.met(held_back(Kind.BOOKINGS, partner_id), error)
            return False
        except Exception as error:  # also a defect: it must not keep the other partners' files waiting
            self._troubles.met(place, error)
            if isinstance(error, AgentError) and error.ends_process:
                self._broken(error)
            return False
        self._troubles.over(place)
        if result is None:
            self._troubles.over(held_back(Kind.BOOKINGS, partner_id))
            return False
        log.info(
            "%s: file %s %s (%s), %d accepted, %d declined",
            partner_id, result.file_id, result.state, result.reason or "in order",
            result.accepted, result.declined,
        )  # fmt: skip
        self._clockwork.soon(exchanging(partner_id))
        if result.accepted:
            self._book_changed()
        return True

    def _look_again(self) -> None:
        """Soon, at files that have not held still yet; as after a failure, where a fault of ours was met."""
        troubles = self._troubles.current()
        for partner_id, lane in self._current().lanes.items():
            if receiving(partner_id) in troubles:
                self._clockwork.retry(SWEEP)
            elif held_back(Kind.BOOKINGS, partner_id) in troubles:
                continue  # What waits there waits for a person; the regular sweep looks again.
            elif lane.inbound.counts()["waiting"]:
                wake(self._current(), self._clockwork)
