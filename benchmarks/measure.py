"""Runs contestants by turns and keeps the medians: the only way to compare them on a busy machine.

A case compares the agent with one script doing the same work. Seconds mean
nothing from one machine to the next; the ratio of two medians from one run does.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Contestant = Callable[[], float]
"""Does its work once; how many seconds it took."""


@dataclass(frozen=True, slots=True)
class Result:
    """One case; the keys of `benchmarks/out/latest.json`. No peer: told for itself, not as a ratio."""

    name: str
    ours_s: float
    peer_s: float | None
    ratio: float | None
    peak_mb: float


def medians_by_turns(rounds: int, *contestants: Contestant) -> list[float]:
    """The median seconds of each; A B C A B C, so that whatever else the machine does hits all alike."""
    seconds = [[contestant() for contestant in contestants] for _ in range(rounds)]
    return [median(of_one) for of_one in zip(*seconds, strict=True)]


def compared(name: str, ours: float, peer: float | None, peak_mb: float) -> Result:
    """A case from its medians."""
    ratio = round(ours / peer, 2) if peer else None
    return Result(name, round(ours, 3), round(peer, 3) if peer else None, ratio, round(peak_mb, 1))


def seconds_of(work: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
