"""Fixtures shared by all tests; their code lies in `tests/kit`."""

from tests.kit.databases import (
    connector,
    database_url,
    postgresql_server,
    postgresql_template,
    postgresql_url,
    sqlite_template,
    sqlite_url,
)

__all__ = [
    "connector",
    "database_url",
    "postgresql_server",
    "postgresql_template",
    "postgresql_url",
    "sqlite_template",
    "sqlite_url",
]
