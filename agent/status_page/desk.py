"""What the site asks of the agent, and what an operator does through it; the only door from the page inwards.

Each act is the command line's own (`agent.holds`, `agent.quarantine`); here is
only that the audit entry names the status page, and that what was seen is what
is agreed to.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from typing import Protocol

from agent import holds, quarantine
from agent.board import Board, BoardHold
from agent.board_reader import BoardReader
from agent.domain.sudden_change import Change
from agent.errors import UsageError
from agent.metrics import metrics_text
from agent.operations import Agent
from agent.ports import Clock, Hold
from agent.troubles import Troubles
from agent.watch import known_status

OPERATOR = "status page"
FRESH_SECONDS = 3.0
"""However many browsers ask: the database is read no more often."""


class Desk(Protocol):
    """For use by several threads; everything raises AgentError."""

    def board(self) -> Board:
        """As it was a few seconds ago at most."""
        ...

    def metrics(self) -> str:
        """In Prometheus's exposition format."""
        ...

    def release(self, mark: str) -> None:
        """Let go what was seen as this. Raises UsageError if it has changed since."""
        ...

    def retry(self, file_id: str) -> None:
        """Raises UsageError if the file is gone, or would only be refused again."""
        ...

    def discard(self, file_id: str) -> None:
        """Raises UsageError if the file is gone."""
        ...


def hold_mark(hold: Hold | BoardHold) -> str:
    """Names a hold with the very numbers that were seen: 64 hex digits."""
    parts = [hold.partner_id, hold.kind, hold.held_at.isoformat(), str(hold.released_at)]
    parts += [_change_mark(change) for change in hold.changes]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _change_mark(change: Change) -> str:
    return f"{change.sign.value} {change.base} {change.amount}"


def agent_desk(current: Callable[[], Agent], troubles: Troubles, wall: Clock) -> "AgentDesk":
    """Over the service's agent and what it knows of its troubles; `wall` is the machine's clock."""

    def metrics() -> str:
        return metrics_text(known_status(current()), troubles.current())

    return AgentDesk(current, BoardReader(current, troubles, wall).read, metrics)


class AgentDesk:
    """Over the agent that is wired now: a changed configuration replaces it."""

    def __init__(
        self, agent: Callable[[], Agent], board: Callable[[], Board], metrics: Callable[[], str]
    ) -> None:
        self._agent = agent
        self._read_board = board
        self.metrics = metrics
        self._lock = threading.Lock()
        self._known: tuple[float, Board] | None = None

    def board(self) -> Board:
        with self._lock:
            if self._known is None or time.monotonic() - self._known[0] > FRESH_SECONDS:
                self._known = time.monotonic(), self._read_board()
            return self._known[1]

    def release(self, mark: str) -> None:
        agent = self._agent()
        for hold in holds.held(agent):
            if hold_mark(hold) == mark:
                holds.release(agent, hold, OPERATOR)
                self._forget()
                return
        raise UsageError("the numbers have changed meanwhile")

    def retry(self, file_id: str) -> None:
        quarantine.retry(self._agent(), file_id, OPERATOR)
        self._forget()

    def discard(self, file_id: str) -> None:
        quarantine.discard(self._agent(), file_id, OPERATOR)
        self._forget()

    def _forget(self) -> None:
        """What was done is to be seen at once."""
        with self._lock:
            self._known = None
