"""What the two systems have in common: steps that are told before they are done, and how a service is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to be done, repeatable, and how it is told."""

    told: str
    do: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in their order; what a person still has to do; the text that is put in place, for a dry run."""

    steps: Sequence[Step]
    notes: Sequence[str] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What the service manager says; `facts` are further lines, name and value, in its own words."""

    installed: bool
    starts_by_itself: bool = False
    running: bool = False
    facts: Sequence[tuple[str, str]] = ()
