"""One life of the agent as its driver sees it: begun, killed or left to end.

The processes are forked by `tests.crash.cradle`; each has a pid of its own and
is ended by it alone, as a power failure would end it.
"""

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.crash.failpoints import Failpoint

KILLED = -signal.SIGKILL
PATIENCE_SECONDS = 180.0


class Life:
    """A process of the agent; one at a time per cradle."""

    def __init__(self, cradle: "Cradle", pid: int) -> None:
        self._cradle = cradle
        # Not by number: a number may belong to somebody else as soon as the process is gone.
        self._process = os.pidfd_open(pid)

    def kill(self) -> int:
        """`kill -9`; how it ended (it may have been faster), as `subprocess` tells it."""
        return self._ended_by(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end, as a service is asked."""
        return self._ended_by(signal.SIGTERM)

    def wait(self) -> int:
        """Until it ends by itself."""
        os.close(self._process)
        return self._cradle.answer("status")

    def ends_within(self, seconds: float) -> bool:
        """Whether it is gone by then; it stays to be waited for."""
        ready, _, _ = select.select([self._process], [], [], seconds)
        return bool(ready)

    def _ended_by(self, number: signal.Signals) -> int:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, number)
        return self.wait()


class Cradle:
    """Starts lives over one configuration; everything they say goes to `log`."""

    def __init__(self, config: Path, log: Path) -> None:
        self._config, self.log = config, log

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.crash.cradle"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer("ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def begin(self, *words: str, failpoint: Failpoint | None = None, record: Path | None = None) -> Life:
        """Start a command; it dies at `failpoint`, and writes each effect it passes into `record`."""
        order = {
            "words": [*words, "--config", str(self._config)],
            "log": str(self.log),
            "failpoint": astuple(failpoint) if failpoint else None,
            "record": str(record) if record else None,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Life(self, self.answer("pid"))

    def answer(self, what: str) -> int:
        """The next thing the cradle says."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_SECONDS)
        line = self._process.stdout.readline() if ready else ""
        assert line, f"no {what} from the start program; see {self.log}"
        told: dict[str, Any] = json.loads(line)
        return int(told[what])
