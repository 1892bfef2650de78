"""`make faults`: every fault of our own against a running service; one line each, and one of figures.

Ends with exit code 1 if a file was wrongly set aside, was not imported within
two minutes of the fault's end, or a trouble was not told once at either end.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.end_to_end.test_daemon import has_exports
from tests.faults.cell import PROMISED_SECONDS, Result, meet
from tests.faults.service import running
from tests.faults.table import HOUSES, Meeting
from tests.kit.service import wait_until


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", default="", help="faults whose name holds this")
    only = parser.parse_args(arguments).only
    houses = [
        (kind, {name: fault for name, fault in faults.items() if only in name}) for kind, faults in HOUSES
    ]
    with ThreadPoolExecutor(len(houses)) as pool:
        met = [
            result for results in pool.map(lambda house: _in_one_house(*house), houses) for result in results
        ]
    broken = sum(len(result.complaints) for result in met)
    longest = max(result.seconds for result in met)
    aside = sum(result.set_aside for result in met)
    print(
        f"{len(met)} faults: all imported {longest:.0f} s after the fault's end at the latest "
        f"({PROMISED_SECONDS:.0f} promised), {aside} files wrongly set aside, "
        f"{broken} promises broken"
    )
    return 1 if broken else 0


def _in_one_house(kind: str, faults: dict[str, tuple[Meeting, float]]) -> list[Result]:
    if not faults:
        return []
    results = []
    with running(kind) as run:
        partner = run.stage.partner()
        wait_until(lambda: has_exports(partner))
        for name, (fault, seconds) in faults.items():
            results.append(meet(run, f"{kind}: {name}", fault, seconds))
            print(results[-1].line(), flush=True)
    return results


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
