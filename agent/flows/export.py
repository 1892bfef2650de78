"""Export: practice database -> pure rules -> document -> sealed file -> outbox.

Order of effects, and what a crash in each gap means:

1. take the sequence number, give aliases      a number is skipped; partners take gaps for normal
2. read one snapshot, seal it into a draft     the draft is removed at the next start
3. commit the disclosures and the audit entry  an audit line too many, never an unrecorded disclosure
4. publish the draft in the outbox             as before
5. drop older waiting ones of the same kind    the partner gets two, and takes the higher number

Plaintext exists only in memory and in the pipe to gpg. If reading fails
half-way the sealer kills gpg and the draft is dropped.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime

from agent.domain import documents
from agent.domain.availability import TakenTime, busy_window, cap_window, offer_window
from agent.domain.consent import in_transmit_set
from agent.domain.intervals import instant
from agent.domain.practice import PracticeCalendar
from agent.errors import UsageError
from agent.flows.lane import Lane, PracticeSide
from agent.ports import PracticeSnapshot
from exchange_formats.codec import encode
from exchange_formats.envelope import Envelope, Kind
from exchange_formats.fields import Line
from exchange_formats.file_names import parse_sealed_name, sealed_name

EXPORTED_KINDS = (Kind.AVAILABILITY, Kind.REFERENCE_DATA, Kind.PATIENTS)

Progress = Callable[[int], None]
"""Told now and then how many records have been written."""
PROGRESS_STEP = 1000


@dataclass(slots=True)
class ExportResult:
    """What is on its way: the file, how many records of which sort, whom it discloses for the first time."""

    kind: Kind
    file_name: str = ""
    records: Counter[str] = field(default_factory=Counter)
    size: int = 0
    first_disclosures: list[int] = field(default_factory=list)
    removals: list[str] = field(default_factory=list)


def kinds_for(lane: Lane) -> tuple[Kind, ...]:
    """What this partner gets: the patients file is opt-in (reading A2)."""
    return tuple(kind for kind in EXPORTED_KINDS if kind is not Kind.PATIENTS or lane.receives_patients)


def export(practice: PracticeSide, lane: Lane, kind: Kind, progress: Progress | None = None) -> ExportResult:
    """Put one sealed file of `kind` into the partner's outbox.

    Raises UsageError for a kind that the partner does not get, LicenceInvalidError, DatabaseError,
    TrustError, SpoolError; then nothing was published.
    """
    _require_agreed(lane, kind)
    practice.require_licence(lane.partner_id)
    now = practice.clock()
    result = ExportResult(kind)

    with practice.database.write() as work:
        if kind is Kind.PATIENTS:
            work.disclosures.assign_aliases(lane.partner_id)
        sequence = work.disclosures.next_sequence(lane.partner_id, kind.value)
        anchor = work.audit.head()

    with lane.outbox.draft() as draft:
        with practice.database.read() as snapshot:
            envelope = Envelope(
                record="envelope",
                format="otv",
                version=1,
                kind=kind,
                message_id=str(uuid.uuid4()),
                sequence=sequence,
                practice_id=practice.practice_id,
                partner_id=lane.partner_id,
                created_at=documents.datetime_text(now),
                valid_until=_valid_until(lane, kind, now),
                time_zone=snapshot.identity().time_zone,
                audit_head=str(anchor),
            )
            # Closed whatever happens: an open stream of rows would outlive the snapshot it reads.
            with closing(_records(snapshot, lane, kind, now, result)) as records:
                sealed = lane.sealer.seal(encode(envelope, _counted(records, result, progress)), draft.file)

        result.file_name, result.size = sealed_name(envelope), sealed.size
        with practice.database.write() as work:
            work.disclosures.mark_sent(lane.partner_id, result.first_disclosures, now)
            work.disclosures.mark_removed(lane.partner_id, result.removals, sequence, now)
            work.disclosures.add_outbound(
                message_id=envelope.message_id,
                partner_id=lane.partner_id,
                kind=kind.value,
                sequence=sequence,
                created_at=now,
                record_count=result.records.total(),
                sealed_sha256=sealed.sha256,
                patient_count=result.records["patient"],
            )
            work.audit.append(
                "export prepared",
                now,
                lane.partner_id,
                kind=kind.value,
                message_id=envelope.message_id,
                records=result.records.total(),
                sealed_sha256=sealed.sha256,
            )
        draft.publish(result.file_name)
    _drop_older(practice, lane, kind, sequence)
    return result


def preview(practice: PracticeSide, lane: Lane, kind: Kind) -> ExportResult:
    """What an export would hold, counted; nothing is written anywhere, not even an alias."""
    _require_agreed(lane, kind)
    practice.require_licence(lane.partner_id)
    now = practice.clock()
    result = ExportResult(kind)
    with (
        practice.database.read() as snapshot,
        closing(_records(snapshot, lane, kind, now, result, dry_run=True)) as records,
    ):
        for _ in _counted(records, result, None):
            pass
    return result


def _drop_older(practice: PracticeSide, lane: Lane, kind: Kind, sequence: int) -> None:
    """After an outage the newest snapshot goes, not the backlog; what is being delivered now still is."""
    for file in lane.outbox.waiting():
        name = parse_sealed_name(file.name)
        if name is None or name.kind is not kind or name.sequence >= sequence:
            continue
        if lane.outbox.supersede(file.name):
            with practice.database.write() as work:
                work.audit.append("export superseded", practice.clock(), lane.partner_id, file=file.name)


def _require_agreed(lane: Lane, kind: Kind) -> None:
    """Asked here too and not of callers alone: a patients file must not leave by a mistyped command."""
    if kind not in kinds_for(lane):
        raise UsageError(f"{lane.partner_id}: this partner gets no file of kind {kind}")


def _records(
    snapshot: PracticeSnapshot,
    lane: Lane,
    kind: Kind,
    now: datetime,
    result: ExportResult,
    *,
    dry_run: bool = False,
) -> Generator[Line, None, None]:
    if kind is Kind.PATIENTS:
        return _patients(snapshot, lane, result, now.date(), dry_run=dry_run)
    calendar = snapshot.calendar()
    if kind is Kind.REFERENCE_DATA:
        return documents.reference_records(calendar)
    return documents.availability_records(
        calendar, _taken_time(snapshot, lane, calendar, instant(now)), lane.terms, instant(now)
    )


def _taken_time(snapshot: PracticeSnapshot, lane: Lane, calendar: PracticeCalendar, now: int) -> TakenTime:
    window = offer_window(calendar, lane.terms, now)
    busy = snapshot.busy(busy_window(calendar, window))
    if lane.terms.max_appointments_per_day is None:
        return TakenTime(busy)
    return TakenTime(busy, snapshot.booked_starts(lane.partner_id, cap_window(calendar, window)))


def _patients(
    snapshot: PracticeSnapshot, lane: Lane, result: ExportResult, today: date, *, dry_run: bool
) -> Generator[Line, None, None]:
    with closing(snapshot.consented_patients(lane.partner_id)) as stream:
        for consented in stream:
            patient = consented.patient
            # The query narrows, the rule decides, here and last: consent as it stands at this moment (R15).
            if not in_transmit_set(patient.active, patient.consent):
                continue
            if consented.alias is None and not dry_run:
                continue  # Agreed after the aliases were given: in the next file.
            record = documents.patient_line(patient, consented.alias or "not-yet-given", today)
            if record is None:
                continue
            if not consented.disclosed:
                result.first_disclosures.append(patient.patient_id)
            yield record
    for alias in snapshot.removed_aliases(lane.partner_id):
        result.removals.append(alias)
        yield documents.removal_record(alias)


def _counted(records: Iterator[Line], result: ExportResult, progress: Progress | None) -> Iterator[Line]:
    for written, record in enumerate(records, start=1):
        result.records[record.record] += 1
        if progress is not None and written % PROGRESS_STEP == 0:
            progress(written)
        yield record


def _valid_until(lane: Lane, kind: Kind, now: datetime) -> str | None:
    if kind is not Kind.AVAILABILITY:
        return None
    return documents.datetime_text(now + lane.availability_valid_for)
