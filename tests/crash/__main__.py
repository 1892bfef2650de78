"""`make crash N=1000`: random kills, or each failpoint once; ends with one line of figures.

`--each-failpoint` visits both sides of every effect of one cycle, `--start N`
measures a start with N files waiting, `--dropped N` drops N files while nobody
watches. Ends with a traceback at the first promise that was broken; its first
line names the seed that leads there.
"""

import argparse
import sys

from tests.crash.runs import each_failpoint, random_kills
from tests.crash.start import dropped_line, start_line
from tests.kit.postgresql import DATABASES


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="at random moments")
    parser.add_argument("--each-failpoint", action="store_true", help="instead of random kills")
    parser.add_argument("--start", type=int, help="files that wait while the agent starts")
    parser.add_argument("--dropped", type=int, help="files that are dropped while nobody watches")
    parser.add_argument("--database", choices=DATABASES, default=DATABASES[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=2, help="villages at the same time")
    options = parser.parse_args(arguments)
    if options.start is not None:
        print(start_line(options.start))
    elif options.dropped is not None:
        print(dropped_line(options.dropped))
    elif options.each_failpoint:
        print(each_failpoint(options.database, options.seed))
    else:
        print(random_kills(options.kills, options.database, options.seed, options.at_once))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
