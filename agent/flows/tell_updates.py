"""Tell updates: what stands in the book against what was told -> one transaction -> sealed file -> outbox.

Order of effects, and what a crash in each gap means:

1. ONE transaction: what was told, the update and its lines, its number, audit
                                 rolled back as a whole; the next run decides anew
2. seal the stored update, publish it in the outbox
                                 sealed and published by the next run, before any later update
3. ONE transaction: the record of the file, the mark "published"
                                 published again under the same name and message id

So no update is lost or decided twice. A file may come twice if the power goes
between 2 and 3 and it was delivered meanwhile; its message id tells. The
partner's own wishes are no news: the import story records what its receipts
tell (reading A11).
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from agent.domain.sudden_change import Change as SuddenChange
from agent.domain.sudden_change import Sign, excessive
from agent.domain.updates import NEWS_FOR, AppointmentState, news, update_record
from agent.errors import KeyUnusableError
from agent.flows.heading import DocumentHead, envelope_of
from agent.flows.hold import held_error, hold_or_pass
from agent.flows.hold_bookings import standing_appointments
from agent.flows.lane import Lane, PracticeSide
from agent.ports import (
    ChangedAppointment,
    Hold,
    PracticeSnapshot,
    SealedFile,
    UpdateMessage,
    WriteTransaction,
)
from exchange_formats.appointment_updates import AppointmentUpdateRecord
from exchange_formats.codec import encode
from exchange_formats.envelope import Kind
from exchange_formats.file_names import sealed_name

KIND = Kind.APPOINTMENT_UPDATES

Change = tuple[ChangedAppointment, AppointmentState]
"""An appointment that does not stand as it was told, and the state to tell."""


def tell_updates(practice: PracticeSide, lane: Lane) -> int:
    """Put what staff changed into the partner's outbox as one file; how many appointments are told of.

    Nothing changed, a partner that gets no updates, or a revoked one: no file and no number.
    Raises LicenceInvalidError, DatabaseError, TrustError, SpoolError; what was decided by then is
    published by the next run. Raises SuddenChangeError if so many appointments are gone that they may
    be lost and not deleted: then nothing is decided until an operator has looked.
    """
    practice.require_licence(lane.partner_id)
    practice.require_room()
    if not lane.gets_updates:
        return 0
    with practice.database.write() as work:
        if work.snapshot.revoked_at(lane.partner_id) is not None:
            return 0
        # Asked for in here: no earlier than that of any import whose effect this transaction sees.
        now = practice.clock()
        changes = _changes(work.snapshot, lane, now)
        hold = _hold(work, lane, changes, now)
        if changes and hold is None:
            _decide(work, lane, changes, now)
        unpublished = work.updates.unpublished(lane.partner_id)
        time_zone = work.snapshot.identity().time_zone
    for message in unpublished:
        _publish(practice, lane, message, time_zone)
    if hold is not None:
        raise held_error(hold)
    return sum(len(message.lines) for message in unpublished)


def preview_updates(practice: PracticeSide, lane: Lane) -> int:
    """How many appointments an update would tell of now; nothing is written anywhere."""
    practice.require_licence(lane.partner_id)
    with practice.database.read() as snapshot:
        return len(updates_now(snapshot, lane, practice.clock())[0])


def updates_now(
    snapshot: PracticeSnapshot, lane: Lane, now: datetime
) -> tuple[list[AppointmentUpdateRecord], tuple[SuddenChange, ...]]:
    """What an update would tell, and what of it is too much at once; nothing for who gets no updates."""
    if not lane.gets_updates or snapshot.revoked_at(lane.partner_id) is not None:
        return [], ()
    changes = _changes(snapshot, lane, now)
    records = [update_record(change.told.booking_id, state) for change, state in changes]
    return records, _too_many_deleted(snapshot, lane, changes, now)


def _changes(snapshot: PracticeSnapshot, lane: Lane, now: datetime) -> list[Change]:
    """What is worth telling, by booking id."""
    changed = snapshot.changed_appointments(lane.partner_id, now - NEWS_FOR)
    judged = [(change, news(_told(change), _stands(change))) for change in changed]
    return [(change, state) for change, state in judged if state is not None]


def _hold(work: WriteTransaction, lane: Lane, changes: Sequence[Change], now: datetime) -> Hold | None:
    found = _too_many_deleted(work.snapshot, lane, changes, now)
    return hold_or_pass(work, lane.partner_id, KIND.value, found, now)


def _too_many_deleted(
    snapshot: PracticeSnapshot, lane: Lane, changes: Sequence[Change], now: datetime
) -> tuple[SuddenChange, ...]:
    """Appointments that vanish by the dozen are lost, not cancelled: nobody is told to stay at home."""
    deleted = sum(change.stands is None for change, _ in changes)
    if not deleted:
        return ()
    base = deleted + standing_appointments(snapshot, lane.partner_id, now)
    return excessive([SuddenChange(Sign.APPOINTMENTS_DELETED, base, deleted)], lane.limits)


def _decide(work: WriteTransaction, lane: Lane, changes: Sequence[Change], now: datetime) -> None:
    """The update, and from now on the partner counts as told: both or neither."""
    records = [update_record(change.told.booking_id, state) for change, state in changes]
    message_id = str(uuid.uuid4())
    cancelled = sum(record.appointment_status == "cancelled" for record in records)
    head = work.audit.append(
        "appointment update prepared",
        now,
        lane.partner_id,
        message_id=message_id,
        booked=len(records) - cancelled,
        cancelled=cancelled,
    )
    work.updates.add_message(
        UpdateMessage(
            message_id=message_id,
            partner_id=lane.partner_id,
            sequence=work.disclosures.next_sequence(lane.partner_id, KIND.value),
            created_at=now,
            audit_head=str(head),
            lines=tuple(record.model_dump_json() for record in records),
        )
    )
    for change, state in changes:
        work.ledger.tell_appointment(
            replace(
                change.told,
                told_status=state.status,
                told_column_id=state.column_id,
                told_starts_at=state.starts_at,
                told_ends_at=state.ends_at,
            )
        )


def publish_anew(practice: PracticeSide, lane: Lane, sequence: int) -> None:
    """Seal the update of this number once more, in place of the file that waits. Raises KeyUnusableError."""
    with practice.database.write() as work:
        message = work.updates.message(lane.partner_id, sequence)
        time_zone = work.snapshot.identity().time_zone
    if message is None:
        raise KeyUnusableError(f"update {sequence} is sealed for a withdrawn key, and no ledger knows it")
    sealed = _put(practice, lane, message, time_zone)
    with practice.database.write() as work:
        work.disclosures.reseal(message.message_id, sealed.sha256)


def _publish(practice: PracticeSide, lane: Lane, message: UpdateMessage, time_zone: str) -> None:
    sealed = _put(practice, lane, message, time_zone)
    with practice.database.write() as work:
        work.disclosures.add_outbound(
            message_id=message.message_id,
            partner_id=lane.partner_id,
            kind=KIND.value,
            sequence=message.sequence,
            created_at=message.created_at,
            record_count=len(message.lines),
            sealed_sha256=sealed.sha256,
        )
        work.updates.mark_published(message.message_id, practice.clock())


def _put(practice: PracticeSide, lane: Lane, message: UpdateMessage, time_zone: str) -> SealedFile:
    """The same document under the same name whenever it is asked for: every field was stored."""
    head = DocumentHead(message.message_id, message.sequence, message.created_at, message.audit_head)
    envelope = envelope_of(practice, lane, KIND, head, time_zone)
    records = (AppointmentUpdateRecord.model_validate_json(line) for line in message.lines)
    name = sealed_name(envelope)
    with lane.outbox.draft() as draft:
        sealed = lane.sealer.seal(encode(envelope, records), draft.file)
        # Left by a run that was cut short: the digest recorded below is to be that of the file that goes.
        lane.outbox.supersede(name)
        draft.publish(name)
    return sealed


def _told(change: ChangedAppointment) -> AppointmentState:
    told = change.told
    return AppointmentState(told.told_status, told.told_column_id, told.told_starts_at, told.told_ends_at)


def _stands(change: ChangedAppointment) -> AppointmentState | None:
    stands = change.stands
    if stands is None:
        return None
    return AppointmentState(stands.status, stands.column_id, stands.starts_at, stands.ends_at)
