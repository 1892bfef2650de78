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
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from datetime import date, datetime
from functools import partial

from agent.domain import documents
from agent.domain.availability import TakenTime, busy_window, cap_window, offer_window
from agent.domain.availability_records import availability_records
from agent.domain.consent import in_transmit_set
from agent.domain.export_measure import AvailabilityMeasure
from agent.domain.intervals import instant
from agent.domain.last_look import looked_over
from agent.domain.practice import PracticeCalendar
from agent.domain.practice_hours import after_open_time, practice_open
from agent.errors import ConsentChangingError, UsageError
from agent.flows.export_result import ExportResult
from agent.flows.hold_export import NewcomersHeldError, hold_export, raise_held
from agent.flows.lane import Lane, PracticeSide
from agent.flows.outdated import drop, may_know_patients
from agent.ports import ConsentedPatient, PracticeSnapshot, SealedFile, WriteTransaction
from exchange_formats.codec import encode
from exchange_formats.envelope import Envelope, Kind
from exchange_formats.fields import Line
from exchange_formats.file_names import parse_sealed_name, sealed_name

ATTEMPTS = 3
"""At a patients file that is overtaken by a withdrawal each time."""

Progress = Callable[[int], None]
"""Told now and then how many records have been written."""
PROGRESS_STEP = 1000


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
        _require_agreed(snapshot, lane, kind)
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
    if kind is Kind.AVAILABILITY:
        result.availability = AvailabilityMeasure.under(lane.terms)

    with practice.database.write() as work:
        if kind is Kind.PATIENTS and may_know_patients(work.snapshot, lane):
            work.disclosures.assign_aliases(lane.partner_id)
        sequence = work.disclosures.next_sequence(lane.partner_id, kind.value)
        anchor = work.audit.head()

    with lane.outbox.draft() as draft:
        with practice.database.read() as snapshot:
            calendar = snapshot.calendar()
            valid_until, next_expected_at = _lifetime(practice, lane, kind, calendar, now)
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
                valid_until=valid_until,
                next_expected_at=next_expected_at,
                time_zone=calendar.time_zone,
                audit_head=str(anchor),
            )
            # Closed whatever happens: an open stream of rows would outlive the snapshot it reads.
            records = _records(snapshot, calendar, lane, kind, now, result, with_newcomers=with_newcomers)
            with (
                closing(records),
                closing(_may_be_known(snapshot, lane)) as may_be_known,
            ):
                lines = encode(envelope, _counted(records, result, progress))
                sealed = lane.sealer.seal(looked_over(lines, kind, may_be_known), draft.file)

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


def preview(practice: PracticeSide, lane: Lane, kind: Kind) -> ExportResult:
    """What an export would hold, counted; nothing is written anywhere, not even an alias."""
    practice.require_licence(lane.partner_id)
    with practice.database.read() as snapshot:
        _require_agreed(snapshot, lane, kind)
    now = practice.clock()
    result = ExportResult(kind)
    with (
        practice.database.read() as snapshot,
        closing(_records(snapshot, snapshot.calendar(), lane, kind, now, result, dry_run=True)) as records,
    ):
        for _ in _counted(records, result, None):
            pass
    return result


def _drop_older(practice: PracticeSide, lane: Lane, kind: Kind, sequence: int) -> None:
    """After an outage the newest snapshot goes, not the backlog; what is being delivered now still is."""
    for file in (*lane.outbox.waiting(), *lane.outbox.failed()):
        name = parse_sealed_name(file.name)
        if name is not None and name.kind is kind and name.sequence < sequence:
            drop(practice, lane, file)


def _require_agreed(snapshot: PracticeSnapshot, lane: Lane, kind: Kind) -> None:
    """Asked here too and not of callers alone: a patients file must not leave by a mistyped command."""
    if kind not in kinds_for(snapshot, lane):
        raise UsageError(f"{lane.partner_id}: this partner gets no file of kind {kind}")


def _require_still_true(snapshot: PracticeSnapshot, lane: Lane, kind: Kind) -> None:
    """Consent and revocation count as they stand when the file is recorded, not as the export found them.

    Asked after its own disclosures and removals are written down: what is left is what it does not tell.
    """
    if kind is not Kind.PATIENTS:
        _require_agreed(snapshot, lane, kind)
    elif snapshot.unannounced_removals(lane.partner_id):
        raise ConsentChangingError(f"{lane.partner_id}: a patient withdrew while the file was being made")


def _records(
    snapshot: PracticeSnapshot,
    calendar: PracticeCalendar,
    lane: Lane,
    kind: Kind,
    now: datetime,
    result: ExportResult,
    *,
    dry_run: bool = False,
    with_newcomers: bool = True,
) -> Generator[Line, None, None]:
    if kind is Kind.PATIENTS:
        return _patients(snapshot, lane, result, now.date(), dry_run=dry_run, with_newcomers=with_newcomers)
    if kind is Kind.REFERENCE_DATA:
        return documents.reference_records(calendar)
    return availability_records(
        calendar, _taken_time(snapshot, lane, calendar, instant(now)), lane.terms, instant(now)
    )


def _taken_time(snapshot: PracticeSnapshot, lane: Lane, calendar: PracticeCalendar, now: int) -> TakenTime:
    window = offer_window(calendar, lane.terms, now)
    busy = snapshot.busy(busy_window(calendar, window))
    if lane.terms.max_appointments_per_day is None:
        return TakenTime(busy)
    return TakenTime(busy, snapshot.booked_starts(lane.partner_id, cap_window(calendar, window)))


def _patients(
    snapshot: PracticeSnapshot,
    lane: Lane,
    result: ExportResult,
    today: date,
    *,
    dry_run: bool,
    with_newcomers: bool,
) -> Generator[Line, None, None]:
    if may_know_patients(snapshot, lane):
        with closing(snapshot.consented_patients(lane.partner_id)) as stream:
            chosen = stream if with_newcomers else (one for one in stream if one.disclosed)
            yield from _agreed_patients(chosen, result, today, dry_run=dry_run)
    for alias in snapshot.removed_aliases(lane.partner_id):
        result.removals.append(alias)
        yield documents.removal_record(alias)


def _may_be_known(snapshot: PracticeSnapshot, lane: Lane) -> Generator[str, None, None]:
    """Whose lines may go to this partner, for the last look; asked only when the first one comes."""
    if may_know_patients(snapshot, lane):
        yield from snapshot.known_aliases(lane.partner_id)


def _agreed_patients(
    stream: Iterable[ConsentedPatient], result: ExportResult, today: date, *, dry_run: bool
) -> Generator[Line, None, None]:
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


def _counted(records: Iterator[Line], result: ExportResult, progress: Progress | None) -> Iterator[Line]:
    counts, measure = result.records, result.availability
    for written, record in enumerate(records, start=1):
        counts[record.record] += 1
        if measure is not None:
            measure.add(record)
        if progress is not None and written % PROGRESS_STEP == 0:
            progress(written)
        yield record


def _lifetime(
    practice: PracticeSide, lane: Lane, kind: Kind, calendar: PracticeCalendar, now: datetime
) -> tuple[str | None, str | None]:
    """Until when the file is good and when the next one is due, in opening time; other kinds say neither."""
    if kind is not Kind.AVAILABILITY:
        return None, None
    start, latest = instant(now), instant(now + practice.max_message_age)
    opened = practice_open(calendar, (start, latest))
    valid_until, next_expected_at = (
        documents.instant_text(after_open_time(opened, start, int(length.total_seconds()), latest))
        for length in (lane.availability_valid_for, lane.availability_every)
    )
    return valid_until, next_expected_at
