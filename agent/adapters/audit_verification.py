"""Proves that nobody has edited the audit log, or names the first entry that is wrong (promise P6).

Somebody without the key can neither change, insert, remove nor reorder an
entry unseen. Heads that were handed out in receipts and exports (anchors)
also show a chain that was cut or written anew. It only reads.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, String, select, type_coerce

from agent.adapters import tables
from agent.adapters.audit_chain import GENESIS, chained_mac
from agent.errors import AuditBrokenError
from agent.ports import AuditHead

ROWS_AT_ONCE = 2_000


class AuditFault(StrEnum):
    """What is wrong with the first bad entry."""

    CHANGED = "it was changed or forged, or the chain was written with another audit key"
    MISSING = "it is missing"
    OUT_OF_ORDER = "it stands in another entry's place"
    TRUNCATED = "the chain ends before it, but an anchor from later on was handed out"
    REWRITTEN = "it is not the entry that was handed out as an anchor"


@dataclass(frozen=True, slots=True)
class AuditReport:
    """A chain that verifies: how many entries, and its head."""

    entries: int
    head: AuditHead


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


def _mac_of(key: bytes, sequence: int, row: Row[Any], previous_mac: str) -> str:
    """What the row's mac would be at the place `sequence`, after the entry with `previous_mac`."""
    return chained_mac(
        key,
        previous_mac,
        sequence=sequence,
        at=row.at,
        event=row.event,
        partner_id=row.partner_id,
        details=row.details,
    )


def _broken(sequence: int, fault: AuditFault) -> AuditBrokenError:
    return AuditBrokenError(f"the audit log is broken at entry {sequence}: {fault.value}")
