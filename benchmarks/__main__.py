"""`make bench`: run the cases, print them as a table, write them to benchmarks/out/latest.json.

About eight minutes for everything. `--quick` is a small practice to see that
it runs, and its ratios say little: what is fixed then outweighs the work.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.audit import audit
from benchmarks.availability import availability
from benchmarks.bookings import import_of_bookings
from benchmarks.measure import Result
from benchmarks.patients import patients
from benchmarks.slot_search import slot_search
from tests.kit.postgresql import DATABASES

OUT = Path(__file__).parent / "out" / "latest.json"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done, and how often."""

    patients: int
    bookings: int
    audit_entries: int
    rounds: int


FULL = Size(patients=200_000, bookings=1_000, audit_entries=100_000, rounds=5)
QUICK = Size(patients=5_000, bookings=100, audit_entries=10_000, rounds=3)


def main() -> None:
    arguments = _arguments()
    size = QUICK if arguments.quick else FULL
    started = time.monotonic()
    results: list[Result] = []
    for name, case in _cases(size).items():
        if arguments.case in (None, name):
            print(f"{name} ...", flush=True)
            results += case()
    Console().print(_table(results))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")
    print(f"{time.monotonic() - started:.0f} s; written to {OUT}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Compare the agent with scripts."
    )
    parser.add_argument("--case", choices=list(_cases(FULL)), help="only this one")
    parser.add_argument("--quick", action="store_true", help="a small practice and three rounds")
    return parser.parse_args()


def _cases(size: Size) -> dict[str, Callable[[], Iterator[Result]]]:
    cases: dict[str, Callable[[], Iterator[Result]]] = {
        "availability": partial(availability, size.rounds),
        "slot-search": partial(slot_search, size.rounds),
    }
    for database in DATABASES:
        cases[f"patients-{database}"] = partial(patients, database, size.patients, size.rounds)
        cases[f"audit-{database}"] = partial(audit, database, size.audit_entries, size.rounds)
        cases[f"bookings-{database}"] = partial(import_of_bookings, database, size.bookings, size.rounds)
    return cases


def _table(results: list[Result]) -> Table:
    table = Table(title="medians; ratio = ours / script")
    table.add_column("case")
    for heading in ("ours s", "script s", "ratio", "peak MB"):
        table.add_column(heading, justify="right")
    for result in results:
        cells = (result.ours_s, result.peer_s, result.ratio, result.peak_mb)
        table.add_row(result.name, *("" if cell is None else str(cell) for cell in cells))
    return table


if __name__ == "__main__":
    main()
