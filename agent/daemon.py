"""Runs the stories by the clock until it is told to stop.

When each job has its turn is said here; what it does, in `agent.lane_jobs` for
a partner, in `agent.sweep` for what has arrived, in `agent.practice_jobs` for
the practice. A changed configuration replaces the wiring, a broken one does
not.
"""

import logging
from datetime import timedelta
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue

from agent.adapters.folder_watcher import FolderWatcher
from agent.adapters.process_lock import sole_process
from agent.adapters.service_manager import ServiceManager
from agent.adapters.watched_clock import WatchedClock
from agent.app import build
from agent.clock import utc_now
from agent.clockwork import Clockwork
from agent.config import Config, config_fingerprint, load_config
from agent.errors import AgentError, ConfigError
from agent.flows.lane import Lane
from agent.job_names import (
    CONFIGURATION,
    SWEEP,
    exchanging,
    exporting,
    handing_over,
    telling_updates,
)
from agent.lane_jobs import LaneJobs
from agent.operations import Agent
from agent.ports import Clock
from agent.practice_jobs import PracticeJobs
from agent.status_page.desk import agent_desk
from agent.status_page.served import ServedPage
from agent.sweep import Sweep, wake
from agent.troubles import Troubles
from agent.watch import Watch
from exchange_formats.envelope import Kind

log = logging.getLogger(__name__)

STOP_SECONDS = 6.0
"""For the running jobs; with the watcher's three seconds the whole stop stays below ten."""
WATCH_EVERY = timedelta(seconds=60)
RELEASES_EVERY = timedelta(seconds=10)
HOURLY, DAILY = timedelta(hours=1), timedelta(hours=24)


