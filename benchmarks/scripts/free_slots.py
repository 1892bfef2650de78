"""Print every free slot of the next 90 days as a line of JSON. Argument: SQLite file of the practice.

Written as the rules are told, day by day and slot by slot. Only one thing is done for speed:
appointments are looked up by column and day, not searched through for each slot.
"""

import json
import sqlite3
import sys
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

LEAD, HORIZON_DAYS, GRID = timedelta(minutes=120), 90, timedelta(minutes=15)
ISO = "%Y-%m-%dT%H:%M:%SZ"

database = sqlite3.connect(sys.argv[1])
database.row_factory = sqlite3.Row
practice = database.execute("SELECT * FROM practice").fetchone()
zone = ZoneInfo(practice["time_zone"])
now = datetime.now(UTC)
first_day = now.astimezone(zone).date()
days = [first_day + timedelta(days=number) for number in range(HORIZON_DAYS + 1)]


def moment(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)


def stretch(day: date, row: sqlite3.Row) -> tuple[datetime, datetime]:
    last_day = day + timedelta(days=1) if row["ends"].startswith("00:00") else day
    return moment(day, row["starts"]), moment(last_day, row["ends"])


def valid(row: sqlite3.Row, day: date) -> bool:
    until: str = row["valid_until"] or "9999-12-31"
    return str(row["valid_from"]) <= day.isoformat() <= until


def pairs(table: str) -> set[tuple[int, int]]:
    return {tuple(row) for row in database.execute(f"SELECT * FROM {table}")}


all_columns = database.execute("SELECT * FROM schedule_column").fetchall()
columns = [row for row in all_columns if row["active"]]
assignments = database.execute(
    "SELECT a.*, coalesce(a.duration_minutes, t.duration_minutes) AS minutes"
    " FROM appointment_assignment a LEFT JOIN appointment_type t ON t.type_id = a.type_id WHERE active"
).fetchall()
offered_in = pairs("assignment_column")
weekly = database.execute("SELECT * FROM working_hours").fetchall()
shifts = database.execute("SELECT * FROM shift").fetchall()
special_hours = database.execute("SELECT * FROM special_hours").fetchall()
shift_hours = database.execute("SELECT * FROM shift_hours").fetchall()
holidays = {
    row[0]
    for row in database.execute(
        "SELECT holiday_date FROM public_holiday WHERE federal_state = ?", (practice["federal_state"],)
    )
}
absences = [
    (row["practitioner_id"], datetime.fromisoformat(row["starts_at"]), datetime.fromisoformat(row["ends_at"]))
    for row in database.execute("SELECT * FROM planned_absence")
]
areas = database.execute("SELECT * FROM template_area").fetchall()
area_assignments, area_types = pairs("template_area_assignment"), pairs("template_area_type")

appointments = defaultdict(list)
for row in database.execute(
    "SELECT column_id, starts_at, ends_at, coalesce(buffer_before_minutes, 0) AS before,"
    " coalesce(buffer_after_minutes, 0) AS after FROM appointment LEFT JOIN appointment_assignment"
    " USING (assignment_id) WHERE status <> 'cancelled' AND ends_at > ?",
    ((now - timedelta(days=1)).strftime(ISO),),
):
    begins = datetime.fromisoformat(row["starts_at"]) - timedelta(minutes=row["before"])
    finishes = datetime.fromisoformat(row["ends_at"]) + timedelta(minutes=row["after"])
    appointments[row["column_id"], begins.date()].append((begins, finishes))


def shares(column: sqlite3.Row, other: sqlite3.Row) -> bool:
    if column["column_id"] == other["column_id"]:
        return True
    if column["overlaps_allowed"] or other["overlaps_allowed"]:
        return False
    return any(
        column[key] is not None and column[key] == other[key] for key in ("practitioner_id", "room_id")
    )


def open_stretches(column: sqlite3.Row, day: date) -> list[tuple[datetime, datetime]]:
    special = [row for row in special_hours if row["column_id"] == column["column_id"]]
    special = [row for row in special if row["special_date"] == day.isoformat()]
    if special:
        closed = any(row["starts"] is None or row["ends"] is None for row in special)
        return [] if closed else [stretch(day, row) for row in special]
    if day.isoformat() in holidays:
        return []
    own_shifts = [row for row in shifts if row["column_id"] == column["column_id"] and valid(row, day)]
    if not own_shifts:
        rows = [row for row in weekly if row["column_id"] == column["column_id"]]
        rows = [row for row in rows if row["weekday"] == day.weekday() and valid(row, day)]
    else:
        rows = []
        for shift in own_shifts:
            index = (day - date.fromisoformat(shift["anchor_date"])).days % shift["cycle_days"]
            mine = [row for row in shift_hours if row["shift_id"] == shift["shift_id"]]
            rows += [row for row in mine if row["day_index"] == index]
    return [stretch(day, row) for row in rows]


def forbidden_and_reserved(
    column: sqlite3.Row, assignment: sqlite3.Row, day: date
) -> tuple[list[tuple[datetime, datetime]], list[tuple[datetime, datetime]]]:
    found = [
        (starts, ends)
        for practitioner, starts, ends in absences
        if practitioner is None or practitioner == column["practitioner_id"]
    ]
    reserved = []
    for area in areas:
        if area["weekday"] != day.weekday() or not valid(area, day):
            continue
        if area["column_id"] not in (None, column["column_id"]):
            continue
        if area["column_id"] is None and area["practitioner_id"] not in (None, column["practitioner_id"]):
            continue
        reserved_for_this = area["kind"] == "reserve" and (
            (area["area_id"], assignment["assignment_id"]) in area_assignments
            or (area["area_id"], assignment["type_id"]) in area_types
        )
        (reserved if reserved_for_this else found).append(stretch(day, area))
    return found, reserved


for column in columns:
    sharing = [other for other in all_columns if shares(column, other)]
    for assignment in assignments:
        if not assignment["minutes"] or (assignment["assignment_id"], column["column_id"]) not in offered_in:
            continue
        length = timedelta(minutes=assignment["minutes"])
        before = timedelta(minutes=assignment["buffer_before_minutes"])
        after = timedelta(minutes=assignment["buffer_after_minutes"])
        for day in days:
            forbidden, reserved = forbidden_and_reserved(column, assignment, day)
            busy = [taken for other in sharing for taken in appointments[other["column_id"], day]]
            for opens, closes in open_stretches(column, day):
                start = opens
                while start + length <= closes:
                    end = start + length
                    if (
                        start >= now + LEAD
                        and not any(a < end and b > start for a, b in forbidden)
                        and (
                            not assignment["reserved_only"]
                            or any(a <= start and end <= b for a, b in reserved)
                        )
                        and not any(a < end + after and b > start - before for a, b in busy)
                    ):
                        print(
                            json.dumps(
                                {
                                    "record": "slot",
                                    "assignment_id": str(assignment["assignment_id"]),
                                    "column_id": str(column["column_id"]),
                                    "starts_at": start.strftime(ISO),
                                    "ends_at": end.strftime(ISO),
                                }
                            )
                        )
                    start += GRID
