"""What the service does for the practice as a whole: clock, licence, keys, purge, watching, released holds.

Each is a job of the daemon's; none of them belongs to a partner, and none is a story.
"""

import logging
from collections.abc import Callable

from agent import retention
from agent.adapters.watched_clock import WatchedClock
from agent.clockwork import Clockwork
from agent.errors import AuditBrokenError
from agent.holds import held
from agent.job_names import AUDIT_LOG, SWEEP, exporting, telling_updates
from agent.key_calendar import warn_of_keys
from agent.operations import Agent
from agent.oversight import audit_check_is_due, check_audit
from agent.troubles import Troubles
from agent.watch import Watch
from exchange_formats.envelope import Kind

log = logging.getLogger(__name__)


class PracticeJobs:
    """The jobs, over changes of the configuration."""

    def __init__(
        self,
        current: Callable[[], Agent],
        clockwork: Clockwork,
        clock: WatchedClock,
        watch: Watch,
        troubles: Troubles,
    ) -> None:
        """`current` tells the agent that is wired now."""
        self._current = current
        self._clockwork = clockwork
        self._clock = clock
        self._watch = watch
        self._troubles = troubles

    def look_at_the_clock(self) -> None:
        """Hold it against the database server's, and hear the operator. Raises ClockDoubtfulError."""
        self._clock.hear(self._current().database_time())
        self._clock.accepted(self._current().clock_accepted_at())
        self._clock()

    def purge(self) -> None:
        """A clock that leapt ahead, or a long standstill, puts it off by a day."""
        agent = self._current()
        if not retention.clock_is_plausible(agent):
            log.info("purge: put off until tomorrow, because nothing was done for a day before now")
            return
        purged = retention.purge(agent)
        files, records = purged.files.total(), purged.records.total()
        if files or records:
            log.info("purge: %d file(s) and %d record(s) had been kept long enough", files, records)

    def look_for_others(self) -> None:
        self._watch.look(self._current())

    def take_up_released(self) -> None:
        """What an operator let go while the service runs is not to wait for its next turn, a day perhaps."""
        for hold in held(self._current()):
            if hold.released_at is None:
                continue
            kind = Kind(hold.kind)
            if kind is Kind.BOOKINGS:
                self._clockwork.soon(SWEEP)
            elif kind is Kind.APPOINTMENT_UPDATES:
                self._clockwork.soon(telling_updates(hold.partner_id))
            else:
                self._clockwork.soon(exporting(kind, hold.partner_id))

    def check_licence(self) -> None:
        self._current().licence.require()

    def check_keys(self) -> None:
        for warning in warn_of_keys(self._current()):
            log.warning("%s. See `otv-agent keys calendar`.", warning)

    def check_audit(self) -> None:
        """The whole audit log once a day; a broken one is looked at again by the hour, and told once."""
        agent = self._current()
        if not audit_check_is_due(agent):
            return
        try:
            report = check_audit(agent)
        except AuditBrokenError as error:
            # No failure to be tried again at once: nothing mends it but a person.
            self._troubles.met(AUDIT_LOG, error)
        else:
            self._troubles.over(AUDIT_LOG)
            log.info("audit log: all %d entries in order", report.entries)
