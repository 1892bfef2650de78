"""Gives a call a time limit that holds even where the library below forgets its own.

paramiko can hang in connect, auth, put, close and stat whatever timeouts are
set (paramiko #515, #814, #1380), and a name look-up cannot be interrupted at
all. So the work runs on a thread of its own and the caller waits no longer
than it must. Nothing here knows what the work is.
"""

from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import TypeVar

from agent.errors import DeadlineExceededError

_LEAVING_SECONDS = 1.0

Result = TypeVar("Result")


def within(seconds: float, what: str, work: Callable[[], Result], abort: Callable[[], None]) -> Result:
    """What `work` returns or raises, at the latest after `seconds` and a moment for leaving.

    When the time is up, or the caller is interrupted, `abort` must make the
    work fail (close its socket) without blocking itself. Work that ignores
    even that is left behind on a thread that does not keep the process alive.
    Raises DeadlineExceededError that says `what`.
    """
    outcome: Future[Result] = Future()
    thread = Thread(target=_carry, args=(work, outcome), name="deadline", daemon=True)
    thread.start()
    try:
        in_time = wait([outcome], timeout=seconds).done
    except BaseException:
        abort()
        raise
    if not in_time:
        abort()
        # The work may hold a file of the caller's: give it the moment it needs to let go.
        thread.join(_LEAVING_SECONDS)
        raise DeadlineExceededError(f"{what}: not done within {seconds:.0f} s")
    return outcome.result()


def _carry(work: Callable[[], Result], outcome: "Future[Result]") -> None:
    try:
        outcome.set_result(work())
    except BaseException as error:  # noqa: BLE001 - carried to the caller, who raises it
        outcome.set_exception(error)
