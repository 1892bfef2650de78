"""Remembers which partners' keys were withdrawn, and which expiries were warned of.

A revocation takes effect with its transaction: writers are serialised, so
every import either was committed before it or sees it. Nothing here knows
what a key is, and nothing here brings one back.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, Table, insert, select

from agent.adapters import tables


class SqlKeyLedger:
    """`KeyLedger` over one open write transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def revoke(self, partner_id: str, fingerprint: str, at: datetime) -> bool:
        key = {"partner_id": partner_id, "fingerprint": fingerprint}
        return self._added(tables.revoked_key, key, revoked_at=at)

    def warn_once(self, subject: str, ends_at: datetime, step: int, at: datetime) -> bool:
        key = {"subject": subject, "ends_at": ends_at, "step": step}
        return self._added(tables.key_warning, key, warned_at=at)

    def _added(self, table: Table, key: Mapping[str, object], **others: datetime) -> bool:
        conditions = [table.c[name] == value for name, value in key.items()]
        if self._connection.execute(select(table.c[next(iter(key))]).where(*conditions)).first() is not None:
            return False
        self._connection.execute(insert(table), {**key, **others})
        return True
