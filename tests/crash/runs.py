"""The long runs: random kills shared among villages in processes of their own, and each failpoint once."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from tests.crash.kills import Kills
from tests.crash.outage import DatabaseServer
from tests.crash.places import Places, both_sides
from tests.crash.village import Village, open_village
from tests.kit.openpgp import short_folder
from tests.kit.postgresql import own_database

LIVES_OF_A_VILLAGE = 60
"""Then it is a big one, and looking at all of it takes longer than a life."""


def random_kills(kills: int, database: str, seed: int, at_once: int) -> str:
    began = time.monotonic()
    shares = [min(LIVES_OF_A_VILLAGE, kills - done) for done in range(0, kills, LIVES_OF_A_VILLAGE)]
    # Started anew instead of forked: each has servers and threads of its own.
    with ProcessPoolExecutor(at_once, mp_context=get_context("spawn")) as pool:
        seeds = range(seed, seed + len(shares))
        figures = sum(pool.map(_one_village, shares, seeds, [database] * len(shares)), Counter[str]())
    return _line(database, figures, time.monotonic() - began)


def _one_village(kills: int, seed: int, database: str) -> Counter[str]:
    with _village(database, seed) as (village, server):
        return Kills(village, server).run(kills)


MOST_MISSED = 20
"""One place in so many may be one that only chance leads to."""


def each_failpoint(database: str, seed: int) -> str:
    began = time.monotonic()
    with _village(database, seed) as (village, _):
        places = Places(village)
        places.recorded()  # The first cycle makes folders and gives aliases; all later ones are alike.
        effects = places.recorded()
        points = both_sides(effects)
    figures = Counter[str]()
    for number, first in enumerate(range(0, len(points), LIVES_OF_A_VILLAGE)):
        with _village(database, seed + number) as (village, _):
            places = Places(village)
            places.recorded()
            places.visit(points[first : first + LIVES_OF_A_VILLAGE])
            figures += village.figures
    missed = figures["places not reached"]
    assert missed * MOST_MISSED < len(points), f"{missed} of {len(points)} places not reached"
    told = f"{len(effects)} effects, both sides of each; "
    return told + _line(database, figures, time.monotonic() - began)


@contextmanager
def _village(database: str, seed: int) -> Iterator[tuple[Village, DatabaseServer | None]]:
    with short_folder() as folder, own_database(database, folder) as url:
        server = DatabaseServer(folder / "pg") if url else None
        with open_village(seed, url) as village:
            yield village, server


def _line(database: str, figures: Counter[str], seconds: float) -> str:
    kills, rests = figures.pop("kills"), figures.pop("rests")
    told = ", ".join(f"{number:,} {what}" for what, number in sorted(figures.items()))
    return (
        f"{database}: {kills:,} kills in {seconds:.0f} s, {rests} rests: {told}; "
        "0 lost, 0 double, 0 torn, 0 without receipt, 0 files missing, audit whole"
    )
