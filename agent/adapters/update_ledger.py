"""Remembers which files tell partners of their changed appointments, and which of them are out.

The update story stores each file here in the same transaction in which it
changes what was told, so that an update is neither lost nor decided twice
(reading A11). It keeps records as given and never judges or rewrites one.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from agent.adapters import tables
from agent.ports import UpdateMessage


class SqlUpdateLedger:
    """`UpdateLedger` over one open write transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_message(self, message: UpdateMessage) -> None:
        """The tables' keys refuse a second message of the same number: it would be a second truth."""
        self._connection.execute(
            insert(tables.update_message),
            {
                "message_id": message.message_id,
                "partner_id": message.partner_id,
                "sequence": message.sequence,
                "created_at": message.created_at,
                "audit_head": message.audit_head,
            },
        )
        self._connection.execute(
            insert(tables.update_line),
            [
                {"message_id": message.message_id, "position": position, "record": record}
                for position, record in enumerate(message.lines)
            ],
        )

    def unpublished(self, partner_id: str) -> list[UpdateMessage]:
        table = tables.update_message
        rows = self._connection.execute(
            select(table)
            .where(table.c.partner_id == partner_id, table.c.published_at.is_(None))
            .order_by(table.c.sequence)
        ).all()
        return [self._message(row) for row in rows]

    def message(self, partner_id: str, sequence: int) -> UpdateMessage | None:
        table = tables.update_message
        found = select(table).where(table.c.partner_id == partner_id, table.c.sequence == sequence)
        row = self._connection.execute(found).one_or_none()
        return None if row is None else self._message(row)

    def _message(self, row: Row[Any]) -> UpdateMessage:
        return UpdateMessage(
            message_id=row.message_id,
            partner_id=row.partner_id,
            sequence=row.sequence,
            created_at=row.created_at,
            audit_head=row.audit_head,
            lines=self._lines(row.message_id),
        )

    def mark_published(self, message_id: str, at: datetime) -> None:
        table = tables.update_message
        self._connection.execute(
            update(table)
            .where(table.c.message_id == message_id, table.c.published_at.is_(None))
            .values(published_at=at)
        )

    def _lines(self, message_id: str) -> tuple[str, ...]:
        table = tables.update_line
        return tuple(
            self._connection.scalars(
                select(table.c.record).where(table.c.message_id == message_id).order_by(table.c.position)
            )
        )
