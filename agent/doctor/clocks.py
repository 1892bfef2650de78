"""Looks at the clock: against the database server's, a time server's, and the audit log.

A part of `agent.doctor`. Signatures bear a time, and what can still be booked
depends on the hour: a wrong clock judges both wrongly.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from agent.adapters.time_server import PORT, seconds_behind
from agent.adapters.watched_clock import TOLERANCE
from agent.adapters.wrong_time import wrong_time
from agent.doctor.finding import Check, Finding, failed, fine, warning
from agent.errors import AgentError, ClockBehindError, ClockDoubtfulError, TransferError
from agent.language import Sentence, sentence
from agent.operations import Agent

NOTICED = timedelta(seconds=2)
FAR_OFF = timedelta(seconds=60)
"""Against a time server. Partners tolerate ten minutes; a clock that nobody sets goes on drifting."""
SET_IT = sentence("Let the operating system keep the time (NTP), and set the clock right.")


def clocks(agent: Agent) -> Iterator[Finding]:
    """Against the database: its server's clock, where it has one of its own, and the newest entries."""
    try:
        beside = _beside_the_database(agent)
        if beside is not None:
            yield beside
        yield _audit(agent)
    except AgentError as error:
        said = sentence("The clock cannot be compared with the database: {error}", error=error)
        yield failed(Check.AUDIT_CLOCK, said, error)


def _beside_the_database(agent: Agent) -> Finding | None:
    shown = agent.database_time()
    if shown is None:
        return None
    off = shown - datetime.now(UTC)
    if abs(off) > TOLERANCE:
        said = sentence(
            "The database server's clock differs by {off}: signatures and free times would be judged "
            "wrongly, so everything waits.",
            off=_length(off),
        )
        return failed(Check.DATABASE_CLOCK, said, ClockDoubtfulError, SET_IT)
    if abs(off) > NOTICED:
        said = sentence("The database server's clock differs by {off}.", off=_length(off))
        return warning(Check.DATABASE_CLOCK, said, SET_IT)
    return fine(Check.DATABASE_CLOCK, sentence("The database server's clock shows the same time."))


def _audit(agent: Agent) -> Finding:
    with agent.connector.reading() as connection:
        ahead = wrong_time(connection, datetime.now(UTC))
    if ahead.first:
        said = sentence(
            "The audit log bears times still to come, from entry {first} on: everything waits until then.",
            first=ahead.first,
        )
        return failed(Check.AUDIT_CLOCK, said, ClockBehindError)
    return fine(Check.AUDIT_CLOCK, sentence("The audit log bears no times still to come."))


def time_server(host: str, port: int = PORT) -> Finding:
    """One that cannot be asked keeps nothing from working."""
    try:
        off = timedelta(seconds=seconds_behind(host, port))
    except TransferError as error:
        said = sentence("The time server could not be asked: {error}", error=error)
        remedy = sentence("Correct `watch.time_server`, or let UDP port 123 through the firewall.")
        return warning(Check.TIME_SERVER, said, remedy)
    if abs(off) > FAR_OFF:
        said = sentence(
            "The clock is off by {off}: signatures and free times are judged wrongly.", off=_length(off)
        )
        return failed(Check.TIME_SERVER, said, ClockDoubtfulError, SET_IT)
    if abs(off) > NOTICED:
        return warning(Check.TIME_SERVER, sentence("The clock is off by {off}.", off=_length(off)), SET_IT)
    return fine(Check.TIME_SERVER, sentence("The clock agrees with {host}.", host=host))


def _length(off: timedelta) -> Sentence:
    """To a tenth of a second below a minute, in whole minutes above two."""
    seconds = abs(off.total_seconds())
    if seconds < 120:
        return sentence("{seconds} seconds", seconds=f"{seconds:.1f}")
    return sentence("{minutes} minutes", minutes=round(seconds / 60))
