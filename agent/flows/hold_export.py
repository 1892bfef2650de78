"""Hold export: a sealed draft that differs too much from the last file of its kind does not leave.

A step of `agent.flows.export`, inside the transaction that would record the
file. What goes is what the next file is compared with; what is held discloses
nothing, and its draft is dropped. Whom an operator switched off is never held.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NoReturn

from agent.domain.export_measure import availability_changes, patients_changes, reference_data_changes
from agent.domain.sudden_change import Change, Sign, excessive
from agent.errors import SuddenChangeError
from agent.flows.export_result import ExportResult
from agent.flows.hold import held_error, hold_or_pass
from agent.flows.lane import Lane
from agent.flows.outdated import may_know_patients
from agent.ports import GoodState, Hold, PracticeSnapshot, WriteTransaction
from exchange_formats.envelope import Kind

MAY_KNOW_PATIENTS = "may_know_patients"


class NewcomersHeldError(SuddenChangeError):
    """Only the patients whom the partner does not know yet are too many."""


def hold_export(
    work: WriteTransaction, lane: Lane, result: ExportResult, now: datetime, with_newcomers: bool
) -> Hold | None:
    """Judge what changed since the last file of this kind; None: it may go, and is the new measure.

    A patients file without newcomers says nothing of them: a hold on them stays.
    """
    partner_id, kind = lane.partner_id, result.kind.value
    good = work.holds.good_state(partner_id, kind)
    measure = measure_of(work.snapshot, lane, result)
    found = excessive(changes_since(work.snapshot, lane, result, good, measure), lane.limits)
    if found or with_newcomers:
        hold = hold_or_pass(work, partner_id, kind, found, now)
        if hold is not None:
            return hold
    work.holds.keep_good_state(partner_id, kind, GoodState(now, measure))
    return None


def raise_held(hold: Hold) -> NoReturn:
    """Raises NewcomersHeldError if a file without them could go, else SuddenChangeError."""
    error = held_error(hold)
    if all(change.sign is Sign.PATIENTS_ADDED for change in hold.changes):
        raise NewcomersHeldError(str(error))
    raise error


def measure_of(snapshot: PracticeSnapshot, lane: Lane, result: ExportResult) -> Mapping[str, Any]:
    """What is counted of a file, to compare the next one with."""
    if result.kind is Kind.PATIENTS:
        return {MAY_KNOW_PATIENTS: may_know_patients(snapshot, lane)}
    return dict(result.records) if result.availability is None else result.availability.plain()


def changes_since(
    snapshot: PracticeSnapshot,
    lane: Lane,
    result: ExportResult,
    good: GoodState | None,
    measure: Mapping[str, Any],
) -> list[Change]:
    """What is different from the last file of this kind, as far as it was counted, large or not."""
    before = good.measure if good else None
    if result.kind is Kind.PATIENTS:
        return _patients_changes(snapshot, lane, result, before, measure)
    if before is None:
        return []
    if result.availability is not None:
        return availability_changes(before, result.availability)
    return reference_data_changes(before, result.records)


def _patients_changes(
    snapshot: PracticeSnapshot,
    lane: Lane,
    result: ExportResult,
    before: Mapping[str, Any] | None,
    measure: Mapping[str, Any],
) -> list[Change]:
    if not measure[MAY_KNOW_PATIENTS]:
        # Revoked, or opted out: that all are to be forgotten is an operator's decision.
        return []
    return patients_changes(
        result.records["patient"],
        len(result.first_disclosures),
        snapshot.unannounced_removals(lane.partner_id),
        first=before is None or not before[MAY_KNOW_PATIENTS],
    )
