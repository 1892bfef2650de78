"""The agent in a process of its own, as a service runs it, told by lines what to do next.

`RunningAgent` is the benchmark's end; the other end is this module run as a
program. Building the agent is not timed, because a service builds it once.
Peak memory is the process's own and is read from the kernel there.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.app import build
from agent.config import load_config
from agent.operations import Agent
from exchange_formats.envelope import Kind

PARTNER_ID = "dentport"


class RunningAgent:
    """Starts the process; use it as a context manager."""

    def __init__(self, config_path: Path) -> None:
        command = [sys.executable, "-m", "benchmarks.running_agent", str(config_path)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        self.peak_mb = 0.0
        """Of the process since its start, without the gpg processes it runs."""
        self._answer()

    def __enter__(self) -> "RunningAgent":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def do(self, task: str) -> int:
        """One task of `TASKS`, to its end; how many records. Raises RuntimeError if it failed."""
        if self._process.stdin is None:
            raise RuntimeError("the agent has no standard input")
        print(task, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> int:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError("the agent ended; its reason stands above")
        answer: dict[str, Any] = json.loads(line)
        self.peak_mb = float(answer["peak_mb"])
        return int(answer["records"])


def peak_megabytes(pid: int | str = "self") -> float:
    """The most memory a process had since it started its program.

    From /proc, because `ru_maxrss` starts at what the parent had when it forked.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) / 1024


def _export(kind: Kind) -> Callable[[Agent], int]:
    def task(agent: Agent) -> int:
        records = agent.export(PARTNER_ID, kind).records.total()
        if agent.exchange(PARTNER_ID).delivered != 1:
            raise RuntimeError("the export was not delivered")
        return records

    return task


def _receive(agent: Agent) -> int:
    return sum(result.accepted for result in agent.receive(PARTNER_ID))


TASKS = {"patients": _export(Kind.PATIENTS), "availability": _export(Kind.AVAILABILITY), "receive": _receive}


def main(config_path: str) -> None:
    """Answer every line with the number of records and the peak memory; end with the input."""
    agent = build(load_config(Path(config_path)))
    agent.require_author()
    agent.recover()
    _tell(0)
    for line in sys.stdin:
        _tell(TASKS[line.strip()](agent))
    agent.close()


def _tell(records: int) -> None:
    print(json.dumps({"records": records, "peak_mb": peak_megabytes()}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
