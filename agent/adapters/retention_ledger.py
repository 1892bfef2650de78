"""Finds and deletes what the agent's own tables have held long enough (GDPR Art. 5(1)(e)).

`agent.retention` asks it, in one transaction with the audit entry that tells
how much went. Never deleted: the audit log, refused messages, updates that are
not published, removals that are not confirmed, and what a booking in the
future hangs on.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from agent.adapters import tables
from agent.adapters.booking_ledger import ANSWERS
from agent.domain.practice import Consent
from agent.ports import REFUSED_PREFIX

BATCH_ROWS = 2_000
"""Of each sort in one transaction: imports are not to wait long for a purge."""

BOOKINGS = "bookings"

_TABLES: dict[str, tuple[Table, ...]] = {
    ANSWERS: (tables.receipt_line, tables.inbound_message),
    BOOKINGS: (tables.booking, tables.partner_appointment),
    "updates": (tables.update_line, tables.update_message),
    "file_records": (tables.outbound_message,),
    "disclosures": (tables.disclosure,),
    "notes": (tables.staff_note,),
}
"""What is deleted by the keys that `_due` finds; lines before what they belong to."""

SORTS = tuple(_TABLES)


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """What is older than its moment has been kept long enough."""

    answers: datetime
    bookings: datetime
    file_records: datetime
    disclosures: datetime
    notes: datetime


def count_due(connection: Connection, cutoffs: Cutoffs) -> dict[str, int]:
    """How many of each sort a purge would delete."""
    return {
        sort: connection.scalar(select(func.count()).select_from(keys.subquery())) or 0
        for sort, keys in _due(cutoffs).items()
    }


def purge_batch(connection: Connection, cutoffs: Cutoffs, now: datetime) -> dict[str, int]:
    """Delete up to BATCH_ROWS of each sort; how many went, without sorts of which there were none."""
    purged = {}
    for sort, statement in _due(cutoffs).items():
        keys = connection.execute(statement.limit(BATCH_ROWS)).all()
        if not keys:
            continue
        if sort == ANSWERS:
            _mark(connection, ANSWERS, cutoffs.answers)
        if sort == BOOKINGS:
            finished = [{**key._mapping, "purged_at": now} for key in keys]
            connection.execute(insert(tables.finished_booking), finished)
        for table in _TABLES[sort]:
            _delete(connection, table, keys)
        purged[sort] = len(keys)
    return purged


def settled_files(
    connection: Connection, partner_id: str, events: tuple[str, ...], before: datetime
) -> Iterator[Mapping[str, Any]]:
    """The details of this partner's audit entries of these kinds that lie before that moment."""
    entry = tables.audit_entry.c
    rows = connection.scalars(
        select(entry.details).where(
            entry.partner_id == partner_id, entry.event.in_(events), entry.at < before
        ),
        execution_options={"yield_per": BATCH_ROWS},
    )
    for details in rows:
        yield json.loads(details)


def newest_entry_at(connection: Connection) -> datetime | None:
    """When the agent last did anything that is written down."""
    entry = tables.audit_entry.c
    return connection.scalar(select(entry.at).order_by(entry.sequence.desc()).limit(1))


def _due(cutoffs: Cutoffs) -> dict[str, Select[Any]]:
    """The keys of what may go, by sort."""
    return {
        ANSWERS: _answers(cutoffs.answers),
        BOOKINGS: _bookings(cutoffs.bookings),
        "updates": _updates(cutoffs.bookings),
        "file_records": _file_records(cutoffs),
        "disclosures": _disclosures(cutoffs.disclosures),
        "notes": select(tables.staff_note.c.note_id).where(tables.staff_note.c.resolved_at < cutoffs.notes),
    }


def _answers(before: datetime) -> Select[Any]:
    """All but refusals, and but each partner's last message, of which the status tells."""
    message, later = tables.inbound_message.c, tables.inbound_message.alias().c
    newest = select(func.max(later.received_at)).where(later.partner_id == message.partner_id)
    return select(message.partner_id, message.message_id).where(
        message.received_at < before,
        message.received_at < newest.scalar_subquery(),
        ~message.message_id.startswith(REFUSED_PREFIX, autoescape=True),
    )


def _bookings(before: datetime) -> Select[Any]:
    """Answered, and over, as it was told and as it stands in the book, for that long."""
    booking, told, stands = tables.booking.c, tables.partner_appointment.c, tables.appointment.c
    ends = (func.max(told.told_ends_at), func.max(stands.ends_at))
    return (
        select(booking.partner_id, booking.booking_id)
        .select_from(
            tables.booking.outerjoin(
                tables.partner_appointment,
                and_(told.partner_id == booking.partner_id, told.booking_id == booking.booking_id),
            ).outerjoin(tables.appointment, stands.appointment_id == told.appointment_id)
        )
        .group_by(booking.partner_id, booking.booking_id)
        .having(func.max(booking.decided_at) < before, *(or_(end.is_(None), end < before) for end in ends))
    )


def _updates(before: datetime) -> Select[Any]:
    message = tables.update_message.c
    return select(message.message_id).where(
        message.published_at.is_not(None), message.published_at < before, message.created_at < before
    )


def _file_records(cutoffs: Cutoffs) -> Select[Any]:
    """Patients files never: by them it is known when somebody was sent last, and what a removal told."""
    sent = tables.outbound_message.c
    snapshots = sent.kind.in_(("availability", "reference_data"))
    return select(sent.message_id).where(
        or_(
            and_(snapshots, sent.created_at < cutoffs.file_records),
            and_(sent.kind == "appointment_updates", sent.created_at < cutoffs.bookings),
        )
    )


def _disclosures(before: datetime) -> Select[Any]:
    """Erased by the partner, by its own word, and not about to be sent anew."""
    told, consent = tables.disclosure.c, tables.consent.c
    agrees = select(consent.patient_id).where(
        consent.partner_id == told.partner_id,
        consent.patient_id == told.patient_id,
        consent.status == Consent.GRANTED.value,
    )
    return select(told.partner_id, told.patient_id).where(
        told.removed_at.is_not(None), told.removal_confirmed_at < before, ~agrees.exists()
    )


def _mark(connection: Connection, subject: str, before: datetime) -> None:
    """Remember how far back is forgotten; the mark never goes back, whatever the settings become."""
    table = tables.purge_mark
    marked = connection.scalar(select(table.c.before_at).where(table.c.subject == subject))
    if marked is None:
        connection.execute(insert(table).values(subject=subject, before_at=before))
    elif marked < before:
        connection.execute(update(table).where(table.c.subject == subject).values(before_at=before))


def _delete(connection: Connection, table: Table, keys: Sequence[Row[Any]]) -> None:
    names = keys[0]._fields
    statement = delete(table).where(*(table.c[name] == bindparam(f"key_{name}") for name in names))
    connection.execute(statement, [{f"key_{name}": key._mapping[name] for name in names} for key in keys])
