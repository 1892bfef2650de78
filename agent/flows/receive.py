"""Receive: (SFTP fetch ->) inbound -> claim -> open -> decide -> one transaction -> receipt -> archive.

Order of effects, and what a crash in each gap means:

1. claim, the attempt counted   recovered and tried again; after three crashes quarantined as crash-loop
2. open, decode                 as before; nothing has happened yet
3. ONE transaction: ledger, patient, appointment, confirmed removals, outcome, audit
                                rolled back as a whole
4. receipt into the outbox      replayed: the ledger answers "seen", the same receipt is rebuilt
5. archive or quarantine        as before

A file at fault is set aside and the rest goes on. A fault of our own (database,
disk, gpg, clock) sets nothing aside: the file goes back and waits.
"""

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from agent.domain import documents
from agent.errors import AgentError, DatabaseError, TransferError, UnauthenticatedFileError
from agent.flows.acknowledge import acknowledge
from agent.flows.import_bookings import import_bookings
from agent.flows.lane import Lane, PracticeSide
from agent.ports import ClaimedFile, LedgerMessage, OpenedFile, TransferSession, WriteTransaction
from exchange_formats.codec import Document, DocumentError, decode_inbound, encode
from exchange_formats.envelope import Envelope, Kind
from exchange_formats.file_names import sealed_name
from exchange_formats.receipts import BookingOutcome, MessageOutcome, MessageReason, ReceiptRecord

CLOCK_TOLERANCE = timedelta(minutes=10)
RECEIPT_NAMESPACE = uuid.UUID("6f7c9a52-6a0e-5d0b-9f5e-0c1d5b1b7a11")
Message = Document[Any]
"""A bookings or acknowledgements file; its envelope's kind says which."""
_RECEIPT_RECORD: TypeAdapter[MessageOutcome | BookingOutcome] = TypeAdapter(ReceiptRecord)


class FileState(StrEnum):
    """What became of a file; together with what waits they are all that ever arrived (promise P3)."""

    IMPORTED = "imported"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class FileResult:
    """One file of a sweep. `reason` is a QuarantineReason or MessageReason word."""

    file_id: str
    state: FileState
    reason: str | None = None
    accepted: int = 0
    declined: int = 0


def fetch(practice: PracticeSide, lane: Lane, session: TransferSession) -> int:
    """Bring the partner's files into the inbound folder; how many.

    A remote file is removed only after ours is safe on disk, so a crash in
    between fetches it twice and the ledger knows it by its message id. One
    that cannot be fetched keeps none behind it waiting: the first such
    TransferError is raised at the end.
    """
    practice.require_licence(lane.partner_id)
    fetched = 0
    failure: TransferError | None = None
    for remote in session.list_inbound():
        try:
            with lane.inbound.draft() as draft:
                session.fetch(remote, draft.file)
                draft.publish(lane.inbound.new_name())
            session.remove(remote)
        except TransferError as error:
            failure = failure or error
        else:
            fetched += 1
    if failure is not None:
        raise failure
    return fetched


def sweep(practice: PracticeSide, lane: Lane) -> Iterator[FileResult]:
    """Work off the inbound folder, one file after the other.

    Raises LicenceInvalidError before the first file, and our own faults as
    they come: what was not finished waits for the next sweep. A file whose
    writing the database refuses keeps none behind it waiting.
    """
    practice.require_licence(lane.partner_id)
    refused: DatabaseError | None = None
    for claimed in lane.inbound.claim():
        try:
            yield receive(practice, lane, claimed)
        except AgentError as error:
            lane.inbound.release(claimed)
            if type(error) is not DatabaseError:
                raise
            # A rule of the database forbids what this one file asks for; those behind it may be fine.
            refused = refused or error
    if refused is not None:
        raise refused


def receive(practice: PracticeSide, lane: Lane, claimed: ClaimedFile) -> FileResult:
    """One file from its bytes to its archive or quarantine, with its receipt if somebody signed it."""
    now = practice.clock()
    try:
        opened = lane.sealer.open(claimed.read(), now)
    except UnauthenticatedFileError as refusal:
        return _quarantine(practice, lane, claimed, refusal.receipt_word, now)

    message = _read_document(practice, lane, opened)
    with practice.database.write() as work:
        answered, result = _answer(practice, lane, work, claimed.file_id, opened, message, now)
        lines = work.ledger.receipt_lines(lane.partner_id, answered.message_id)
        time_zone = work.snapshot.identity().time_zone
    _put_receipt(practice, lane, answered, lines, time_zone)

    if result.state is FileState.REFUSED:
        lane.inbound.quarantine(claimed, str(result.reason), authenticated=True)
    else:
        lane.inbound.archive(claimed)
    return result


def _quarantine(
    practice: PracticeSide, lane: Lane, claimed: ClaimedFile, reason: str, now: datetime
) -> FileResult:
    with practice.database.write() as work:
        work.audit.append(
            f"file {FileState.QUARANTINED}", now, lane.partner_id, file_id=claimed.file_id, reason=reason
        )
    lane.inbound.quarantine(claimed, reason, authenticated=False)
    return FileResult(claimed.file_id, FileState.QUARANTINED, reason)


@dataclass(frozen=True, slots=True)
class Refused:
    """A signed message that is not processed, and as much of its envelope as could be read."""

    envelope: Envelope | None
    reason: MessageReason


