"""What the service does for one partner: export, tell updates, announce a key, exchange.

One of these at a time for each lane, on a thread of its own, so that a hanging
server delays nobody else (promise P8). When each has its turn is the daemon's
business; what has arrived is the sweep's.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta

from agent.clockwork import Clockwork
from agent.domain.retries import pause_before_next_visit
from agent.errors import (
    GivenUpError,
    RefusedByServerError,
    SuddenChangeError,
    TransferError,
    UnfitServerError,
)
from agent.flows.exchange import ExchangeResult
from agent.flows.lane import Lane
from agent.job_names import exchanging, exporting, given_up, held_back, server_of
from agent.operations import Agent
from agent.sweep import WAKE_MARGIN_SECONDS, wake
from agent.troubles import Troubles
from exchange_formats.envelope import Kind

log = logging.getLogger(__name__)

AVAILABILITY_AFTER_SECONDS = 5.0
"""From an import to the files without the slots it took; bookings that come meanwhile share them."""


class LaneJobs:
    """The jobs of all lanes, over changes of the configuration: a job that waits keeps its lane's lock."""

    def __init__(self, current: Callable[[], Agent], clockwork: Clockwork, troubles: Troubles) -> None:
        """`current` tells the agent that is wired now."""
        self._current = current
        self._clockwork = clockwork
        self._troubles = troubles
        self._locks: dict[str, threading.Lock] = {}
        self._failing_since: dict[str, float] = {}
        # Files whose bookings changed the book so far; an export that began before the last one is behind.
        self._book_changes = 0

    def begin(self, partner_ids: Iterable[str]) -> None:
        """Before their jobs are planned; failures are forgotten, the line may have been mended."""
        for partner_id in partner_ids:
            self._locks.setdefault(partner_id, threading.Lock())
        self._failing_since.clear()

    def book_changed(self) -> None:
        """New availability for every partner soon: nobody is to go on offering a slot just taken."""
        self._book_changes += 1
        for partner_id in self._current().lanes:
            self._clockwork.soon(exporting(Kind.AVAILABILITY, partner_id), AVAILABILITY_AFTER_SECONDS)

    def export(self, partner_id: str, kind: Kind) -> None:
        with self._locks[partner_id]:
            agent = self._current()
            if partner_id not in agent.lanes or kind not in agent.kinds(partner_id):
                return  # Not opted in, revoked, or the configuration changed while this waited for its turn.
            seen = self._book_changes
            try:
                result = agent.export(partner_id, kind, self._clockwork.break_off_if_stopping)
            except SuddenChangeError as error:
                # No failure to be tried again at once: a person has to look, or the next turn finds it gone.
                self._troubles.met(held_back(kind, partner_id), error)
                return
        self._troubles.over(held_back(kind, partner_id))
        log.info("%s: %s ready, %d records", partner_id, kind, result.records.total())
        self._clockwork.soon(exchanging(partner_id))
        if kind is Kind.AVAILABILITY and self._book_changes > seen:
            # A turn that was asked for while this one ran has been skipped.
            self._clockwork.soon(exporting(kind, partner_id), AVAILABILITY_AFTER_SECONDS)

    def tell_updates(self, partner_id: str) -> None:
        with self._locks[partner_id]:
            agent = self._current()
            if partner_id not in agent.lanes:
                return
            told = agent.tell_updates(partner_id)
        if told:
            log.info("%s: %d changed appointment(s) told", partner_id, told)
            self._clockwork.soon(exchanging(partner_id))

    def hand_over(self, partner_id: str) -> None:
        """Also at once after `keys rotate`: a new wiring lets every job begin."""
        with self._locks[partner_id]:
            agent = self._current()
            announced = partner_id in agent.lanes and agent.hand_over(partner_id)
        if announced:
            log.info("%s: our next key is announced", partner_id)
            self._clockwork.soon(exchanging(partner_id))

    def exchange(self, partner_id: str) -> None:
        with self._locks[partner_id]:
            agent = self._current()
            if partner_id not in agent.lanes:
                return
            waited = _names(agent.lane(partner_id))
            try:
                result = agent.exchange(partner_id)
            except TransferError as error:
                self._stay_away(partner_id, error)
                wake(agent, self._clockwork)  # Some files may have come all the same.
                raise
            finally:
                self._tell_given_up(agent.lane(partner_id))
        self._failing_since.pop(partner_id, None)
        self._tell_result(partner_id, result)
        if result.fetched:
            wake(agent, self._clockwork)
        if result.outdated:
            self._clockwork.soon(exporting(Kind.PATIENTS, partner_id))
        if _names(agent.lane(partner_id)) - waited:
            # Put there meanwhile: a turn that was asked for while this one ran has been skipped.
            self._clockwork.soon(exchanging(partner_id), WAKE_MARGIN_SECONDS)

    def _stay_away(self, partner_id: str, error: TransferError) -> None:
        """The longer the line fails, the longer; a refused file is no reason, the next one may be taken."""
        if isinstance(error, RefusedByServerError):
            self._failing_since.pop(partner_id, None)
            return
        now = time.monotonic()
        failing_for = timedelta(seconds=now - self._failing_since.setdefault(partner_id, now))
        usual = timedelta(seconds=self._current().config.settings.schedule.exchange_every_seconds)
        # No secret: it only spreads the visits of many practices.
        draw = random.random()  # noqa: S311
        pause = pause_before_next_visit(failing_for, usual, draw)
        self._clockwork.put_off(exchanging(partner_id), pause)

    def _tell_result(self, partner_id: str, result: ExchangeResult) -> None:
        if result.delivered or result.fetched:
            unconfirmed = f" ({result.unconfirmed} unconfirmed)" if result.unconfirmed else ""
            log.info(
                "%s: %d delivered%s, %d fetched", partner_id, result.delivered, unconfirmed, result.fetched
            )
        place = server_of(partner_id)
        if result.complaints:
            self._troubles.met(place, UnfitServerError("; ".join(result.complaints)))
        else:
            self._troubles.over(place)

    def _tell_given_up(self, lane: Lane) -> None:
        place = given_up(lane.partner_id)
        files = len(lane.outbox.failed())
        if files:
            self._troubles.met(place, GivenUpError(f"{files} file(s) could not be delivered for days"))
        else:
            self._troubles.over(place)


def _names(lane: Lane) -> set[str]:
    return {file.name for file in lane.outbox.waiting()}
