"""`make networks N=500`: the figures of promises P5 and P8, one line each.

Ends with exit code 1 if a partner could have seen half a file, or had to wait
for another one's trouble.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.networks.drops import run_drops
from tests.networks.lanes import MOST_SECONDS, run_lanes


def main() -> int:
    parser = argparse.ArgumentParser(prog="make networks")
    parser.add_argument("--uploads", type=int, default=500, help="that break at a random moment")
    parser.add_argument("--junk", type=int, default=10_000, help="files in a flood")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="otv-networks-") as folder:
        drops = run_drops(Path(folder), arguments.uploads, arguments.seed)
    print(f"P5, seed {arguments.seed}: {drops.line()}")
    for complaint in drops.complaints:
        print(complaint)
    lanes = run_lanes(arguments.junk, answers=3)
    print(f"P8: {lanes.line()}")
    return 1 if drops.complaints or lanes.added > MOST_SECONDS else 0


if __name__ == "__main__":
    sys.exit(main())
