"""Writes down who did what, entry by entry, and reads it back for people.

Every import and export appends its entry in the transaction of what it did,
tied to the entry before (`agent.adapters.audit_chain`). No patient data ever
goes in here, and nothing is ever changed or removed.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, insert, select, union

from agent.adapters import tables
from agent.adapters.audit_chain import GENESIS, RESTORED, canonical, chained_mac
from agent.adapters.audit_memory import AuditMemory
from agent.errors import AuditBrokenError, ClockBehindError, DatabaseOutdatedError
from agent.ports import AuditHead

CLOCK_TOLERANCE = timedelta(minutes=5)
CLOCK_ACCEPTED = "clock accepted"
"""An operator's word that the clock is right at this moment; the entries before may bear later times."""

ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the log, for people; `details` are ids, counts, digests and reason codes."""

    sequence: int
    at: datetime
    event: str
    partner_id: str | None
    details: Mapping[str, str | int | None]


class SqlAuditLog:
    """`AuditLog` over one open write transaction; it keeps the head, so that an entry costs one insert.

    With a memory, nothing is appended to a chain that does not hold the entry remembered last: every
    method raises DatabaseOutdatedError.
    """

    def __init__(self, connection: Connection, key: bytes, memory: AuditMemory | None = None) -> None:
        self._connection = connection
        self._key = key
        self._memory = memory
        self._newest: tuple[AuditHead, datetime | None] | None = None
        self._has_appended = False

    def append(
        self, event: str, at: datetime, partner_id: str | None = None, **details: str | int | None
    ) -> AuditHead:
        """Raises ClockBehindError if `at` lies more than five minutes before the entry before.

        An operator's CLOCK_ACCEPTED alone may: from then on the time goes on from there.
        """
        head, _ = self._head_and_time()
        return self._append(head.sequence + 1, event, at, partner_id, **details)

    def _append(
        self, sequence: int, event: str, at: datetime, partner_id: str | None, /, **details: str | int | None
    ) -> AuditHead:
        head, last_at = self._head_and_time()
        moment = _whole_seconds(at)
        if last_at is not None and moment < last_at - CLOCK_TOLERANCE and event != CLOCK_ACCEPTED:
            raise ClockBehindError("the server's clock is behind the newest audit entry; nothing was done")
        entry: dict[str, Any] = {
            "sequence": sequence,
            "at": moment,
            "event": event,
            "partner_id": partner_id,
            "details": canonical(details),
        }
        mac = chained_mac(self._key, head.mac, **entry)
        self._connection.execute(insert(tables.audit_entry), {**entry, "mac": mac})
        new_head = AuditHead(sequence, mac)
        self._newest = (new_head, moment)
        self._has_appended = True
        return new_head

    def accept_restore(self, at: datetime, lost: AuditHead) -> AuditHead:
        """Go on behind the lost entry `lost` in a database that went back to an older copy.

        The only way to write where `require_remembered` refuses. Raises ClockBehindError.
        """
        memory, self._memory = self._memory, None
        head, _ = self._head_and_time()
        through = max(lost.sequence, head.sequence)
        new_head = self._append(through + 1, RESTORED, at, None, kept=head.sequence, lost_through=through)
        self._memory = memory
        return new_head

    def head(self) -> AuditHead:
        return self._head_and_time()[0]

    def appended(self) -> AuditHead | None:
        """The last entry of this transaction that was not undone; None if there is none."""
        return self._newest[0] if self._newest is not None and self._has_appended else None

    def savepoint_undone(self) -> None:
        """Forget the head: entries written since the savepoint are gone with it."""
        self._newest = None

    def _head_and_time(self) -> tuple[AuditHead, datetime | None]:
        if self._newest is None:
            table = tables.audit_entry
            row = self._connection.execute(
                select(table.c.sequence, table.c.mac, table.c.at).order_by(table.c.sequence.desc()).limit(1)
            ).one_or_none()
            newest = (GENESIS, None) if row is None else (AuditHead(row.sequence, row.mac), row.at)
            if self._memory is not None:
                require_remembered(self._connection, newest[0], self._memory.head())
            self._newest = newest
        return self._newest


def require_remembered(connection: Connection, head: AuditHead, remembered: AuditHead | None) -> None:
    """Raises DatabaseOutdatedError if the chain up to `head` lacks the entry that was remembered."""
    if remembered is None or remembered in (head, GENESIS):
        return
    entry = tables.audit_entry.c
    mac = connection.scalar(select(entry.mac).where(entry.sequence == remembered.sequence))
    if mac is None:
        raise DatabaseOutdatedError(
            f"the database is older than the agent's work: its audit log ends at entry {head.sequence:,},"
            f" and entry {remembered.sequence:,} had been written"
        )
    if mac != remembered.mac:
        raise DatabaseOutdatedError(
            f"the database is not the one the agent last worked with: audit entry {remembered.sequence:,} "
            "is another than the one that had been written"
        )


def has_entry(connection: Connection, event: str, **details: str) -> bool:
    """Whether there is an entry of this event with these details among its own."""
    return last_entry_at(connection, event, **details) is not None


def last_entry_at(connection: Connection, event: str, **details: str) -> datetime | None:
    """The time of the newest such entry; None if there is none."""
    entry = tables.audit_entry.c
    parts = (entry.details.contains(canonical(details)[1:-1], autoescape=True),) if details else ()
    newest = select(entry.at).where(entry.event == event, *parts).order_by(entry.sequence.desc()).limit(1)
    return connection.scalar(newest)


def entries(
    connection: Connection, partner_id: str | None = None, newest: int | None = None
) -> Iterator[AuditEntry]:
    """The log, newest last: all of it, or one partner's, or only the `newest` so many of them.

    Nothing is verified. Raises AuditBrokenError for an entry that cannot even be read.
    """
    table = tables.audit_entry
    chosen = select(table.c.sequence, table.c.at, table.c.event, table.c.partner_id, table.c.details)
    if partner_id is not None:
        chosen = chosen.where(table.c.partner_id == partner_id)
    if newest is not None:
        last = chosen.order_by(table.c.sequence.desc()).limit(newest).subquery()
        chosen = select(last.c.sequence, last.c.at, last.c.event, last.c.partner_id, last.c.details)
    yield from _in_order(connection, chosen)


def entries_since(connection: Connection, sequence: int, events: Collection[str]) -> Iterator[AuditEntry]:
    """Those of these events behind the entry with that number, newest last. Raises as `entries`."""
    table = tables.audit_entry
    chosen = select(table.c.sequence, table.c.at, table.c.event, table.c.partner_id, table.c.details)
    yield from _in_order(connection, chosen.where(table.c.sequence > sequence, table.c.event.in_(events)))


def _in_order(connection: Connection, chosen: Select[Any]) -> Iterator[AuditEntry]:
    rows = connection.execute(
        chosen.order_by(chosen.selected_columns.sequence), execution_options={"yield_per": ROWS_AT_ONCE}
    )
    try:
        for row in rows:
            yield AuditEntry(row.sequence, row.at, row.event, row.partner_id, json.loads(row.details))
    except ValueError as error:
        raise AuditBrokenError("an audit entry is unreadable: run `otv-agent audit verify`") from error


def clock_accepted_at(connection: Connection) -> datetime | None:
    """When an operator last said that the clock is right."""
    return last_entry_at(connection, CLOCK_ACCEPTED)


def ledger_anchors(connection: Connection) -> Iterator[AuditHead]:
    """The heads that the ledgers say were handed out: they show a log that alone was cut.

    Of receipts and appointment updates; raises AuditBrokenError for what is no head.
    """
    heads = union(select(tables.inbound_message.c.audit_head), select(tables.update_message.c.audit_head))
    for anchor in connection.scalars(heads, execution_options={"yield_per": ROWS_AT_ONCE}):
        sequence, _, mac = anchor.partition(":")
        if not sequence.isdecimal():
            raise AuditBrokenError("the ledger holds an audit anchor that no agent wrote")
        yield AuditHead(int(sequence), mac)


def _whole_seconds(at: datetime) -> datetime:
    """As the database keeps it; a naive datetime is no moment in time."""
    if at.tzinfo is None:
        raise ValueError("audit entries need an aware datetime")
    return at.astimezone(UTC).replace(microsecond=0)
