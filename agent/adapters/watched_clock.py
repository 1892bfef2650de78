"""Tells the time, or says that nobody can: a clock that jumped must not judge what partners sent.

Every story asks this clock, so that all of them hold while it raises. A jump
shows against the time that has really passed since it was last asked, a clock
that was wrong from the start shows against the database server's. Going back
to where the clock should be ends the doubt by itself; so does an operator's
word in the audit log (`otv-agent audit accept-clock`). It never sets a clock.
"""

import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from agent.errors import ClockDoubtfulError
from agent.ports import Clock

TOLERANCE = timedelta(minutes=5)
"""As between two audit entries: clocks are corrected by less than that all the time."""
NOTICED = timedelta(seconds=30)


def steady_seconds() -> float:
    """Seconds that nobody can set and that go on while the machine sleeps (Windows counts sleep in both)."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class WatchedClock:
    """A `Clock` over another one, for several threads; while in doubt it raises ClockDoubtfulError."""

    def __init__(self, wall: Clock, steady: Callable[[], float] = steady_seconds) -> None:
        self._wall, self._steady = wall, steady
        self._lock = threading.Lock()
        self._known_at, self._known_steady = wall(), steady()
        self._asked_at, self._asked_steady = self._known_at, self._known_steady
        self._jump: str | None = None
        self._difference: str | None = None

    def __call__(self) -> datetime:
        with self._lock:
            now, steady = self._wall(), self._steady()
            jump = now - self._expected(steady)
            if abs(jump) > TOLERANCE:
                side = "ahead" if jump > timedelta() else "back"
                self._jump = self._jump or f"the clock has jumped {side} by {_length(jump)}"
                raise ClockDoubtfulError(f"{self._jump}; nothing is done by it")
            self._jump = None
            self._known_at, self._known_steady = now, steady
            if self._difference is not None:
                raise ClockDoubtfulError(f"{self._difference}; nothing is done by either")
            return now

    def hear(self, database_at: datetime | None) -> None:
        """What the database server's clock shows at this moment; None where there is no such clock."""
        with self._lock:
            difference = timedelta() if database_at is None else self._wall() - database_at
            if abs(difference) <= TOLERANCE:
                self._difference = None
            elif self._difference is None:
                side = "ahead of" if difference > timedelta() else "behind"
                self._difference = (
                    f"this machine's clock is {_length(difference)} {side} the database server's"
                )

    def accepted(self, at: datetime | None) -> None:
        """An operator said at that moment, by this clock, that it is right; None if nobody ever did."""
        with self._lock:
            now, steady = self._wall(), self._steady()
            # Whatever was said by the clock as it was before the jump is no word on it.
            if at is not None and abs(now - at) < abs(self._expected(steady) - at):
                self._known_at, self._known_steady = now, steady

    def has_moved(self) -> bool:
        """Whether it was set since this was last asked: what was planned by it may be a year away."""
        with self._lock:
            now, steady = self._wall(), self._steady()
            expected = self._asked_at + timedelta(seconds=steady - self._asked_steady)
            self._asked_at, self._asked_steady = now, steady
            return abs(now - expected) > NOTICED

    def _expected(self, steady: float) -> datetime:
        return self._known_at + timedelta(seconds=steady - self._known_steady)


def _length(difference: timedelta) -> str:
    minutes = round(abs(difference) / timedelta(minutes=1))
    if minutes < 120:
        return f"{minutes} minutes"
    hours = round(minutes / 60)
    return f"{hours} hours" if hours < 48 else f"{round(hours / 24)} days"
