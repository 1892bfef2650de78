"""`otv-agent run` by a clock that can be set: `python -m tests.faults.clocked FILE run --config CONFIG`.

FILE holds the seconds by which the clock is to be wrong; it is read whenever the time is asked for.
"""

import sys
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from agent.cli.context import loaded
from agent.clock import utc_now
from agent.daemon import Daemon


def main(offset: Path, config: Path) -> None:
    known = 0.0

    def clock() -> datetime:
        nonlocal known
        with suppress(OSError):  # a system out of handles still knows what time it is
            known = float(offset.read_text())
        return utc_now() + timedelta(seconds=known)

    loaded(config)
    Daemon(config, clock).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[4]))
