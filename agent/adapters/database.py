"""The door to the practice database: one engine, reading and writing transactions.

All other database adapters are handed an open connection by this one. It
decides how transactions begin, how long anything waits and how errors are
told; it knows no table, and its messages name the database without its
password and never a value of a statement.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, InvalidatePoolError

from agent.adapters.database_errors import translated
from agent.adapters.tables import AGENT_SCHEMA, PRACTICE_SCHEMA
from agent.errors import ConfigError

CONNECT_TIMEOUT_SECONDS = 5
LOCK_TIMEOUT_SECONDS = 5
# One key for every agent on this database; any constant does, it only has to be nobody else's.
WRITER_LOCK_KEY = 0x6F74765F6167656E

_OPENED_FILE = "opened file"

_POSTGRESQL_ARGUMENTS: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_SECONDS,
    "application_name": "otv-agent",
    # A server that vanished without a word is noticed after half a minute instead of two hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
    "options": f"-c timezone=UTC -c lock_timeout={LOCK_TIMEOUT_SECONDS}s",
}


class Connector:
    """Connections to one practice database; safe to share between threads.

    `url` is SQLAlchemy's: `sqlite:///path` or `postgresql://user:password@host/name`.
    The schemas' names matter on PostgreSQL only. Raises ConfigError for any other url.
    """

    def __init__(
        self,
        url: str,
        *,
        password: str | None = None,
        practice_schema: str = PRACTICE_SCHEMA,
        agent_schema: str = AGENT_SCHEMA,
    ) -> None:
        parsed = _parsed(url) if password is None else _parsed(url).set(password=password)
        self.dialect = parsed.get_backend_name()
        self.sqlite_file = Path(parsed.database or "").absolute() if self.dialect == "sqlite" else None
        self.place = _place(parsed, self.sqlite_file)
        self.practice_schema = practice_schema if self.sqlite_file is None else None
        self.agent_schema = agent_schema if self.sqlite_file is None else None
        engine = _sqlite_engine(self.sqlite_file) if self.sqlite_file else _postgresql_engine(parsed)
        self._engine = engine.execution_options(
            schema_translate_map={PRACTICE_SCHEMA: self.practice_schema, AGENT_SCHEMA: self.agent_schema}
        )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent snapshot, from the first query to the end of the block; refuses to write.

        Raises DatabaseUnavailableError (temporary), SchemaMismatchError, DatabaseError.
        """
        with translated(self.place), self._engine.connect() as connection:
            if self.sqlite_file:
                connection.exec_driver_sql("PRAGMA query_only = ON")
                connection.exec_driver_sql("BEGIN")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that commits when the block ends and rolls back when it raises.

        Agent writers run one after the other, on every machine; staff are
        not kept waiting on PostgreSQL, and what they commit is seen at once
        (READ COMMITTED). IntegrityErrors are for the writer inside the block
        to judge, in a savepoint. Raises as `reading` does.
        """
        with translated(self.place), self._engine.connect() as connection:
            if self.sqlite_file:
                connection.exec_driver_sql("PRAGMA query_only = OFF")
                # Not deferred: upgrading a read lock fails at once instead of waiting.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execution_options(isolation_level="READ COMMITTED")
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK_KEY})
            yield connection
            connection.commit()

    def server_time(self) -> datetime | None:
        """The clock of the database server; None for SQLite, whose clock is ours. Raises as `reading`."""
        if self.sqlite_file:
            return None
        with self.reading() as connection:
            shown: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return shown

    def dispose(self) -> None:
        """Close the idle connections."""
        self._engine.dispose()


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(["database.url: not a database address"]) from error
    backend = parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise ConfigError(["database.url: begin with sqlite:/// or postgresql://"])
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ConfigError(["database.url: name a file after sqlite:///"])
    return parsed


def _place(url: URL, sqlite_file: Path | None) -> str:
    if sqlite_file:
        return f"sqlite {sqlite_file}"
    host = url.host or url.query.get("host") or "localhost"
    return f"postgresql {host}/{url.database or ''}"


def _postgresql_engine(url: URL) -> Engine:
    # The nightly backup stops the server: a pooled connection is tried before it is trusted.
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args=_POSTGRESQL_ARGUMENTS,
        pool_pre_ping=True,
        hide_parameters=True,
    )


def _sqlite_engine(file: Path) -> Engine:
    # mode=rw: a mistyped path is an error, not a new empty practice.
    url = URL.create("sqlite", database=file.as_uri(), query={"mode": "rw", "uri": "true"})
    engine = create_engine(
        url,
        # Without an isolation level the driver begins nothing by itself: `reading` and `writing` do.
        connect_args={"isolation_level": None, "timeout": LOCK_TIMEOUT_SECONDS},
        hide_parameters=True,
    )

    def prepare(connection: Any, record: Any) -> None:
        record.info[_OPENED_FILE] = _identity(file)
        cursor = connection.cursor()
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def require_same_file(_connection: Any, record: Any, _proxy: object) -> None:
        # A pooled connection goes on writing into a file that was moved away or replaced by a backup.
        if record.info[_OPENED_FILE] != _identity(file):
            raise InvalidatePoolError("another file stands at the path now")

    event.listen(engine, "connect", prepare)
    event.listen(engine, "checkout", require_same_file)
    return engine


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
