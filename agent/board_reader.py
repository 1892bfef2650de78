"""Reads the board: folders and troubles each time, what is costly once a minute, whatever is down.

For the status page, from any of its threads. A database that does not answer,
or a folder that cannot be listed, is a trouble on the board and no error.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from importlib.metadata import version
from typing import TypeVar

from agent.board import Board, BoardGivenUp, BoardPartner, BoardTrouble
from agent.board_book import Book, Charts, read_book, read_charts
from agent.board_rows import (
    Bookkeeping,
    given_up_rows,
    hold_rows,
    key_rows,
    licence_row,
    partner_row,
    set_aside_rows,
    trouble_rows,
)
from agent.clock import utc_now
from agent.doctor.examination import examine_at_work
from agent.doctor.finding import Finding
from agent.domain.practice import PracticeCalendar
from agent.errors import AgentError
from agent.freshness import Standing, lane_freshness, read_standing
from agent.key_calendar import KeyCalendar, key_calendar
from agent.operations import Agent
from agent.ports import Clock
from agent.troubles import Troubles, told

KEEP_SECONDS = 60.0
"""For what is costly: heat map, day series, key calendar, what the doctor finds."""
MOST_SET_ASIDE = 100
"""Rows that are shown; whoever floods a folder must not slow the page down too."""
USUAL_TIME_ZONE = "Europe/Berlin"
DATABASE, QUARANTINE = "database", "quarantine"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Costly:
    """What is kept for a while, since when, and for which wiring."""

    charts: Charts
    keys: KeyCalendar
    since: float
    agent: Agent


@dataclass(frozen=True, slots=True)
class _Examined:
    """What the doctor found, since when, for which wiring, and whether the database answered it."""

    findings: tuple[Finding, ...]
    since: float
    agent: Agent
    database_answers: bool


@dataclass(slots=True)
class _Look:
    """One reading of the board, and what it met on the way."""

    agent: Agent
    now: datetime
    met: list[BoardTrouble] = field(default_factory=list)

    def attempt(self, place: str, look: Callable[[], _T]) -> _T | None:
        """None if it cannot be had; then there is a trouble more."""
        try:
            return look()
        except AgentError as error:
            message, remedy = told(error)
            self.met.append(BoardTrouble(place, message, remedy, None))
            return None


class BoardReader:
    """Over the agent that is wired now; `wall` is the machine's clock, whatever is thought of it."""

    def __init__(
        self,
        current: Callable[[], Agent],
        troubles: Troubles,
        wall: Clock = utc_now,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._current, self._troubles = current, troubles
        self._wall, self._steady = wall, steady
        self._lock = threading.Lock()
        self._costly: _Costly | None = None
        self._examined: _Examined | None = None
        # Kept while the database is down: at night nothing is late, whether it answers or not.
        self._calendar: PracticeCalendar | None = None

    def read(self) -> Board:
        """The board of this moment; one at a time, the others wait for it."""
        with self._lock:
            return self._board(_Look(self._current(), self._wall()))

    def _board(self, look: _Look) -> Board:
        agent, now = look.agent, look.now
        book = look.attempt(DATABASE, partial(read_book, agent, now))
        costly = None if book is None else look.attempt(DATABASE, partial(self._kept, look, book))
        standing = self._standing(look, book)
        return Board(
            practice_id=agent.practice.practice_id,
            practice_name=book.identity.name if book else None,
            time_zone=self._calendar.time_zone if self._calendar else USUAL_TIME_ZONE,
            version=version("otv-agent"),
            now=now,
            running_since=standing.running_since,
            partners=tuple(_partners(look, standing, book)),
            holds=tuple(hold_rows(standing.held)),
            quarantine=tuple(look.attempt(QUARANTINE, partial(set_aside_rows, agent, MOST_SET_ASIDE)) or ()),
            given_up=tuple(_given_up(look)),
            licence=licence_row(agent),
            keys=tuple(key_rows(costly.keys.dates, now)) if costly else (),
            key_problems=tuple(map(str, costly.keys.faults)) if costly else (),
            findings=self._findings(look.agent, database_answers=book is not None),
            audit=standing.known.audit,
            open_notes=book.open_notes if book else None,
            heat=costly.charts.heat if costly else None,
            series=costly.charts.series if costly else None,
            troubles=(*trouble_rows(self._troubles), *look.met),
        )

    def _standing(self, look: _Look, book: Book | None) -> Standing:
        if book is not None:
            self._calendar = book.calendar
            return book.standing
        return replace(read_standing(look.agent, None, (), look.now), calendar=self._calendar)

    def _kept(self, look: _Look, book: Book) -> _Costly:
        known, steady = self._costly, self._steady()
        if known is None or known.agent is not look.agent or steady - known.since > KEEP_SECONDS:
            charts = read_charts(look.agent, book, look.now)
            known = _Costly(charts, key_calendar(look.agent, look.now), steady, look.agent)
            self._costly = known
        return known

    def _findings(self, agent: Agent, *, database_answers: bool) -> tuple[Finding, ...]:
        known, steady = self._examined, self._steady()
        fits = known is not None and known.agent is agent and known.database_answers is database_answers
        if known is None or not fits or steady - known.since > KEEP_SECONDS:
            findings = tuple(examine_at_work(agent, database_answers=database_answers))
            known = self._examined = _Examined(findings, steady, agent, database_answers)
        return known.findings


def _partners(look: _Look, standing: Standing, book: Book | None) -> Iterator[BoardPartner]:
    fresh = lane_freshness(look.agent, standing)
    for partner_id, lane in look.agent.lanes.items():
        known = book.partners[partner_id] if book else Bookkeeping()
        row = look.attempt(partner_id, partial(partner_row, lane, fresh[partner_id], known))
        if row is not None:
            yield row


def _given_up(look: _Look) -> Iterator[BoardGivenUp]:
    for partner_id, lane in look.agent.lanes.items():
        yield from look.attempt(partner_id, partial(given_up_rows, lane)) or ()
