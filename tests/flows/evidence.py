"""What can be seen from outside: every row of the database, every file, and the books that must balance."""

import json
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from agent.adapters import tables
from agent.adapters.audit_log import AuditEntry, entries
from agent.adapters.database import Connector
from agent.adapters.practice_schema import agent_tables, practice_tables
from tests.flows.stage import Stage
from tests.kit.books import disagreements, purged


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
    told = audit(stage)
    for partner_id, arrived in stage.arrived.items():
        counts = stage.agent.lane(partner_id).inbound.counts()
        assert sum(counts.values()) + purged(told, partner_id) == arrived, (partner_id, counts)
        inbound = stage.house.data_folder / "inbound" / partner_id
        assert list(disagreements(told, partner_id, inbound)) == []
