"""`make corpus`: every case of the corpus and the heaviest inputs, measured; figures by family and of all.

Exit code 1 if a file had another outcome than its case says, or cost more than
promise P7 allows. `--only WORD` tries the cases with this word in their title; all heavy ones have `heavy`.
"""

import argparse
import sys
import warnings
from collections.abc import Iterable, Iterator

from agent.sample_practice import PracticePlan
from tests.flows.evidence import assert_books_balance
from tests.hostile.case import Case, Family
from tests.hostile.corpus import CASES
from tests.hostile.heavy import HEAVY
from tests.hostile.measuring import Cost, measured_with_memory
from tests.hostile.trial import Verdict, tried
from tests.hostile.workshop import open_workshop
from tests.kit.house import default_plan

MOST_CPU_SECONDS = 2.0
MOST_MEMORY_BYTES = 150 * 1000 * 1000
DEAREST = 5


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--only", default="", help="a word in the title of the cases to try")
    only = parser.parse_args(arguments).only
    # PGPy still names ciphers where older versions of its library kept them.
    warnings.simplefilter("ignore")
    verdicts = [
        *run([case for case in CASES if only in case.title]),
        *run([case for case in HEAVY if only in case.title], default_plan()),
    ]
    for family in Family:
        print(line(str(family), [one for one in verdicts if one.case.family is family]))
    print("dearest: " + "; ".join(told(one) for one in dearest(verdicts)))
    print(line("corpus", verdicts))
    return 1 if any(one.complaints or too_dear(one.cost) for one in verdicts) else 0


def run(cases: list[Case], plan: PracticePlan | None = None) -> Iterator[Verdict]:
    """Each of them in the same new house."""
    with open_workshop(plan) as shop:
        for case in cases:
            verdict = tried(case, shop, measured_with_memory)
            report(verdict)
            yield verdict
        assert_books_balance(shop.stage)


def report(verdict: Verdict) -> None:
    """Said at once, because the rest takes a while."""
    for complaint in verdict.complaints:
        print(f"{verdict.case.title}: {complaint}", flush=True)
    if too_dear(verdict.cost):
        print(f"{told(verdict)}: more than promised", flush=True)


def too_dear(cost: Cost) -> bool:
    return cost.cpu_seconds > MOST_CPU_SECONDS or cost.memory_bytes > MOST_MEMORY_BYTES


def dearest(verdicts: list[Verdict]) -> Iterable[Verdict]:
    return sorted(verdicts, key=lambda one: one.cost.cpu_seconds, reverse=True)[:DEAREST]


def told(verdict: Verdict) -> str:
    cost = verdict.cost
    return f"{verdict.case.title} {cost.cpu_seconds:.2f} s, {cost.memory_bytes / 1e6:.0f} MB"


def line(title: str, verdicts: list[Verdict]) -> str:
    worst = Cost()
    for verdict in verdicts:
        worst.raise_to(verdict.cost)
    wrong = sum(bool(one.complaints) for one in verdicts)
    return (
        f"{title}: {len(verdicts)} cases, {wrong} with another outcome, "
        f"{sum(one.wrong_accepts for one in verdicts)} wrong accepts, "
        f"{sum(one.crashes for one in verdicts)} crashes; worst "
        f"{worst.cpu_seconds:.2f} s of processor time, {worst.memory_bytes / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
