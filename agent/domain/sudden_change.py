"""When a change is too large to be believed: numbers in, verdict out.

A wrong view, a bad import, a stolen partner key and a portal gone wild all
look alike: much changes at once. The export and import stories count, ask
here, and hold what is too much until somebody at the practice has looked. A
single withdrawal or booking never gets that far, whatever its share: a
change is held only if it is large in number *and* large in share.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

TOLERANCE_PERCENT = 5
"""By so much a released change may grow until it goes: meanwhile single bookings and withdrawals come."""


class Sign(StrEnum):
    """What is counted; the words of the settings, `guard.<sign>_percent` and `guard.<sign>_at_least`."""

    SLOTS_LOST = "slots_lost"
    SLOTS_ADDED = "slots_added"
    TAKEN_MINUTES_LOST = "taken_minutes_lost"
    REFERENCE_DATA_LOST = "reference_data_lost"
    PATIENTS_LOST = "patients_lost"
    PATIENTS_ADDED = "patients_added"
    APPOINTMENTS_DELETED = "appointments_deleted"
    BOOKINGS = "bookings"
    CANCELLATIONS = "cancellations"


_GROWING = frozenset({Sign.SLOTS_ADDED, Sign.PATIENTS_ADDED, Sign.BOOKINGS})

IN_WORDS = {
    Sign.SLOTS_LOST: "{amount} of {base} free slots gone",
    Sign.SLOTS_ADDED: "{amount} free slots beside the {base} there were",
    Sign.TAKEN_MINUTES_LOST: "{amount} of {base} minutes of taken time gone",
    Sign.REFERENCE_DATA_LOST: "{amount} of {base} records of one sort gone",
    Sign.PATIENTS_LOST: "{amount} of {base} patients to be removed",
    Sign.PATIENTS_ADDED: "{amount} new patients beside the {base} it holds",
    Sign.APPOINTMENTS_DELETED: "{amount} of its {base} appointments deleted",
    Sign.BOOKINGS: "{amount} bookings within a day, beside {base} appointments",
    Sign.CANCELLATIONS: "{amount} of its {base} appointments cancelled or moved within a day",
}
"""Of each sign, with `{amount}` and `{base}`; also the keys of the German catalogue."""


@dataclass(frozen=True, slots=True)
class Change:
    """`amount` gone of `base`, or come beside it."""

    sign: Sign
    base: int
    amount: int

    @property
    def empties(self) -> bool:
        """Nothing would be left."""
        return self.sign not in _GROWING and self.amount >= self.base

    def __str__(self) -> str:
        return IN_WORDS[self.sign].format(amount=f"{self.amount:,}", base=f"{self.base:,}")


@dataclass(frozen=True, slots=True)
class Limit:
    """A change is too large from `at_least` on, if it is also more than `percent` of its base."""

    percent: int
    at_least: int


Limits = Mapping[Sign, Limit]


def excessive(changes: Iterable[Change], limits: Limits) -> tuple[Change, ...]:
    """The changes that are to be held, the order kept."""
    return tuple(change for change in changes if _is_excessive(change, limits[change.sign]))


def covers(seen: Iterable[Change], found: Iterable[Change]) -> bool:
    """Whether somebody who agreed to what was `seen` has agreed to what is `found` now.

    As much or less of the same, with a small tolerance; but that nothing would be left must have been seen.
    """
    agreed = tuple(seen)
    return all(any(_covers(one, change) for one in agreed) for change in found)


def in_words(changes: Iterable[Change]) -> str:
    """For logs, screens and error messages: numbers and nothing else."""
    return "; ".join(map(str, changes))


def _is_excessive(change: Change, limit: Limit) -> bool:
    return change.amount >= limit.at_least and change.amount * 100 > limit.percent * change.base


def _covers(seen: Change, found: Change) -> bool:
    if found.sign is not seen.sign or (found.empties and not seen.empties):
        return False
    return found.amount * 100 <= seen.amount * (100 + TOLERANCE_PERCENT)