def _read_document(practice: PracticeSide, lane: Lane, opened: OpenedFile) -> Message | Refused:
    """What is signed must be well-formed and meant for here: no forwarding, no receipt as a booking."""
    try:
        document = decode_inbound(opened.content)
    except DocumentError as error:
        return Refused(error.envelope, error.reason)
    if document.envelope.practice_id != practice.practice_id:
        return Refused(document.envelope, MessageReason.WRONG_PRACTICE)
    if document.envelope.partner_id != lane.partner_id:
        return Refused(document.envelope, MessageReason.WRONG_PARTNER)
    if document.envelope.kind is Kind.ACKNOWLEDGEMENTS and document.envelope.in_reply_to is None:
        return Refused(document.envelope, MessageReason.INVALID_DOCUMENT)
    return document


def _answer(
    practice: PracticeSide,
    lane: Lane,
    work: WriteTransaction,
    file_id: str,
    opened: OpenedFile,
    message: Message | Refused,
    now: datetime,
) -> tuple[LedgerMessage, FileResult]:
    """The ledger's answer to this message: the one given before, or a new one."""
    digest = hashlib.sha256(opened.content).hexdigest()
    message = _judged(practice, lane, work, message, digest, now)
    outcomes: list[BookingOutcome] = []
    if isinstance(message, Refused):
        message_id = _refusal_key(digest)
        seen = work.ledger.message(lane.partner_id, message_id)
        state = FileState.REFUSED
    else:
        message_id = message.envelope.message_id
        seen = work.ledger.message(lane.partner_id, message_id)
        state = FileState.IMPORTED if seen is None else FileState.DUPLICATE
        if seen is None:
            outcomes = _take_effect(practice, lane, work, message, now)

    result = FileResult(
        file_id,
        state,
        message.reason.value if isinstance(message, Refused) else None,
        sum(outcome.outcome == "accepted" for outcome in outcomes),
        sum(outcome.outcome == "declined" for outcome in outcomes),
    )
    head = work.audit.append(
        f"file {state}",
        now,
        lane.partner_id,
        file_id=file_id,
        sealed_sha256=opened.sealed_sha256,
        signer=opened.signer_fingerprint,
        reason=result.reason,
        accepted=result.accepted,
        declined=result.declined,
    )
    if seen is None:
        seen = LedgerMessage(
            partner_id=lane.partner_id,
            message_id=message_id,
            content_sha256=digest,
            sealed_sha256=opened.sealed_sha256,
            received_at=now,
            in_reply_to=message.envelope.message_id if message.envelope else None,
            receipt_id=str(uuid.uuid5(RECEIPT_NAMESPACE, f"{lane.partner_id}/{message_id}")),
            receipt_sequence=work.disclosures.next_sequence(lane.partner_id, Kind.RECEIPTS.value),
            audit_head=str(head),
        )
        verdict = MessageOutcome(
            outcome="refused" if isinstance(message, Refused) else "processed",
            reason=message.reason if isinstance(message, Refused) else None,
            sealed_sha256=opened.sealed_sha256,
        )
        work.ledger.add_message(seen, [record.model_dump_json() for record in (verdict, *outcomes)])
    return seen, result


def _take_effect(
    practice: PracticeSide, lane: Lane, work: WriteTransaction, message: Message, now: datetime
) -> list[BookingOutcome]:
    """What the message asks for; of an acknowledgement the receipt tells no more than that it was read."""
    if message.envelope.kind is Kind.ACKNOWLEDGEMENTS:
        acknowledge(lane, work, message, now)
        return []
    return import_bookings(practice, lane, work, message, now)


def _judged(
    practice: PracticeSide,
    lane: Lane,
    work: WriteTransaction,
    message: Message | Refused,
    digest: str,
    now: datetime,
) -> Message | Refused:
    """The message in the light of what was answered before; only a new one can be too old.

    An answer stays an answer. Content that was refused is refused for good,
    or whoever can copy files on the server could book, once the clock allows
    it, what the patient was told is not booked.
    """
    told = work.ledger.receipt_lines(lane.partner_id, _refusal_key(digest))
    if told:
        verdict = MessageOutcome.model_validate_json(told[0])
        return Refused(message.envelope, MessageReason(str(verdict.reason)))
    if isinstance(message, Refused):
        return message
    seen = work.ledger.message(lane.partner_id, message.envelope.message_id)
    if seen is not None:
        same = seen.content_sha256 == digest
        return message if same else Refused(message.envelope, MessageReason.MESSAGE_ID_REUSED)
    created_at = datetime.fromisoformat(message.envelope.created_at)
    if not now - practice.max_message_age <= created_at <= now + CLOCK_TOLERANCE:
        return Refused(message.envelope, MessageReason.TIME_OUT_OF_BOUNDS)
    if message.envelope.kind is Kind.BOOKINGS and work.snapshot.revoked_at(lane.partner_id) is not None:
        return Refused(message.envelope, MessageReason.PARTNER_REVOKED)
    return message


def _refusal_key(digest: str) -> str:
    """The ledger's name for a refused message: its content, so that a corrected file under the same
    message id can still be imported. The colon occurs in no partner's message id."""
    return f"sha256:{digest}"


def _put_receipt(
    practice: PracticeSide, lane: Lane, answered: LedgerMessage, lines: Sequence[str], time_zone: str
) -> None:
    """The same receipt whenever it is asked for: every field comes from the ledger."""
    envelope = Envelope(
        record="envelope",
        format="otv",
        version=1,
        kind=Kind.RECEIPTS,
        message_id=answered.receipt_id,
        sequence=answered.receipt_sequence,
        practice_id=practice.practice_id,
        partner_id=lane.partner_id,
        created_at=documents.datetime_text(answered.received_at),
        time_zone=time_zone,
        in_reply_to=answered.in_reply_to,
        audit_head=answered.audit_head,
    )
    records = (_RECEIPT_RECORD.validate_json(text) for text in lines)
    with lane.outbox.draft() as draft:
        lane.sealer.seal(encode(envelope, records), draft.file)
        draft.publish(sealed_name(envelope))
