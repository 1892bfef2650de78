"""Answer: what a signed message is told, once and for all, and what it brings about.

The step of `agent.flows.receive` inside its one transaction. A message that
was answered before gets that answer again and has no second effect (promises
P2 and P4); a new one is judged as a whole, and only then are its lines worked
off by `import_bookings` or `acknowledge`.
"""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agent.flows.acknowledge import acknowledge
from agent.flows.file_result import FileResult, FileState
from agent.flows.hold_bookings import BookingsGate
from agent.flows.import_bookings import import_bookings
from agent.flows.lane import Lane, PracticeSide
from agent.ports import REFUSED_PREFIX, LedgerMessage, OpenedFile, WriteTransaction
from exchange_formats.codec import Document, DocumentError, decode_inbound
from exchange_formats.envelope import Envelope, Kind
from exchange_formats.receipts import BookingOutcome, MessageOutcome, MessageReason

CLOCK_TOLERANCE = timedelta(minutes=10)
RECEIPT_NAMESPACE = uuid.UUID("6f7c9a52-6a0e-5d0b-9f5e-0c1d5b1b7a11")
Message = Document[Any]
"""A bookings or acknowledgements file; its envelope's kind says which."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A signed message that is not processed, and as much of its envelope as could be read."""

    envelope: Envelope | None
    reason: MessageReason


def read_document(practice: PracticeSide, lane: Lane, opened: OpenedFile) -> Message | Refused:
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


def answer(
    practice: PracticeSide,
    lane: Lane,
    work: WriteTransaction,
    file_id: str,
    arrived_at: datetime | None,
    opened: OpenedFile,
    message: Message | Refused,
    now: datetime,
    gate: BookingsGate,
) -> tuple[LedgerMessage, FileResult]:
    """The ledger's answer to this message: the one given before, or a new one with its effects.

    Raises what the import raises, and WishesHeldError; then nothing of it stays.
    """
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
            outcomes = _take_effect(practice, lane, work, message, now, gate)

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
            arrived_at=arrived_at,
        )
        verdict = MessageOutcome(
            outcome="refused" if isinstance(message, Refused) else "processed",
            reason=message.reason if isinstance(message, Refused) else None,
            sealed_sha256=opened.sealed_sha256,
        )
        work.ledger.add_message(seen, [record.model_dump_json() for record in (verdict, *outcomes)])
    return seen, result


def _take_effect(
    practice: PracticeSide,
    lane: Lane,
    work: WriteTransaction,
    message: Message,
    now: datetime,
    gate: BookingsGate,
) -> list[BookingOutcome]:
    """What the message asks for; of an acknowledgement the receipt tells no more than that it was read."""
    if message.envelope.kind is Kind.ACKNOWLEDGEMENTS:
        acknowledge(lane, work, message, now)
        return []
    gate.require_believable(lane, work, message, now)
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
    if not _oldest(practice, work, now) <= created_at <= now + CLOCK_TOLERANCE:
        return Refused(message.envelope, MessageReason.TIME_OUT_OF_BOUNDS)
    if message.envelope.kind is Kind.BOOKINGS and work.snapshot.revoked_at(lane.partner_id) is not None:
        return Refused(message.envelope, MessageReason.PARTNER_REVOKED)
    return message


def _oldest(practice: PracticeSide, work: WriteTransaction, now: datetime) -> datetime:
    """How old a new message may be: what was answered longer ago than the ledger remembers would else be
    imported twice, whatever the settings allowed meanwhile."""
    forgotten = work.ledger.answers_forgotten_before()
    oldest = now - practice.max_message_age
    # It may have come that much before its own time.
    return oldest if forgotten is None else max(oldest, forgotten + CLOCK_TOLERANCE)


def _refusal_key(digest: str) -> str:
    """The ledger's name for a refused message: its content, so that a corrected file under the same
    message id can still be imported."""
    return f"{REFUSED_PREFIX}{digest}"
