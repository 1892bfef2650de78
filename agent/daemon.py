"""Runs the stories by the clock until it is told to stop.

Every partner is a lane: one export or exchange at a time for it, on a thread
of its own, so that a hanging server delays nobody else (promise P8). Imports
into the one practice database are a lane of their own; there the partners take
turns file by file. Folder events only wake the sweep; the sweep finds what
events have missed. A changed configuration replaces the wiring, a broken one
does not.
"""

import logging
import random
import threading
import time
from collections.abc import Collection, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue

from agent import retention
from agent.adapters.folder_watcher import FolderWatcher
from agent.adapters.process_lock import sole_process
from agent.adapters.service_manager import ServiceManager
from agent.adapters.watched_clock import WatchedClock
from agent.app import Agent, ExchangeResult, build, utc_now
from agent.clockwork import Clockwork
from agent.config import Config, config_fingerprint, load_config
from agent.domain.retries import pause_before_next_visit
from agent.errors import (
    AgentError,
    ConfigError,
    GivenUpError,
    RefusedByServerError,
    SuddenChangeError,
    TransferError,
    UnfitServerError,
)
from agent.flows.file_result import FileResult
from agent.flows.lane import Lane
from agent.holds import held
from agent.key_calendar import warn_of_keys
from agent.ports import Clock
from agent.troubles import Troubles
from agent.watch import Watch
from exchange_formats.envelope import Kind

log = logging.getLogger(__name__)

