"""`make race N=2000`: thousands of attempts on each database; one line of figures each.

Ends with exit code 1 if two appointments stand where one may, or a loser was
told anything but that the slot is taken.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.kit.postgresql import DATABASES, own_database
from tests.races.practice import make_practice
from tests.races.race import run_race


def main() -> int:
    parser = argparse.ArgumentParser(prog="make race")
    parser.add_argument("--attempts", type=int, default=2000, help="by the partners; staff make as many")
    parser.add_argument("--days", type=int, default=2, help="of one week that all of them want")
    parser.add_argument("--database", choices=DATABASES, action="append")
    arguments = parser.parse_args()
    wrong = 0
    for database in arguments.database or DATABASES:
        folder = Path(tempfile.mkdtemp(prefix="otv-race-"))
        with own_database(database, folder) as own:
            url = own or f"sqlite:///{folder / 'practice.db'}"
            make_practice(url)
            result = run_race(url, arguments.attempts, arguments.days)
        shutil.rmtree(folder, ignore_errors=True)
        print(f"{database}: {result.line()}")
        for complaint in result.complaints:
            print(f"{database}: {complaint}")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
