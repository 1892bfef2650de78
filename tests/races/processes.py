"""Runs several pieces of work at once, each in a process of its own; light, because each process reads it."""

import multiprocessing
from collections import Counter
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event

START_WITHIN_SECONDS = 60
LONGEST_RACE_SECONDS = 1800

Work = Callable[[Event], Counter[str]]
"""What one process does; the event says that the race is over."""


def at_once(works: list[Work], until_they_end: list[Work]) -> Counter[str]:
    """All begin at one moment, and the race is over when all of `works` are done; the sum of the figures."""
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
