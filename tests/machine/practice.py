"""The practice that the machine lives in, as every life begins, and its clock.

Four columns that share people and rooms, five offers, every kind of hours and
template areas, and Sunday hours across the night in which the clock changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.adapters.migration import create_agent_tables
from agent.adapters.practice_schema import create_practice_tables

PRACTICE_ID = "praxis-umstellung"
DENTPORT, ZAHNZEIT = "dentport", "zahnzeit"
PARTNERS = {DENTPORT: "Dentport", ZAHNZEIT: "Zahnzeit"}
OTV_LOGIN = "otv"
RECEPTION, OTV_USER = 1, 2

BEFORE_SPRING = datetime(2027, 3, 25, 6, 0, tzinfo=UTC)
"""Thursday; Good Friday and Easter Monday lie around Sunday the 28th, when the clock goes forward."""
BEFORE_AUTUMN = datetime(2027, 10, 28, 6, 0, tzinfo=UTC)
"""Thursday; on Sunday the 31st the clock goes back, and Monday is All Saints' Day."""
HOLIDAYS = {
    date(2027, 3, 26): "Karfreitag",
    date(2027, 3, 29): "Ostermontag",
    date(2027, 11, 1): "Allerheiligen",
}

ADLER, BIRKE = 1, 2
ROOM_1, ROOM_2 = 1, 2


class Column(NamedTuple):
    """A column of the book; its key is its place in COLUMNS, from 1."""

    name: str
    position: int
    practitioner_id: int
    room_id: int
    overlaps_allowed: bool = False


# 1 and 2 share a practitioner, 2 and 3 a room, 1 and 3 nothing. In 4 the practice overlaps on purpose.
COLUMNS = {
    1: Column("Adler 1", 2, ADLER, ROOM_1),
    2: Column("Adler 2", 1, ADLER, ROOM_2),
    3: Column("Birke", 3, BIRKE, ROOM_2),
    4: Column("Notdienst", 4, ADLER, ROOM_1, overlaps_allowed=True),
}


class Offer(NamedTuple):
    """An assignment; its key is its place in OFFERS, from 1."""

    label: str
    type_id: int | None
    duration_minutes: int | None
    buffers: tuple[int, int]
    for_new_patients: bool
    columns: tuple[int, ...]
    reserved_only: bool = False


TYPES = {1: ("Kontrolle", 20), 2: ("Prophylaxe", 40), 3: ("Ohne Länge", None)}
OFFERS = {
    1: Offer("Kontrolle", 1, None, (0, 0), True, (1, 2, 3)),
    2: Offer("Zahnreinigung", 2, None, (10, 10), False, (2, 3)),
    3: Offer("Schmerzen", None, 20, (0, 5), True, (1, 4), reserved_only=True),
    4: Offer("Beratung", 1, 30, (0, 10), True, (1, 2, 3, 4)),
    5: Offer("Ohne Länge", 3, None, (0, 0), True, (1,)),
}
NIGHT = (time(1), time(4))
"""Sunday's emergency hours, across the hour that is skipped in March and comes twice in October."""
MORNING, AFTERNOON = (time(8), time(11)), (time(14), time(16))

ANNA, JOERG, CLARA, PETER, OHNE, LEA, LEO = range(1, 8)


class Person(NamedTuple):
    """Somebody in the card index, or who is about to come into it."""

    given_name: str
    family_name: str
    birth_date: date | None
    email: str
    active: bool = True
    consents: Mapping[str, str] = {}


