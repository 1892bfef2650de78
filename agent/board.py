"""What the status page shows: one picture of the whole agent at one moment.

Ids, counts, times and the practice's own names (columns, partners); nothing
of any patient. What cannot be known while the database is down is None or
empty, and the trouble says so.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from agent.adapters.good_cycles import AuditCheck
from agent.doctor.finding import Finding
from agent.domain.day_series import DaySeries
from agent.domain.freshness import Freshness
from agent.domain.heat_map import HeatMap
from agent.domain.key_calendar import KeyDate
from agent.domain.sudden_change import Change
from agent.language import Sentence


@dataclass(frozen=True, slots=True)
class BoardTrouble:
    """Something that is wrong now; the message is English, the remedy a key of the catalogue."""

    place: str
    message: str
    remedy: str
    since: datetime | None
    """None for what was met while the board was read."""


@dataclass(frozen=True, slots=True)
class BoardLicence:
    """Valid until the end of that day, or the reason why not; both, where it has ended."""

    valid_until: date | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class BoardKey:
    """One thing in play that may end; without an end there are no days left.

    `step` is the step of the warnings that has been reached (0: over), None
    before the first one and for what is standing by.
    """

    key_date: KeyDate
    days_left: int | None
    step: int | None


@dataclass(frozen=True, slots=True)
class BoardLane:
    """One direction of one partner.

    `why` says the colour's reason. `last_good_at` is None if no good cycle is
    known; `every` is how often one should be. `last_file_at` is when a file
    last went or came.
    """

    freshness: Freshness
    why: Sentence
    last_good_at: datetime | None
    every: timedelta
    waiting: int
    waiting_since: datetime | None
    last_file_at: datetime | None


@dataclass(frozen=True, slots=True)
class BoardPartner:
    """One enabled partner; `has_server` is False where files are fetched from and put into our folders."""

    partner_id: str
    name: str
    has_server: bool
    outbound: BoardLane
    inbound: BoardLane
    last_booked_at: datetime | None
    revoked_at: datetime | None
    open_removals: int


@dataclass(frozen=True, slots=True)
class BoardHold:
    """Files of a kind that wait because too much would change at once."""

    partner_id: str
    kind: str
    held_at: datetime
    changes: tuple[Change, ...]
    released_at: datetime | None


@dataclass(frozen=True, slots=True)
class BoardSetAside:
    """A file in quarantine; what its reason means stands in `agent.domain.refusal_advice.ADVICE`.

    `authenticated`: the partner signed it and has its receipt. `can_retry`:
    judging it once more may come to another end.
    """

    partner_id: str
    file_id: str
    reason: str
    at: datetime
    authenticated: bool
    can_retry: bool


@dataclass(frozen=True, slots=True)
class BoardGivenUp:
    """A file that could not be delivered for days; `otv-agent deliver --failed` sends it again."""

    partner_id: str
    file: str
    kind: str | None
    waiting_since: datetime


@dataclass(frozen=True, slots=True)
class Board:
    """The whole agent at the moment `now`; lists are in the order they are to be shown in."""

    practice_id: str
    practice_name: str | None
    time_zone: str
    version: str
    now: datetime
    running_since: datetime | None
    troubles: tuple[BoardTrouble, ...]
    licence: BoardLicence
    keys: tuple[BoardKey, ...]
    key_problems: tuple[str, ...]
    """What of the key calendar could not be looked at, a sentence each."""
    findings: tuple[Finding, ...]
    """What the doctor finds on this machine beside the work."""
    audit: AuditCheck | None
    open_notes: int | None
    """Possible duplicates and overlaps that the reception has not dealt with."""
    partners: tuple[BoardPartner, ...]
    holds: tuple[BoardHold, ...]
    quarantine: tuple[BoardSetAside, ...]
    given_up: tuple[BoardGivenUp, ...]
    heat: HeatMap | None
    series: DaySeries | None
