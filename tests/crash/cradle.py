"""The start program of the crash tests: forks one life of the real command line after the other.

Everything is imported once, so that a life costs what its work costs. A life
is a process of its own that enters by `agent.cli.main.main` like any other and
may be killed with `kill -9` at any moment; only here, and only in a life that
was asked for one, are failpoints installed. Speaks lines of JSON with its
driver (`tests.crash.life`); the lives end with it, and it with its driver.
"""

import ctypes
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from agent.cli.main import main as otv_agent
from tests.crash.failpoints import Failpoint, Failpoints, install, watch

PR_SET_PDEATHSIG = 1


def main() -> None:
    """One order a line: the words of a command and where its output goes; answers with pid, then status."""
    _end_with_the_parent()
    _say({"ready": True})
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _live(order)
        _say({"pid": pid})
        _, status = os.waitpid(pid, 0)
        _say({"status": os.waitstatus_to_exitcode(status)})


def _live(order: dict[str, Any]) -> None:
    """Never returns."""
    _end_with_the_parent()
    null, told = (
        os.open(os.devnull, os.O_RDONLY),
        os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    )
    for ours, descriptor in ((null, 0), (told, 1), (told, 2)):
        os.dup2(ours, descriptor)
    code = 1
    try:
        _install(order)
        sys.argv = ["otv-agent", *order["words"]]
        otv_agent()
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    except BaseException:  # noqa: BLE001 - the log is all that is left of a life
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _install(order: dict[str, Any]) -> None:
    wanted, record = order["failpoint"], order["record"]
    if wanted is None and record is None:
        return
    points = Failpoints(Failpoint(*wanted) if wanted else None, Path(record) if record else None)
    install(points)
    if record is not None:
        watch(points)


def _end_with_the_parent() -> None:
    """Nobody is left running when a driver is itself killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
