"""Real outages: the power goes between two steps, the database is away, a rule of the database says no."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from agent.adapters.database import Connector
from agent.ports import Database, WriteTransaction
from tests.flows.stage import Stage
from tests.kit.canaries import FORBIDDEN_FAMILY_NAME
from tests.kit.postgresql import server_in

FORBIDDEN_NAME = FORBIDDEN_FAMILY_NAME


class PowerCutError(BaseException):
    """The process ends here; nothing catches it."""


class CutAt:
    """A part of the agent that works until one of its methods is called."""

    def __init__(self, part: object, method: str) -> None:
        self._part, self._method = part, method

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            raise PowerCutError
        return getattr(self._part, name)


class CutBeforeCommit:
    """A database whose transactions do all their work and are never committed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def write(self) -> Iterator[WriteTransaction]:
        with self._database.write() as work:
            yield work
            raise PowerCutError


@contextmanager
def database_away(stage: Stage) -> Iterator[None]:
    """The SQLite file is moved to another folder; the PostgreSQL server is stopped."""
    connector = stage.house.connector
    if connector.sqlite_file is not None:
        with moved_away(connector.sqlite_file):
            yield
    else:
        with stopped(connector):
            yield


@contextmanager
def moved_away(file: Path) -> Iterator[None]:
    elsewhere = file.parent / "elsewhere"
    elsewhere.mkdir()
    # With its companions, as an administrator would: they hold what is not in the main file yet.
    parts = sorted(file.parent.glob(f"{file.name}*"))
    for part in parts:
        part.rename(elsewhere / part.name)
    try:
        yield
    finally:
        for part in parts:
            if (elsewhere / part.name).exists():
                (elsewhere / part.name).replace(part)
        elsewhere.rmdir()


@contextmanager
def stopped(connector: Connector) -> Iterator[None]:
    with connector.reading() as connection:
        folder = Path(str(connection.scalar(text("SHOW data_directory"))))
    postmaster = int((folder / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGINT)  # its documented signal for a fast shutdown
    _wait_until(lambda: not (folder / "postmaster.pid").exists())
    try:
        yield
    finally:
        _start(folder)


def _start(folder: Path) -> None:
    # The very server of the test session: they are known by their folders.
    server_in(folder).ensure_postgres_running()


@contextmanager
def forbidden_name(connector: Connector) -> Iterator[None]:
    """The practice's own database refuses one family name, by a rule that the agent knows nothing of."""
    if connector.sqlite_file is not None:
        made = (
            "CREATE TRIGGER forbidden BEFORE INSERT ON patient WHEN NEW.family_name = '{name}' "
            "BEGIN SELECT RAISE(ABORT, 'not here'); END"
        )
        lifted = "DROP TRIGGER forbidden"
    else:
        made = "ALTER TABLE practice.patient ADD CONSTRAINT forbidden CHECK (family_name <> '{name}')"
        lifted = "ALTER TABLE practice.patient DROP CONSTRAINT forbidden"
    with connector.writing() as connection:
        connection.execute(text(made.format(name=FORBIDDEN_NAME)))
    try:
        yield
    finally:
        with connector.writing() as connection:
            connection.execute(text(lifted))


def wait_for_a_lock(connector: Connector) -> None:
    """Until somebody waits for another one's row on this PostgreSQL database."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    def somebody_waits() -> bool:
        with connector.reading() as connection:
            return bool(connection.scalar(waiting))

    _wait_until(somebody_waits)


def _wait_until(happened: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < ends_at
        time.sleep(0.01)
