"""Seconds since 1970 of a moment in a table, counted by the database: thousands of them cost nothing here."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, cast, extract, func


def epoch(connection: Connection, moment: ColumnElement[Any]) -> ColumnElement[int]:
    """An expression for a query on this connection."""
    if connection.dialect.name == "sqlite":
        return cast(func.strftime("%s", moment), BigInteger)
    return cast(extract("epoch", moment), BigInteger)
