"""Faults of the practice database, on SQLite and on PostgreSQL."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import text

from tests.faults.target import Fault, Target
from tests.flows.outages import moved_away, stopped

AGENT_ROLE = "agent"
"""Of the service, where it has one of its own; the house is furnished by the server's owner."""
ENDED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"


@contextmanager
def away(target: Target) -> Iterator[None]:
    """The SQLite file is moved to another folder; the PostgreSQL server is stopped."""
    file = target.connector.sqlite_file
    with moved_away(file) if file is not None else stopped(target.connector):
        yield


@contextmanager
def another_file(target: Target) -> Iterator[None]:
    """A file stands there that is no database."""
    file = _file(target)
    with moved_away(file):
        file.write_bytes(b"this is no database" * 4000)
        try:
            yield
        finally:
            for part in file.parent.glob(f"{file.name}*"):
                part.unlink()


@contextmanager
def sqlite_locked(target: Target) -> Iterator[None]:
    """Another program writes and does not end."""
    other = sqlite3.connect(_file(target), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def changed(wrong: str, right: str) -> Fault:
    """The administrator does something that holds for new connections, and ends the old ones."""

    @contextmanager
    def fault(target: Target) -> Iterator[None]:
        _administer(target, wrong, ENDED)
        try:
            yield
        finally:
            _administer(target, right)

    return fault


closed = changed(
    'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false',
    'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true',
)
locked_out = changed('ALTER ROLE "{role}" NOLOGIN', 'ALTER ROLE "{role}" LOGIN')
no_connections = changed('ALTER ROLE "{role}" CONNECTION LIMIT 0', 'ALTER ROLE "{role}" CONNECTION LIMIT -1')


@contextmanager
def table_locked(target: Target) -> Iterator[None]:
    """A maintenance job holds the agent's audit log."""
    with psycopg.connect(_administrators(target)) as connection:
        connection.execute("LOCK TABLE otv_agent.audit_entry IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


@contextmanager
def frozen(target: Target) -> Iterator[None]:
    """Every process of the server stands still: connections are taken, nothing is answered."""
    with target.connector.reading() as connection:
        folder = Path(str(connection.scalar(text("SHOW data_directory"))))
    postmaster = int((folder / "postmaster.pid").read_text().split()[0])
    group = [postmaster, *_children(postmaster)]
    for process in group:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in group:
            os.kill(process, signal.SIGCONT)


def _children(process: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _file(target: Target) -> Path:
    assert target.connector.sqlite_file is not None
    return target.connector.sqlite_file


def _administer(target: Target, *statements: str) -> None:
    """As the owner of the server, from another database than the one in question."""
    url = target.connector._engine.url
    with psycopg.connect(_administrators(target, "postgres"), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.format(database=url.database, role=AGENT_ROLE).encode())


def _administrators(target: Target, database: str | None = None) -> str:
    url = target.connector._engine.url.set(drivername="postgresql")
    return str((url.set(database=database) if database else url).render_as_string(hide_password=False))
