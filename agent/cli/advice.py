"""The one place where an error becomes words for a person, and an exit code.

A defect is told by its type and place only: an exception's text, or a
traceback with values, could hold patient data.
"""

import sys
import traceback
from collections.abc import Callable

from rich.console import Console

from agent.errors import AgentError

INTERRUPTED = 130


def with_advice(work: Callable[[], None]) -> int:
    """Run, and return the exit code; see the table in README.md."""
    err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    try:
        work()
    except AgentError as error:
        err.print(f"error: {error}\n{error.remedy}")
        return error.exit_code
    except KeyboardInterrupt:
        err.print("interrupted; whatever was under way is taken up again by the next run")
        return INTERRUPTED
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        err.print(f"defect: {type(error).__name__} in {frame.name}, line {frame.lineno}\n{AgentError.remedy}")
        return AgentError.exit_code
    return 0


def leave(code: int) -> None:
    """End the process with this code."""
    sys.stdout.flush()
    raise SystemExit(code)
