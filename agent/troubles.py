"""Says a trouble once when it begins and once when it ends, however often it is met in between.

A trouble belongs to a place: one partner and direction, or the whole
practice. Nothing is counted, retried or decided here. A defect is told by its
type and place alone: an exception's text could hold patient data.
"""

import logging
import threading
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from agent.clock import utc_now
from agent.errors import AgentError

log = logging.getLogger(__name__)

_ROOT = Path(__file__).parents[1]
_OUR_CODE = (_ROOT / "agent", _ROOT / "exchange_formats")


class Troubles:
    """What is wrong at this moment, by place; for use by several threads."""

    def __init__(self, clock: Callable[[], datetime] = utc_now) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._current: dict[str, tuple[str, str]] = {}
        self._begun: dict[str, datetime] = {}

    def met(self, place: str, error: Exception) -> None:
        """Log the sentence and its remedy, unless just this is known already."""
        sentence, remedy = told(error)
        with self._lock:
            if self._current.get(place) == (sentence, remedy):
                return
            self._current[place] = sentence, remedy
            self._begun.setdefault(place, self._clock())
        log.error("%s: %s. %s", place, sentence, remedy)

    def over(self, place: str) -> None:
        """Log the end of a trouble, if there was one."""
        with self._lock:
            ended = self._current.pop(place, None)
            self._begun.pop(place, None)
        if ended is not None:
            log.info("%s: works again", place)

    def current(self) -> dict[str, tuple[str, str]]:
        """Place -> sentence and remedy."""
        with self._lock:
            return dict(self._current)

    def since(self) -> dict[str, datetime]:
        """Place -> when its trouble began, by the machine's clock."""
        with self._lock:
            return dict(self._begun)


def told(error: BaseException) -> tuple[str, str]:
    """Sentence and remedy: the error's own, or for a defect its type and the innermost line of our code."""
    if isinstance(error, AgentError):
        return str(error), error.remedy
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if any(file.is_relative_to(folder) for folder in _OUR_CODE):
            place = f"{file.relative_to(_ROOT).as_posix()}:{frame.lineno}"
            return f"a defect, {type(error).__name__} at {place}", AgentError.remedy
    return f"a defect, {type(error).__name__}", AgentError.remedy
