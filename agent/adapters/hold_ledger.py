"""Remembers what is held because too much changed at once, and what the next change is compared with.

Both stories write here in the transaction of what they hold or let go; the
operator's `release` only marks. It keeps numbers and never judges them.
"""

import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, insert, select

from agent.adapters import tables
from agent.domain.sudden_change import Change, Sign
from agent.ports import GoodState, Hold


class SqlHoldLedger:
    """`HoldLedger` over one open transaction; reading alone needs no write transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def good_state(self, partner_id: str, kind: str) -> GoodState | None:
        row = self._row(tables.good_state, partner_id, kind)
        return None if row is None else GoodState(row.recorded_at, json.loads(row.measure))

    def keep_good_state(self, partner_id: str, kind: str, state: GoodState) -> None:
        measure = json.dumps(state.measure, separators=(",", ":"))
        self._replace(
            tables.good_state, partner_id, kind, {"recorded_at": state.recorded_at, "measure": measure}
        )

    def held(self, partner_id: str, kind: str) -> Hold | None:
        row = self._row(tables.hold, partner_id, kind)
        return None if row is None else _hold(row)

    def all_held(self) -> list[Hold]:
        """Every partner's, by partner and kind."""
        table = tables.hold
        rows = self._connection.execute(select(table).order_by(table.c.partner_id, table.c.kind))
        return [_hold(row) for row in rows]

    def put(self, hold: Hold) -> None:
        changes = json.dumps([asdict(change) for change in hold.changes])
        self._replace(
            tables.hold,
            hold.partner_id,
            hold.kind,
            {"held_at": hold.held_at, "changes": changes, "released_at": hold.released_at},
        )

    def end(self, partner_id: str, kind: str) -> None:
        self._delete(tables.hold, partner_id, kind)

    def _row(self, table: Table, partner_id: str, kind: str) -> Row[Any] | None:
        return self._connection.execute(
            select(table).where(table.c.partner_id == partner_id, table.c.kind == kind)
        ).one_or_none()

    def _replace(self, table: Table, partner_id: str, kind: str, values: dict[str, Any]) -> None:
        self._delete(table, partner_id, kind)
        self._connection.execute(insert(table), {"partner_id": partner_id, "kind": kind, **values})

    def _delete(self, table: Table, partner_id: str, kind: str) -> None:
        self._connection.execute(delete(table).where(table.c.partner_id == partner_id, table.c.kind == kind))


def _hold(row: Row[Any]) -> Hold:
    changes = tuple(Change(Sign(one["sign"]), one["base"], one["amount"]) for one in json.loads(row.changes))
    return Hold(row.partner_id, row.kind, row.held_at, changes, row.released_at)
