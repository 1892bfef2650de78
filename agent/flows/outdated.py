"""Outdated: waiting snapshots that have become untrue, and how they leave the outbox.

Between export and delivery a night can lie, a broken server, or a power cut:
whoever withdrew meanwhile must not be sent (GDPR Art. 7(3)), and a revoked
partner gets no snapshot at all. Receipts and updates are no snapshots: they
are never dropped.
"""

from agent.flows.lane import Lane, PracticeSide
from agent.ports import PracticeSnapshot, WaitingFile
from exchange_formats.envelope import Kind
from exchange_formats.file_names import SealedName, parse_sealed_name

SNAPSHOT_KINDS = (Kind.AVAILABILITY, Kind.REFERENCE_DATA, Kind.PATIENTS)
"""Each file is the whole truth of its moment; the next one replaces it."""


def may_know_patients(snapshot: PracticeSnapshot, lane: Lane) -> bool:
    """Whether patients may be sent to this partner: it is opted in (reading A2) and not revoked."""
    return lane.receives_patients and snapshot.revoked_at(lane.partner_id) is None


def drop(practice: PracticeSide, lane: Lane, file: WaitingFile) -> None:
    """Take a snapshot that waits, or was given up, out of the outbox; audited unless it was gone already."""
    if lane.outbox.supersede(file.name) or lane.outbox.discard_failed(file.name):
        with practice.database.write() as work:
            work.audit.append("export superseded", practice.clock(), lane.partner_id, file=file.name)


def drop_if_outdated(practice: PracticeSide, lane: Lane, file: WaitingFile) -> bool:
    """Ask the database, for a snapshot, and drop it; whether it is not to go. Raises DatabaseError."""
    name = parse_sealed_name(file.name)
    if name is None or name.kind not in SNAPSHOT_KINDS:
        return False
    with practice.database.read() as snapshot:
        outdated = _is_outdated(snapshot, lane, name)
    if outdated:
        drop(practice, lane, file)
    return outdated


def drop_outdated(practice: PracticeSide, lane: Lane) -> int:
    """Look through all that waits; how many files were not to go. Raises as `drop_if_outdated`."""
    return sum(drop_if_outdated(practice, lane, file) for file in lane.outbox.waiting())


def _is_outdated(snapshot: PracticeSnapshot, lane: Lane, file: SealedName) -> bool:
    """Whether the partner may not have this snapshot any more."""
    if file.kind is not Kind.PATIENTS:
        return snapshot.revoked_at(lane.partner_id) is not None
    newest = snapshot.newest_file(lane.partner_id, file.kind.value)
    # An older one may disclose whom the newest removes, even where that one never reached the outbox.
    if newest is None or newest.sequence != file.sequence:
        return True
    if newest.patient_count and not may_know_patients(snapshot, lane):
        return True
    return snapshot.unannounced_removals(lane.partner_id) > 0
