"""What a file costs: processor time of the agent and of the programs it starts, and memory beyond its rest.

Linux alone tells both exactly: the peak of a process can be reset there
(proc(5), clear_refs), and a short-lived child's be seen while it lives.
"""

import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SELF = Path("/proc/self")
LOOK_EVERY_SECONDS = 0.002
KIB = 1024


@dataclass(slots=True)
class Cost:
    """Of one arrival."""

    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    """Peak of the agent beyond what it held before, and the peak of its largest child."""

    def raise_to(self, other: "Cost") -> None:
        """The greater of both in each respect."""
        self.cpu_seconds = max(self.cpu_seconds, other.cpu_seconds)
        self.memory_bytes = max(self.memory_bytes, other.memory_bytes)


Meter = Callable[[], AbstractContextManager[Cost]]


@contextmanager
def measured() -> Iterator[Cost]:
    """Filled when the block has ended; processor time alone."""
    cost, before = Cost(), _cpu_seconds()
    yield cost
    cost.cpu_seconds = _cpu_seconds() - before


@contextmanager
def measured_with_memory() -> Iterator[Cost]:
    """As `measured`, with a look at every child's memory every few milliseconds."""
    (SELF / "clear_refs").write_text("5")
    resident = _kib(SELF / "status", "VmRSS")
    children = _LargestChild()
    with measured() as cost, children:
        yield cost
    peak = _kib(SELF / "status", "VmHWM") - resident
    cost.memory_bytes = (peak + children.kib) * KIB


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _kib(status: Path, name: str) -> int:
    for line in status.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0


class _LargestChild:
    """Looks at this process's children until the block ends."""

    def __init__(self) -> None:
        self.kib = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        own = str(SELF.resolve().name)
        while not self._over.wait(LOOK_EVERY_SECONDS):
            # A child that is gone meanwhile, and one that is only being started, has nothing to tell.
            with suppress(OSError):
                for number in _children():
                    self._look(Path("/proc") / number, own)

    def _look(self, process: Path, own: str) -> None:
        with suppress(OSError):
            if (process / "cmdline").read_bytes()[:3] == b"gpg" and process.name != own:
                self.kib = max(self.kib, _kib(process / "status", "VmHWM"))


def _children() -> list[str]:
    lists = ((task / "children").read_text() for task in (SELF / "task").iterdir())
    return [number for one in lists for number in one.split()]
