"""Deliver: outbox -> claim -> upload under a temporary name -> size check -> rename -> sent.

Order of effects, and what a crash in each gap means:

0. outdated? dropped         made anew by the next export
1. claim                     put back at the next start
2. upload, compare, rename   the same name and bytes are sent again; the partner tells by the message id
3. audit entry "delivered"   sent again, and a second audit line
4. finish to `sent`          as before

A file leaves the outbox only for `sent`; whatever fails leaves it waiting, and
after days `failed` (agent.flows.give_up). Only a snapshot that has become
untrue goes nowhere.
Appointment updates go in the order of their numbers: behind one that failed
the later ones wait too, or the partner would end with an older truth.
"""

from dataclasses import dataclass
from datetime import datetime

from agent.domain.retries import LONGEST_PAUSE, pause_after_refusal
from agent.errors import AgentError, RefusedByServerError, TransferError
from agent.flows.give_up import give_up_if_overdue
from agent.flows.lane import Lane, PracticeSide
from agent.flows.outdated import drop_if_outdated
from agent.flows.withdrawn import dropped_or_renewed
from agent.ports import Delivery, TransferSession, WaitingFile
from exchange_formats.envelope import Kind
from exchange_formats.file_names import parse_sealed_name

FIRST = (Kind.KEY_HANDOVER, Kind.RECEIPTS, Kind.APPOINTMENT_UPDATES)
"""Without the first the others could not be believed, and patients wait for them.
All by number, because a clock that was set back shows in the names."""


@dataclass(slots=True)
class DeliveryResult:
    """How many files the partner now has, and how many were dropped because they had become untrue."""

    delivered: int = 0
    unconfirmed: int = 0
    """Of the delivered ones: taken by the server at once, so that no size could be compared."""
    outdated: int = 0


def deliver(practice: PracticeSide, lane: Lane, session: TransferSession) -> DeliveryResult:
    """Send what waits over one connection: receipts, updates, then the rest.

    A file that fails goes back and the others are still tried, except for the updates behind an
    update; the first failure is raised at the end. Updates for a revoked partner wait, and so do
    those behind one that was given up.
    """
    practice.require_licence(lane.partner_id)
    waiting = sorted(lane.outbox.waiting(), key=_turn)
    with practice.database.read() as snapshot:
        updates_wait = snapshot.revoked_at(lane.partner_id) is not None
    if waiting:
        # Nothing goes that could not be written down, or of which a restored backup knows nothing.
        with practice.database.write() as work:
            work.audit.head()
    updates_wait = updates_wait or any(_is_update(file) for file in lane.outbox.failed())
    result = DeliveryResult()
    failures: list[AgentError] = []
    for file in waiting:
        if _is_update(file) and updates_wait:
            continue
        try:
            settled = _settle(practice, lane, session, file, result)
        except AgentError as error:
            failures.append(error)
            settled = False
        updates_wait = updates_wait or (_is_update(file) and not settled)
    if failures:
        raise failures[0]
    return result


def _settle(
    practice: PracticeSide, lane: Lane, session: TransferSession, file: WaitingFile, result: DeliveryResult
) -> bool:
    """Drop or deliver one file; False if it stays, because the server refused it a moment ago."""
    if drop_if_outdated(practice, lane, file) or dropped_or_renewed(practice, lane, file):
        result.outdated += 1
    elif not _is_due(file, practice.clock()):
        return False
    elif delivery := _deliver_one(practice, lane, session, file):
        result.delivered += 1
        result.unconfirmed += delivery is Delivery.UNCONFIRMED
    return True


def _deliver_one(
    practice: PracticeSide, lane: Lane, session: TransferSession, file: WaitingFile
) -> Delivery | None:
    """To the partner, into the audit, then to `sent`; back to waiting if any of it fails, by a defect too.

    None if somebody else was faster.
    """
    claimed = lane.outbox.claim(file.name)
    if claimed is None:
        return None
    try:
        delivery = session.upload(claimed.path, claimed.name)
        with practice.database.write() as work:
            work.audit.append(
                f"delivered {delivery.value}", practice.clock(), lane.partner_id, file=claimed.name
            )
        lane.outbox.finish(claimed)
    except TransferError as error:
        _keep(practice, lane, claimed, error)
        raise
    except BaseException:
        lane.outbox.release(claimed)
        raise
    return delivery


def _keep(practice: PracticeSide, lane: Lane, claimed: WaitingFile, error: TransferError) -> None:
    """Back to waiting, unless that was the last try; what the server refused is left alone for a while."""
    not_before = None
    try:
        if give_up_if_overdue(practice, lane, claimed, error):
            return
        if isinstance(error, RefusedByServerError):
            now = practice.clock()
            not_before = now + pause_after_refusal(now - claimed.since)
    except BaseException:
        lane.outbox.release(claimed)
        raise
    lane.outbox.release(claimed, not_before)


def _is_due(file: WaitingFile, now: datetime) -> bool:
    """A pause longer than any we make comes from a clock that was set back: it does not count."""
    return file.not_before is None or not now < file.not_before <= now + LONGEST_PAUSE


def _is_update(file: WaitingFile) -> bool:
    name = parse_sealed_name(file.name)
    return name is not None and name.kind is Kind.APPOINTMENT_UPDATES


def _turn(file: WaitingFile) -> tuple[int, int, str]:
    name = parse_sealed_name(file.name)
    if name is None or name.kind not in FIRST:
        return len(FIRST), 0, file.name
    return FIRST.index(name.kind), name.sequence, file.name
