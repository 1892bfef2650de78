"""Looks at the service: is it installed, does it run, and does it work.

A part of `agent.doctor`. Whether it runs is asked of the data folder's lock,
which no hanging service manager can hide; the rest of the service manager.
"""

import time

from agent.adapters.process_lock import is_held
from agent.config import Config
from agent.doctor.finding import Check, Finding, failed, fine, warning
from agent.errors import AgentError, SpoolError
from agent.language import sentence

STILL_SECONDS = 600
"""Of the metrics file, which a working service writes every minute."""


def service(config: Config) -> Finding:
    """One finding: the first thing that is to be done about it."""
    try:
        running = is_held(config.settings.data_folder)
    except AgentError as error:
        return failed(Check.SERVICE, sentence("Whether it runs cannot be said: {error}", error=error), error)
    if not running:
        said = sentence("The service does not run: nothing is exchanged.")
        return warning(Check.SERVICE, said, sentence("Start it, and have it start with the machine."))
    still = _still_for(config)
    if still is not None and still > STILL_SECONDS:
        said = sentence(
            "The service runs and has shown no sign of life for {minutes} minutes.", minutes=still // 60
        )
        return failed(Check.SERVICE, said, SpoolError, sentence("Look at its log, and restart it."))
    return fine(Check.SERVICE, sentence("The service runs."))


def _still_for(config: Config) -> int | None:
    """Seconds since the last sign of life; None where none is left behind."""
    file = config.settings.watch.metrics_file
    try:
        return None if file is None else int(time.time() - file.stat().st_mtime)
    except OSError:
        return None
