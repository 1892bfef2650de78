"""Each failpoint once: the process dies right before, or right after, every place where it changes something.

One cycle is played undisturbed and writes down the effects it passes; then the
same kind of cycle is played again and again, each time with another death.
Every cycle has one of each thing to do, so that it comes by all of them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.crash.failpoints import Failpoint, Side
from tests.crash.kills import Kills
from tests.crash.life import KILLED
from tests.crash.village import Village
from tests.flows.stage import DENTPORT

PAST = "PAST\t"
KILLS_IN_A_ROW = 2
"""After three the file that was hit by them would be tried apart first: that is a case of its own."""
MOST_TRIES = 4


@dataclass(slots=True)
class Places:
    """The failpoints of one command over one village."""

    village: Village
    words: Sequence[str] = ("sync", "--partner", DENTPORT)

    def recorded(self) -> Counter[str]:
        """The effects of one cycle by name, and how often each comes; one past all failpoints raises."""
        record = self.village.house.folder / "effects"
        record.unlink(missing_ok=True)
        self._prepare()
        # With junk among its files a cycle ends as partly failed.
        assert self.village.cradle.begin(*self.words, record=record).wait() in (0, 3)
        lines = record.read_text().splitlines()
        past = sorted({line.removeprefix(PAST) for line in lines if line.startswith(PAST)})
        assert past == [], f"effects that no failpoint knows: {past}"
        return Counter(lines)

    def visit(self, failpoints: Iterable[Failpoint]) -> None:
        """Die at each, look, and go on; raises at the first fault.

        A place to which only chance has led is told and passed over: a receipt that still waited, say.
        """
        kills = Kills(self.village)
        for number, failpoint in enumerate(failpoints, 1):
            if not self._dies_at(failpoint):
                print(f"not reached again: {failpoint.side} {failpoint.name}")
                self.village.figures["places not reached"] += 1
                continue
            self.village.figures["kills"] += 1
            kills.look(f"{failpoint.side} {failpoint.name} ({failpoint.occurrence})")
            if number % KILLS_IN_A_ROW == 0:
                self.village.cradle.begin(*self.words).wait()
        kills.settle()

    def _dies_at(self, failpoint: Failpoint) -> bool:
        """What a cycle finds to do depends on where the one before has died: a few are tried."""
        for _ in range(MOST_TRIES):
            self._prepare()
            if self.village.cradle.begin(*self.words, failpoint=failpoint).wait() == KILLED:
                return True
        return False

    def _prepare(self) -> None:
        """Something to import, to answer, to refuse, to set aside, to tell and to remove."""
        self.village.pushes_only = self.words[0] != "sync"
        self.village.book(DENTPORT)
        self.village.send_junk(DENTPORT)
        if self.words[0] == "sync":
            self.village.follow_up()
            self.village.staff_cancel()
            self.village.repeat()
            self.village.send_elsewhere()


def both_sides(effects: Iterable[str], *, only: str = "") -> list[Failpoint]:
    """Before and after every effect, the first time that it comes in a cycle."""
    sides: tuple[Side, ...] = ("before", "after")
    return [Failpoint(name, side) for name in effects if only in name for side in sides]