class Daemon:
    """One run of the service over one configuration file."""

    ended_by: AgentError | None = None
    """Why the run had to end by itself: nothing done in this process can be relied on any more."""

    def __init__(self, config_path: Path, clock: Clock = utc_now) -> None:
        self._config_path = config_path
        self._clock = WatchedClock(clock)
        # No event: a thread that waits for one can deadlock when its own signal handler sets it.
        self._stop_wanted: SimpleQueue[None] = SimpleQueue()
        self._troubles = Troubles()
        self._clockwork = Clockwork(self._troubles, broken=self._end_by)
        self._watcher = FolderWatcher([], lambda: wake(self._agent, self._clockwork))
        self._manager = ServiceManager()
        self._lane_jobs = LaneJobs(self._wired, self._clockwork, self._troubles)
        self._sweep = Sweep(
            self._wired, self._clockwork, self._troubles, self._lane_jobs.book_changed, self._end_by
        )
        self._practice_jobs = PracticeJobs(
            self._wired, self._clockwork, self._clock, Watch(self._troubles, clock), self._troubles
        )
        self._page = ServedPage(agent_desk(self._wired, self._troubles, clock), self._troubles)
        self._wall = clock
        self._agent: Agent

    def stop(self) -> None:
        """Ask for the end; safe from a signal handler and from any thread."""
        self._stop_wanted.put(None)

    def run(self) -> bool:
        """Work until `stop`; raises what keeps the agent from starting (ConfigError, OtvUserError, ...).

        False if some work did not end in time and its threads still run: the
        process should then leave without waiting for them. Nothing is lost by
        that, every story can be cut anywhere. `ended_by` tells why, if nobody asked for the end.
        """
        config = load_config(self._config_path)
        with sole_process(config.settings.data_folder):
            self._agent = build(config, self._clock)
            try:
                self._begin()
                while not self._stopped_within(self._agent.config.settings.schedule.reload_every_seconds):
                    if self._clock.has_moved():
                        self._clockwork.all_now()
                    self._reload_if_changed()
                    self._watcher.ensure_alive()
                    self._page.follow(self._agent.config.settings.status_page)
                log.info("stopping")
                self._manager.stopping()
            finally:
                clean = self._end()
        log.info("stopped" if clean else "stopped, work broken off: the next start takes it up again")
        return clean

    def _wired(self) -> Agent:
        return self._agent

    def _end_by(self, error: AgentError) -> None:
        self.ended_by = self.ended_by or error
        self.stop()

    def _begin(self) -> None:
        self._agent.require_tables()
        self._agent.require_author()
        self._clock.hear(self._agent.database_time())
        self._agent.recover()
        self._agent.cycles.started(self._wall())
        self._clockwork.start()
        self._watcher.start()
        self._schedule()
        self._page.follow(self._agent.config.settings.status_page)
        self._manager.started()
        log.info("started with %d partner(s)", len(self._agent.lanes))

    def _stopped_within(self, seconds: float) -> bool:
        try:
            self._stop_wanted.get(timeout=seconds)
        except Empty:
            return False
        return True

    def _end(self) -> bool:
        """Let running jobs finish for a while; whether they all did."""
        self._page.ask_to_stop()
        self._watcher.stop()
        clean = self._clockwork.stop(STOP_SECONDS)
        self._page.stop()
        self._agent.close()
        if clean:
            self._agent.stop_gpg()
        return clean

    # --- wiring --------------------------------------------------------------------------------

    def _schedule(self) -> None:
        """Make the jobs of the present configuration; all of them start at once."""
        self._clockwork.forget_all()
        self._lane_jobs.begin(self._agent.lanes)
        for lane in self._agent.lanes.values():
            self._schedule_lane(lane)
        if self._manager.sign_every_seconds is not None:
            # As a job: where the clockwork stands still, no sign is given and the service is started anew.
            sign = timedelta(seconds=self._manager.sign_every_seconds)
            self._clockwork.every(sign, "sign of life", self._manager.works)
        schedule = self._agent.config.settings.schedule
        every, jobs = self._clockwork.every, self._practice_jobs
        every(timedelta(seconds=schedule.sweep_every_seconds), SWEEP, self._sweep.sweep)
        every(WATCH_EVERY, "watch", jobs.look_for_others)
        every(timedelta(seconds=schedule.reload_every_seconds), "clock", jobs.look_at_the_clock)
        every(RELEASES_EVERY, "releases", jobs.take_up_released)
        every(DAILY, "licence", jobs.check_licence)
        every(DAILY, "purge", jobs.purge)
        every(DAILY, "keys", jobs.check_keys)
        every(HOURLY, "audit check", jobs.check_audit)
        self._watcher.watch([partner.inbound_folder for partner in self._agent.config.partners.values()])

    def _schedule_lane(self, lane: Lane) -> None:
        schedule, partner_id = self._agent.config.settings.schedule, lane.partner_id
        every, jobs = self._clockwork.every, self._lane_jobs
        for kind, minutes in (
            (Kind.AVAILABILITY, schedule.availability_every_minutes),
            (Kind.REFERENCE_DATA, schedule.reference_data_every_minutes),
            (Kind.PATIENTS, schedule.patients_every_minutes),
        ):
            export = partial(jobs.export, partner_id, kind)
            every(timedelta(minutes=minutes), exporting(kind, partner_id), export)
        every(DAILY, handing_over(partner_id), partial(jobs.hand_over, partner_id))
        if lane.gets_updates:
            tell = partial(jobs.tell_updates, partner_id)
            every(timedelta(seconds=schedule.updates_every_seconds), telling_updates(partner_id), tell)
        if lane.transport is not None:
            exchange = partial(jobs.exchange, partner_id)
            every(timedelta(seconds=schedule.exchange_every_seconds), exchanging(partner_id), exchange)

    def _reload_if_changed(self) -> None:
        current = self._agent.config
        try:
            if config_fingerprint(current.path, current.settings.data_folder) != current.fingerprint:
                self._replace_agent(load_config(self._config_path))
                log.info("configuration changed: now %d partner(s)", len(self._agent.lanes))
        except Exception as error:
            self._troubles.met(CONFIGURATION, error)
        else:
            self._troubles.over(CONFIGURATION)

    def _replace_agent(self, config: Config) -> None:
        if config.settings.data_folder != self._agent.config.settings.data_folder:
            raise ConfigError(
                [f"{config.path}: data_folder: cannot change while running: restart the service"]
            )
        agent = build(config, self._clock)
        try:
            agent.require_tables()
            agent.require_author()
            agent.prepare()
        except AgentError:
            agent.close()
            raise
        old, self._agent = self._agent, agent
        self._schedule()
        old.close()
