"""How fresh a partner's lane is: time since its last good cycle, judged by schedule and opening hours.

The core number of the status: "started" is not "working", and where nobody
complains it may be that nobody looks. Opening time alone makes a lane late, as
it alone uses up an availability file: a practice's computer may be off when
nobody is there, and nothing is booked at the desk then. A computer that stays
on is held to more: a day without a good cycle is late, open or not.

All instants are epoch seconds, all lengths seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from agent.domain.intervals import Interval, intersected

AMBER_AFTER, RED_AFTER = 2, 4
"""Intervals of opening time without a good cycle; an availability file is good for as many as red takes."""
LEAST_INTERVAL = 300
"""Visits come by the minute, and a router that dials in anew is no trouble: never judged by less."""
STARTING = 300
"""All jobs begin with the service, so the first cycles are over by then: until then nothing is red."""
DAY = 86_400
LOOK_BACK = 60 * DAY
"""Good cycles before that are as good as none."""
CLOCK_TOLERANCE = 300


class Freshness(StrEnum):
    """Green: as planned. Amber: late, or somebody has to look. Red: what the partner holds is out of date."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"

    @property
    def level(self) -> int:
        """0, 1 or 2: the higher, the worse."""
        return list(Freshness).index(self)


class Cause(StrEnum):
    """Why a lane has its colour."""

    ON_TIME = "on_time"
    CLOSED = "closed"
    """Nothing is late, because the practice has hardly been open since."""
    LATE = "late"
    OUT_OF_DATE = "out_of_date"
    LATE_WHILE_CLOSED = "late_while_closed"
    STARTING = "starting"
    UNKNOWN = "unknown"
    """No good cycle is known; one that lies ahead comes from a clock that was wrong, and is none."""
    HELD = "held"
    LANE_CLOSED = "lane_closed"
    NO_LICENCE = "no_licence"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The colour, its cause, and how much opening time has passed without a good cycle."""

    freshness: Freshness
    cause: Cause
    waited: int = 0


NO_LICENCE = Judgement(Freshness.RED, Cause.NO_LICENCE)
LANE_CLOSED = Judgement(Freshness.AMBER, Cause.LANE_CLOSED)


def judged(
    opened: Sequence[Interval], last_good: int | None, every: int, now: int, running_since: int | None
) -> Judgement:
    """The colour by time alone; `opened` is when the practice is open, from LOOK_BACK before `now` on.

    `running_since` is None while the service stands still. As long as nothing
    goes well the colour never gets better.
    """
    if last_good is None or not now - LOOK_BACK <= last_good <= now + CLOCK_TOLERANCE:
        worst = Judgement(Freshness.RED, Cause.UNKNOWN)
    else:
        worst = _worse(
            _by_opening_time(opened, last_good, every, now),
            _by_running_time(last_good, every, now, running_since),
        )
    is_starting = running_since is not None and 0 <= now - running_since < STARTING
    if is_starting and worst.freshness is Freshness.RED:
        return replace(worst, freshness=Freshness.AMBER, cause=Cause.STARTING)
    return worst


def held(by_time: Judgement) -> Judgement:
    """A lane with files that wait for a person's look: amber at least, and that is the reason to tell."""
    return replace(_worse(Judgement(Freshness.AMBER, Cause.HELD), by_time), cause=Cause.HELD)


def interval(every: int) -> int:
    """The seconds between two good cycles by which a lane is judged."""
    return max(every, LEAST_INTERVAL)


def _by_opening_time(opened: Sequence[Interval], last_good: int, every: int, now: int) -> Judgement:
    waited = sum(end - start for start, end in intersected(opened, [(last_good, max(now, last_good))]))
    if waited > RED_AFTER * interval(every):
        return Judgement(Freshness.RED, Cause.OUT_OF_DATE, waited)
    if waited > AMBER_AFTER * interval(every):
        return Judgement(Freshness.AMBER, Cause.LATE, waited)
    has_rested = now - last_good > AMBER_AFTER * interval(every)
    return Judgement(Freshness.GREEN, Cause.CLOSED if has_rested else Cause.ON_TIME, waited)


def _by_running_time(last_good: int, every: int, now: int, running_since: int | None) -> Judgement:
    patience = max(DAY, RED_AFTER * interval(every))
    tried_for = 0 if running_since is None else now - max(last_good, running_since)
    if tried_for > 2 * patience:
        return Judgement(Freshness.RED, Cause.LATE_WHILE_CLOSED)
    colour = Freshness.AMBER if tried_for > patience else Freshness.GREEN
    return Judgement(colour, Cause.LATE_WHILE_CLOSED)


def _worse(one: Judgement, other: Judgement) -> Judgement:
    """The first where both are alike."""
    return other if other.freshness.level > one.freshness.level else one