PATIENTS = {
    ANNA: Person("Anna", "Müller", date(1980, 5, 17), "anna@example.org", True, {DENTPORT: "GRANTED"}),
    JOERG: Person("Jörg", "Weiß", date(1975, 12, 1), "joerg@example.org"),
    CLARA: Person(
        "Clara", "Öztürk", date(1990, 2, 28), "clara@example.org", True,
        {DENTPORT: "DENIED", ZAHNZEIT: "GRANTED"},
    ),
    PETER: Person("Peter", "Altmann", date(1950, 7, 7), "peter@example.org", False, {DENTPORT: "GRANTED"}),
    OHNE: Person("Max", "Ohnesorg", None, "max@example.org", True, {DENTPORT: "GRANTED"}),
    LEA: Person("Lea", "Zwilling", date(2015, 9, 3), "eltern@example.org", True, {DENTPORT: "GRANTED"}),
    LEO: Person("Leo", "Zwilling", date(2015, 9, 3), "eltern@example.org"),
}  # fmt: skip
"""As the template begins; the keys are given in this order."""
CALLERS = (
    *(PATIENTS[key] for key in (ANNA, JOERG, CLARA, PETER, LEA, LEO)),
    Person("Joerg", "WEISS", date(1975, 12, 1), "anders@example.org"),
    Person("Max", "Ohnesorg", date(1966, 6, 6), "max@example.org"),
    Person("Frida", "Fremd", date(2001, 1, 1), "frida@example.org"),
    Person("Gustav", "Neuling", date(1948, 8, 8), "gustav@example.org"),
)
"""Who books at a partner: the known, the known under another spelling, and strangers."""
NAMES = sorted({name for person in (*PATIENTS.values(), *CALLERS) for name in person[:2]} - {"Max"})


@dataclass(slots=True)
class MachineClock:
    """The time that everybody in the machine lives in."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def forward(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)


# --- the template ------------------------------------------------------------------------------


def make_template(url: str) -> None:
    """Tables and rows as every life begins."""
    connector = Connector(url)
    create_practice_tables(connector)
    create_agent_tables(connector)
    with connector.writing() as connection:
        _staff(connection)
        _book(connection)
        _hours(connection)
        _areas(connection)
        _patients(connection)
    connector.dispose()


def make_sqlite_template(folder: Path) -> Path:
    """One file without companions, to be copied."""
    file = folder / "template.db"
    make_template(f"sqlite:///{file}")
    return file


def _staff(connection: Connection) -> None:
    add = connection.execute
    names = {"practice_id": PRACTICE_ID, "name": "Praxis Umstellung", "federal_state": "BY"}
    add(insert(tables.practice).values(**names, time_zone="Europe/Berlin"))
    add(insert(tables.role), [{"name": "Empfang"}, {"name": "Onlinebuchung"}])
    add(insert(tables.role_permission).values(role_id=1, permission="appointments"))
    for login, role in (("empfang", 1), (OTV_LOGIN, 2)):
        row = {"login_name": login, "initials": login[:3].upper(), "name": login.title()}
        add(insert(tables.staff_member).values(**row, role_id=role, active=True))
    for name in ("Dr. Adler", "Frau Birke"):
        add(insert(tables.practitioner).values(staff_id=None, name=name))
    add(insert(tables.treatment_room), [{"name": "Zimmer 1"}, {"name": "Zimmer 2"}])
    add(insert(tables.booking_partner), [{"partner_id": key, "name": name} for key, name in PARTNERS.items()])
    rows = [{"federal_state": "BY", "holiday_date": day, "name": name} for day, name in HOLIDAYS.items()]
    add(insert(tables.public_holiday), rows)


def _book(connection: Connection) -> None:
    add = connection.execute
    for column in COLUMNS.values():
        add(insert(tables.schedule_column).values(**column._asdict(), active=True))
    for name, minutes in TYPES.values():
        add(insert(tables.appointment_type).values(name=name, duration_minutes=minutes))
    for key, offer in OFFERS.items():
        add(
            insert(tables.appointment_assignment).values(
                label=offer.label,
                type_id=offer.type_id,
                duration_minutes=offer.duration_minutes,
                buffer_before_minutes=offer.buffers[0],
                buffer_after_minutes=offer.buffers[1],
                open_to_new_patients=offer.for_new_patients,
                reserved_only=offer.reserved_only,
                active=True,
            )
        )
        pairs = [{"assignment_id": key, "column_id": column_id} for column_id in offer.columns]
        add(insert(tables.assignment_column), pairs)


def _hours(connection: Connection) -> None:
    """Weekly hours for Adler, a three-day shift for Birke, one day of its own, an absence."""
    add = connection.execute
    weekly = [
        (column, day, hours) for column in (1, 2, 4) for day in range(5) for hours in (MORNING, AFTERNOON)
    ]
    weekly += [(column, 6, NIGHT) for column in (1, 3, 4)]
    valid = {"valid_from": date(2025, 1, 1), "valid_until": None}
    for column_id, weekday, (starts, ends) in weekly:
        row = {"column_id": column_id, "weekday": weekday, "starts": starts, "ends": ends}
        add(insert(tables.working_hours).values(**row, **valid))
    # Sundays of two weeks belong to the weekly hours, so the shift is not valid then.
    for first, last in ((date(2025, 1, 1), date(2027, 3, 27)), (date(2027, 3, 29), None)):
        shift = {"column_id": 3, "cycle_days": 3, "anchor_date": date(2027, 3, 24), "valid_from": first}
        key = add(insert(tables.shift).values(**shift, valid_until=last)).inserted_primary_key
        for day_index, (starts, ends) in ((0, MORNING), (1, AFTERNOON)):
            row = {"shift_id": key[0] if key else None, "day_index": day_index}
            add(insert(tables.shift_hours).values(**row, starts=starts, ends=ends))
    for day in (date(2027, 3, 30), date(2027, 11, 2)):
        row = {"column_id": 2, "special_date": day, "starts": time(9), "ends": time(12)}
        add(insert(tables.special_hours).values(row))
        starts_at = datetime.combine(day, time(7), UTC)
        absence = {"starts_at": starts_at, "ends_at": starts_at + timedelta(hours=2)}
        add(insert(tables.planned_absence).values(practitioner_id=BIRKE, **absence))


def _areas(connection: Connection) -> None:
    """A column's, a practitioner's and everybody's; two that reserve and one that blocks."""
    everyday = [(day, (time(8), time(9)), "reserve", {"column_id": 1}, {3}) for day in range(5)]
    chosen: list[tuple[int, tuple[time, time], str, dict[str, int], set[int]]] = [
        *everyday,
        (6, NIGHT, "reserve", {"column_id": 4}, {3}),
        (3, (time(14), time(15)), "reserve", {"practitioner_id": BIRKE}, {2}),
        (1, (time(10), time(10, 30)), "block", {}, set()),
    ]
    for weekday, (starts, ends), kind, owner, assignments in chosen:
        row = {"kind": kind, "weekday": weekday, "starts": starts, "ends": ends}
        statement = insert(tables.template_area).values(**row, valid_from=date(2025, 1, 1), **owner)
        key = connection.execute(statement).inserted_primary_key
        for assignment_id in assignments:
            pair = {"area_id": key[0] if key else None, "assignment_id": assignment_id}
            connection.execute(insert(tables.template_area_assignment).values(pair))


