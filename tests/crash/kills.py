"""Random kills on one village: begin a life, let things happen, `kill -9`, look, again.

Most lives are the service's, some a command's. Every so often the village comes
to rest, and everything that was asked for must have happened, once.
"""

from collections import Counter
from dataclasses import dataclass

from tests.crash.life import KILLED, Life
from tests.crash.outage import DatabaseServer
from tests.crash.reckoning import Reckoning
from tests.crash.village import Village

LONGEST_LIFE_SECONDS = 1.6
LIVES_BETWEEN_RESTS = 25
MOST_LIVES_TO_SETTLE = 4
DATABASE_DIES = 0.08
"""The share of lives in which the database server is killed too."""


class FaultsFoundError(AssertionError):
    """What did not hold, and after which life."""


@dataclass(slots=True)
class Kills:
    """A village under random kills; `figures` of the village count what was done."""

    village: Village
    server: DatabaseServer | None = None
    """Killed as well now and then, if there is one."""

    def run(self, kills: int) -> Counter[str]:
        """Until so many lives have been killed; raises FaultsFoundError at the first fault."""
        lives = 0
        while self.village.figures["kills"] < kills:
            lives += 1
            self._one_life()
            self.look(f"after life {lives}")
            if lives % LIVES_BETWEEN_RESTS == 0:
                self.settle()
        self.settle()
        return self.village.figures

    def look(self, when: str) -> None:
        self._demand(Reckoning(self.village).at_rest(), when)

    def settle(self) -> None:
        """Let the agent work undisturbed until nothing is left to do."""
        for _ in range(MOST_LIVES_TO_SETTLE):
            self.village.cradle.begin("sync").wait()
            if not self.village.unfinished:
                break
        self.village.figures["rests"] += 1
        self._demand(Reckoning(self.village).settled(), "at rest")

    def _one_life(self) -> None:
        moods = self.village.moods
        for _ in range(moods.randint(0, 2)):
            self.village.act()
        life = self.village.cradle.begin("run" if moods.random() < 0.8 else "sync")
        length = moods.uniform(0.0, LONGEST_LIFE_SECONDS)
        # Cut in two at random, where something happens meanwhile.
        first_part = moods.uniform(0.0, length)
        life.ends_within(first_part)
        if self.server is not None and moods.random() < DATABASE_DIES:
            self._kill_both(life, self.server, length - first_part)
            return
        self.village.act()
        life.ends_within(length - first_part)
        self._count(life.kill())

    def _kill_both(self, life: Life, server: DatabaseServer, pause: float) -> None:
        """First the database; it is gone for the rest of this life."""
        server.kill()
        self.village.figures["database kills"] += 1
        life.ends_within(pause)
        self._count(life.kill())
        server.start()

    def _count(self, ended: int) -> None:
        if ended == KILLED:
            self.village.figures["kills"] += 1

    def _demand(self, faults: list[str], when: str) -> None:
        if faults:
            log = self.village.cradle.log.read_text().splitlines()[-30:]
            told = "\n".join([f"seed {self.village.seed}, {when}:", *faults, "the last lives said:", *log])
            raise FaultsFoundError(told)
