"""Looks at the service: is it installed, does it run, and does anything go well.

A part of `agent.doctor`. Whether it runs is asked of the data folder's lock,
which holds however it was started; the rest of the system's service manager,
where there is one.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from agent.adapters.good_cycles import FILE_NAME, read_good_cycles
from agent.adapters.process_lock import is_held
from agent.config import Config
from agent.doctor.finding import Check, Finding, failed, fine, warning
from agent.errors import AgentError
from agent.language import sentence
from agent.service.plan import ServiceState
from agent.service.system import service_state

STILL = timedelta(minutes=15)
"""Several times as long as a good sweep may be away; a database that is being backed up is no trouble."""


def service(config: Config, now: datetime) -> Iterator[Finding]:
    """What is to be done about it, or that it runs."""
    try:
        running = is_held(config.settings.data_folder)
    except AgentError as error:
        said = sentence("Whether the service runs cannot be said: {error}", error=error)
        yield failed(Check.SERVICE, said, error)
        return
    found = [*(_working(config, now) if running else _standing()), *_by_itself(_asked(), running=running)]
    yield from found or [fine(Check.SERVICE, sentence("The service runs."))]


def _asked() -> ServiceState | None:
    """None where no service manager could know, or it does not answer."""
    try:
        return service_state()
    except AgentError:
        return None


def _standing() -> Iterator[Finding]:
    said = sentence("The service does not run: nothing is exchanged.")
    remedy = sentence("Start it; `otv-agent service install` makes it one of this machine and starts it.")
    yield warning(Check.SERVICE, said, remedy)


def _by_itself(state: ServiceState | None, *, running: bool) -> Iterator[Finding]:
    if state is not None and running and not (state.installed and state.starts_by_itself):
        said = sentence("The service runs, and will not start with the machine.")
        yield warning(Check.SERVICE, said, sentence("Make it do so with `otv-agent service install`."))


def _working(config: Config, now: datetime) -> Iterator[Finding]:
    """Started is not working: what counts is when something last went well, for any partner."""
    known = read_good_cycles(config.settings.data_folder / FILE_NAME)
    moments = [at for at in (*known.steps.values(), known.running_since) if at is not None]
    if moments and now - max(moments) > STILL:
        minutes = int((now - max(moments)) / timedelta(minutes=1))
        said = sentence("The service runs, and nothing went well for {minutes} minutes.", minutes=minutes)
        yield warning(Check.SERVICE, said, sentence("Look at its log and at `otv-agent status`."))
