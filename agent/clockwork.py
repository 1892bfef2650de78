"""Runs named jobs at intervals, each at most once at a time, until it is told to stop.

The daemon says what is to be done and how often; here is the scheduler, the
count of what runs at this moment, and the rule that a failed job is a trouble
told once and not the end of the service. The only module that knows
APScheduler.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from agent.errors import AgentError
from agent.troubles import Troubles

log = logging.getLogger(__name__)

MAX_THREADS = 256
"""Five jobs of one partner can wait for its hanging server; threads are made only as they are needed."""
RETRY_SECONDS = 60.0
"""A job that failed has its next turn then at the latest: a daily one is not to wait a day (promise P9)."""
# A run that starts late still runs, and of several missed ones only the last (apscheduler #146, #292).
JOB_DEFAULTS = {"coalesce": True, "misfire_grace_time": 3600, "max_instances": 1}


class StopRequestedError(AgentError):
    """The service is stopping: a long export is broken off and begins anew at the next start."""


class Clockwork:
    """A scheduler whose jobs may fail; nothing runs before `start` and nothing begins after `stop`."""

    def __init__(
        self,
        troubles: Troubles,
        retry_seconds: float = RETRY_SECONDS,
        broken: Callable[[AgentError], None] = lambda _: None,
    ) -> None:
        """`broken` is told of an error after which the process must end."""
        self._troubles = troubles
        self._broken = broken
        self._retry_seconds = retry_seconds
        self._stop = threading.Event()
        self._idle = threading.Condition()
        self._not_before: dict[str, datetime] = {}
        self._running = 0
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(MAX_THREADS)}, job_defaults=JOB_DEFAULTS, timezone="UTC"
        )
        self._scheduler.add_listener(self._skipped, EVENT_JOB_ERROR | EVENT_JOB_MISSED)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self, patience_seconds: float) -> bool:
        """Begin nothing more and let running jobs finish; whether they all did in that time."""
        self._stop.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        with self._idle:
            return self._idle.wait_for(lambda: self._running == 0, patience_seconds)

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def forget_all(self) -> None:
        """No job is due any more, and none is put off; what runs goes on."""
        self._scheduler.remove_all_jobs()
        self._not_before.clear()

    def every(self, interval: timedelta, name: str, work: Callable[[], None]) -> None:
        """Run `work` now and at this interval."""
        trigger = IntervalTrigger(seconds=int(interval.total_seconds()), timezone=UTC)
        self._scheduler.add_job(
            self._run, trigger, args=(name, work), id=name, name=name, next_run_time=datetime.now(UTC)
        )

    def soon(self, name: str, seconds: float = 0) -> None:
        """Bring a job's next turn forward, never back and not to before what `put_off` said.

        Without effect if there is no such job. A turn that comes while the job runs is skipped: who
        asks for it from within the job leaves it the time to end.
        """
        job = self._scheduler.get_job(name)
        due = datetime.now(UTC) + timedelta(seconds=seconds)
        due = max(due, self._not_before.get(name, due))
        if job is None or (job.next_run_time and job.next_run_time <= due):
            return
        with suppress(JobLookupError):
            job.modify(next_run_time=due)

    def all_now(self) -> None:
        """Every job has its next turn now: after the clock was set, a planned one may be a year away."""
        self._not_before.clear()
        for job in self._scheduler.get_jobs():
            with suppress(JobLookupError):
                job.modify(next_run_time=datetime.now(UTC))

    def put_off(self, name: str, pause: timedelta) -> None:
        """Let a job rest for so long, whoever asks for it meanwhile; the next call counts instead."""
        until = datetime.now(UTC) + pause
        self._not_before[name] = until
        with suppress(JobLookupError):
            self._scheduler.modify_job(name, next_run_time=until)

    def retry(self, name: str) -> None:
        """Another turn as after a failure, for a job that goes on although something in it failed."""
        self.soon(name, self._retry_seconds)

    def break_off_if_stopping(self, _done: int) -> None:
        """For work that tells its progress. Raises StopRequestedError."""
        if self.stopping:
            raise StopRequestedError("the service stops")

    def _run(self, name: str, work: Callable[[], None]) -> None:
        if self.stopping:
            return
        with self._idle:
            self._running += 1
        try:
            work()
            self._troubles.over(name)
        except StopRequestedError:
            log.info("%s: broken off, the service stops", name)
        except Exception as error:
            self._troubles.met(name, error)
            if isinstance(error, AgentError) and error.ends_process:
                self._broken(error)
            self.retry(name)
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def _skipped(self, event: JobExecutionEvent) -> None:
        """Of the scheduler's own errors only the type: a text could quote data."""
        error = getattr(event, "exception", None)
        reason = "started too late" if error is None else type(error).__name__
        log.warning("%s: skipped once: %s", event.job_id, reason)
