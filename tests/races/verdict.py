"""What stands in the book after the race, asked in SQL that shares nothing with the guard or the agent."""

from sqlalchemy import text

from agent.adapters.database import Connector
from tests.kit.databases import OTV_USER

_PAIRS = """
SELECT count(*) FROM {practice}appointment one
JOIN {practice}schedule_column here ON here.column_id = one.column_id
JOIN {practice}appointment other ON other.appointment_id > one.appointment_id
JOIN {practice}schedule_column there ON there.column_id = other.column_id
WHERE one.starts_at < other.ends_at AND other.starts_at < one.ends_at
  AND one.status <> 'cancelled' AND other.status <> 'cancelled' AND one.exclusive AND other.exclusive
  AND {shared}
"""
_APART = "here.column_id <> there.column_id AND NOT here.overlaps_allowed AND NOT there.overlaps_allowed"
_SHARED = {
    "column": "here.column_id = there.column_id",
    "practitioner": f"{_APART} AND here.practitioner_id = there.practitioner_id",
    "room": f"{_APART} AND here.room_id = there.room_id",
}
_STANDING = """
SELECT count(*) FROM {practice}appointment WHERE status <> 'cancelled' AND exclusive
"""
_BY_THE_AGENT = "SELECT count(*) FROM {practice}appointment WHERE created_by = :author"
_LEDGER = "SELECT count(*) FROM {agent}partner_appointment JOIN {practice}appointment USING (appointment_id)"


class Verdict:
    """Counts over one database."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        schemas = {"practice": connector.practice_schema, "agent": connector.agent_schema}
        self._prefixes = {name: f"{schema}." if schema else "" for name, schema in schemas.items()}

    def double_bookings(self) -> dict[str, int]:
        """Pairs that must not be, by what they share."""
        return {name: self._count(_PAIRS, shared=shared) for name, shared in _SHARED.items()}

    def standing(self) -> int:
        """Appointments that keep others away."""
        return self._count(_STANDING)

    def made_by_the_agent(self) -> tuple[int, int]:
        """Appointments, and those of them that the ledger knows."""
        return self._count(_BY_THE_AGENT), self._count(_LEDGER)

    def _count(self, statement: str, **parts: str) -> int:
        sql = text(statement.format(**self._prefixes, **parts))
        values = {"author": OTV_USER} if ":author" in statement else {}
        with self._connector.reading() as connection:
            return int(connection.execute(sql, values).scalar_one())
