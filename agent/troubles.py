"""Says a trouble once when it begins and once when it ends, however often it is met in between.

A trouble belongs to a place: one partner and direction, or the whole
practice. Nothing is counted, retried or decided here.
"""

import logging
import threading

from agent.errors import AgentError

log = logging.getLogger(__name__)


class Troubles:
    """What is wrong at this moment, by place."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: dict[str, str] = {}

    def met(self, place: str, error: AgentError) -> None:
        """Log the sentence and its remedy, unless just this is known already."""
        sentence = str(error)
        with self._lock:
            if self._current.get(place) == sentence:
                return
            self._current[place] = sentence
        log.error("%s: %s. %s", place, sentence, error.remedy)

    def over(self, place: str) -> None:
        """Log the end of a trouble, if there was one."""
        with self._lock:
            ended = self._current.pop(place, None)
        if ended is not None:
            log.info("%s: works again", place)

    def current(self) -> dict[str, str]:
        """Place -> sentence."""
        with self._lock:
            return dict(self._current)
