"""The service `otv-agent run` as a process of its own, and what it says."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.kit.command_line import COMMAND
from tests.kit.leak_watch import require_none_in

PATIENCE_SECONDS = 30.0


class Service:
    """Started with the block and killed at its end, unless it has been stopped."""

    def __init__(self, config: Path, command: Sequence[str] = COMMAND, **environment: str) -> None:
        self._config = config
        self._command = command
        self._environment = os.environ | environment
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        command = [*self._command, "run", "--config", str(self._config)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=self._environment)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.wait_for("started with")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        require_none_in("".join(self._lines), "the log of the service")

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def log(self) -> list[str]:
        """Every line so far, without its time."""
        return [line[24:].rstrip() for line in self._lines]

    def count(self, pattern: str) -> int:
        return sum(re.search(pattern, line) is not None for line in self.log)

    def wait_for(self, pattern: str, times: int = 1) -> None:
        """Until so many lines match."""
        wait_until(lambda: self.count(pattern) >= times, lambda: f"no `{pattern}` in\n" + "\n".join(self.log))

    def stop(self) -> tuple[int, float]:
        """Ask it to end; exit code and seconds it took."""
        started = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(PATIENCE_SECONDS)
        self._reader.join()
        return code, time.monotonic() - started

    def kill(self) -> None:
        """As a power failure would, as far as a process can tell."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            self._lines.extend(iter(stream.readline, ""))


def wait_until(
    true: Callable[[], bool],
    what: Callable[[], str] = lambda: "it did not come to that",
    patience_seconds: float = PATIENCE_SECONDS,
    pause_seconds: float = 0.05,
) -> None:
    """Until it is so, however loaded the machine; what costs much is asked less often."""
    ends_at = time.monotonic() + patience_seconds
    while not true():
        assert time.monotonic() < ends_at, what()
        time.sleep(pause_seconds)


def gpg_agents(home: Path) -> list[int]:
    """Processes that hold the keys of this home unlocked."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if b"gpg-agent" in words[:1] and os.fsencode(home) in words:
            found.append(int(entry.name))
    return found
