"""Who may be known to a partner, asked of the raw tables in plain SQL: no line of it is the agent's."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

ALLOWED = """
SELECT patient_id, given_name, family_name, birth_date FROM patient
EXCEPT SELECT patient_id, given_name, family_name, birth_date FROM patient WHERE active = 0
EXCEPT SELECT p.patient_id, p.given_name, p.family_name, p.birth_date FROM patient AS p
    WHERE 'GRANTED' NOT IN (
    SELECT c.status FROM consent AS c WHERE c.patient_id = p.patient_id AND c.partner_id = :partner)
EXCEPT SELECT p.patient_id, p.given_name, p.family_name, p.birth_date FROM patient AS p, revoked_partner AS r
    WHERE r.partner_id = :partner
"""
TOLD = "SELECT alias, patient_id FROM disclosure WHERE partner_id = :partner"


@dataclass(frozen=True, slots=True)
class Person:
    """One patient's record, as it stands in the tables."""

    given_name: str
    family_name: str
    birth_date: str | None
    contacts: frozenset[tuple[str, str, str]]


def allowed(file: Path, partner_id: str, opted_in: bool) -> dict[int, Person]:
    """Everybody who may be known to this partner now."""
    if not opted_in:
        return {}
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute(ALLOWED, {"partner": partner_id}).fetchall()
        contacts = connection.execute("SELECT patient_id, system, use, value FROM contact_point").fetchall()
    return {
        key: Person(given, family, born, frozenset(tuple(row[1:]) for row in contacts if row[0] == key))
        for key, given, family, born in rows
    }


def aliases(file: Path, partner_id: str) -> dict[str, int]:
    """Whom each alias of the partner stands for."""
    with closing(sqlite3.connect(file)) as connection:
        found = dict(connection.execute(TOLD, {"partner": partner_id}).fetchall())
    return found
