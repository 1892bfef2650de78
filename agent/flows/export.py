"""Export: practice database -> pure rules -> document -> sealed file -> outbox.

Order of effects, and what a crash in each gap means:

1. take the sequence number, give aliases      a number is skipped; partners take gaps for normal
2. read one snapshot, look over each finished line, seal it into a draft
                                               the draft is removed at the next start
3. too much changed since the last file? hold it: commit that, drop the draft
   ask again whether anybody withdrew, commit the disclosures and the audit entry
                                               an audit line too many, never an unrecorded disclosure
4. publish the draft in the outbox             as before
5. drop older waiting ones of the same kind    dropped before delivery (patients), or the partner gets
                                               two and takes the higher number

Plaintext exists only in memory and in the pipe to gpg. If reading fails
half-way the sealer kills gpg and the draft is dropped.
"""

import uuid
from contextlib import suppress
from datetime import datetime
from functools import partial

from agent.errors import ConsentChangingError, UsageError
from agent.flows.export_result import ExportResult
from agent.flows.heading import DocumentHead
from agent.flows.hold_export import NewcomersHeldError, hold_export, raise_held
from agent.flows.lane import Lane, PracticeSide
from agent.flows.outdated import drop, may_know_patients
from agent.flows.snapshot_document import Progress, document
from agent.ports import PracticeSnapshot, SealedFile, WriteTransaction
from exchange_formats.envelope import Envelope, Kind
from exchange_formats.file_names import parse_sealed_name, sealed_name

ATTEMPTS = 3
"""At a patients file that is overtaken by a withdrawal each time."""


def kinds_for(snapshot: PracticeSnapshot, lane: Lane) -> tuple[Kind, ...]:
    """What this partner gets now: patients by opt-in (reading A2), a revoked partner nothing new.

    Whoever may get no patients still gets a patients file as long as it has removals to confirm.
    """
    partner_id = lane.partner_id
    general = (Kind.AVAILABILITY, Kind.REFERENCE_DATA) if snapshot.revoked_at(partner_id) is None else ()
    patients = may_know_patients(snapshot, lane) or snapshot.removed_aliases(partner_id)
    return (*general, Kind.PATIENTS) if patients else general


def export(practice: PracticeSide, lane: Lane, kind: Kind, progress: Progress | None = None) -> ExportResult:
    """Put one sealed file of `kind` into the partner's outbox.

    Raises UsageError for a kind that the partner does not get, LicenceInvalidError, DatabaseError,
    TrustError, SpoolError, and ConsentChangingError (temporary) if patients withdrew during every attempt;
    then nothing was published. Raises SuddenChangeError for an export that is held; if nothing but too
    many new patients holds it, a file without them has gone, so that no removal waits for them.
    """
    practice.require_licence(lane.partner_id)
    practice.require_room()
    with practice.database.read() as snapshot:
        require_agreed(snapshot, lane, kind)
    export_once = partial(_until_consents_hold, practice, lane, kind, progress)
    try:
        return export_once()
    except NewcomersHeldError:
        export_once(with_newcomers=False)
        raise


def _until_consents_hold(
    practice: PracticeSide, lane: Lane, kind: Kind, progress: Progress | None, *, with_newcomers: bool = True
) -> ExportResult:
    for _ in range(ATTEMPTS - 1):
        with suppress(ConsentChangingError):
            return _export_once(practice, lane, kind, progress, with_newcomers)
    return _export_once(practice, lane, kind, progress, with_newcomers)


def _export_once(
    practice: PracticeSide, lane: Lane, kind: Kind, progress: Progress | None, with_newcomers: bool
) -> ExportResult:
    now = practice.clock()
    result = ExportResult(kind)

    with practice.database.write() as work:
        if kind is Kind.PATIENTS and may_know_patients(work.snapshot, lane):
            work.disclosures.assign_aliases(lane.partner_id)
        sequence = work.disclosures.next_sequence(lane.partner_id, kind.value)
        anchor = work.audit.head()

    with lane.outbox.draft() as draft:
        with practice.database.read() as snapshot:
            head = DocumentHead(str(uuid.uuid4()), sequence, now, str(anchor))
            made = document(practice, snapshot, lane, result, head, progress, with_newcomers=with_newcomers)
            with made as (envelope, lines):
                sealed = lane.sealer.seal(lines, draft.file)

        result.file_name, result.size = sealed_name(envelope), sealed.size
        with practice.database.write() as work:
            hold = hold_export(work, lane, result, now, with_newcomers)
            if hold is None:
                _record(work, lane, envelope, result, sealed, now)
        if hold is not None:
            raise_held(hold)
        draft.publish(result.file_name)
    _drop_older(practice, lane, kind, sequence)
    return result


def _record(
    work: WriteTransaction,
    lane: Lane,
    envelope: Envelope,
    result: ExportResult,
    sealed: SealedFile,
    now: datetime,
) -> None:
    """What the file discloses and removes, the file itself, the audit entry; refused if overtaken."""
    partner_id, kind, records = lane.partner_id, result.kind.value, result.records.total()
    work.disclosures.mark_sent(partner_id, result.first_disclosures, now)
    work.disclosures.mark_removed(partner_id, result.removals, envelope.sequence, now)
    _require_still_true(work.snapshot, lane, result.kind)
    work.disclosures.add_outbound(
        message_id=envelope.message_id,
        partner_id=partner_id,
        kind=kind,
        sequence=envelope.sequence,
        created_at=now,
        record_count=records,
        sealed_sha256=sealed.sha256,
        patient_count=result.records["patient"],
    )
    work.audit.append(
        "export prepared",
        now,
        partner_id,
        kind=kind,
        message_id=envelope.message_id,
        records=records,
        sealed_sha256=sealed.sha256,
    )


def _drop_older(practice: PracticeSide, lane: Lane, kind: Kind, sequence: int) -> None:
    """After an outage the newest snapshot goes, not the backlog; what is being delivered now still is."""
    for file in (*lane.outbox.waiting(), *lane.outbox.failed()):
        name = parse_sealed_name(file.name)
        if name is not None and name.kind is kind and name.sequence < sequence:
            drop(practice, lane, file)


def require_agreed(snapshot: PracticeSnapshot, lane: Lane, kind: Kind) -> None:
    """Asked here too and not of callers alone: a patients file must not leave by a mistyped command."""
    if kind not in kinds_for(snapshot, lane):
        raise UsageError(f"{lane.partner_id}: this partner gets no file of kind {kind}")


def _require_still_true(snapshot: PracticeSnapshot, lane: Lane, kind: Kind) -> None:
    """Consent and revocation count as they stand when the file is recorded, not as the export found them.

    Asked after its own disclosures and removals are written down: what is left is what it does not tell.
    """
    if kind is not Kind.PATIENTS:
        require_agreed(snapshot, lane, kind)
    elif snapshot.unannounced_removals(lane.partner_id):
        raise ConsentChangingError(f"{lane.partner_id}: a patient withdrew while the file was being made")
