"""Counts the statements that one connection sends: each is a round trip on PostgreSQL."""

from typing import Any

from sqlalchemy import Connection, event


def recorded(connection: Connection) -> list[str]:
    """A list that grows with every statement sent from now on; one for many rows counts once."""
    sent: list[str] = []

    def record(_connection: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(connection, "before_cursor_execute", record)
    return sent
