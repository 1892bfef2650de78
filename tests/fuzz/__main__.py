"""`make fuzz N=10000`: so many mutants over all three layers; ends with a line of figures each.

Exit code 1 and the name of the mutant if one was opened that nobody signed, if an error came out
that is no refusal, or if two readers disagree. `--seed S --only layer/number` makes it again.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex

from agent.clock import utc_now
from tests.fuzz.findings import Record
from tests.fuzz.run import SHARES, again, names, run_mutants
from tests.kit.key_fixtures import KEY_AGE, at_time
from tests.kit.openpgp import key_world


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--mutants", type=int, default=10_000)
    parser.add_argument("--seed", default=token_hex(4))
    parser.add_argument("--only", help="one mutant: layer/number")
    parser.add_argument("--workers", type=int, default=2, help="files opened at the same time")
    options = parser.parse_args(arguments)
    record = Record(options.seed, Path(tempfile.gettempdir()) / f"otv-fuzz-{options.seed}")
    began = time.monotonic()
    chosen = again(options.only) if options.only else names(options.mutants)
    with key_world(*at_time(utc_now() - KEY_AGE)) as world:
        run_mutants(record, chosen, world, options.workers)
    for layer in SHARES:
        print(
            f"{layer}: {told({how: count for (one, how), count in record.outcomes.items() if one == layer})}"
        )
    print(f"bookings in them: {told(record.answers)}")
    for finding in record.findings:
        print(finding)
    seconds = time.monotonic() - began
    total, found = len(chosen), len(record.findings)
    print(
        f"seed {options.seed}: {total:,} mutants in {seconds:.0f} s ({total / seconds:.0f} a second), "
        f"{found} findings"
    )
    return 1 if record.findings else 0


def told(counted: Mapping[str, int]) -> str:
    """The most frequent first."""
    return ", ".join(f"{count:,} {how}" for how, count in sorted(counted.items(), key=lambda item: -item[1]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
