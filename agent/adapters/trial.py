"""Finds out whether a file ends the process that works on it, in a process made for that.

Asked by the inbound folder about a file at which the agent has crashed three
times. Three power cuts in a row would look the same; but a process that only
tries the import, while this one goes on living, dies of nothing but the file.
No other fault of that process is held against the file: what it says is not
even read.
"""

import subprocess
import sys
from collections.abc import Sequence

from agent.errors import SpoolError

LIMIT_SECONDS = 120.0
"""Many times what the largest file takes; whoever needs longer would never be done here either."""
_LARGEST_EXIT_CODE = 255
"""Beyond it, on Windows, stands the fault that ended the process; elsewhere a signal is a negative code."""


class Trial:
    """A command that takes a file on its standard input."""

    def __init__(self, command: Sequence[str], limit_seconds: float = LIMIT_SECONDS) -> None:
        self._command = tuple(command)
        self._limit_seconds = limit_seconds

    def __call__(self, content: bytes) -> bool:
        """Whether the command ended by itself, with any exit code. Raises SpoolError if it cannot start."""
        try:
            finished = subprocess.run(
                self._command,
                check=False,
                input=content,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=self._limit_seconds,
                creationflags=_creation_flags(),
            )
        except subprocess.TimeoutExpired:
            return False
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise SpoolError(f"cannot start a process to try a file in: {reason}") from error
        return 0 <= finished.returncode <= _LARGEST_EXIT_CODE


def _creation_flags() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW  # a service has no console to open one on
    return 0
