"""One race: two partners and two receptionists in four processes, all after the same few days."""

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event

from agent.adapters.database import Connector
from tests.kit.databases import DENTPORT, ZAHNZEIT
from tests.races.partner import PartnerLane
from tests.races.practice import Contested, contested_time
from tests.races.staff import Reception
from tests.races.verdict import Verdict

START_WITHIN_SECONDS = 60
LONGEST_RACE_SECONDS = 1800

Work = Callable[[Event], Counter[str]]
"""What one process does; the event says that the race is over."""


@dataclass(frozen=True, slots=True)
class Result:
    """What all of them did, and what stands in the book."""

    figures: Counter[str]
    double_bookings: dict[str, int]
    appointments: int
    by_the_agent: int
    in_the_ledger: int
    seconds: float

    @property
    def complaints(self) -> list[str]:
        """What must not be; empty after a fair race."""
        accepted = self.figures["book accepted"]
        checks = {
            f"{sum(self.double_bookings.values())} double bookings": any(self.double_bookings.values()),
            f"{self.figures['errors']} errors": self.figures["errors"] > 0,
            f"{accepted} bookings accepted, {self.by_the_agent} made": accepted != self.by_the_agent,
            f"{self.in_the_ledger} of {self.by_the_agent} in the ledger": self.by_the_agent
            != self.in_the_ledger,
            "nobody lost a slot": not self.figures["slot_taken"],
            "nothing was refused to staff": not self.figures["staff refused"],
        }
        return [complaint for complaint, wrong in checks.items() if wrong]

    def line(self) -> str:
        """The figures in one line."""
        counted = [f"{count:,} {what}" for what, count in sorted(self.figures.items())]
        doubled = [f"{count} in a {what}" for what, count in self.double_bookings.items()]
        return (
            f"{', '.join(counted)}; {self.appointments:,} appointments stand; "
            f"double bookings: {', '.join(doubled)}; {self.seconds:.1f} s"
        )


def run_race(url: str, attempts: int, days: int) -> Result:
    """`attempts` by the partners, while staff write without a pause; on a practice made before."""
    contested = contested_time(days)
    began = time.monotonic()
    figures = _at_once(
        [partial(_partner, url, contested, partner_id, attempts // 2) for partner_id in (DENTPORT, ZAHNZEIT)],
        [partial(_receptionist, url, contested, seed) for seed in ("window", "desk")],
    )
    seconds = time.monotonic() - began
    connector = Connector(url)
    verdict = Verdict(connector)
    result = Result(
        figures, verdict.double_bookings(), verdict.standing(), *verdict.made_by_the_agent(), seconds
    )
    connector.dispose()
    return result


def _partner(url: str, contested: Contested, partner_id: str, attempts: int, _: Event) -> Counter[str]:
    return PartnerLane(url, contested, partner_id).work(attempts)


def _receptionist(url: str, contested: Contested, seed: str, over: Event) -> Counter[str]:
    return Reception(url, contested, seed).work(over.is_set)


def _at_once(works: list[Work], until_they_end: list[Work]) -> Counter[str]:
    """Each in a process of its own, all beginning at one moment; the sum of their figures."""
    context = multiprocessing.get_context("spawn")
    start, over = context.Barrier(len(works) + len(until_they_end)), context.Event()
    results: list[Queue[Counter[str]]] = []
    for work in (*works, *until_they_end):
        results.append(context.Queue())
        context.Process(target=_contend, args=(work, start, over, results[-1]), daemon=True).start()
    total: Counter[str] = Counter()
    for place, result in enumerate(results, start=1):
        total += result.get(timeout=LONGEST_RACE_SECONDS)
        if place == len(works):
            over.set()
    return total


def _contend(work: Work, start: Barrier, over: Event, result: "Queue[Counter[str]]") -> None:
    try:
        start.wait(START_WITHIN_SECONDS)
        result.put(work(over))
    except BaseException:
        result.put(Counter(errors=1))
        raise
