"""Rehearse: what would leave for a partner now, kind by kind, made as an export makes it; nothing leaves.

One view of the practice is read and nothing is written: no number is taken,
no alias given, no disclosure recorded, nothing held or let go. Where the
lines go is for the caller to say, and whoever keeps them has patients' data
in the clear.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.domain.export_measure import SlotsOfDay, slot_differences
from agent.domain.sudden_change import Change, excessive
from agent.flows.export import require_agreed
from agent.flows.export_result import ExportResult
from agent.flows.heading import DocumentHead, envelope_of
from agent.flows.hold import may_go
from agent.flows.hold_export import changes_since, measure_of
from agent.flows.lane import Lane, PracticeSide
from agent.flows.snapshot_document import document
from agent.flows.tell_updates import updates_now
from agent.ports import GoodState, Hold, PracticeSnapshot
from exchange_formats.codec import encode
from exchange_formats.envelope import Kind

NO_MESSAGE = "rehearsal"
"""Instead of a message id: what is no message must not be taken for one."""

Keep = Callable[[Kind, Iterable[bytes]], None]
"""Takes every line of a file, the envelope first, once; whether it keeps them is its own affair."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One kind: what the file would hold, and what is different from the last one as far as that is known.

    Of the last file nothing is kept but what was counted of it (`before`; None: there was none), so what
    differs is known in numbers. `too_much` is what the guard would hold it for; `held` says that it would.
    """

    result: ExportResult
    before: GoodState | None
    changes: tuple[Change, ...]
    too_much: tuple[Change, ...]
    held: bool
    hold: Hold | None
    slots: tuple[SlotsOfDay, ...] = ()


def rehearse(practice: PracticeSide, lane: Lane, kind: Kind, keep: Keep) -> Rehearsal:
    """Make the file of a snapshot kind and hand its lines to `keep`.

    Raises UsageError for a kind that the partner does not get, DatabaseError, and whatever `keep` raises.
    """
    now, result = practice.clock(), ExportResult(kind)
    with practice.database.read() as snapshot:
        require_agreed(snapshot, lane, kind)
        newest = snapshot.newest_file(lane.partner_id, kind.value)
        head = DocumentHead(NO_MESSAGE, newest.sequence + 1 if newest else 1, now, None)
        with document(practice, snapshot, lane, result, head, dry_run=True) as (_, lines):
            keep(kind, lines)
        return _judged(snapshot, lane, result)


def rehearse_updates(practice: PracticeSide, lane: Lane, keep: Keep) -> Rehearsal:
    """The same of what staff changed since the partner was told. Raises DatabaseError."""
    now, kind = practice.clock(), Kind.APPOINTMENT_UPDATES
    with practice.database.read() as snapshot:
        records, too_much = updates_now(snapshot, lane, now)
        newest = snapshot.newest_file(lane.partner_id, kind.value)
        hold = snapshot.held(lane.partner_id, kind.value)
        time_zone = snapshot.identity().time_zone
    result = ExportResult(kind)
    result.records["appointment_update"] = len(records)
    head = DocumentHead(NO_MESSAGE, newest.sequence + 1 if newest else 1, now, None)
    envelope = envelope_of(practice, lane, kind, head, time_zone)
    if records:
        keep(kind, encode(envelope, records))
    return Rehearsal(result, None, (), too_much, not may_go(hold, too_much), hold)


def preview(practice: PracticeSide, lane: Lane, kind: Kind) -> ExportResult:
    """What an export would hold, counted. Raises LicenceInvalidError too: an export would."""
    practice.require_licence(lane.partner_id)
    return rehearse(practice, lane, kind, let_pass).result


def let_pass(_kind: Kind, lines: Iterable[bytes]) -> None:
    """Keeps nothing: for whoever wants the numbers alone."""
    for _ in lines:
        pass


def _judged(snapshot: PracticeSnapshot, lane: Lane, result: ExportResult) -> Rehearsal:
    partner_id, kind = lane.partner_id, result.kind.value
    before, hold = snapshot.good_state(partner_id, kind), snapshot.held(partner_id, kind)
    changes = tuple(changes_since(snapshot, lane, result, before, measure_of(snapshot, lane, result)))
    too_much = excessive(changes, lane.limits)
    slots: tuple[SlotsOfDay, ...] = ()
    if before is not None and result.availability is not None:
        slots = tuple(slot_differences(before.measure, result.availability))
    return Rehearsal(result, before, changes, too_much, not may_go(hold, too_much), hold, slots)
