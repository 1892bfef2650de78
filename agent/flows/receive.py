"""Receive: inbound -> claim -> open -> decide -> one transaction -> receipt -> archive.

Order of effects, and what a crash in each gap means:

1. claim, the attempt counted   recovered and tried again; after three crashes tried apart from the agent
                                first, and quarantined as crash-loop if that dies as well
2. open, decode                 as before; nothing has happened yet
3. ONE transaction: signer's key asked again, ledger, patient, appointment, confirmed removals, outcome, audit
                                rolled back as a whole
4. receipt into the outbox      replayed: the ledger answers "seen", the same receipt is rebuilt
5. archive or quarantine        as before

A file at fault is set aside and the rest goes on. A fault of our own (database,
disk, gpg, clock) sets nothing aside: the file goes back and waits. So do
bookings that would change too much at once (`agent.flows.hold_bookings`).
"""

from collections.abc import Generator, Sequence
from datetime import datetime

from pydantic import TypeAdapter

from agent.errors import (
    AgentError,
    DatabaseError,
    KeyUnusableError,
    QuarantineReason,
    UnauthenticatedFileError,
)
from agent.flows.answer import answer, read_document
from agent.flows.file_result import FileResult, FileState
from agent.flows.heading import DocumentHead, envelope_of
from agent.flows.hold import held_error
from agent.flows.hold_bookings import BookingsGate, WishesHeldError
from agent.flows.lane import Lane, PracticeSide
from agent.ports import ClaimedFile, LedgerMessage, OpenedFile, WriteTransaction
from exchange_formats.codec import encode
from exchange_formats.envelope import Kind
from exchange_formats.file_names import sealed_name
from exchange_formats.receipts import BookingOutcome, MessageOutcome, ReceiptRecord

_RECEIPT_RECORD: TypeAdapter[MessageOutcome | BookingOutcome] = TypeAdapter(ReceiptRecord)


def sweep(practice: PracticeSide, lane: Lane) -> Generator[FileResult, None, None]:
    """Work off the inbound folder, one file after the other.

    Raises LicenceInvalidError and DiskNearlyFullError before the first file, and our own faults as
    they come: what was not finished waits for the next sweep. A file whose
    writing the database refuses keeps none behind it waiting. Bookings that
    would change too much at once wait, and SuddenChangeError is raised at the end.
    """
    practice.require_licence(lane.partner_id)
    practice.require_room()
    refused: DatabaseError | None = None
    gate = BookingsGate()
    for claimed in lane.inbound.claim():
        try:
            yield receive(practice, lane, claimed, gate)
        except WishesHeldError as held:
            lane.inbound.release(claimed)
            gate.add_waiting(held.wishes)
            if gate.has_seen_enough:
                break
        except (AgentError, OSError, MemoryError) as error:
            # No file makes the system run out of handles or memory: that is no crash of the file's.
            lane.inbound.release(claimed)
            if type(error) is not DatabaseError:
                raise
            # A rule of the database forbids what this one file asks for; those behind it may be fine.
            refused = refused or error
    hold = gate.settle(practice, lane)
    if refused is not None:
        raise refused
    if hold is not None:
        raise held_error(hold)


def receive(practice: PracticeSide, lane: Lane, claimed: ClaimedFile, gate: BookingsGate) -> FileResult:
    """One file from its bytes to its archive or quarantine, with its receipt if somebody signed it."""
    now = practice.clock()
    try:
        opened = lane.sealer.open(claimed.read(), now)
        message = read_document(practice, lane, opened)
        with practice.database.write() as work:
            _require_key_not_revoked(work, lane, opened)
            answered, result = answer(
                practice, lane, work, claimed.file_id, claimed.arrived_at, opened, message, now, gate
            )
            lines = work.ledger.receipt_lines(lane.partner_id, answered.message_id)
            time_zone = work.snapshot.identity().time_zone
    except UnauthenticatedFileError as refusal:
        return _quarantine(practice, lane, claimed, refusal.receipt_word, now)
    _put_receipt(practice, lane, answered, lines, time_zone)

    if result.state is FileState.REFUSED:
        lane.inbound.quarantine(claimed, str(result.reason))
    else:
        lane.inbound.archive(claimed)
    return result


def put_receipt_anew(practice: PracticeSide, lane: Lane, sequence: int) -> None:
    """Seal the receipt of this number once more, in place of the file that waits. Raises KeyUnusableError."""
    with practice.database.write() as work:
        answered = work.ledger.message_of_receipt(lane.partner_id, sequence)
        if answered is None:
            raise KeyUnusableError(
                f"receipt {sequence} is sealed for a withdrawn key, and no ledger knows it"
            )
        lines = work.ledger.receipt_lines(lane.partner_id, answered.message_id)
        time_zone = work.snapshot.identity().time_zone
    _put_receipt(practice, lane, answered, lines, time_zone, anew=True)


def _require_key_not_revoked(work: WriteTransaction, lane: Lane, opened: OpenedFile) -> None:
    """Asked in here: a revocation counts from its own transaction on, also for a file opened before it."""
    if opened.signer_fingerprint in work.snapshot.revoked_keys(lane.partner_id):
        raise UnauthenticatedFileError(QuarantineReason.KEY_REVOKED)


def _quarantine(
    practice: PracticeSide, lane: Lane, claimed: ClaimedFile, reason: str, now: datetime
) -> FileResult:
    with lane.inbound.quarantine_unauthenticated(claimed, reason), practice.database.write() as work:
        work.audit.append(
            f"file {FileState.QUARANTINED}",
            now,
            lane.partner_id,
            file_id=claimed.file_id,
            reason=reason,
            sha256=claimed.sha256,
        )
    return FileResult(claimed.file_id, FileState.QUARANTINED, reason)


def _put_receipt(
    practice: PracticeSide,
    lane: Lane,
    answered: LedgerMessage,
    lines: Sequence[str],
    time_zone: str,
    *,
    anew: bool = False,
) -> None:
    """The same receipt whenever it is asked for: every field comes from the ledger."""
    head = DocumentHead(
        answered.receipt_id, answered.receipt_sequence, answered.received_at, answered.audit_head
    )
    envelope = envelope_of(practice, lane, Kind.RECEIPTS, head, time_zone, in_reply_to=answered.in_reply_to)
    records = (_RECEIPT_RECORD.validate_json(text) for text in lines)
    with lane.outbox.draft() as draft:
        lane.sealer.seal(encode(envelope, records), draft.file)
        if anew:
            lane.outbox.supersede(sealed_name(envelope))
        draft.publish(sealed_name(envelope))
