"""Writes down who did what in a keyed hash chain, and proves later that nobody has edited it.

Every import and export appends its entry in the transaction of what it did.
Entry n carries HMAC-SHA256(key, canonical JSON of [sequence, time, event,
partner, details, previous mac]); the first one follows 64 zeros. Somebody
without the key can neither change, insert, remove nor reorder an entry
unseen; heads handed out in receipts and exports (anchors) show a chain that
was cut or written anew (promise P6). No patient data ever goes in here.
"""

import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, String, insert, select, type_coerce

from agent.adapters import tables
from agent.errors import AuditBrokenError, ClockBehindError
from agent.ports import AuditHead

GENESIS = AuditHead(0, "0" * 64)
"""The head of an empty chain."""

CLOCK_TOLERANCE = timedelta(minutes=5)

ROWS_AT_ONCE = 2_000

# One spelling for every value. What no entry can hold, like a blob put there by hand, just fails to verify.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=repr)


class AuditFault(StrEnum):
    """What is wrong with the first bad entry."""

    CHANGED = "it was changed or forged, or the chain was written with another audit key"
    MISSING = "it is missing"
    OUT_OF_ORDER = "it stands in another entry's place"
    TRUNCATED = "the chain ends before it, but an anchor from later on was handed out"
    REWRITTEN = "it is not the entry that was handed out as an anchor"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the log, for people; `details` are ids, counts, digests and reason codes."""

    sequence: int
    at: datetime
    event: str
    partner_id: str | None
    details: Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class AuditReport:
    """A chain that verifies: how many entries, and its head."""

    entries: int
    head: AuditHead


class SqlAuditLog:
    """`AuditLog` over one open write transaction; it keeps the head, so that an entry costs one insert."""

    def __init__(self, connection: Connection, key: bytes) -> None:
        self._connection = connection
        self._key = key
        self._newest: tuple[AuditHead, datetime | None] | None = None

    def append(
        self, event: str, at: datetime, partner_id: str | None = None, **details: str | int | None
    ) -> AuditHead:
        """Raises ClockBehindError if `at` lies more than five minutes before the entry before."""
        head, last_at = self._head_and_time()
        moment = _whole_seconds(at)
        if last_at is not None and moment < last_at - CLOCK_TOLERANCE:
            raise ClockBehindError("the server's clock is behind the newest audit entry; nothing was done")
        sequence, text = head.sequence + 1, _CANONICAL.encode(details)
        mac = _mac(self._key, [sequence, _instant_text(moment), event, partner_id, text, head.mac])
        self._connection.execute(
            insert(tables.audit_entry),
            {
                "sequence": sequence,
                "at": moment,
                "event": event,
                "partner_id": partner_id,
                "details": text,
                "mac": mac,
            },
        )
        new_head = AuditHead(sequence, mac)
        self._newest = (new_head, moment)
        return new_head

    def head(self) -> AuditHead:
        return self._head_and_time()[0]

    def savepoint_undone(self) -> None:
        """Forget the head: entries written since the savepoint are gone with it."""
        self._newest = None

    def _head_and_time(self) -> tuple[AuditHead, datetime | None]:
        if self._newest is None:
            table = tables.audit_entry
            row = self._connection.execute(
                select(table.c.sequence, table.c.mac, table.c.at).order_by(table.c.sequence.desc()).limit(1)
            ).one_or_none()
            self._newest = (GENESIS, None) if row is None else (AuditHead(row.sequence, row.mac), row.at)
        return self._newest


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
    rows = connection.execute(
        chosen.order_by(chosen.selected_columns.sequence), execution_options={"yield_per": ROWS_AT_ONCE}
    )
    try:
        for row in rows:
            yield AuditEntry(row.sequence, row.at, row.event, row.partner_id, json.loads(row.details))
    except ValueError as error:
        raise AuditBrokenError("an audit entry is unreadable: run `otv-agent audit verify`") from error


def verify(connection: Connection, key: bytes, anchors: Iterable[AuditHead] = ()) -> AuditReport:
    """Recompute the whole chain and hold it against heads that were handed out.

    Cutting off the newest entries leaves a shorter chain that is whole in
    itself: only an anchor shows it. Raises AuditBrokenError naming the first
    bad entry and what is wrong with it.
    """
    handed_out = _macs_by_sequence(anchors)
    head = GENESIS
    _demand_anchored(head, handed_out)
    for row in _stored(connection):
        _demand_next(connection, key, head, row)
        head = AuditHead(row.sequence, row.mac)
        _demand_anchored(head, handed_out)
    if handed_out:
        raise _broken(head.sequence + 1, AuditFault.TRUNCATED)
    return AuditReport(head.sequence, head)


def _stored(connection: Connection) -> Iterable[Row[Any]]:
    """All entries as the driver gives them: a time that was made unreadable must still be compared."""
    table = tables.audit_entry
    return connection.execute(
        select(
            table.c.sequence,
            type_coerce(table.c.at, String).label("at"),
            table.c.event,
            table.c.partner_id,
            table.c.details,
            table.c.mac,
        ).order_by(table.c.sequence),
        execution_options={"yield_per": ROWS_AT_ONCE},
    )


def _macs_by_sequence(anchors: Iterable[AuditHead]) -> dict[int, set[str]]:
    macs: dict[int, set[str]] = {}
    for anchor in anchors:
        macs.setdefault(anchor.sequence, set()).add(anchor.mac)
    return macs


def _demand_anchored(head: AuditHead, handed_out: dict[int, set[str]]) -> None:
    """Takes the anchors of this place out of `handed_out`; what remains at the end was cut off."""
    if handed_out.pop(head.sequence, {head.mac}) != {head.mac}:
        raise _broken(head.sequence, AuditFault.REWRITTEN)


def _demand_next(connection: Connection, key: bytes, head: AuditHead, row: Row[Any]) -> None:
    expected = head.sequence + 1
    if row.sequence != expected:
        raise _broken(expected, AuditFault.MISSING if row.sequence > expected else AuditFault.OUT_OF_ORDER)
    if _mac_of(key, expected, row, head.mac) != row.mac:
        moved = _made_for_another_place(connection, key, row)
        raise _broken(expected, AuditFault.OUT_OF_ORDER if moved else AuditFault.CHANGED)


def _made_for_another_place(connection: Connection, key: bytes, row: Row[Any]) -> bool:
    """Whether the entry verifies where another one stands, as if the two had been exchanged."""
    table = tables.audit_entry
    macs = {entry.sequence: entry.mac for entry in connection.execute(select(table.c.sequence, table.c.mac))}
    macs_before = {0: GENESIS.mac, **macs}
    for place, mac in macs.items():
        exchanged_with_next = place - 1 == row.sequence
        previous = mac if exchanged_with_next else macs_before.get(place - 1, "")
        if _mac_of(key, place, row, previous) == row.mac:
            return True
    return False


def _mac_of(key: bytes, sequence: int, row: Row[Any], previous: str) -> str:
    return _mac(key, [sequence, _instant_text(row.at), row.event, row.partner_id, row.details, previous])


def _mac(key: bytes, chained: Sequence[str | int | None]) -> str:
    """`details` is chained as the stored text, so that not even its white space can change."""
    return hmac.digest(key, _CANONICAL.encode(chained).encode("ascii"), "sha256").hex()


def _instant_text(at: datetime | str) -> str:
    """One spelling for both databases: what SQLite keeps is that text already."""
    return at if isinstance(at, str) else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _whole_seconds(at: datetime) -> datetime:
    """As the database keeps it; a naive datetime is no moment in time."""
    if at.tzinfo is None:
        raise ValueError("audit entries need an aware datetime")
    return at.astimezone(UTC).replace(microsecond=0)


def _broken(sequence: int, fault: AuditFault) -> AuditBrokenError:
    return AuditBrokenError(f"the audit log is broken at entry {sequence}: {fault.value}")
