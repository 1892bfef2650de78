"""Write the bookings on standard input into the appointment book; one transaction. Argument: database.

The database is a SQLite file or the url of a PostgreSQL.
"""

import json
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

AUTHOR = 1
ISO = "%Y-%m-%dT%H:%M:%SZ"
RECORD_INFO = "created_by, created_at, changed_by, changed_at"

database: Any
if sys.argv[1].startswith("postgresql"):
    import psycopg

    database, mark = psycopg.connect(sys.argv[1], options="-c search_path=practice"), "%s"
else:
    database, mark = sqlite3.connect(sys.argv[1]), "?"
cursor = database.cursor()


def run(statement: str, *values: object) -> Any:
    cursor.execute(statement.replace("?", mark), values)
    return cursor.fetchone() if cursor.description else None


def patient_id(person: dict[str, Any], record_info: tuple[object, ...]) -> int:
    name = person["given_name"], person["family_name"], person["birth_date"]
    found = run(
        "SELECT patient_id FROM patient"
        " WHERE given_name = ? AND family_name = ? AND birth_date = ? AND active",
        *name,
    )
    if found:
        return int(found[0])
    (created,) = run(
        f"INSERT INTO patient (given_name, family_name, birth_date, active, {RECORD_INFO})"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING patient_id",
        *name,
        True,
        *record_info,
    )
    for point in person["contact_points"]:
        run(
            "INSERT INTO contact_point (patient_id, system, use, value) VALUES (?, ?, ?, ?)",
            created,
            point["system"],
            point["use"],
            point["value"],
        )
    return int(created)


for line in sys.stdin:
    booking = json.loads(line)
    if booking["record"] != "booking":
        continue
    now = datetime.now(UTC).strftime(ISO)
    record_info = AUTHOR, now, AUTHOR, now
    assignment, column, _ = booking["slot_id"].split("-")
    type_id, minutes = run(
        "SELECT a.type_id, coalesce(a.duration_minutes, t.duration_minutes) FROM appointment_assignment a"
        " LEFT JOIN appointment_type t ON t.type_id = a.type_id WHERE assignment_id = ?",
        int(assignment),
    )
    ends_at = datetime.fromisoformat(booking["starts_at"]) + timedelta(minutes=minutes)
    run(
        "INSERT INTO appointment (column_id, patient_id, type_id, assignment_id, starts_at, ends_at, status,"
        f" exclusive, {RECORD_INFO}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        int(column),
        patient_id(booking["patient"], record_info),
        type_id,
        int(assignment),
        booking["starts_at"],
        ends_at.strftime(ISO),
        "booked",
        True,
        *record_info,
    )
database.commit()
database.close()
