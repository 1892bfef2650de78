"""The board's rows that need no query: folders, licence, keys and troubles in the shapes of `agent.board`.

Used by `agent.board_reader` alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.adapters.activity import Activity
from agent.board import (
    BoardGivenUp,
    BoardHold,
    BoardKey,
    BoardLane,
    BoardLicence,
    BoardPartner,
    BoardSetAside,
    BoardTrouble,
)
from agent.domain.key_calendar import KeyDate, warnings_due
from agent.errors import AgentError
from agent.flows.lane import Lane
from agent.freshness import Direction, LaneFreshness
from agent.operations import Agent
from agent.ports import Hold
from agent.quarantine import in_quarantine
from agent.troubles import Troubles
from exchange_formats.file_names import parse_sealed_name

NEVER = Activity(None, None, None, 0)


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """What the database tells of one partner."""

    last: Activity = NEVER
    revoked_at: datetime | None = None
    open_removals: int = 0


def trouble_rows(troubles: Troubles) -> Iterator[BoardTrouble]:
    """The longest lasting first."""
    begun = troubles.since()
    current = troubles.current()
    for place in sorted(current, key=lambda place: (str(begun.get(place, "")), place)):
        message, remedy = current[place]
        yield BoardTrouble(place, message, remedy, begun.get(place))


def licence_row(agent: Agent) -> BoardLicence:
    problem, valid_until = None, None
    try:
        agent.licence.require()
    except AgentError as error:
        problem = str(error)
    try:
        valid_until = agent.licence.licence().expires_on
    except AgentError as error:
        problem = problem or str(error)
    return BoardLicence(valid_until, problem)


def key_rows(dates: Iterable[KeyDate], now: datetime) -> Iterator[BoardKey]:
    """What ends first comes first, what never ends last."""
    dates = list(dates)
    steps = {warning.key_date: warning.step for warning in warnings_due(dates, now)}
    for key_date in sorted(dates, key=lambda one: (one.ends_at is None, one.ends_at or now, one.subject)):
        left = None if key_date.ends_at is None else max(0, (key_date.ends_at - now).days)
        yield BoardKey(key_date, left, steps.get(key_date))


def partner_row(lane: Lane, fresh: Mapping[Direction, LaneFreshness], known: Bookkeeping) -> BoardPartner:
    """Raises SpoolError."""
    outbox, files = lane.outbox.waiting(), lane.inbound.counts()
    return BoardPartner(
        partner_id=lane.partner_id,
        name=lane.partner_name,
        has_server=lane.transport is not None,
        outbound=_lane(
            fresh[Direction.OUTBOUND],
            len(outbox),
            min((file.since for file in outbox), default=None),
            known.last.delivered_at,
        ),
        inbound=_lane(
            fresh[Direction.INBOUND],
            files["waiting"] + files["claimed"],
            lane.inbound.waiting_since(),
            known.last.received_at,
        ),
        last_booked_at=known.last.booked_at,
        revoked_at=known.revoked_at,
        open_removals=known.open_removals,
    )


def _lane(
    fresh: LaneFreshness, waiting: int, waiting_since: datetime | None, last_file_at: datetime | None
) -> BoardLane:
    return BoardLane(
        freshness=fresh.freshness,
        why=fresh.why,
        last_good_at=fresh.last_good_at,
        every=fresh.every,
        waiting=waiting,
        waiting_since=waiting_since,
        last_file_at=last_file_at,
    )


def hold_rows(held: Iterable[Hold]) -> Iterator[BoardHold]:
    for hold in held:
        yield BoardHold(hold.partner_id, hold.kind, hold.held_at, hold.changes, hold.released_at)


def set_aside_rows(agent: Agent, most: int) -> list[BoardSetAside]:
    """The newest of each partner, `most` in all, the newest first. Raises SpoolError."""
    rows = [
        BoardSetAside(
            partner_id,
            file.file_id,
            file.reason,
            file.at,
            file.authenticated,
            can_retry=file.is_sealed and not file.authenticated,
        )
        for partner_id, file in in_quarantine(agent, None, newest=most)
    ]
    return sorted(rows, key=lambda row: (row.at, row.file_id), reverse=True)[:most]


def given_up_rows(lane: Lane) -> list[BoardGivenUp]:
    """Raises SpoolError."""
    named = ((file, parse_sealed_name(file.name)) for file in lane.outbox.failed())
    return [
        BoardGivenUp(lane.partner_id, file.name, name.kind.value if name else None, file.since)
        for file, name in named
    ]
