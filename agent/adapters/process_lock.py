"""One process per data folder: the lock that keeps a second agent, or a command, out.

Everything that moves files assumes that nobody else does; whoever changes
state holds this lock for as long as it works. It vanishes with the process,
so a crash leaves nothing to clean up.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from agent.errors import AlreadyRunningError, SpoolError

LOCK_NAME = "agent.lock"


@contextmanager
def sole_process(data_folder: Path) -> Iterator[None]:
    """Hold the data folder. Raises AlreadyRunningError at once if another process does."""
    try:
        data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(data_folder / LOCK_NAME, timeout=0)
        lock.acquire()
    except Timeout as error:
        raise AlreadyRunningError(f"another otv-agent process works on {data_folder}") from error
    except OSError as error:
        raise SpoolError(f"cannot lock {data_folder}: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


def is_held(data_folder: Path) -> bool:
    """Whether some process works on the data folder now; changes nothing there."""
    file = data_folder / LOCK_NAME
    if not file.exists():
        return False
    try:
        with FileLock(file, timeout=0):
            return False
    except Timeout:
        return True
    except OSError as error:
        raise SpoolError(f"cannot look at the lock of {data_folder}: {error.strerror}") from error
