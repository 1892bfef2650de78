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
from tests.kit.key_fixtures import dentport_ring, openpgp_world

__all__ = [
    "connector",
    "database_url",
    "dentport_ring",
    "openpgp_world",
    "postgresql_server",
    "postgresql_template",
    "postgresql_url",
    "sqlite_template",
    "sqlite_url",
]
