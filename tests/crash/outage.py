"""The database server killed like the agent: `kill -9`, gone for a while, started again."""

import os
import signal
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
        """The postmaster; its children notice and end, and only then it is gone."""
        postmaster = int((self.folder / "postmaster.pid").read_text().split()[0])
        family = [postmaster, *_children(postmaster)]
        os.kill(postmaster, signal.SIGKILL)
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while any(_is_alive(pid) for pid in family):
            assert time.monotonic() < ends_at
            time.sleep(0.01)

    def start(self) -> None:
        """Recovers from its log, as after a power cut."""
        # Where nobody waits for dead processes the old number still looks alive.
        for lock in (self.folder / "postmaster.pid", *self.folder.glob(".s.PGSQL.*.lock")):
            lock.unlink(missing_ok=True)
        server_in(self.folder).ensure_postgres_running()


def _children(parent: int) -> list[int]:
    processes = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in processes if _status(pid)[1:2] == [str(parent)]]


def _is_alive(pid: int) -> bool:
    """A zombie is dead."""
    return _status(pid)[:1] not in ([], ["Z"])


def _status(pid: int) -> list[str]:
    """State, parent, and more; empty if there is no such process (proc(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
