"""The first line of every file of ours: which message it is, from whom, for whom, of which time.

A step of every story that sends something; what only the story knows is given to it.
"""

from dataclasses import dataclass
from datetime import datetime

from agent.domain import documents
from agent.flows.lane import Lane, PracticeSide
from exchange_formats.envelope import Envelope, Kind


@dataclass(frozen=True, slots=True)
class DocumentHead:
    """What only the story knows: which message this is, of which number and time, at which audit entry."""

    message_id: str
    sequence: int
    created_at: datetime
    audit_head: str | None


def envelope_of(
    practice: PracticeSide,
    lane: Lane,
    kind: Kind,
    head: DocumentHead,
    time_zone: str,
    *,
    valid_until: str | None = None,
    next_expected_at: str | None = None,
    in_reply_to: str | None = None,
) -> Envelope:
    """The last three are fields that not every kind has."""
    return Envelope(
        record="envelope",
        format="otv",
        version=1,
        kind=kind,
        message_id=head.message_id,
        sequence=head.sequence,
        practice_id=practice.practice_id,
        partner_id=lane.partner_id,
        in_reply_to=in_reply_to,
        created_at=documents.datetime_text(head.created_at),
        valid_until=valid_until,
        next_expected_at=next_expected_at,
        time_zone=time_zone,
        audit_head=head.audit_head,
    )
