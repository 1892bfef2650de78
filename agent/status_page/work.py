"""Runs what blocks, such as a reading of the database, beside the server's loop.

On threads that do not keep the process: those of the usual pools would have
it wait at its end for a database that hangs.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

_T = TypeVar("_T")


async def beside(work: Callable[[], _T]) -> _T:
    """What `work` returns or raises."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[_T] = loop.create_future()

    def hand_over(give: Callable[[], None]) -> None:
        # Nobody waits any more where the server has stopped or the browser has gone.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: None if outcome.done() else give())

    def run() -> None:
        try:
            result = work()
        except Exception as error:
            failure = error
            hand_over(lambda: outcome.set_exception(failure))
        else:
            hand_over(lambda: outcome.set_result(result))

    threading.Thread(target=run, name="status-page-work", daemon=True).start()
    return await outcome
