"""Deliver: outbox -> claim -> upload under a temporary name -> size check -> rename -> sent.

Order of effects, and what a crash in each gap means:

0. outdated? dropped         made anew by the next export
1. claim                     put back at the next start
2. upload, compare, rename   the same name and bytes are sent again; the partner tells by the message id
3. audit entry "delivered"   sent again, and a second audit line
4. finish to `sent`          as before

A file leaves the outbox only for `sent`; whatever fails leaves it waiting. Only
a snapshot that has become untrue goes nowhere.
Appointment updates go in the order of their numbers: behind one that failed
the later ones wait too, or the partner would end with an older truth.
"""

from dataclasses import dataclass

from agent.errors import AgentError
from agent.flows.lane import Lane, PracticeSide
from agent.flows.outdated import drop_if_outdated
from agent.ports import TransferSession, WaitingFile
from exchange_formats.envelope import Kind
from exchange_formats.file_names import parse_sealed_name

FIRST = (Kind.RECEIPTS, Kind.APPOINTMENT_UPDATES)
"""Patients wait for these; both by number, because a clock that was set back shows in the names."""


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """How many files the partner now has, and how many were dropped because they had become untrue."""

    delivered: int
    outdated: int


def deliver(practice: PracticeSide, lane: Lane, session: TransferSession) -> DeliveryResult:
    """Send what waits over one connection: receipts, updates, then the rest.

    A file that fails goes back and the others are still tried, except for the updates behind an
    update; the first failure is raised at the end. Updates for a revoked partner wait.
    """
    practice.require_licence(lane.partner_id)
    with practice.database.read() as snapshot:
        updates_wait = snapshot.revoked_at(lane.partner_id) is not None
    delivered = outdated = 0
    failures: list[AgentError] = []
    for file in sorted(lane.outbox.waiting(), key=_turn):
        is_update = _kind(file) is Kind.APPOINTMENT_UPDATES
        if is_update and updates_wait:
            continue
        try:
            if drop_if_outdated(practice, lane, file):
                outdated += 1
            else:
                delivered += _deliver_one(practice, lane, session, file)
        except AgentError as error:
            failures.append(error)
            updates_wait = updates_wait or is_update
    if failures:
        raise failures[0]
    return DeliveryResult(delivered, outdated)


def _deliver_one(practice: PracticeSide, lane: Lane, session: TransferSession, file: WaitingFile) -> bool:
    """To the partner, into the audit, then to `sent`; back to waiting if any of it fails, by a defect too.

    False if somebody else was faster.
    """
    claimed = lane.outbox.claim(file.name)
    if claimed is None:
        return False
    try:
        delivery = session.upload(claimed.path, claimed.name)
        with practice.database.write() as work:
            work.audit.append(
                f"delivered {delivery.value}", practice.clock(), lane.partner_id, file=claimed.name
            )
        lane.outbox.finish(claimed)
    except BaseException:
        lane.outbox.release(claimed)
        raise
    return True


def _kind(file: WaitingFile) -> Kind | None:
    name = parse_sealed_name(file.name)
    return name.kind if name else None


def _turn(file: WaitingFile) -> tuple[int, int, str]:
    name = parse_sealed_name(file.name)
    if name is None or name.kind not in FIRST:
        return len(FIRST), 0, file.name
    return FIRST.index(name.kind), name.sequence, file.name
