"""Real databases for tests: a SQLite file and a PostgreSQL server, each with a tiny practice in it.

The server comes from a wheel and runs for the whole test session; every test
gets a database of its own, copied from a template. Keys are given by the
database in order of insertion, so the constants below hold in each copy.
"""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from itertools import count
from pathlib import Path

import holidays
import psycopg
import pytest
from sqlalchemy import Connection, insert

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.adapters.migration import create_agent_tables
from agent.adapters.practice_schema import create_practice_tables
from tests.kit.postgresql import server_in

PRACTICE_ID = "small-practice"
OTV_LOGIN = "otv"
DENTPORT, ZAHNZEIT = "dentport", "zahnzeit"
DENTIST, OTV_USER = 1, 2
TREATMENT, PROPHYLAXIS = 1, 2
CHECKUP_TYPE, CLEANING_TYPE = 1, 2
CHECKUP, CLEANING = 1, 2
# Anna said Ja to dentport; Jörg was never asked; Clara said Nein to dentport and Ja to zahnzeit; Peter
# said Ja to both but is inactive; Ohne has no birth date and said Ja to both; Lea and Leo are twins,
# Lea said Ja to dentport, Leo was asked by nobody.
ANNA, JOERG, CLARA, PETER, OHNE, LEA, LEO = range(1, 8)

INSERTED_AT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
_RECORD_INFO = {
    "created_by": DENTIST,
    "created_at": INSERTED_AT,
    "changed_by": DENTIST,
    "changed_at": INSERTED_AT,
}
_PATIENTS = (
    ("Anna", "Müller", date(1980, 5, 17), True),
    ("Jörg", "Weiß", date(1975, 12, 1), True),
    ("Clara", "Öztürk", date(1990, 2, 28), True),
    ("Peter", "Altmann", date(1950, 7, 7), False),
    ("Max", "Ohne", None, True),
    ("Lea", "Zwilling", date(2015, 9, 3), True),
    ("Leo", "Zwilling", date(2015, 9, 3), True),
)
_CONTACTS = (
    (ANNA, "phone", "mobile", "0171 5550101"),
    (ANNA, "email", "home", "anna@example.org"),
    (JOERG, "phone", "home", "089 5550102"),
    (CLARA, "email", "work", "clara@example.org"),
    (OHNE, "phone", "mobile", "0171 5550105"),
    (LEA, "phone", "home", "089 5550106"),
    (LEO, "phone", "home", "089 5550106"),
)
_CONSENTS = (
    (DENTPORT, ANNA, "GRANTED"),
    (DENTPORT, CLARA, "DENIED"),
    (ZAHNZEIT, CLARA, "GRANTED"),
    (DENTPORT, PETER, "GRANTED"),
    (ZAHNZEIT, PETER, "GRANTED"),
    (DENTPORT, OHNE, "GRANTED"),
    (ZAHNZEIT, OHNE, "GRANTED"),
    (DENTPORT, LEA, "GRANTED"),
)


@dataclass(slots=True)
class PostgresqlServer:
    """A running server in which the tests may do as they like."""

    base_url: str
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def create_database(self, template: str = "template0") -> str:
        """The name of a new database."""
        name = f"practice_{next(self._numbers)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return name

    def drop_database(self, name: str) -> None:
        self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        """One statement as the superuser, outside any transaction."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def url(self, database: str, user: str = "postgres") -> str:
        return self.base_url.replace("//postgres:@/postgres?", f"//{user}:@/{database}?")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A real PostgreSQL, also where the tests run as root; stopped and removed at the end."""
    # Not below pytest's own folders: the path is to be short.
    folder = Path(tempfile.mkdtemp(prefix="otv-pg-"))
    server = server_in(folder / "d")
    postgresql = PostgresqlServer(server.get_uri())
    # Hundreds of databases are made from a template and thrown away: what guards them against a crash of the
    # machine, or tidies them up, would cost more than all the tests. A killed server still loses nothing.
    throw_away = ("fsync = off", "full_page_writes = off", "autovacuum = off")
    for setting in (*throw_away, "max_connections = 200"):
        postgresql.execute(f"ALTER SYSTEM SET {setting}")
    postgresql.execute("SELECT pg_reload_conf()")
    yield postgresql
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "practice.db"
    _fill(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: PostgresqlServer) -> str:
    name = postgresql_server.create_database()
    _fill(postgresql_server.url(name))
    return name


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A SQLite database with the small practice."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'practice.db')}"


@pytest.fixture
def postgresql_url(postgresql_server: PostgresqlServer, postgresql_template: str) -> Iterator[str]:
    """A PostgreSQL database with the small practice."""
    name = postgresql_server.create_database(postgresql_template)
    yield postgresql_server.url(name)
    postgresql_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The small practice, once on each kind of database."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def connector(database_url: str) -> Iterator[Connector]:
    """A connector to the small practice, once on each kind of database."""
    connector = Connector(database_url)
    yield connector
    connector.dispose()


