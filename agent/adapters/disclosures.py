"""Who was told of one patient, read from the disclosure ledger for people (GDPR Art. 15 and 19).

The last time is not kept for each patient, which would rewrite the whole
ledger with every file: each patients file is the whole set, so it is the
newest one before the removal. Reads only.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from agent.adapters import tables


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One partner's knowledge of the patient; `removed_at` is None as long as it is not told to erase it."""

    partner_id: str
    alias: str
    first_sent_at: datetime
    last_sent_at: datetime
    removed_at: datetime | None


def disclosures_of(connection: Connection, patient_id: int) -> list[Disclosure]:
    """Every partner that ever got this patient's data, by partner id."""
    told, sent = tables.disclosure.c, tables.outbound_message.c
    last_sent_at = (
        select(func.max(sent.created_at))
        .where(
            sent.partner_id == told.partner_id,
            sent.kind == "patients",
            or_(told.removed_at.is_(None), sent.created_at < told.removed_at),
        )
        .scalar_subquery()
    )
    rows = connection.execute(
        select(told.partner_id, told.alias, told.first_sent_at, last_sent_at, told.removed_at)
        .where(told.patient_id == patient_id, told.first_sent_at.is_not(None))
        .order_by(told.partner_id)
    )
    return [Disclosure(*row) for row in rows]
