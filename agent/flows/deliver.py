"""Deliver: outbox -> claim -> upload under a temporary name -> size check -> rename -> sent.

Order of effects, and what a crash in each gap means:

1. claim                     put back at the next start
2. upload, compare, rename   the same name and bytes are sent again; the partner tells by the message id
3. audit entry "delivered"   sent again, and a second audit line
4. finish to `sent`          as before

A file leaves the outbox only for `sent`; whatever fails leaves it waiting.
Of waiting snapshots only the newest goes; receipts are never dropped.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from agent.errors import AgentError
from agent.flows.lane import Lane, PracticeSide
from agent.ports import TransferSession, WaitingFile
from exchange_formats.envelope import Kind
from exchange_formats.file_names import parse_sealed_name

SNAPSHOT_KINDS = frozenset({Kind.AVAILABILITY, Kind.REFERENCE_DATA, Kind.PATIENTS})


@dataclass(slots=True)
class DeliverResult:
    """How many files the partner now has, and how many gave way to a newer snapshot."""

    delivered: int = 0
    superseded: int = 0


def deliver(practice: PracticeSide, lane: Lane, session: TransferSession) -> DeliverResult:
    """Send everything that waits, receipts first, over one connection.

    A file that fails goes back and the others are still tried; the first failure is raised at the end.
    """
    practice.require_licence(lane.partner_id)
    result = DeliverResult()
    waiting = lane.outbox.waiting()
    for name in superseded(file.name for file in waiting):
        if lane.outbox.supersede(name):
            _audit(practice, lane, "export superseded", name)
            result.superseded += 1
    failures: list[AgentError] = []
    for file in sorted(lane.outbox.waiting(), key=_receipts_first):
        claimed = lane.outbox.claim(file.name)
        if claimed is None:
            continue
        try:
            _deliver_one(practice, lane, session, claimed)
        except AgentError as error:
            failures.append(error)
        else:
            result.delivered += 1
    if failures:
        raise failures[0]
    return result


def _deliver_one(practice: PracticeSide, lane: Lane, session: TransferSession, claimed: WaitingFile) -> None:
    """To the partner, into the audit, then to `sent`; back to waiting if any of it fails, by a defect too."""
    try:
        delivery = session.upload(claimed.path, claimed.name)
        _audit(practice, lane, f"delivered {delivery.value}", claimed.name)
        lane.outbox.finish(claimed)
    except BaseException:
        lane.outbox.release(claimed)
        raise


def superseded(names: Iterable[str]) -> list[str]:
    """The waiting snapshots that a newer one of the same kind makes pointless."""
    newest: dict[Kind, tuple[int, str]] = {}
    old = []
    for name in names:
        parsed = parse_sealed_name(name)
        if parsed is None or parsed.kind not in SNAPSHOT_KINDS:
            continue
        candidate = (parsed.sequence, name)
        best = newest.get(parsed.kind)
        if best is None:
            newest[parsed.kind] = candidate
        else:
            newest[parsed.kind] = max(best, candidate)
            old.append(min(best, candidate)[1])
    return old


def _receipts_first(file: WaitingFile) -> tuple[bool, str]:
    parsed = parse_sealed_name(file.name)
    return (parsed is None or parsed.kind is not Kind.RECEIPTS, file.name)


def _audit(practice: PracticeSide, lane: Lane, event: str, file_name: str) -> None:
    with practice.database.write() as work:
        work.audit.append(event, practice.clock(), lane.partner_id, file=file_name)
