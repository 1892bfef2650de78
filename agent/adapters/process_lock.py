"""One process per data folder: the lock that keeps a second agent, or a command, out.

Everything that moves files assumes that nobody else does; whoever changes
state holds this lock for as long as it works. It vanishes with the process,
so a crash leaves nothing to clean up.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from agent.errors import AlreadyRunningError, SpoolError

LOCK_NAME = "agent.lock"
PATIENCE_SECONDS = 1.0
"""Longer than `is_held` holds the lock: asking for the status must not keep the service from starting."""


@contextmanager
def sole_process(data_folder: Path) -> Iterator[None]:
    """Hold the data folder, which is made if it is missing.

    Raises AlreadyRunningError if another process holds it, SpoolError if it
    cannot be used or belongs to another account.
    """
    try:
        data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_own_folder(data_folder)
        lock = FileLock(data_folder / LOCK_NAME, timeout=PATIENCE_SECONDS)
        lock.acquire()
    except Timeout as error:
        raise AlreadyRunningError(f"another otv-agent process works on {data_folder}") from error
    except OSError as error:
        raise SpoolError(f"cannot use the data folder {data_folder}: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


def require_own_folder(folder: Path) -> None:
    """Raises SpoolError for a folder that is missing, another account's or not to be written to.

    Above all for root, who may write everywhere: the service's account could
    not read what root leaves there. On Windows access lists decide.
    """
    try:
        owner = folder.stat().st_uid
    except FileNotFoundError as error:
        raise SpoolError(f"{folder} does not exist: create it for the account that runs the agent") from error
    except OSError as error:
        raise SpoolError(f"cannot look at {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SpoolError(f"this account may not write to {folder}")
    if sys.platform != "win32" and owner != os.geteuid():
        raise SpoolError(f"{folder} belongs to another account: run this as that account")


def is_held(data_folder: Path) -> bool:
    """Whether some process works on the data folder now; changes nothing there."""
    file = data_folder / LOCK_NAME
    try:
        if not file.exists():
            return False
        with FileLock(file, timeout=0):
            return False
    except Timeout:
        return True
    except OSError as error:
        raise SpoolError(f"cannot look at the lock of {data_folder}: {error.strerror}") from error
