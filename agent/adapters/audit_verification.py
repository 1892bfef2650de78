"""Proves that nobody has edited the audit log, or names the first entry that is wrong (promise P6).

Somebody without the key can neither change, insert, remove nor reorder an
entry unseen. Heads that were handed out in files (anchors) also show a chain
that was cut or written anew, by a thief of the key or from an older copy of
the database. It only reads; what exactly was done to a bad entry is found out
by `agent.adapters.audit_diagnosis`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, String, select, type_coerce

from agent.adapters import tables
from agent.adapters.audit_chain import GENESIS, RESTORED, mac_of
from agent.adapters.audit_diagnosis import AuditFault, broken, diagnosis
from agent.errors import AuditBrokenError
from agent.ports import AuditHead

ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class AuditReport:
    """A chain that verifies."""

    entries: int
    head: AuditHead
    anchored: int
    """How many of the heads that were handed out are in it."""
    lost: tuple[tuple[int, int], ...] = ()
    """First and last entry of each stretch that was lost to a restored backup, as an entry admits."""
    lost_anchors: int = 0
    """How many heads belong to those."""


@dataclass(slots=True)
class Verification:
    """One walk along the chain, entry by entry; `report` judges it at its end."""

    connection: Connection
    key: bytes
    anchors: Iterable[AuditHead] = ()
    _head: AuditHead = GENESIS
    _entries: int = 0
    _open: dict[int, set[str]] = field(default_factory=dict)
    _agreeing: list[int] = field(default_factory=list)
    _differing: list[int] = field(default_factory=list)
    _lost: list[tuple[int, int]] = field(default_factory=list)

    def rows(self) -> Iterator[Row[Any]]:
        """Entries that follow from the one before. Raises AuditBrokenError at the first that does not."""
        for anchor in self.anchors:
            self._open.setdefault(anchor.sequence, set()).add(anchor.mac)
        self._compare()
        for row in _stored(self.connection):
            self._demand_next(row)
            self._head = AuditHead(row.sequence, row.mac)
            self._entries += 1
            self._compare()
            yield row

    def report(self) -> AuditReport:
        """After the last row. Raises AuditBrokenError if the chain lacks a head that was handed out."""
        if self._differing:
            raise self._rewritten()
        lost = [number for number in self._open if any(first <= number <= last for first, last in self._lost)]
        beyond = sorted(self._open.keys() - set(lost))
        if beyond:
            handed_out = f"heads up to entry {beyond[-1]:,} were handed out"
            raise broken(self._head.sequence + 1, AuditFault.TRUNCATED, handed_out)
        return AuditReport(self._entries, self._head, len(self._agreeing), tuple(self._lost), len(lost))

    def _compare(self) -> None:
        """The anchors of this place with the entry; what remains at the end belongs to no entry."""
        macs = self._open.pop(self._head.sequence, None)
        if macs is not None:
            (self._agreeing if macs == {self._head.mac} else self._differing).append(self._head.sequence)

    def _demand_next(self, row: Row[Any]) -> None:
        expected = self._head.sequence + 1
        admitted = _admitted_loss(row, expected)
        in_place = row.sequence == expected or admitted
        if in_place and mac_of(self.key, row.sequence, row, self._head.mac) == row.mac:
            self._lost += [(expected, row.sequence - 1)] if admitted else []
            return
        if self._differing:
            raise self._rewritten()
        following = list(_stored(self.connection, after=self._head.sequence))
        raise broken(expected, diagnosis(self.key, self._head, following))

    def _rewritten(self) -> AuditBrokenError:
        first, last = self._differing[0], self._differing[-1]
        before = [number for number in self._agreeing if number < first]
        after = [number for number in self._agreeing if number > last]
        words = [f"{len(self._differing):,} of {len(self._differing) + len(self._agreeing):,} heads differ"]
        words += [f"up to entry {before[-1]:,} they agree"] if before else []
        words += [f"from entry {after[0]:,} on they agree again"] if after else []
        return broken(first, AuditFault.REWRITTEN, ", ".join(words))


def verify(connection: Connection, key: bytes, anchors: Iterable[AuditHead] = ()) -> AuditReport:
    """Recompute the whole chain and hold it against heads that were handed out.

    Cutting off the newest entries leaves a shorter chain that is whole in
    itself: only an anchor shows it. Raises AuditBrokenError naming the first
    bad entry and what is wrong with it.
    """
    verification = Verification(connection, key, anchors)
    for _ in verification.rows():
        pass
    return verification.report()


def _stored(connection: Connection, after: int | None = None) -> Iterable[Row[Any]]:
    """All entries as the driver gives them: a time that was made unreadable must still be compared."""
    table = tables.audit_entry
    statement = select(
        table.c.sequence,
        type_coerce(table.c.at, String).label("at"),
        table.c.event,
        table.c.partner_id,
        table.c.details,
        table.c.mac,
    ).order_by(table.c.sequence)
    if after is not None:
        statement = statement.where(table.c.sequence > after)
    return connection.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE})


def _admitted_loss(row: Row[Any], expected: int) -> bool:
    """Whether this entry follows a gap that it names itself; its mac is still to be proved."""
    if row.event != RESTORED or row.sequence <= expected:
        return False
    try:
        details = json.loads(row.details)
    except ValueError:
        return False
    if not isinstance(details, Mapping):
        return False
    return (details.get("kept"), details.get("lost_through")) == (expected - 1, row.sequence - 1)