def _patients(connection: Connection) -> None:
    for person in PATIENTS.values():
        patient_id = add_patient(connection, person)
        for partner_id, status in person.consents.items():
            set_consent(connection, patient_id, partner_id, status, BEFORE_SPRING)


def add_patient(connection: Connection, person: Person) -> int:
    """Into the card index, with one contact point; its key."""
    row = {"given_name": person.given_name, "family_name": person.family_name, "active": person.active}
    statement = insert(tables.patient).values(
        **row, birth_date=person.birth_date, **record_info(BEFORE_SPRING)
    )
    key = connection.execute(statement).inserted_primary_key
    assert key is not None
    contact = {"system": "email", "use": "home", "value": person.email}
    connection.execute(insert(tables.contact_point).values(patient_id=key[0], **contact))
    return int(key[0])


def set_consent(connection: Connection, patient_id: int, partner_id: str, status: str, now: datetime) -> None:
    """An answer where there is none."""
    row = {"patient_id": patient_id, "partner_id": partner_id, "status": status}
    connection.execute(insert(tables.consent).values(**row, changed_by=RECEPTION, changed_at=now))


def record_info(now: datetime) -> dict[str, Any]:
    """Who made a row, and when: the reception."""
    return {"created_by": RECEPTION, "created_at": now, "changed_by": RECEPTION, "changed_at": now}
