"""Acknowledge: a partner has erased whom a patients file told it to (reading A9, GDPR Art. 19).

A step of `agent.flows.receive`, inside its transaction. Only what that very
file told is settled; anything else is passed over in silence, so that the
receipt never says which aliases exist, or whose removal is still open.
"""

from datetime import datetime

from agent.flows.lane import Lane
from agent.ports import WriteTransaction
from exchange_formats.codec import AcknowledgementDocument


def acknowledge(lane: Lane, work: WriteTransaction, document: AcknowledgementDocument, now: datetime) -> None:
    """End the removal notices that the partner confirms; how many is told to the audit log alone."""
    aliases = {record.patient_id for record in document.records}
    patients_message_id = document.envelope.in_reply_to or ""
    settled = work.disclosures.confirm_removals(lane.partner_id, aliases, patients_message_id, now)
    work.audit.append("removals confirmed", now, lane.partner_id, named=len(aliases), settled=settled)
