"""A case of the corpus: what arrives, in which surroundings, and what is to become of it.

A case says nothing of how it is judged; that is the same for all of them and
stands in `tests.hostile.trial`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum

from agent.errors import AgentError, QuarantineReason
from exchange_formats.receipts import BookingReason, MessageReason
from tests.hostile.workshop import Workshop


class Family(StrEnum):
    """Where the attack lies; the last one is none."""

    SIGNATURE = "signature and key"
    CONTAINER = "container"
    PAYLOAD = "payload"
    SEQUENCE = "sequence"
    FOLDER = "folder and names"
    GOOD = "good files"


class Outcome(StrEnum):
    """What can become of a file, in the words of promise P3."""

    IMPORTED = "imported"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    QUARANTINED = "quarantined"
    WAITING = "waiting"


ANSWERED = frozenset({Outcome.IMPORTED, Outcome.DUPLICATE, Outcome.REFUSED})
"""Somebody's key vouches for these: exactly one receipt. For all others: none (promise P4)."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What one arrival leads to; `bookings` has one entry a line, None for an accepted one."""

    outcome: Outcome
    reason: QuarantineReason | MessageReason | None = None
    bookings: tuple[BookingReason | None, ...] = ()
    names: tuple[str, ...] = ()
    """Family names that afterwards stand in the database, to the letter."""
    fault: type[AgentError] | None = None
    """Our own fault, told while the file waits."""
    making_none: int = 0
    """Of the accepted lines, those that lead to no new appointment: repeats, and changes of one."""

    @property
    def accepted(self) -> int:
        return self.bookings.count(None) if self.outcome is Outcome.IMPORTED else 0


Put = Callable[[Workshop], int]
"""Does something to the folders; how many files more there are."""
Arrival = bytes | Put
Around = Callable[[Workshop], AbstractContextManager[object]]


@contextmanager
def as_usual(_: Workshop) -> Iterator[None]:
    """The house as it stands."""
    yield


@dataclass(frozen=True, slots=True)
class Case:
    """`arrives` yields as many arrivals as are `expected`, each made after the one before was judged."""

    family: Family
    topic: str
    name: str
    arrives: Callable[[Workshop], Iterator[Arrival]]
    expected: tuple[Expected, ...]
    around: Around = as_usual

    @property
    def title(self) -> str:
        return f"{self.family}: {self.name}"


def one_file(
    family: Family,
    topic: str,
    name: str,
    expected: Expected,
    make: Callable[[Workshop], Arrival],
    around: Around = as_usual,
) -> Case:
    """A case of a single arrival."""

    def arrives(shop: Workshop) -> Iterator[Arrival]:
        yield make(shop)

    return Case(family, topic, name, arrives, (expected,), around)


Row = tuple[str, QuarantineReason, Callable[[Workshop], bytes]]


def quarantined_files(family: Family, topics: dict[str, Sequence[Row]]) -> list[Case]:
    """Tables of single files that nobody's signature vouches for."""
    return [
        one_file(family, topic, name, quarantined(reason), make)
        for topic, rows in topics.items()
        for name, reason, make in rows
    ]


def imported(*bookings: BookingReason | None, names: tuple[str, ...] = (), making_none: int = 0) -> Expected:
    return Expected(Outcome.IMPORTED, bookings=bookings, names=names, making_none=making_none)


def duplicate(*bookings: BookingReason | None) -> Expected:
    return Expected(Outcome.DUPLICATE, bookings=bookings)


def refused(reason: MessageReason) -> Expected:
    return Expected(Outcome.REFUSED, reason)


def quarantined(reason: QuarantineReason) -> Expected:
    return Expected(Outcome.QUARANTINED, reason)


def waiting(fault: type[AgentError] | None = None) -> Expected:
    return Expected(Outcome.WAITING, fault=fault)
