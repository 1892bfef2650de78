"""One race: two partners and two receptionists in four processes, all after the same few days."""

import time
from collections import Counter
from dataclasses import dataclass
from functools import partial

from agent.adapters.database import Connector
from tests.kit.databases import DENTPORT, ZAHNZEIT
from tests.races.partner import partner
from tests.races.practice import COLUMNS, contested_time
from tests.races.processes import at_once
from tests.races.staff import receptionist
from tests.races.verdict import Verdict


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
    figures = at_once(
        [partial(partner, url, contested, partner_id, attempts // 2) for partner_id in (DENTPORT, ZAHNZEIT)],
        [partial(receptionist, url, contested, COLUMNS, seed) for seed in ("window", "desk")],
    )
    seconds = time.monotonic() - began
    connector = Connector(url)
    verdict = Verdict(connector)
    result = Result(
        figures, verdict.double_bookings(), verdict.standing(), *verdict.made_by_the_agent(), seconds
    )
    connector.dispose()
    return result
