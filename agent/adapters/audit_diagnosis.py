"""Finds out what was done to an audit entry that does not follow from the one before it.

Asked by `agent.adapters.audit_verification` once a chain is known to be broken,
so that a person is told whether an entry was edited, inserted, deleted or
exchanged. The verdict never depends on it: what cannot be told apart is called
changed or forged.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import Row

from agent.adapters.audit_chain import mac_of
from agent.errors import AuditBrokenError
from agent.ports import AuditHead

DELETED_AT_MOST = 10_000
"""How many deleted entries are looked for where the numbers behind them were closed up."""


class AuditFault(StrEnum):
    """What is wrong with the first bad entry."""

    EDITED = "it was edited"
    INSERTED = "it was inserted"
    DELETED = "it was deleted"
    SWAPPED = "it stands in another entry's place"
    FORGED = "it was changed or forged, or the chain was written with another audit key"
    TRUNCATED = (
        "the chain ends before it, so the newest entries were cut off, or the database is an older copy"
    )
    REWRITTEN = (
        "it is not the entry that was handed out, so the chain was written anew with the audit key, "
        "or another copy of the database was worked with"
    )


def broken(sequence: int, fault: AuditFault, more: str = "") -> AuditBrokenError:
    """The sentence for a person."""
    return AuditBrokenError(
        f"the audit log is broken at entry {sequence}: {fault.value}{f'; {more}' if more else ''}"
    )


def diagnosis(key: bytes, head: AuditHead, rows: Sequence[Row[Any]]) -> AuditFault:
    """What happened behind `head`; `rows` is all that stands there, and the first of them does not follow."""
    place, bad, behind = head.sequence + 1, rows[0], rows[1:]
    if bad.sequence > place:
        return AuditFault.DELETED
    if bad.sequence < place:
        return AuditFault.INSERTED
    if behind and _fits(key, place + 1, behind[0], bad.mac):
        return AuditFault.EDITED
    for index, row in enumerate(behind):
        if _fits(key, place, row, head.mac):
            return _inserted_or_swapped(key, place, rows, index + 1)
    if behind and any(
        _fits(key, number, behind[0], bad.mac) for number in range(place + 2, place + 2 + DELETED_AT_MOST)
    ):
        return AuditFault.DELETED
    return AuditFault.FORGED


def _inserted_or_swapped(key: bytes, place: int, rows: Sequence[Row[Any]], index: int) -> AuditFault:
    """The entry that belongs at `place` was found `index` further on: pushed there, or exchanged."""
    found = rows[index]
    if index + 1 < len(rows):
        pushed = _fits(key, place + 1, rows[index + 1], found.mac)
        return AuditFault.INSERTED if pushed else AuditFault.SWAPPED
    bad, before_found = rows[0], rows[index - 1].mac if index > 1 else found.mac
    exchanged = _fits(key, place + index, bad, before_found)
    return AuditFault.SWAPPED if exchanged else AuditFault.INSERTED


def _fits(key: bytes, place: int, row: Row[Any], previous_mac: str) -> bool:
    return mac_of(key, place, row, previous_mac) == str(row.mac)
