"""A practice drawn at random: patients of every answer, and what becomes of their answers later.

Every patient bears a mark in each name and contact point, by which a byte of it is known anywhere.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from string import ascii_lowercase

PARTNERS = ("dentport", "zahnzeit")
ANSWERS = ("GRANTED", "GRANTED", "GRANTED", "DENIED", "OPEN", None)
TABLES = ("consent", "contact_point", "disclosure", "patient")
LONG_AGO = "2026-01-05 08:00:00.000000"
ODD_NAMES = (
    "",
    " ",
    "Ö" * 120,
    "'; DROP TABLE patient;--",
    '"}\n{"record":"removal"}',
    "\u202e\u200b",
    "\\",
    "😀",
    "e\u0301",
)
DAYS = (None, "1980-05-17", "1900-01-01", "2000-02-29", "2099-12-31", "0001-01-01", "1931-07-23")
SYSTEMS = (("phone", "mobile"), ("phone", "work"), ("email", "home"), ("fax", "home"), ("email", "billing"))
MARKS = tuple(f"Qx{''.join(letters)}zq" for letters in product(ascii_lowercase[:10], repeat=3))


@dataclass(slots=True)
class Practice:
    """The database file of a practice, in which no other program works just now."""

    file: Path
    dice: Random
    patients: int = 0

    def fill(self) -> None:
        """Everybody anew."""
        with self._writing() as connection:
            for table in TABLES:
                connection.execute(f"DELETE FROM {table}")
            connection.execute("DELETE FROM revoked_partner")
            for _ in range(self.dice.choice((0, 1, 5, 12, 25))):
                self._add(connection)

    def live_on(self) -> None:
        """Answers change, patients come, go and are deleted, partners are shut out and let in again."""
        with self._writing() as connection:
            for patient_id in [row[0] for row in connection.execute("SELECT patient_id FROM patient")]:
                if self.dice.random() < 0.4:
                    self._change(connection, patient_id)
            for _ in range(self.dice.choice((0, 0, 3))):
                self._add(connection)
            connection.execute("DELETE FROM revoked_partner")
            if self.dice.random() < 0.15:
                revoked = (self.dice.choice(PARTNERS), LONG_AGO)
                connection.execute(
                    "INSERT INTO revoked_partner (partner_id, revoked_at) VALUES (?, ?)", revoked
                )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.file)) as connection, connection:
            # The tables of another vendor may hold a fax number.
            connection.execute("PRAGMA ignore_check_constraints = ON")
            yield connection

    def _add(self, connection: sqlite3.Connection) -> None:
        dice, mark = self.dice, MARKS[self.patients % len(MARKS)]
        self.patients += 1
        person = (
            mark + dice.choice(ODD_NAMES),
            mark + dice.choice(ODD_NAMES),
            dice.choice(DAYS),
            dice.random() < 0.75,
        )
        info = (1, LONG_AGO, 1, LONG_AGO)
        patient_id = connection.execute(
            "INSERT INTO patient (given_name, family_name, birth_date, active,"
            " created_by, created_at, changed_by, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            person + info,
        ).lastrowid
        for number in range(dice.choice((0, 1, 2, 3))):
            system, use = dice.choice(SYSTEMS)
            connection.execute(
                "INSERT INTO contact_point (patient_id, system, use, value) VALUES (?, ?, ?, ?)",
                (patient_id, system, use, f"{mark}{number}@example.org"),
            )
        for partner_id in PARTNERS:
            self._answer(connection, patient_id, partner_id)

    def _change(self, connection: sqlite3.Connection, patient_id: int) -> None:
        match self.dice.choice(("answer", "answer", "answer", "active", "deleted")):
            case "answer":
                self._answer(connection, patient_id, self.dice.choice(PARTNERS))
            case "active":
                connection.execute(
                    "UPDATE patient SET active = NOT active WHERE patient_id = ?", (patient_id,)
                )
            case _:
                for table in ("consent", "contact_point", "patient"):
                    connection.execute(f"DELETE FROM {table} WHERE patient_id = ?", (patient_id,))

    def _answer(self, connection: sqlite3.Connection, patient_id: int | None, partner_id: str) -> None:
        this = (partner_id, patient_id)
        connection.execute("DELETE FROM consent WHERE partner_id = ? AND patient_id = ?", this)
        status = self.dice.choice(ANSWERS)
        if status is not None:
            connection.execute(
                "INSERT INTO consent (partner_id, patient_id, status, changed_by, changed_at)"
                " VALUES (?, ?, ?, 1, ?)",
                (*this, status, LONG_AGO),
            )
