"""Steps that are tried one after the other, each told the moment it is known, with the time it took.

What `otv-agent partner test` consists of. Nothing is tried here; a failure
ends nothing, because what comes after it may be worth knowing too.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from agent.errors import AgentError
from agent.language import Sentence


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried: what it is, and what was found, or what failed and what to do about it."""

    what: Sentence
    seconds: float
    found: Sentence | None = None
    error: AgentError | None = None
    todo: Sentence | None = None


Tell = Callable[[Step], None]
Work = Callable[[], Sentence | None]
"""Does one step and returns what it found. Raises AgentError."""


class Steps:
    """Tells each step to whoever listens, and remembers the first error."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self.first_error: AgentError | None = None
        self.begin()

    def begin(self) -> None:
        """The time of the next step counts from now."""
        self._began = time.monotonic()

    def take(self, what: Sentence, work: Work, todo: Sentence | None = None) -> AgentError | None:
        """Do it and tell it; the error, if there was one. Without `todo` the error's own remedy is told."""
        self.begin()
        try:
            found = work()
        except AgentError as error:
            self.failed(what, error, todo)
            return error
        self.fine(what, found)
        return None

    def fine(self, what: Sentence, found: Sentence | None = None) -> None:
        self._tell(Step(what, self._lap(), found))

    def failed(self, what: Sentence, error: AgentError, todo: Sentence | None = None) -> None:
        self.first_error = self.first_error or error
        self._tell(Step(what, self._lap(), error=error, todo=todo or Sentence(error.remedy)))

    def _lap(self) -> float:
        began = self._began
        self.begin()
        return self._began - began
