"""What a database driver complained about, in the words of `agent.errors`.

`agent.adapters.database` puts every transaction through `translated`, so that
no driver's error leaves the adapters. A driver's text can quote the row it
refused ("Failing row contains ..."); only the texts of missing tables,
columns and rights are passed on, because those name the schema alone.
"""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeGuard

from sqlalchemy.exc import DBAPIError, TimeoutError

from agent.errors import (
    AgentError,
    DatabaseError,
    DatabaseUnavailableError,
    SchemaMismatchError,
    WriteLostError,
)

if TYPE_CHECKING:
    import psycopg

# https://www.postgresql.org/docs/current/errcodes-appendix.html, by class and by single code:
# connection, invalid login, unknown database, resources (disk full, too many clients), operator
# intervention (shutdown, starting up), system error; lock not available, read only, deadlock, serialization.
_PASSING_CLASSES = frozenset({"08", "28", "3D", "53", "57", "58"})
_PASSING_CODES = frozenset({"55P03", "25006", "40P01", "40001"})
# Undefined table, column and function; missing right; unknown schema; wrong type of a column.
_SCHEMA_CODES = frozenset({"42P01", "42703", "42883", "42501", "3F000", "42804"})

# https://www.sqlite.org/rescode.html
_PASSING_SQLITE = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_SCHEMA,
    }
)
_SQLITE_WORDS = {
    sqlite3.SQLITE_PERM: "the file may not be used by this account",
    sqlite3.SQLITE_BUSY: "locked by another program for too long",
    sqlite3.SQLITE_LOCKED: "locked by another program for too long",
    sqlite3.SQLITE_READONLY: "the file may not be written by this account",
    sqlite3.SQLITE_IOERR: "the disk could not be read or written",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CANTOPEN: "there is no such file, or it cannot be opened",
}
# The kernel may have dropped what it could not write: no second try (PostgreSQL's fsync finding of 2018).
_FAILED_FSYNC = frozenset({sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC})
_PRIMARY_CODE = 0xFF


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Errors of the block as DatabaseUnavailableError, SchemaMismatchError, DatabaseError or WriteLostError.

    `place` names the database without a password. Errors that are not the
    database's pass unchanged.
    """
    try:
        yield
    except TimeoutError as error:
        raise DatabaseUnavailableError(f"{place}: all connections are in use") from error
    # Without a cause: what the driver wrote may quote a patient's row.
    except DBAPIError as error:
        raise _translation(place, error.orig) from None
    except Exception as error:  # streamed rows come past SQLAlchemy
        if not isinstance(error, sqlite3.Error) and not _is_postgresql(error):
            raise
        raise _translation(place, error) from None


@contextmanager
def patients_readable() -> Iterator[None]:
    """Raises SchemaMismatchError: SQLite keeps any text as a date, and the error of reading one quotes it."""
    try:
        yield
    except (ValueError, KeyError):
        raise SchemaMismatchError(
            "a patient's birth date is not written YYYY-MM-DD, or an answer is none of OPEN, GRANTED, DENIED"
        ) from None


def _translation(place: str, error: BaseException | None) -> AgentError:
    if _is_postgresql(error):
        return _of_postgresql(place, error)
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(place, error)
    return DatabaseError(f"{place}: {type(error).__name__}")


def _is_postgresql(error: BaseException | None) -> "TypeGuard[psycopg.Error]":
    """Its driver takes long to load; where it was not, this is none of its errors."""
    psycopg = sys.modules.get("psycopg")
    return psycopg is not None and isinstance(error, psycopg.Error)


def _of_postgresql(place: str, error: "psycopg.Error") -> DatabaseError:
    import psycopg  # noqa: PLC0415 (it is there already)

    code = error.sqlstate
    if code is None:
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return DatabaseUnavailableError(f"{place}: no connection, or the server went away")
        return DatabaseError(f"{place}: {type(error).__name__}")
    if code[:2] in _PASSING_CLASSES or code in _PASSING_CODES:
        return DatabaseUnavailableError(f"{place}: {type(error).__name__} ({code})")
    if code in _SCHEMA_CODES:
        return SchemaMismatchError(f"{place}: {error.diag.message_primary} ({code})")
    return DatabaseError(f"{place}: the server refused a statement, {type(error).__name__} ({code})")


def _of_sqlite(place: str, error: sqlite3.Error) -> AgentError:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return DatabaseError(f"{place}: {type(error).__name__}")
    name = error.sqlite_errorname
    if code in _FAILED_FSYNC:
        return WriteLostError(f"{place}: the disk did not confirm what was written ({name})")
    if code & _PRIMARY_CODE in _PASSING_SQLITE:
        words = _SQLITE_WORDS.get(code & _PRIMARY_CODE, "cannot be used at the moment")
        return DatabaseUnavailableError(f"{place}: {words} ({name})")
    if code == sqlite3.SQLITE_ERROR:
        return SchemaMismatchError(f"{place}: {error}")
    return DatabaseError(f"{place}: the database refused a statement, {name}")
