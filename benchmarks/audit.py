"""Verifying an audit log of 100,000 entries, and finding what an intruder did to it (promise P6).

No script does the same, so it is told for itself. Each of the six attacks is
made on the whole log, verified against a head of its end, and taken back.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import Connection, delete, insert, update

from agent.adapters import tables
from agent.adapters.audit_chain import GENESIS, canonical, chained_mac
from agent.adapters.audit_log import SqlAuditLog
from agent.adapters.audit_verification import verify
from agent.adapters.database import Connector
from agent.adapters.migration import create_agent_tables
from agent.errors import AuditBrokenError
from agent.ports import AuditHead
from benchmarks.measure import Result, compared
from benchmarks.running_agent import peak_megabytes
from tests.kit.postgresql import own_database

KEY = b"k" * 64
NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
BATCH = 10_000
ENTRY = tables.audit_entry


def audit(database: str, entries: int, rounds: int) -> Iterator[Result]:
    """The median of some verifications in processor time, and how many of the attacks were found."""
    with (
        tempfile.TemporaryDirectory(prefix="otv-bench-") as folder,
        own_database(database, Path(folder)) as url,
    ):
        connector = Connector(url or f"sqlite:///{folder}/practice.db")
        create_agent_tables(connector)
        head = _write(connector, entries)
        with connector.reading() as connection:
            seconds = [_processor_seconds(lambda: verify(connection, KEY, [head])) for _ in range(rounds)]
        found = sum(_is_found(connector, attack, entries, head) for attack in ATTACKS)
        connector.dispose()
    name = f"audit: {entries:,} entries verified, {database}; {found} of {len(ATTACKS)} attacks found"
    yield compared(name, median(seconds), None, peak_megabytes())


def _processor_seconds(work: Callable[[], object]) -> float:
    """Ours alone: what else the machine does would else count as ours."""
    started = time.process_time()
    work()
    return time.process_time() - started


def _write(connector: Connector, entries: int) -> AuditHead:
    mac, rows = GENESIS.mac, []
    with connector.writing() as connection:
        for sequence in range(1, entries + 1):
            details = canonical({"file": f"availability-20270301t080000z-{sequence:08d}-3f9c2b1a.pgp"})
            entry = {
                "sequence": sequence, "at": NOW + timedelta(seconds=sequence), "event": "delivered confirmed",
                "partner_id": "dentport", "details": details,
            }  # fmt: skip
            mac = chained_mac(KEY, mac, **entry)
            rows.append({**entry, "mac": mac})
            if len(rows) == BATCH or sequence == entries:
                connection.execute(insert(ENTRY), rows)
                rows.clear()
    return AuditHead(entries, mac)


def _is_found(connector: Connector, attack: "Attack", entries: int, head: AuditHead) -> bool:
    with connector.writing() as connection:
        savepoint = connection.begin_nested()
        attack(connection, entries // 2, entries)
        try:
            verify(connection, KEY, [head])
        except AuditBrokenError:
            return True
        finally:
            savepoint.rollback()
    return False


def _edit(connection: Connection, middle: int, _last: int) -> None:
    connection.execute(update(ENTRY).where(ENTRY.c.sequence == middle).values(event="delivered unconfirmed"))


def _insert(connection: Connection, _middle: int, last: int) -> None:
    _move(connection, last, last + 1)
    forged = {"sequence": last, "at": NOW, "event": "delivered confirmed", "details": "{}", "mac": "a" * 64}
    connection.execute(insert(ENTRY).values(**forged))


def _delete(connection: Connection, middle: int, _last: int) -> None:
    connection.execute(delete(ENTRY).where(ENTRY.c.sequence == middle))


def _swap(connection: Connection, middle: int, last: int) -> None:
    for before, after in ((middle, last + 1), (middle + 1, middle), (last + 1, middle + 1)):
        _move(connection, before, after)


def _truncate(connection: Connection, middle: int, _last: int) -> None:
    connection.execute(delete(ENTRY).where(ENTRY.c.sequence > middle))


def _rewrite(connection: Connection, _middle: int, last: int) -> None:
    """With the stolen key."""
    connection.execute(delete(ENTRY).where(ENTRY.c.sequence > last - 100))
    log = SqlAuditLog(connection, KEY)
    for _ in range(100):
        log.append("delivered confirmed", NOW + timedelta(days=30), "dentport", file="none")


def _move(connection: Connection, before: int, after: int) -> None:
    connection.execute(update(ENTRY).where(ENTRY.c.sequence == before).values(sequence=after))


Attack = Callable[[Connection, int, int], None]
ATTACKS: tuple[Attack, ...] = (_edit, _insert, _delete, _swap, _truncate, _rewrite)
