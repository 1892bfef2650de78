"""Hand over: our next key, announced to one partner -> sealed and signed by the old key -> outbox.

Order of effects, and what a crash in each gap means:

1. ONE transaction: its number, audit    made anew by the next run: a number and a line too many
2. seal with the old key, publish        published again, under the same message id
3. ONE transaction: the record           as before

Told once to each partner, and only while the old key still opens: whoever
comes later is given the new key in the first place. The old key signs, also
when the new one signs everything else already: it is the one they know.
"""

import uuid
from datetime import datetime

from agent.domain import documents
from agent.domain.own_keys import KeyHandover
from agent.flows.heading import DocumentHead, envelope_of
from agent.flows.lane import Lane, PracticeSide
from exchange_formats.codec import encode
from exchange_formats.envelope import Kind
from exchange_formats.file_names import parse_sealed_name, sealed_name
from exchange_formats.key_handover import KeyHandoverRecord

KIND = Kind.KEY_HANDOVER
HANDOVER_NAMESPACE = uuid.UUID("b0d9a1f4-3f0a-5a5e-8b57-6d2f4c1e9a70")


def hand_over(practice: PracticeSide, lane: Lane) -> bool:
    """Put the announcement into the outbox, unless there is none or it was told; whether it was put now.

    Raises LicenceInvalidError, DatabaseError, TrustError, SpoolError; the next run tries again.
    """
    handover = lane.handover
    if handover is None or practice.clock() >= handover.old_opens_until:
        return False
    practice.require_licence(lane.partner_id)
    message_id = announcement_id(lane.partner_id, handover)
    with practice.database.write() as work:
        revoked = work.snapshot.revoked_at(lane.partner_id) is not None
        if revoked or work.disclosures.has_outbound(message_id):
            return False
        now = practice.clock()
        sequence = work.disclosures.next_sequence(lane.partner_id, KIND.value)
        head = work.audit.append(
            "key handover prepared", now, lane.partner_id, message_id=message_id, new=handover.new_fingerprint
        )
        time_zone = work.snapshot.identity().time_zone
    envelope = envelope_of(
        practice, lane, KIND, DocumentHead(message_id, sequence, now, str(head)), time_zone
    )
    with lane.outbox.draft() as draft:
        lines = encode(envelope, [handover_record(handover)])
        sealed = lane.sealer.seal(lines, draft.file, handover.old_fingerprint)
        draft.publish(sealed_name(envelope))
    _record(practice, lane, message_id, sequence, now, sealed.sha256)
    return True


def announcement_id(partner_id: str, handover: KeyHandover) -> str:
    """The message that tells this partner, the same whenever it is asked for."""
    return str(uuid.uuid5(HANDOVER_NAMESPACE, f"{partner_id}/{handover.new_fingerprint}"))


def withhold(lane: Lane, handover: KeyHandover) -> bool:
    """Take an announcement that has not left yet out of the outbox; whether there was one."""
    mark = f"-{announcement_id(lane.partner_id, handover).replace('-', '')[:8]}.pgp"
    for file in (*lane.outbox.waiting(), *lane.outbox.failed()):
        name = parse_sealed_name(file.name)
        if name is not None and name.kind is KIND and file.name.endswith(mark):
            return lane.outbox.supersede(file.name) or lane.outbox.discard_failed(file.name)
    return False


def handover_record(handover: KeyHandover) -> KeyHandoverRecord:
    """As partners read it."""
    return KeyHandoverRecord(
        record="key_handover",
        old_fingerprint=handover.old_fingerprint,
        new_fingerprint=handover.new_fingerprint,
        signs_from=documents.datetime_text(handover.signs_from),
        old_opens_until=documents.datetime_text(handover.old_opens_until),
        public_key=handover.public_key,
        statement=handover.statement,
    )


def _record(
    practice: PracticeSide, lane: Lane, message_id: str, sequence: int, now: datetime, sealed_sha256: str
) -> None:
    with practice.database.write() as work:
        work.disclosures.add_outbound(
            message_id=message_id,
            partner_id=lane.partner_id,
            kind=KIND.value,
            sequence=sequence,
            created_at=now,
            record_count=1,
            sealed_sha256=sealed_sha256,
        )
