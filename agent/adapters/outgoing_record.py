"""Lists which files a partner was sent, with what they held in numbers.

For the data protection officer's question; it reads what the stories wrote
down and nothing of any person.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from agent.adapters import tables
from agent.adapters.audit_log import entries
from exchange_formats.envelope import Kind
from exchange_formats.file_names import parse_sealed_name

DELIVERED = "delivered "


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that reached the partner's server, so far as is known.

    `records` and `patients` are None once a purge has forgotten the file's
    contents; `confirmed` is False where the server took it before it could be
    compared.
    """

    partner_id: str
    kind: Kind
    sequence: int
    delivered_at: datetime
    confirmed: bool
    records: int | None
    patients: int | None


def sent_files(connection: Connection, partner_id: str | None, since: datetime | None) -> Iterator[SentFile]:
    """In the order of delivery; a file that was sent twice stands there twice."""
    for entry in entries(connection, partner_id):
        if not entry.event.startswith(DELIVERED) or (since is not None and entry.at < since):
            continue
        name = parse_sealed_name(str(entry.details.get("file", "")))
        if name is None or entry.partner_id is None:
            continue
        records, patients = _held(connection, entry.partner_id, name.kind, name.sequence)
        confirmed = entry.event == f"{DELIVERED}confirmed"
        yield SentFile(entry.partner_id, name.kind, name.sequence, entry.at, confirmed, records, patients)


def _held(
    connection: Connection, partner_id: str, kind: Kind, sequence: int
) -> tuple[int | None, int | None]:
    """Records and patients of one file."""
    if kind is Kind.RECEIPTS:
        lines = _receipt_lines(connection, partner_id, sequence)
        return (lines, 0) if lines else (None, None)
    sent = tables.outbound_message.c
    row = connection.execute(
        select(sent.record_count, sent.patient_count).where(
            sent.partner_id == partner_id, sent.kind == kind.value, sent.sequence == sequence
        )
    ).one_or_none()
    return (row.record_count, row.patient_count) if row else (None, None)


def _receipt_lines(connection: Connection, partner_id: str, sequence: int) -> int:
    """No receipt is empty: none means that its lines were purged."""
    message, line = tables.inbound_message.c, tables.receipt_line.c
    counted = select(func.count(line.position)).where(
        message.partner_id == partner_id,
        message.receipt_sequence == sequence,
        line.partner_id == message.partner_id,
        line.message_id == message.message_id,
    )
    return connection.scalar(counted) or 0
