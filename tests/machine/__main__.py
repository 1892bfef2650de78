"""A long run of the machine: `python -m tests.machine --lives 1000`; ends with one line of figures."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.kit.databases import PostgresqlServer
from tests.kit.openpgp import short_folder
from tests.kit.postgresql import DATABASES, server_in
from tests.machine.house import Cabinet, PostgresqlCabinet, SqliteCabinet
from tests.machine.machine import LifeOfAppointments
from tests.machine.paper import OpenPaper
from tests.machine.practice import make_sqlite_template, make_template


def main(arguments: list[str]) -> int:
    """Live so many lives; an exception tells the shortest one found in which a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.machine", description=__doc__)
    parser.add_argument("--lives", type=int, default=200, help="examples of Hypothesis")
    parser.add_argument("--steps", type=int, default=40, help="most steps of one life")
    parser.add_argument("--database", choices=DATABASES, default=DATABASES[0])
    options = parser.parse_args(arguments)
    began = time.monotonic()
    LifeOfAppointments.paper = OpenPaper()
    LifeOfAppointments.figures = figures = Counter()
    with _cabinet(options.database) as LifeOfAppointments.cabinet:
        run_state_machine_as_test(
            LifeOfAppointments,
            settings=settings(
                max_examples=options.lives,
                stateful_step_count=options.steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    lives, steps = figures.pop("lives"), figures.pop("steps")
    told = ", ".join(f"{count:,} {what}" for what, count in sorted(figures.items()))
    seconds = time.monotonic() - began
    print(f"{options.database}: {lives:,} lives, {steps:,} steps in {seconds:.0f} s: {told}")
    return 0


@contextmanager
def _cabinet(database: str) -> Iterator[Cabinet]:
    with short_folder() as folder:
        if database == "sqlite":
            yield SqliteCabinet(make_sqlite_template(folder))
            return
        embedded = server_in(Path(folder) / "d")
        try:
            server = PostgresqlServer(embedded.get_uri())
            template = server.create_database()
            make_template(server.url(template))
            yield PostgresqlCabinet(server, template)
        finally:
            embedded.cleanup()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
