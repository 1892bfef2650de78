"""Follows one booking id through everything the agent wrote down, and the appointment as it stands.

For the question on the phone; it reads and decides nothing. Ids, codes and
times only: who the patient is, the practice software shows.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, String, select, type_coerce

from agent.adapters import tables
from agent.adapters.audit_log import AuditEntry, entries
from exchange_formats.envelope import Kind
from exchange_formats.file_names import parse_sealed_name

ANSWERED, UPDATED, STANDS = "answered", "update told", "as it stands in the appointment book"
_TOLD = (ANSWERED, UPDATED)

Details = dict[str, str | int | None]


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One thing that happened to a booking; `details` are ids, codes, digests and times as text."""

    at: datetime
    order: int
    """Among those of one second: the number of the newest audit entry by then."""
    what: str
    details: Details


@dataclass(slots=True)
class _Clues:
    """By what the audit entries of one booking are known."""

    appointment_ids: set[int] = field(default_factory=set)
    sealed_sha256: set[str] = field(default_factory=set)
    files: set[tuple[Kind, int]] = field(default_factory=set)


def partners_of_booking(connection: Connection, booking_id: str) -> list[str]:
    """The partners that used this id, in the order of their names."""
    table = tables.booking.c
    found = select(table.partner_id).where(table.booking_id == booking_id).distinct()
    return list(connection.scalars(found.order_by(table.partner_id)))


def trace_booking(connection: Connection, partner_id: str, booking_id: str) -> list[TraceStep]:
    """Everything known of the booking, the oldest first. Raises AuditBrokenError for an unreadable log."""
    clues = _Clues()
    steps = [
        *_messages(connection, partner_id, booking_id, clues),
        *_updates(connection, partner_id, booking_id, clues),
        *_appointment(connection, partner_id, booking_id, clues),
    ]
    steps += (
        TraceStep(entry.at, entry.sequence, entry.event, dict(entry.details))
        for entry in entries(connection, partner_id)
        if _concerns(entry, clues)
    )
    # What was written down in one go is read by the audit first, because there it came first.
    return sorted(steps, key=lambda step: (step.at, step.order, step.what in _TOLD))


def _messages(connection: Connection, partner_id: str, booking_id: str, clues: _Clues) -> Iterator[TraceStep]:
    """The answer to each message with a line about the booking; its file and signature tells the audit."""
    message, line = tables.inbound_message, tables.receipt_line
    about = (
        select(message.c.message_id, message.c.sealed_sha256, message.c.receipt_sequence)
        .add_columns(message.c.received_at, message.c.audit_head, line.c.record)
        .join_from(
            message,
            line,
            (message.c.partner_id == line.c.partner_id) & (message.c.message_id == line.c.message_id),
        )
        .where(message.c.partner_id == partner_id)
    )
    for row, record in _naming(connection, about, line.c.record, booking_id):
        clues.sealed_sha256.add(row.sealed_sha256)
        clues.files.add((Kind.RECEIPTS, row.receipt_sequence))
        answer: Details = {
            name: record.get(name)
            for name in ("revision", "outcome", "reason", "appointment_status", "column_id", "starts_at")
        }
        yield TraceStep(
            row.received_at,
            _number(row.audit_head),
            ANSWERED,
            {"message_id": row.message_id, "receipt": row.receipt_sequence, **answer},
        )


def _updates(connection: Connection, partner_id: str, booking_id: str, clues: _Clues) -> Iterator[TraceStep]:
    message, line = tables.update_message, tables.update_line
    about = (
        select(message.c.sequence, message.c.created_at, message.c.audit_head, line.c.record)
        .join_from(message, line)
        .where(message.c.partner_id == partner_id)
    )
    for row, record in _naming(connection, about, line.c.record, booking_id):
        clues.files.add((Kind.APPOINTMENT_UPDATES, row.sequence))
        told = {name: record.get(name) for name in ("appointment_status", "column_id", "starts_at")}
        yield TraceStep(row.created_at, _number(row.audit_head), UPDATED, {"update": row.sequence, **told})


def _number(audit_head: str) -> int:
    return int(audit_head.partition(":")[0])


def _naming(
    connection: Connection, about: Select[Any], record: Any, booking_id: str
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Rows whose line names the booking: narrowed as text by the database, decided as JSON here."""
    for row in connection.execute(
        about.where(type_coerce(record, String).contains(booking_id, autoescape=True))
    ):
        parsed = json.loads(row.record)
        if parsed.get("booking_id") == booking_id:
            yield row, parsed


def _appointment(
    connection: Connection, partner_id: str, booking_id: str, clues: _Clues
) -> Iterator[TraceStep]:
    told, stands = tables.partner_appointment.c, tables.appointment.c
    number = connection.scalar(
        select(told.appointment_id).where(told.partner_id == partner_id, told.booking_id == booking_id)
    )
    if number is None:
        return
    clues.appointment_ids.add(number)
    row = connection.execute(select(tables.appointment).where(stands.appointment_id == number)).one_or_none()
    if row is not None:
        standing: Details = {
            "appointment_id": number,
            "status": row.status,
            "column_id": row.column_id,
            "starts_at": row.starts_at.isoformat(),
            "ends_at": row.ends_at.isoformat(),
            "by": row.changed_by,
        }
        yield TraceStep(row.changed_at, sys.maxsize, STANDS, standing)


def _concerns(entry: AuditEntry, clues: _Clues) -> bool:
    details = entry.details
    if details.get("appointment_id") in clues.appointment_ids:
        return True
    if details.get("sealed_sha256") in clues.sealed_sha256:
        return True
    name = parse_sealed_name(str(details.get("file", "")))
    return name is not None and (name.kind, name.sequence) in clues.files
