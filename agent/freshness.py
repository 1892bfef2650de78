"""Every lane's colour and the sentence that says why: time since the last good cycle, in both directions.

Puts together what the rules need (`agent.domain.freshness`): the remembered
good cycles, the schedule, the opening hours, holds, licence. For the status,
the metrics and the status page; it writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from agent.adapters.good_cycles import GoodCycles, Step
from agent.adapters.process_lock import is_held
from agent.domain import freshness as rules
from agent.domain.freshness import Cause, Freshness, Judgement
from agent.domain.intervals import Interval, instant
from agent.domain.practice import PracticeCalendar
from agent.domain.practice_hours import practice_open
from agent.errors import AgentError, LicenceInvalidError
from agent.flows.lane import Lane
from agent.language import Sentence, sentence
from agent.operations import Agent
from agent.ports import Hold, PracticeSnapshot
from exchange_formats.envelope import Kind

SECONDS_PER_MINUTE = 60

_BOTH = {
    Cause.ON_TIME: sentence("Works as planned."),
    Cause.CLOSED: sentence("Nothing is late: the practice has hardly been open since the last good cycle."),
    Cause.LATE: sentence(
        "Late: {minutes} minutes of opening time without a good cycle; one is due every {due} minutes."
    ),
    Cause.LATE_WHILE_CLOSED: sentence("For more than a day the service has tried without a good cycle."),
    Cause.STARTING: sentence("The service has just started: the first cycle is under way."),
    Cause.UNKNOWN: sentence("No good cycle is known."),
    Cause.HELD: sentence("Something waits because too much would change at once: look at it and release it."),
    Cause.NO_LICENCE: sentence("The licence is not valid: nothing is exchanged."),
}
_OUTBOUND = {
    Cause.OUT_OF_DATE: sentence(
        "The free times that the partner has are out of date: "
        "no new ones reached it in {minutes} minutes of opening time."
    ),
    Cause.LANE_CLOSED: sentence("The lane is closed: only removals still go to the partner."),
}
_INBOUND = {
    Cause.OUT_OF_DATE: sentence("Nothing is taken in: no good cycle in {minutes} minutes of opening time."),
    Cause.LANE_CLOSED: sentence("The lane is closed: only confirmations of removals are still taken."),
}


class Direction(StrEnum):
    """Seen from the practice."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


@dataclass(frozen=True, slots=True)
class LaneFreshness:
    """One direction of one partner; `every` is how often a good cycle should be."""

    freshness: Freshness
    why: Sentence
    last_good_at: datetime | None
    every: timedelta


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of the practice at the moment `now`.

    Without a calendar, because the database is down, every hour counts as
    open. `running_since` is None while the service stands still.
    """

    now: datetime
    known: GoodCycles
    running_since: datetime | None
    unlicensed: frozenset[str]
    calendar: PracticeCalendar | None
    revoked: frozenset[str]
    held: Sequence[Hold]

    def opened(self) -> list[Interval]:
        """From the oldest good cycle on, as far back as one counts."""
        now = instant(self.now)
        start = max(now - rules.LOOK_BACK, min(map(instant, self.known.steps.values()), default=now))
        if start >= now:
            return []
        return [(start, now)] if self.calendar is None else practice_open(self.calendar, (start, now))


def read_standing(
    agent: Agent, snapshot: PracticeSnapshot | None, held: Sequence[Hold], now: datetime
) -> Standing:
    """Without a snapshot, because the database is down, only what needs none. Raises DatabaseError."""
    known = agent.cycles.known()
    running = is_held(agent.config.settings.data_folder)
    return Standing(
        now=now,
        known=known,
        running_since=known.running_since if running else None,
        unlicensed=frozenset(partner_id for partner_id in agent.lanes if not _is_licensed(agent, partner_id)),
        calendar=snapshot.calendar() if snapshot else None,
        revoked=frozenset(
            partner_id for partner_id in agent.lanes if snapshot and snapshot.revoked_at(partner_id)
        ),
        held=held,
    )


def lane_freshness(agent: Agent, standing: Standing) -> dict[str, Mapping[Direction, LaneFreshness]]:
    """Both directions of every enabled partner."""
    opened = standing.opened()
    return {
        partner_id: {
            direction: _direction(agent, lane, direction, standing, opened) for direction in Direction
        }
        for partner_id, lane in agent.lanes.items()
    }


def _is_licensed(agent: Agent, partner_id: str) -> bool:
    """Where it cannot be told, because gpg is missing or the clock in doubt, the time alone judges."""
    try:
        agent.licence.require(partner_id)
    except LicenceInvalidError:
        return False
    except AgentError:
        return True
    return True


def _direction(
    agent: Agent, lane: Lane, direction: Direction, standing: Standing, opened: Sequence[Interval]
) -> LaneFreshness:
    last_good_at = _last_good_at(lane, direction, standing.known)
    every = _every(agent, lane, direction)
    by_time = rules.judged(
        opened,
        None if last_good_at is None else instant(last_good_at),
        _seconds(every),
        instant(standing.now),
        None if standing.running_since is None else instant(standing.running_since),
    )
    judgement = _judgement(lane, direction, standing, by_time)
    return LaneFreshness(judgement.freshness, _why(judgement, direction, every), last_good_at, every)


def _judgement(lane: Lane, direction: Direction, standing: Standing, by_time: Judgement) -> Judgement:
    if lane.partner_id in standing.unlicensed:
        return rules.NO_LICENCE
    if lane.partner_id in standing.revoked:
        return rules.LANE_CLOSED
    waits = any(
        hold.partner_id == lane.partner_id
        and hold.released_at is None
        and (hold.kind == Kind.BOOKINGS) == (direction is Direction.INBOUND)
        for hold in standing.held
    )
    return rules.held(by_time) if waits else by_time


def _last_good_at(lane: Lane, direction: Direction, known: GoodCycles) -> datetime | None:
    """Without a server nobody delivers and fetches: files are taken from the outbox and put into inbound."""
    if direction is Direction.OUTBOUND:
        step = Step.EXPORTED if lane.transport is None else Step.DELIVERED
        return known.steps.get((lane.partner_id, step))
    swept_at = known.steps.get((lane.partner_id, Step.SWEPT))
    if lane.transport is None:
        return swept_at
    fetched_at = known.steps.get((lane.partner_id, Step.FETCHED))
    return None if swept_at is None or fetched_at is None else min(swept_at, fetched_at)


def _every(agent: Agent, lane: Lane, direction: Direction) -> timedelta:
    schedule = agent.config.settings.schedule
    if direction is Direction.OUTBOUND:
        return timedelta(minutes=schedule.availability_every_minutes)
    visits = 0 if lane.transport is None else schedule.exchange_every_seconds
    return timedelta(seconds=max(schedule.sweep_every_seconds, visits))


def _why(judgement: Judgement, direction: Direction, every: timedelta) -> Sentence:
    of_direction = _OUTBOUND if direction is Direction.OUTBOUND else _INBOUND
    found = of_direction.get(judgement.cause) or _BOTH[judgement.cause]
    due = rules.interval(_seconds(every)) // SECONDS_PER_MINUTE
    return Sentence(found.text, {"minutes": judgement.waited // SECONDS_PER_MINUTE, "due": due})


def _seconds(length: timedelta) -> int:
    return int(length.total_seconds())