def insert_small_practice(connector: Connector) -> None:
    """A dentist and a hygienist in Munich, two partners and seven patients; no appointment."""
    with connector.writing() as connection:
        _insert_staff(connection)
        _insert_book(connection)
        _insert_hours(connection)
        _insert_patients(connection)


def add_appointment(connection: Connection, starts_at: datetime, ends_at: datetime, **values: object) -> int:
    """A booked appointment of nobody in the treatment column, unless `values` say otherwise."""
    row = {"column_id": TREATMENT, "status": "booked", "exclusive": True, **_RECORD_INFO, **values}
    statement = insert(tables.appointment).values(starts_at=starts_at, ends_at=ends_at, **row)
    key = connection.execute(statement).inserted_primary_key
    assert key is not None
    return int(key[0])


def _fill(url: str) -> None:
    connector = Connector(url)
    create_practice_tables(connector)
    create_agent_tables(connector)
    insert_small_practice(connector)
    connector.dispose()


def _insert_staff(connection: Connection) -> None:
    add = connection.execute
    add(
        insert(tables.practice).values(
            practice_id=PRACTICE_ID, name="Praxis Sommer", federal_state="BY", time_zone="Europe/Berlin"
        )
    )
    add(insert(tables.role), [{"name": "Behandler"}, {"name": "Onlinebuchung"}])
    add(insert(tables.role_permission).values(role_id=1, permission="appointments"))
    for login, initials, name, role in (("sommer", "SO", "Dr. Sommer", 1), (OTV_LOGIN, "OTV", "Online", 2)):
        row = {"login_name": login, "initials": initials, "name": name, "role_id": role, "active": True}
        add(insert(tables.staff_member).values(row))
    add(insert(tables.booking_partner).values(partner_id=DENTPORT, name="Dentport"))
    add(insert(tables.booking_partner).values(partner_id=ZAHNZEIT, name="Zahnzeit"))


def _insert_book(connection: Connection) -> None:
    add = connection.execute
    for staff, name in ((DENTIST, "Dr. Sommer"), (None, "Frau Winter")):
        add(insert(tables.practitioner).values(staff_id=staff, name=name))
        add(insert(tables.treatment_room).values(name=f"Zimmer {name}"))
    for position, name in enumerate(("Behandlung", "Prophylaxe"), start=1):
        lane = {"name": name, "position": position, "practitioner_id": position, "room_id": position}
        add(insert(tables.schedule_column).values(**lane, overlaps_allowed=False, active=True))
    for name, minutes in (("Kontrolle", 30), ("PZR", 60)):
        add(insert(tables.appointment_type).values(name=name, duration_minutes=minutes))
    for label, kind, buffer, new in (("Kontrolle", 1, 0, True), ("Zahnreinigung", 2, 10, False)):
        offer = {"label": label, "type_id": kind, "open_to_new_patients": new}
        offer |= {"reserved_only": False, "active": True}
        buffers = {"buffer_before_minutes": 0, "buffer_after_minutes": buffer}
        add(insert(tables.appointment_assignment).values(**offer, **buffers))
    pairs = ((CHECKUP, TREATMENT), (CLEANING, PROPHYLAXIS))
    add(insert(tables.assignment_column), [{"assignment_id": a, "column_id": c} for a, c in pairs])


def _insert_hours(connection: Connection) -> None:
    rows = [
        {"column_id": lane, "weekday": day, "starts": starts, "ends": ends, "valid_from": date(2025, 1, 1)}
        for lane in (TREATMENT, PROPHYLAXIS)
        for day in range(5)
        for starts, ends in ((time(8), time(12)), (time(13), time(17)))
    ]
    connection.execute(insert(tables.working_hours), rows)
    days = holidays.country_holidays("DE", subdiv="BY", years=range(2025, 2036))
    connection.execute(
        insert(tables.public_holiday),
        [{"federal_state": "BY", "holiday_date": day, "name": name} for day, name in days.items()],
    )


def _insert_patients(connection: Connection) -> None:
    add = connection.execute
    for given, family, born, active in _PATIENTS:
        person = {"given_name": given, "family_name": family, "birth_date": born, "active": active}
        add(insert(tables.patient).values(**person, **_RECORD_INFO))
    names = ("patient_id", "system", "use", "value")
    add(insert(tables.contact_point), [dict(zip(names, contact, strict=True)) for contact in _CONTACTS])
    for partner, patient, status in _CONSENTS:
        answer = {"partner_id": partner, "patient_id": patient, "status": status}
        add(insert(tables.consent).values(**answer, changed_by=DENTIST, changed_at=INSERTED_AT))
