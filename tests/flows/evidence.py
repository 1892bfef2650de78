"""What can be seen from outside: every row of the database, every file, and the books that must balance."""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from agent.adapters import tables
from agent.adapters.audit_log import AuditEntry, entries
from agent.adapters.database import Connector
from agent.adapters.practice_schema import agent_tables, practice_tables
from agent.flows.file_result import FileState
from agent.retention import FILES_PURGED, SENT
from tests.flows.stage import Stage

ARCHIVED = {f"file {FileState.IMPORTED}", f"file {FileState.DUPLICATE}"}
SET_ASIDE = {f"file {FileState.REFUSED}", f"file {FileState.QUARANTINED}"}


def rows(connector: Connector, *chosen: Table) -> dict[str, list[str]]:
    """Every row of the chosen tables, or of all, as text in a fixed order."""
    with connector.reading() as connection:
        return {
            table.name: sorted(repr(tuple(row)) for row in connection.execute(select(table)))
            for table in chosen or (*practice_tables(), *agent_tables())
        }


def practice_rows(connector: Connector) -> dict[str, list[str]]:
    """Every row that is the practice's own."""
    return rows(connector, *practice_tables())


def files(folder: Path) -> dict[str, bytes]:
    """Every file below, by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def values(connector: Connector, column: Any, *conditions: Any) -> list[Any]:
    """One column of the rows that fulfil the conditions."""
    with connector.reading() as connection:
        return list(connection.scalars(select(column).where(*conditions)))


def appointment_of(stage: Stage, booking_id: str) -> Any:
    """The row of the appointment that a booking led to."""
    came = tables.partner_appointment
    statement = (
        select(tables.appointment)
        .join(came, came.c.appointment_id == tables.appointment.c.appointment_id)
        .where(came.c.booking_id == booking_id)
    )
    with stage.house.connector.reading() as connection:
        return connection.execute(statement).one()


def audit(stage: Stage) -> list[AuditEntry]:
    """The whole log."""
    with stage.house.connector.reading() as connection:
        return list(entries(connection))


def quarantine_reasons(stage: Stage, partner_id: str) -> dict[str, dict[str, Any]]:
    """File id -> what stands beside the file that was set aside."""
    folder = stage.house.data_folder / "inbound" / partner_id / "quarantine"
    return {path.name.split(".")[0]: json.loads(path.read_text()) for path in folder.glob("*.reason.json")}


def assert_books_balance(stage: Stage) -> None:
    """Promise P3: arrived = imported + duplicate + refused + quarantined + waiting, in folders and audit."""
    events: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for entry in audit(stage):
        if "file_id" in entry.details:
            events[str(entry.partner_id)][entry.event].add(str(entry.details["file_id"]))
    for partner_id, arrived in stage.arrived.items():
        counts = stage.agent.lane(partner_id).inbound.counts()
        purged = _purged(stage, partner_id)
        assert sum(counts.values()) + purged == arrived, (partner_id, counts)
        folder = stage.house.data_folder / "inbound" / partner_id
        archived, set_aside = _file_ids(folder / "archive"), _file_ids(folder / "quarantine")
        # A file that crashed after its import is a duplicate of itself, or a crash loop: audited twice.
        assert archived <= _all(events[partner_id], ARCHIVED)
        assert set_aside <= _all(events[partner_id], SET_ASIDE)
        under_way = _file_ids(folder / "claimed") | _file_ids(folder / "released")
        gone = _all(events[partner_id], ARCHIVED | SET_ASIDE) - (archived | set_aside | under_way)
        assert len(gone) == purged


def _purged(stage: Stage, partner_id: str) -> int:
    """Inbound files that were kept long enough, by the audit log alone."""
    return sum(
        int(str(entry.details["files"]))
        for entry in audit(stage)
        if entry.event == FILES_PURGED and entry.partner_id == partner_id and entry.details["folder"] != SENT
    )


def _file_ids(folder: Path) -> set[str]:
    return {path.name.split(".")[0] for path in folder.iterdir() if not path.name.endswith(".reason.json")}


def _all(events: dict[str, set[str]], names: Iterable[str]) -> set[str]:
    return set().union(*(events[name] for name in names))