STOP_SECONDS = 6.0
"""For the running jobs; with the watcher's three seconds the whole stop stays below ten."""
WAKE_MARGIN_SECONDS = 0.5
LOOK_SECONDS = 3.0
"""In a flood the partners whose folders were empty are looked at anew this often."""
SWEEP_SECONDS = 600.0
"""Then the sweep begins anew, with the licence asked for again; thousands of files take long to list."""
AVAILABILITY_AFTER_SECONDS = 5.0
"""From an import to the files without the slots it took; bookings that come meanwhile share them."""
LICENCE_CHECK_HOURS = 24
WATCH_SECONDS = 60
PURGE_HOURS = 24
KEY_CHECK_HOURS = 24
RELEASES_EVERY = timedelta(seconds=10)
CONFIGURATION = "configuration (the old one stays in force)"


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
        self._watcher = FolderWatcher([], self._wake)
        self._manager = ServiceManager()
        self._watch = Watch(self._troubles, clock)
        self._lane_locks: dict[str, threading.Lock] = {}
        self._failing_since: dict[str, float] = {}
        # Files whose bookings changed the book so far; an export that began before the last one is behind.
        self._book_changes = 0
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
                log.info("stopping")
                self._manager.stopping()
            finally:
                clean = self._end()
        log.info("stopped" if clean else "stopped, work broken off: the next start takes it up again")
        return clean

    def _end_by(self, error: AgentError) -> None:
        self.ended_by = self.ended_by or error
        self.stop()

    def _begin(self) -> None:
        self._agent.require_author()
        self._clock.hear(self._agent.database_time())
        self._agent.recover()
        self._clockwork.start()
        self._watcher.start()
        self._schedule()
        self._manager.started()
        log.info("started with %d partner(s)", len(self._agent.lanes))

    def _stopped_within(self, seconds: float) -> bool:
        try:
            self._stop_wanted.get(timeout=seconds)
        except Empty:
            return False
        return True

    def _look_at_the_clock(self) -> None:
        """Hold it against the database server's, and hear the operator. Raises ClockDoubtfulError."""
        self._clock.hear(self._agent.database_time())
        self._clock.accepted(self._agent.clock_accepted_at())
        self._clock()

    def _end(self) -> bool:
        """Let running jobs finish for a while; whether they all did."""
        self._watcher.stop()
        clean = self._clockwork.stop(STOP_SECONDS)
        self._agent.close()
        if clean:
            self._agent.stop_gpg()
        return clean

    # --- wiring --------------------------------------------------------------------------------

    def _schedule(self) -> None:
        """Make the jobs of the present configuration; all of them start at once."""
        self._clockwork.forget_all()
        self._failing_since.clear()
        schedule = self._agent.config.settings.schedule
        every = {
            Kind.AVAILABILITY: schedule.availability_every_minutes,
            Kind.REFERENCE_DATA: schedule.reference_data_every_minutes,
            Kind.PATIENTS: schedule.patients_every_minutes,
        }
        for partner_id, lane in self._agent.lanes.items():
            self._lane_locks.setdefault(partner_id, threading.Lock())
            for kind, minutes in every.items():
                export = partial(self._export, partner_id, kind)
                self._clockwork.every(timedelta(minutes=minutes), _exporting(kind, partner_id), export)
            announce = partial(self._hand_over, partner_id)
            self._clockwork.every(timedelta(hours=KEY_CHECK_HOURS), f"handover {partner_id}", announce)
            if lane.gets_updates:
                seconds = timedelta(seconds=schedule.updates_every_seconds)
                self._clockwork.every(
                    seconds, f"updates {partner_id}", partial(self._tell_updates, partner_id)
                )
            if lane.transport is not None:
                seconds = timedelta(seconds=schedule.exchange_every_seconds)
                self._clockwork.every(seconds, f"exchange {partner_id}", partial(self._exchange, partner_id))
        if self._manager.sign_every_seconds is not None:
            # As a job: where the clockwork stands still, no sign is given and the service is started anew.
            sign = timedelta(seconds=self._manager.sign_every_seconds)
            self._clockwork.every(sign, "sign of life", self._manager.works)
        self._clockwork.every(timedelta(seconds=schedule.sweep_every_seconds), "sweep", self._sweep)
        self._clockwork.every(timedelta(seconds=WATCH_SECONDS), "watch", self._look_for_others)
        seconds = timedelta(seconds=schedule.reload_every_seconds)
        self._clockwork.every(seconds, "clock", self._look_at_the_clock)
        self._clockwork.every(RELEASES_EVERY, "releases", self._take_up_released)
        self._clockwork.every(timedelta(hours=LICENCE_CHECK_HOURS), "licence", self._check_licence)
        self._clockwork.every(timedelta(hours=PURGE_HOURS), "purge", self._purge)
        self._clockwork.every(timedelta(hours=KEY_CHECK_HOURS), "keys", self._check_keys)
        self._watcher.watch([partner.inbound_folder for partner in self._agent.config.partners.values()])

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
            agent.require_author()
            agent.prepare()
        except AgentError:
            agent.close()
            raise
        old, self._agent = self._agent, agent
        self._schedule()
        old.close()

    # --- jobs ----------------------------------------------------------------------------------

    def _export(self, partner_id: str, kind: Kind) -> None:
        with self._lane_locks[partner_id]:
            agent = self._agent
            if partner_id not in agent.lanes or kind not in agent.kinds(partner_id):
                return  # Not opted in, revoked, or the configuration changed while this waited for its turn.
            seen = self._book_changes
            try:
                result = agent.export(partner_id, kind, self._clockwork.break_off_if_stopping)
            except SuddenChangeError as error:
                # No failure to be tried again at once: a person has to look, or the next turn finds it gone.
                self._troubles.met(_held(kind, partner_id), error)
                return
        self._troubles.over(_held(kind, partner_id))
        log.info("%s: %s ready, %d records", partner_id, kind, result.records.total())
        self._clockwork.soon(f"exchange {partner_id}")
        if kind is Kind.AVAILABILITY and self._book_changes > seen:
            # A turn that was asked for while this one ran has been skipped.
            self._clockwork.soon(_exporting(kind, partner_id), AVAILABILITY_AFTER_SECONDS)

    def _tell_updates(self, partner_id: str) -> None:
        with self._lane_locks[partner_id]:
            agent = self._agent
            if partner_id not in agent.lanes:
                return
            told = agent.tell_updates(partner_id)
        if told:
            log.info("%s: %d changed appointment(s) told", partner_id, told)
            self._clockwork.soon(f"exchange {partner_id}")

    def _hand_over(self, partner_id: str) -> None:
        """Also at once after `keys rotate`: a new wiring lets every job begin."""
        with self._lane_locks[partner_id]:
            agent = self._agent
            announced = partner_id in agent.lanes and agent.hand_over(partner_id)
        if announced:
            log.info("%s: our next key is announced", partner_id)
            self._clockwork.soon(f"exchange {partner_id}")

    def _exchange(self, partner_id: str) -> None:
        with self._lane_locks[partner_id]:
            agent = self._agent
            if partner_id not in agent.lanes:
                return
            waited = _names(agent.lane(partner_id))
            try:
                result = agent.exchange(partner_id)
            except TransferError as error:
                self._stay_away(partner_id, error)
                self._wake()  # Some files may have come all the same.
                raise
            finally:
                self._tell_given_up(agent.lane(partner_id))
        self._failing_since.pop(partner_id, None)
        self._tell_result(partner_id, result)
        if result.fetched:
            self._wake()
        if result.outdated:
            self._clockwork.soon(_exporting(Kind.PATIENTS, partner_id))
        if _names(agent.lane(partner_id)) - waited:
            # Put there meanwhile: a turn that was asked for while this one ran has been skipped.
            self._clockwork.soon(f"exchange {partner_id}", WAKE_MARGIN_SECONDS)

    def _stay_away(self, partner_id: str, error: TransferError) -> None:
        """The longer the line fails, the longer; a refused file is no reason, the next one may be taken."""
        if isinstance(error, RefusedByServerError):
            self._failing_since.pop(partner_id, None)
            return
        now = time.monotonic()
        failing_for = timedelta(seconds=now - self._failing_since.setdefault(partner_id, now))
        usual = timedelta(seconds=self._agent.config.settings.schedule.exchange_every_seconds)
        # No secret: it only spreads the visits of many practices.
        draw = random.random()  # noqa: S311
        pause = pause_before_next_visit(failing_for, usual, draw)
        self._clockwork.put_off(f"exchange {partner_id}", pause)

    def _tell_result(self, partner_id: str, result: ExchangeResult) -> None:
        if result.delivered or result.fetched:
            unconfirmed = f" ({result.unconfirmed} unconfirmed)" if result.unconfirmed else ""
            log.info(
                "%s: %d delivered%s, %d fetched", partner_id, result.delivered, unconfirmed, result.fetched
            )
        place = f"{partner_id}: its server"
        if result.complaints:
            self._troubles.met(place, UnfitServerError("; ".join(result.complaints)))
        else:
            self._troubles.over(place)

    def _tell_given_up(self, lane: Lane) -> None:
        place = f"{lane.partner_id}: given up"
        given_up = len(lane.outbox.failed())
        if given_up:
            self._troubles.met(place, GivenUpError(f"{given_up} file(s) could not be delivered for days"))
        else:
            self._troubles.over(place)

    def _sweep(self) -> None:
        """All lanes in turn, one file of each: a flood from one partner delays nobody else's bookings."""
        agent = self._agent
        lanes = {partner_id: agent.receive(partner_id) for partner_id in agent.lanes}
        looked_at = began_at = time.monotonic()
        while lanes and agent is self._agent and not self._clockwork.stopping:
            for partner_id in list(lanes):
                if not self._receive_one(partner_id, lanes[partner_id]):
                    del lanes[partner_id]
            if time.monotonic() - began_at > SWEEP_SECONDS:
                break
            if lanes and time.monotonic() - looked_at > LOOK_SECONDS:
                lanes |= self._new_arrivals(agent, lanes.keys())
                looked_at = time.monotonic()
        if lanes:
            self._clockwork.soon("sweep", WAKE_MARGIN_SECONDS)
        if not self._clockwork.stopping:
            self._look_again()

    def _new_arrivals(self, agent: Agent, busy: Collection[str]) -> dict[str, Iterator[FileResult]]:
        """For the lanes that have run out of files; the long list of a busy one is not read again."""
        troubles = self._troubles.current()
        return {
            partner_id: agent.receive(partner_id)
            for partner_id in agent.lanes
            if partner_id not in busy
            and _receiving(partner_id) not in troubles
            and _held(Kind.BOOKINGS, partner_id) not in troubles
        }

    def _receive_one(self, partner_id: str, files: Iterator[FileResult]) -> bool:
        """The next file of a lane; False if there is none, or if a fault of ours makes them all wait."""
        place = _receiving(partner_id)
        try:
            result = next(files, None)
        except SuddenChangeError as error:
            self._troubles.met(_held(Kind.BOOKINGS, partner_id), error)
            return False
        except Exception as error:  # also a defect: it must not keep the other partners' files waiting
            self._troubles.met(place, error)
            if isinstance(error, AgentError) and error.ends_process:
                self._end_by(error)
            return False
        self._troubles.over(place)
        if result is None:
            self._troubles.over(_held(Kind.BOOKINGS, partner_id))
            return False
        log.info(
            "%s: file %s %s (%s), %d accepted, %d declined",
            partner_id, result.file_id, result.state, result.reason or "in order",
            result.accepted, result.declined,
        )  # fmt: skip
        self._clockwork.soon(f"exchange {partner_id}")
        if result.accepted:
            self._renew_availability()
        return True

    def _renew_availability(self) -> None:
        """For every partner soon: nobody is to go on offering a slot that has just been taken."""
        self._book_changes += 1
        for partner_id in self._agent.lanes:
            self._clockwork.soon(_exporting(Kind.AVAILABILITY, partner_id), AVAILABILITY_AFTER_SECONDS)

    def _look_again(self) -> None:
        """Soon, at files that have not held still yet; as after a failure, where a fault of ours was met."""
        troubles = self._troubles.current()
        for partner_id, lane in self._agent.lanes.items():
            if _receiving(partner_id) in troubles:
                self._clockwork.retry("sweep")
            elif _held(Kind.BOOKINGS, partner_id) in troubles:
                continue  # What waits there waits for a person; the regular sweep looks again.
            elif lane.inbound.counts()["waiting"]:
                self._wake()

    def _wake(self) -> None:
        """A folder event, or files that have not held still yet: look when they have."""
        settled = self._agent.config.settings.inbound.settle_seconds + WAKE_MARGIN_SECONDS
        self._clockwork.soon("sweep", settled)

    def _purge(self) -> None:
        """A clock that leapt ahead, or a long standstill, puts it off by a day."""
        if not retention.clock_is_plausible(self._agent):
            log.info("purge: put off until tomorrow, because nothing was done for a day before now")
            return
        purged = retention.purge(self._agent)
        files, records = purged.files.total(), purged.records.total()
        if files or records:
            log.info("purge: %d file(s) and %d record(s) had been kept long enough", files, records)

    def _look_for_others(self) -> None:
        self._watch.look(self._agent)

    def _take_up_released(self) -> None:
        """What an operator let go while the service runs is not to wait for its next turn, a day perhaps."""
        for hold in held(self._agent):
            if hold.released_at is None:
                continue
            kind = Kind(hold.kind)
            if kind is Kind.BOOKINGS:
                self._clockwork.soon("sweep")
            elif kind is Kind.APPOINTMENT_UPDATES:
                self._clockwork.soon(f"updates {hold.partner_id}")
            else:
                self._clockwork.soon(_exporting(kind, hold.partner_id))

    def _check_licence(self) -> None:
        self._agent.licence.require()

    def _check_keys(self) -> None:
        for warning in warn_of_keys(self._agent):
            log.warning("%s. See `otv-agent keys calendar`.", warning)


def _receiving(partner_id: str) -> str:
    return f"{partner_id}: receiving"


def _held(kind: Kind, partner_id: str) -> str:
    return f"{partner_id}: sudden change of {kind}"


def _names(lane: Lane) -> set[str]:
    return {file.name for file in lane.outbox.waiting()}


def _exporting(kind: Kind, partner_id: str) -> str:
    return f"export {kind} {partner_id}"
