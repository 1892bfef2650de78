"""The database server killed like the agent: `kill -9`, gone for a while, started again."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.kit.postgresql import server_in

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """A PostgreSQL of the tests with its data in `folder`."""

    folder: Path

    def kill(self) -> None:
        """The postmaster; its children notice and end."""
        postmaster = int((self.folder / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        _wait_for_the_end_of(postmaster)

    def start(self) -> None:
        """Recovers from its log, as after a power cut."""
        server = server_in(self.folder)
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                server.ensure_postgres_running()
                return
            except subprocess.CalledProcessError:  # children of the old one still hold its memory
                assert time.monotonic() < ends_at
                time.sleep(0.1)


def _wait_for_the_end_of(pid: int) -> None:
    """Children of ours stay as zombies until they are waited for: gone is gone."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while _state(pid) not in ("", "Z"):
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
