"""What waits, what went and came, and when: one reading of folders and database, for people and machines.

Reads only, also while the service runs. Ids, counts and times; nothing of any patient.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.adapters.activity import Activity, activity
from agent.adapters.audit_log import SqlAuditLog
from agent.adapters.good_cycles import AuditCheck
from agent.adapters.hold_ledger import SqlHoldLedger
from agent.adapters.practice_snapshot import SqlPracticeSnapshot
from agent.adapters.process_lock import is_held
from agent.adapters.staff_notes import staff_notes
from agent.domain.key_calendar import warnings_due
from agent.domain.sudden_change import in_words
from agent.errors import AgentError
from agent.flows.lane import Lane
from agent.freshness import Direction, LaneFreshness, lane_freshness, read_standing
from agent.key_calendar import key_calendar
from agent.language import Language, LanguageCode
from agent.operations import Agent
from agent.ports import Hold, PracticeSnapshot

NEVER = Activity(None, None, None, 0)
ENGLISH = Language(LanguageCode.ENGLISH)


@dataclass(frozen=True, slots=True)
class HeldStatus:
    """Files of a kind that wait because too much would change at once; `what` are numbers in words."""

    kind: str
    held_at: str
    what: str
    released: bool


@dataclass(frozen=True, slots=True)
class DirectionStatus:
    """How fresh one direction is: `green`, `amber` or `red`, and the sentence that says why."""

    freshness: str
    why: str
    last_good_cycle_at: str | None
    every_seconds: int


@dataclass(frozen=True, slots=True)
class AuditCheckStatus:
    """The service's last verification of the whole audit log; `problem` is a sentence, None if all held."""

    at: str
    entries: int | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """One partner: files per folder, and the last moments as ISO text in UTC."""

    name: str
    outbox_waiting: int
    given_up: int
    """Files that could not be delivered for days and wait for an operator."""
    unconfirmed: int
    """Deliveries in all in which the server took the file before its size could be compared."""
    inbound_waiting: int
    archived: int
    quarantined: int
    last_delivered_at: str | None
    last_received_at: str | None
    last_booking_at: str | None
    revoked_at: str | None
    open_removals: int
    """Patients whom the partner is to erase and has not confirmed."""
    held: list[HeldStatus]
    outbound: DirectionStatus
    inbound: DirectionStatus


@dataclass(frozen=True, slots=True)
class Status:
    """The whole agent; `licence` is a sentence."""

    practice_id: str
    running: bool
    running_since: str | None
    licence: str
    audit_entries: int
    audit_head: str
    audit_check: AuditCheckStatus | None
    open_notes: int
    """Possible duplicates and overlaps that the reception has not dealt with."""
    keys: tuple[str, ...]
    """What ends within 60 days, is expired or cannot be looked at, one sentence each."""
    partners: dict[str, LaneStatus]


def read_status(agent: Agent) -> Status:
    """Raises DatabaseError, SpoolError."""
    with agent.connector.reading() as connection:
        now = agent.practice.clock()
        last = activity(connection, now)
        held = SqlHoldLedger(connection).all_held()
        head = SqlAuditLog(connection, agent.audit_key).head()
        open_notes = len(staff_notes(connection, resolved_too=False))
        snapshot = SqlPracticeSnapshot(connection)
        standing = read_standing(agent, snapshot, held, now)
        fresh = lane_freshness(agent, standing)
        lanes = {
            partner_id: _lane(lane, last.get(partner_id, NEVER), snapshot, held, fresh[partner_id])
            for partner_id, lane in agent.lanes.items()
        }
    return Status(
        practice_id=agent.practice.practice_id,
        running=is_held(agent.config.settings.data_folder),
        running_since=_text(standing.running_since),
        licence=_licence(agent),
        audit_entries=head.sequence,
        audit_head=str(head),
        audit_check=_audit_check(standing.known.audit),
        open_notes=open_notes,
        keys=_keys(agent),
        partners=lanes,
    )


def _lane(
    lane: Lane,
    last: Activity,
    snapshot: PracticeSnapshot,
    held: Iterable[Hold],
    fresh: Mapping[Direction, LaneFreshness],
) -> LaneStatus:
    files = lane.inbound.counts()
    return LaneStatus(
        name=lane.partner_name,
        outbox_waiting=len(lane.outbox.waiting()),
        given_up=len(lane.outbox.failed()),
        unconfirmed=last.unconfirmed,
        inbound_waiting=files["waiting"] + files["claimed"],
        archived=files["archive"],
        quarantined=files["quarantine"],
        last_delivered_at=_text(last.delivered_at),
        last_received_at=_text(last.received_at),
        last_booking_at=_text(last.booked_at),
        revoked_at=_text(snapshot.revoked_at(lane.partner_id)),
        open_removals=len(snapshot.removed_aliases(lane.partner_id)),
        held=[
            HeldStatus(
                hold.kind,
                hold.held_at.isoformat(timespec="seconds"),
                in_words(hold.changes),
                hold.released_at is not None,
            )
            for hold in held
            if hold.partner_id == lane.partner_id
        ],
        outbound=_direction(fresh[Direction.OUTBOUND]),
        inbound=_direction(fresh[Direction.INBOUND]),
    )


def _direction(fresh: LaneFreshness) -> DirectionStatus:
    return DirectionStatus(
        fresh.freshness.value,
        ENGLISH.say(fresh.why),
        _text(fresh.last_good_at),
        int(fresh.every.total_seconds()),
    )


def _audit_check(check: AuditCheck | None) -> AuditCheckStatus | None:
    if check is None:
        return None
    return AuditCheckStatus(check.at.isoformat(timespec="seconds"), check.entries, check.problem)


def _licence(agent: Agent) -> str:
    try:
        agent.licence.require()
        return f"valid until {agent.licence.licence().expires_on.isoformat()}"
    except AgentError as error:
        return f"not valid: {error}"


def _keys(agent: Agent) -> tuple[str, ...]:
    now = agent.practice.clock()
    calendar = key_calendar(agent, now)
    due = warnings_due(calendar.dates, now)
    return (*(str(warning) for warning in due), *(f"not to be read: {fault}" for fault in calendar.faults))


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
