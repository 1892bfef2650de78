"""Runs the three stories by the clock until it is told to stop.

Every partner is a lane: one export or exchange at a time for it, on a thread
of its own, so that a hanging server delays nobody else (promise P8). Imports
into the one practice database are a lane of their own; there the partners take
turns file by file. Folder events only wake the sweep; the sweep finds what
events have missed. A changed configuration replaces the wiring, a broken one
does not.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from agent.adapters.folder_watcher import FolderWatcher
from agent.adapters.process_lock import sole_process
from agent.app import Agent, build, utc_now
from agent.config import Config, config_fingerprint, load_config
from agent.errors import AgentError, ConfigError
from agent.flows.receive import FileResult
from agent.ports import Clock
from agent.troubles import Troubles
from exchange_formats.envelope import Kind

log = logging.getLogger(__name__)

MAX_THREADS = 64
STOP_SECONDS = 8.0
WAKE_MARGIN_SECONDS = 0.5
LICENCE_CHECK_HOURS = 24
# A run that starts late still runs, and of several missed ones only the last (apscheduler #146, #292).
JOB_DEFAULTS = {"coalesce": True, "misfire_grace_time": 3600, "max_instances": 1}


class StopRequestedError(AgentError):
    """The service is stopping: a long export is broken off and begins anew at the next start."""


class Daemon:
    """One run of the service over one configuration file."""

    def __init__(self, config_path: Path, clock: Clock = utc_now) -> None:
        self._config_path = config_path
        self._clock = clock
        self._stop = threading.Event()
        self._idle = threading.Condition()
        self._running = 0
        self._troubles = Troubles()
        self._lane_locks: dict[str, threading.Lock] = {}
        self._agent: Agent
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(MAX_THREADS)}, job_defaults=JOB_DEFAULTS, timezone="UTC"
        )
        self._watcher = FolderWatcher([], self._wake)

    def stop(self) -> None:
        """Ask for the end; safe from a signal handler and from any thread."""
        self._stop.set()

    def run(self) -> bool:
        """Work until `stop`; raises what keeps the agent from starting (ConfigError, OtvUserError, ...).

        False if some work did not end in time and its threads still run: the
        process should then leave without waiting for them. Nothing is lost by
        that, every story can be cut anywhere.
        """
        config = load_config(self._config_path)
        with sole_process(config.settings.data_folder):
            self._agent = build(config, self._clock)
            self._agent.require_author()
            self._agent.recover()
            self._scheduler.add_listener(self._job_failed, EVENT_JOB_ERROR | EVENT_JOB_MISSED)
            self._scheduler.start()
            self._watcher.start()
            self._schedule()
            log.info("started with %d partner(s)", len(self._agent.lanes))
            while not self._stop.wait(self._agent.config.settings.schedule.reload_every_seconds):
                self._reload_if_changed()
                self._watcher.ensure_alive()
            return self._end()

    # --- wiring --------------------------------------------------------------------------------

    def _schedule(self) -> None:
        """Make the jobs of the present configuration; all of them start at once."""
        self._scheduler.remove_all_jobs()
        schedule = self._agent.config.settings.schedule
        every = {
            Kind.AVAILABILITY: schedule.availability_every_minutes,
            Kind.REFERENCE_DATA: schedule.reference_data_every_minutes,
            Kind.PATIENTS: schedule.patients_every_minutes,
        }
        for partner_id, lane in self._agent.lanes.items():
            self._lane_locks.setdefault(partner_id, threading.Lock())
            for kind in self._agent.kinds(partner_id):
                export = partial(self._export, partner_id, kind)
                self._every(timedelta(minutes=every[kind]), f"export {kind} {partner_id}", export)
            if lane.transport is not None:
                seconds = timedelta(seconds=schedule.exchange_every_seconds)
                self._every(seconds, f"exchange {partner_id}", partial(self._exchange, partner_id))
        self._every(timedelta(seconds=schedule.sweep_every_seconds), "sweep", self._sweep)
        self._every(timedelta(hours=LICENCE_CHECK_HOURS), "licence", self._check_licence)
        self._watcher.watch([partner.inbound_folder for partner in self._agent.config.partners.values()])

    def _every(self, interval: timedelta, name: str, work: Callable[[], None]) -> None:
        trigger = IntervalTrigger(seconds=int(interval.total_seconds()), timezone=UTC)
        self._scheduler.add_job(
            self._run_job, trigger, args=(name, work), id=name, name=name, next_run_time=datetime.now(UTC)
        )

    def _reload_if_changed(self) -> None:
        current = self._agent.config
        if config_fingerprint(current.path, current.settings.data_folder) == current.fingerprint:
            return
        try:
            self._replace_agent(load_config(self._config_path))
        except AgentError as error:
            self._troubles.met("configuration (the old one stays in force)", error)
            return
        self._troubles.over("configuration (the old one stays in force)")
        log.info("configuration changed: now %d partner(s)", len(self._agent.lanes))

    def _replace_agent(self, config: Config) -> None:
        if config.settings.data_folder != self._agent.config.settings.data_folder:
            raise ConfigError(
                [f"{config.path}: data_folder: cannot change while running: restart the service"]
            )
        agent = build(config, self._clock)
        agent.require_author()
        old, self._agent = self._agent, agent
        self._schedule()
        old.close()

    # --- jobs ----------------------------------------------------------------------------------

    def _export(self, partner_id: str, kind: Kind) -> None:
        with self._lane_locks[partner_id]:
            result = self._agent.export(partner_id, kind, self._stop_if_asked)
        log.info("%s: %s ready, %d records", partner_id, kind, result.records.total())
        self._soon(f"exchange {partner_id}")

    def _exchange(self, partner_id: str) -> None:
        with self._lane_locks[partner_id]:
            result = self._agent.exchange(partner_id)
        delivered = result.delivered.delivered
        if delivered or result.fetched:
            log.info("%s: %d delivered, %d fetched", partner_id, delivered, result.fetched)
        if result.fetched:
            self._wake()

    def _sweep(self) -> None:
        """All lanes in turn, one file of each: a flood from one partner delays nobody else's bookings."""
        lanes = {partner_id: self._agent.receive(partner_id) for partner_id in self._agent.lanes}
        while lanes and not self._stop.is_set():
            for partner_id in list(lanes):
                if not self._receive_one(partner_id, lanes[partner_id]):
                    del lanes[partner_id]
        if any(lane.inbound.counts()["waiting"] for lane in self._agent.lanes.values()):
            self._wake()

    def _receive_one(self, partner_id: str, files: Iterator[FileResult]) -> bool:
        """The next file of a lane; False if there is none, or if a fault of ours makes them all wait."""
        place = f"{partner_id}: receiving"
        try:
            result = next(files, None)
        except AgentError as error:
            self._troubles.met(place, error)
            return False
        self._troubles.over(place)
        if result is None:
            return False
        log.info(
            "%s: file %s %s (%s), %d accepted, %d declined",
            partner_id, result.file_id, result.state, result.reason or "in order",
            result.accepted, result.declined,
        )  # fmt: skip
        self._soon(f"exchange {partner_id}")
        return True

    def _check_licence(self) -> None:
        self._agent.licence.require()

    # --- around every job ----------------------------------------------------------------------

    def _run_job(self, place: str, work: Callable[[], None]) -> None:
        """Counts the job as running, and turns its failure into one line at its start and one at its end."""
        if self._stop.is_set():
            return
        with self._idle:
            self._running += 1
        try:
            work()
            self._troubles.over(place)
        except StopRequestedError:
            log.info("%s: broken off, the service stops", place)
        except AgentError as error:
            self._troubles.met(place, error)
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def _stop_if_asked(self, _records: int) -> None:
        if self._stop.is_set():
            raise StopRequestedError("the service stops")

    def _wake(self) -> None:
        """A folder event, or files that have not held still yet: look when they have."""
        self._soon("sweep", self._agent.config.settings.inbound.settle_seconds + WAKE_MARGIN_SECONDS)

    def _soon(self, job_name: str, seconds: float = 0) -> None:
        """Bring a job's next turn forward, never back; a partner without a server has no exchange."""
        job = self._scheduler.get_job(job_name)
        due = datetime.now(UTC) + timedelta(seconds=seconds)
        if job is None or (job.next_run_time and job.next_run_time <= due):
            return
        with suppress(JobLookupError):
            job.modify(next_run_time=due)

    def _job_failed(self, event: JobExecutionEvent) -> None:
        """A job that was missed, or a defect: an exception's own text could quote data, its type cannot."""
        error = getattr(event, "exception", None)
        if error is None:
            log.warning("job %s started too late and was skipped", event.job_id)
        else:
            log.critical("job %s failed by a defect: %s", event.job_id, type(error).__name__)

    def _end(self) -> bool:
        """Let running jobs finish for a while; whether they all did."""
        log.info("stopping")
        self._watcher.stop()
        self._scheduler.shutdown(wait=False)
        with self._idle:
            clean = self._idle.wait_for(lambda: self._running == 0, STOP_SECONDS)
        self._agent.close()
        if clean:
            self._agent.stop_gpg()
        log.info("stopped" if clean else "stopped, work broken off: the next start takes it up again")
        return clean
