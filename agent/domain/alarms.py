"""Which troubles somebody outside is to be told of: one word when it begins, one when it ends.

A trouble shorter than the hold time is nobody's business but the log's.
Nothing is sent here: who sends says so afterwards, so that a mail that could
not be sent is tried again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class KnownTrouble:
    """A trouble since it was first seen, and whether it was told."""

    since: datetime
    told: bool = False


@dataclass(frozen=True, slots=True)
class Alarms:
    """What is known of the troubles, by place; each step gives the next state."""

    known: Mapping[str, KnownTrouble]

    def seen(self, places: Iterable[str], now: datetime) -> "Alarms":
        """What is there now: new ones begin, and those that ended untold are forgotten."""
        present = set(places)
        kept = {place: one for place, one in self.known.items() if place in present or one.told}
        return Alarms({place: KnownTrouble(now) for place in sorted(present - kept.keys())} | kept)

    def begun(self, now: datetime, hold: timedelta) -> list[str]:
        """Troubles that have lasted for the hold time and were not told."""
        return [place for place, one in self.known.items() if not one.told and now - one.since >= hold]

    def ended(self, places: Iterable[str]) -> list[str]:
        """Told troubles that are no more."""
        present = set(places)
        return [place for place, one in self.known.items() if one.told and place not in present]

    def after_telling(self, begun: Iterable[str], ended: Iterable[str]) -> "Alarms":
        """The state once these were told."""
        gone, told = set(ended), set(begun)
        return Alarms(
            {
                place: replace(one, told=True) if place in told else one
                for place, one in self.known.items()
                if place not in gone
            }
        )
