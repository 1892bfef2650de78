"""The one place where an error becomes words for a person, and an exit code.

A defect is told by its type and place only: an exception's text, or a
traceback with values, could hold patient data.
"""

import logging
import os
import sys
from collections.abc import Callable

from agent.cli.screen import err
from agent.errors import AgentError
from agent.journal import for_standard_error
from agent.troubles import told

INTERRUPTED = 130


def with_advice(work: Callable[[], object]) -> int:
    """Run, and return the exit code; see docs/troubleshooting.md."""
    try:
        work()
    except KeyboardInterrupt:
        return _interrupted()
    except SystemExit as leaving:  # Typer's way to end: a wrong command line, or a command's own code
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        return _interrupted() if code == INTERRUPTED else code
    except Exception as error:
        tell(error)
        return error.exit_code if isinstance(error, AgentError) else AgentError.exit_code
    return 0


def tell(error: Exception, where: str | None = None) -> None:
    """The sentence (a configuration may have several problems), and the remedy below it."""
    sentence, remedy = told(error)
    for line in sentence.splitlines():
        _say(f"error: {where}: {line}" if where else f"error: {line}")
    _say(remedy)


def _say(line: str) -> None:
    err.print(for_standard_error(line, logging.ERROR))


def leave(code: int) -> None:
    """End the process with this code, whether or not somebody still reads what it printed."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Or the interpreter would try again on its way out, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(code)


def _interrupted() -> int:
    err.print("interrupted; whatever was under way is taken up again by the next run")
    return INTERRUPTED
