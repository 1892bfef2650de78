"""`make consents N=10000`: so many databases; ends with one line of figures.

Exit code 1 if a file held a patient without a Ja for its partner, an inactive one, a field beyond the
allowed ones, or lacked somebody. Complaints name seed and number: `--seed S --first NUMBER --databases 1`.
"""

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from secrets import token_hex

from tests.consents.run import run_part


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.consents", description=__doc__)
    parser.add_argument("--databases", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--seed", default=token_hex(4))
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args(arguments)
    began, end = time.monotonic(), options.first + options.databases
    parts = [range(options.first + part, end, options.processes) for part in range(options.processes)]
    figures: Counter[str] = Counter()
    wrong: list[str] = []
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for counted, complaints in pool.map(run_part, [options.seed] * len(parts), parts):
            figures.update(counted)
            wrong += complaints
    for complaint in wrong:
        print(complaint)
    told = ", ".join(f"{count:,} {what}" for what, count in figures.items())
    seconds = time.monotonic() - began
    print(f"seed {options.seed}: {told} in {seconds:.0f} s, {len(wrong)} complaints")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
