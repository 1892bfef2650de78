"""The generated practice on both databases: the same rows, every story, and nothing that is not allowed."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import combinations
from pathlib import Path
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from sqlalchemy import Table, delete, func, insert, select, text

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.adapters.practice_schema import create_practice_tables, practice_tables
from agent.adapters.practice_snapshot import SqlPracticeSnapshot
from agent.domain.availability import Slot, TakenTime, free_slots, open_time, template_time
from agent.domain.intervals import Interval, instant, merged, utc_datetime
from agent.domain.practice import OfferTerms, PracticeCalendar
from agent.errors import DatabaseError, SchemaMismatchError, UsageError
from agent.sample_practice import GeneratedPractice, PracticePlan, Story, generate_practice
from agent.sample_practice.opening_hours import practice_calendar
from agent.sample_practice.organisation import OFFER_PAIN, organisation
from tests.kit.databases import PostgresqlServer

BERLIN = ZoneInfo("Europe/Berlin")
PARTNERS = {"dentport": "Dentport", "zahnzeit": "Zahnzeit"}
DEMO = PracticePlan(seed=1, first_day=date(2027, 3, 1), partner_names=PARTNERS)
OPENED_AT = datetime.combine(DEMO.first_day, time(0), BERLIN)
SMALL = replace(DEMO, days=14, columns=4, patients=120)
DATABASES = pytest.mark.parametrize("database", ["sqlite", "postgresql"])


class Rooms:
    """Empty practice databases of either kind."""

    def __init__(self, folder: Path, server: PostgresqlServer) -> None:
        self._folder = folder
        self._server = server
        self._connectors: list[Connector] = []

    def without_tables(self, database: str) -> Connector:
        if database == "sqlite":
            file = self._folder / f"practice-{len(self._connectors)}.db"
            file.touch()
            url = f"sqlite:///{file}"
        else:
            url = self._server.url(self._server.create_database())
        self._connectors.append(Connector(url))
        return self._connectors[-1]

    def empty(self, database: str) -> Connector:
        connector = self.without_tables(database)
        create_practice_tables(connector)
        return connector

    def close(self) -> None:
        for connector in self._connectors:
            connector.dispose()


class Generated:
    """The practice of the demo's size, and the time it took."""

    def __init__(self, connector: Connector) -> None:
        before = process_time()
        self.progress: list[tuple[int, int]] = []
        self.practice: GeneratedPractice = generate_practice(
            connector, DEMO, lambda done, total: self.progress.append((done, total))
        )
        self.cpu_seconds = process_time() - before
        self.connector = connector
        self._rows: dict[str, list[Any]] = {}

    def rows(self, table: Table) -> list[Any]:
        if table.name not in self._rows:
            self._rows[table.name] = rows_of(self.connector, table)
        return self._rows[table.name]


def rows_of(connector: Connector, table: Table) -> list[Any]:
    with connector.reading() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key.columns)).all())


def everything(connector: Connector) -> dict[str, list[Any]]:
    return {table.name: [tuple(row) for row in rows_of(connector, table)] for table in practice_tables()}


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory, postgresql_server: PostgresqlServer) -> Iterator[Rooms]:
    rooms = Rooms(tmp_path_factory.mktemp("sample"), postgresql_server)
    yield rooms
    rooms.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def generated(request: pytest.FixtureRequest, rooms: Rooms) -> Generated:
    return Generated(rooms.empty(request.param))


# --- the same plan, the same practice ----------------------------------------------------------


def test_one_plan_on_both_databases_gives_the_same_rows(rooms: Rooms) -> None:
    on_sqlite, on_postgresql = rooms.empty("sqlite"), rooms.empty("postgresql")
    assert generate_practice(on_sqlite, SMALL) == generate_practice(on_postgresql, SMALL)
    assert everything(on_sqlite) == everything(on_postgresql)


def test_one_plan_twice_gives_the_same_rows_and_another_seed_others(rooms: Rooms) -> None:
    first, second, other = (rooms.empty("sqlite") for _ in range(3))
    generate_practice(first, SMALL)
    generate_practice(second, SMALL)
    generate_practice(other, replace(SMALL, seed=2))
    rows, others = everything(first), everything(other)
    assert rows == everything(second)
    assert {name for name in rows if rows[name] != others[name]} == {
        "patient",
        "contact_point",
        "consent",
        "appointment",
    }


def test_counts_and_progress_tell_what_was_written(generated: Generated) -> None:
    assert generated.practice.counts == {
        table.name: len(generated.rows(table)) for table in practice_tables()
    }
    assert generated.practice.counts["patient"] == DEMO.patients
    assert generated.progress == [(3000, 3000)]


def test_demo_size_takes_less_than_four_seconds(generated: Generated) -> None:
    assert generated.cpu_seconds < 4


# --- what the database must hold ---------------------------------------------------------------


def test_every_reference_leads_to_a_row(generated: Generated) -> None:
    for table in practice_tables():
        for reference in table.foreign_keys:
            targets = {getattr(row, reference.column.name) for row in generated.rows(reference.column.table)}
            found = {getattr(row, reference.parent.name) for row in generated.rows(table)} - {None}
            assert found <= targets, f"{table.name}.{reference.parent.name}"


def test_every_table_of_the_practice_has_rows(generated: Generated) -> None:
    assert [table.name for table in practice_tables() if not generated.rows(table)] == []


def test_exclusive_appointments_never_share_a_moment_of_a_column(generated: Generated) -> None:
    latest: dict[int, datetime] = {}
    for row in sorted(generated.rows(tables.appointment), key=lambda row: row.starts_at):
        if row.exclusive and row.status != "cancelled":
            assert row.column_id not in latest or latest[row.column_id] <= row.starts_at
            latest[row.column_id] = row.ends_at


def test_nobody_is_in_two_columns_at_once(generated: Generated) -> None:
    owners = {row.column_id: row.practitioner_id for row in generated.rows(tables.schedule_column)}
    taken: dict[int, list[Interval]] = defaultdict(list)
    for row in generated.rows(tables.appointment):
        if owners[row.column_id] is not None and row.status != "cancelled":
            taken[owners[row.column_id]].append((instant(row.starts_at), instant(row.ends_at)))
    assert Counter(owners.values())[1] == 2
    for stretches in taken.values():
        assert sum(end - start for start, end in stretches) == sum(
            end - start for start, end in merged(stretches)
        )


def test_cancelled_appointments_say_who_cancelled_when_and_why(generated: Generated) -> None:
    for row in generated.rows(tables.appointment):
        said = (row.cancelled_by, row.cancelled_at, row.cancellation_reason)
        if row.status == "cancelled":
            assert said == (row.changed_by, row.changed_at, "pat")
        else:
            assert said == (None, None, None)


def test_overlaps_lie_only_where_the_column_allows_them(generated: Generated) -> None:
    allowed = {row.column_id for row in generated.rows(tables.schedule_column) if row.overlaps_allowed}
    doubled = [row for row in generated.rows(tables.appointment) if not row.exclusive]
    assert doubled
    assert {row.column_id for row in doubled} == allowed


def test_appointments_avoid_nights_weekends_and_holidays(generated: Generated) -> None:
    holidays = {
        row.holiday_date for row in generated.rows(tables.public_holiday) if row.federal_state == "BY"
    }
    assert {date(2027, 3, 26), date(2027, 3, 29)} <= holidays
    for row in generated.rows(tables.appointment):
        starts, ends = row.starts_at.astimezone(BERLIN), row.ends_at.astimezone(BERLIN)
        assert starts.date() == ends.date() not in holidays
        assert starts.weekday() < 5 or (row.column_id, starts.date()) == (1, date(2027, 3, 13))
        assert time(7) <= starts.time() < ends.time() <= time(20)


def test_appointments_avoid_the_absences_of_their_practitioner(generated: Generated) -> None:
    absences = generated.rows(tables.planned_absence)
    owners = {row.column_id: row.practitioner_id for row in generated.rows(tables.schedule_column)}
    for row in generated.rows(tables.appointment):
        for away in absences:
            if away.practitioner_id in (None, owners[row.column_id]):
                assert row.ends_at <= away.starts_at or away.ends_at <= row.starts_at


def test_working_days_are_busy_and_leave_time_to_book(generated: Generated) -> None:
    per_day = Counter(
        (row.column_id, row.starts_at.date())
        for row in generated.rows(tables.appointment)
        if row.status != "cancelled"
    )
    tuesdays = [count for (column, day), count in per_day.items() if column == 1 and day.weekday() == 1]
    assert len(tuesdays) > 5
    assert 8 <= sum(tuesdays) / len(tuesdays) <= 14


def test_the_calendar_read_back_is_the_one_that_was_planned(generated: Generated) -> None:
    planned = practice_calendar(DEMO, organisation(DEMO.columns))
    with generated.connector.reading() as connection:
        read = SqlPracticeSnapshot(connection).calendar()
    window = instant(OPENED_AT), instant(OPENED_AT + timedelta(days=DEMO.days))
    assert open_time(read, window) == open_time(planned, window)
    assert template_time(read, window) == template_time(planned, window)
    assert read.special_hours == planned.special_hours
    assert (read.assignments, read.types) == (planned.assignments, planned.types)


def offered_next_month(generated: Generated) -> tuple[PracticeCalendar, list[Slot]]:
    with generated.connector.reading() as connection:
        snapshot = SqlPracticeSnapshot(connection)
        calendar, terms = snapshot.calendar(), OfferTerms(24 * 60, 30, 15)
        window = instant(OPENED_AT), instant(OPENED_AT + timedelta(days=40))
        return calendar, list(free_slots(calendar, TakenTime(snapshot.busy(window)), terms, window[0]))


def test_pain_is_treated_only_in_the_time_kept_for_it(generated: Generated) -> None:
    slots = [slot for slot in offered_next_month(generated)[1] if slot.assignment_id == OFFER_PAIN]
    assert {slot.column_id for slot in slots} == {1}
    for slot in slots:
        starts, ends = utc_datetime(slot.start).astimezone(BERLIN), utc_datetime(slot.end).astimezone(BERLIN)
        assert time(9) <= starts.time() < ends.time() <= time(9, 40)


def test_the_saturday_the_day_off_and_the_outing_can_be_seen(generated: Generated) -> None:
    planned = practice_calendar(DEMO, organisation(DEMO.columns))

    def opened(day: date) -> set[int]:
        midnight = datetime.combine(day, time(0), BERLIN)
        stretches = open_time(planned, (instant(midnight), instant(midnight + timedelta(days=1))))
        return {column_id for column_id, times in stretches.items() if times}

    saturday, thursday, outing = date(2027, 3, 13), date(2027, 3, 11), date(2027, 3, 24)
    assert opened(saturday) == {1}
    assert opened(thursday) == set(planned.columns) - {3}
    assert opened(outing) == set()


def test_every_offer_with_a_length_has_free_slots_next_month(generated: Generated) -> None:
    calendar, slots = offered_next_month(generated)
    offered = Counter(calendar.assignments[slot.assignment_id].label for slot in slots)
    without_length = {"Zahnersatz"}
    assert set(offered) == {offer.label for offer in calendar.assignments.values()} - without_length
    assert min(offered.values()) > 20


def test_keys_go_on_after_the_generated_ones(generated: Generated) -> None:
    with generated.connector.writing() as connection:
        for table in practice_tables():
            key = table.primary_key.columns[0]
            if key.identity is None:
                continue
            row = connection.execute(select(table).order_by(key.desc()).limit(1)).mappings().one()
            values = {name: value for name, value in row.items() if name != key.name}
            if table is tables.staff_member:
                values["login_name"] = "somebody.new"
            if table is tables.appointment:
                values["status"] = "cancelled"
            added = connection.execute(insert(table).values(values)).inserted_primary_key
            assert added is not None
            assert added[0] == row[key.name] + 1, table.name
            connection.execute(delete(table).where(key == added[0]))


# --- who is in it ------------------------------------------------------------------------------


def test_the_otv_user_is_active_and_may_do_nothing(generated: Generated) -> None:
    [user] = [row for row in generated.rows(tables.staff_member) if row.login_name == "otv"]
    permitted = {row.role_id for row in generated.rows(tables.role_permission)}
    assert user.active
    assert user.initials == "OTV"
    assert user.role_id not in permitted
    others = {row.role_id for row in generated.rows(tables.staff_member)} - {user.role_id}
    assert others <= permitted


@pytest.mark.parametrize("partner_id", PARTNERS)
def test_consents_come_in_every_state_near_their_shares(generated: Generated, partner_id: str) -> None:
    states = Counter(row.status for row in generated.rows(tables.consent) if row.partner_id == partner_id)
    states["none"] = DEMO.patients - states.total()
    shares = {state: count / DEMO.patients for state, count in states.items()}
    expected = {"GRANTED": 0.4, "DENIED": 0.1, "OPEN": 0.25, "none": 0.25}
    assert shares == pytest.approx(expected, abs=0.05)


def test_some_patients_answered_the_partners_differently(generated: Generated) -> None:
    answers: dict[int, dict[str, str]] = defaultdict(dict)
    for row in generated.rows(tables.consent):
        answers[row.patient_id][row.partner_id] = row.status
    pairs = Counter((given.get("dentport"), given.get("zahnzeit")) for given in answers.values())
    assert pairs["GRANTED", "DENIED"] and pairs["DENIED", "GRANTED"] and pairs["GRANTED", None]


def test_known_patients_stand_in_the_database_as_told(generated: Generated) -> None:
    rows = {row.patient_id: row for row in generated.rows(tables.patient)}
    points: dict[int, list[tuple[str, str, str]]] = defaultdict(list)
    for row in generated.rows(tables.contact_point):
        points[row.patient_id].append((row.system, row.use, row.value))
    assert set(generated.practice.known) == set(Story)
    for story, patients in generated.practice.known.items():
        for known in patients:
            row = rows[known.patient_id]
            told = (known.given_name, known.family_name, known.birth_date, story is not Story.INACTIVE)
            assert (row.given_name, row.family_name, row.birth_date, row.active) == told
            assert points[known.patient_id] == [(p.system, p.use, p.value) for p in known.contact_points]


def test_known_patients_answered_as_their_story_says(generated: Generated) -> None:
    answers = {(row.partner_id, row.patient_id): row.status for row in generated.rows(tables.consent)}

    def given(story: Story) -> list[tuple[str | None, str | None]]:
        ids = [patient.patient_id for patient in generated.practice.known[story]]
        return [(answers.get(("dentport", key)), answers.get(("zahnzeit", key))) for key in ids]

    assert given(Story.OPEN) == [("OPEN", "OPEN"), (None, None)]
    assert given(Story.GRANTED) == [("GRANTED", "GRANTED")]
    assert given(Story.DENIED) == [("DENIED", "DENIED")]
    assert given(Story.DIVIDED) == [("GRANTED", "DENIED")]
    assert given(Story.INACTIVE) == [("GRANTED", "GRANTED")]
    assert given(Story.UNDATED) == [("GRANTED", "GRANTED")] * 2
    assert given(Story.TWINS) == [("GRANTED", "GRANTED")] * 2
    assert given(Story.NAMESAKES) == [("OPEN", "OPEN")] * 2


def test_known_patients_are_found_by_name_and_birth_date_alone(generated: Generated) -> None:
    people = Counter(
        (row.given_name, row.family_name, row.birth_date) for row in generated.rows(tables.patient)
    )
    for story, patients in generated.practice.known.items():
        for known in patients:
            expected = 2 if story is Story.NAMESAKES else 1
            assert people[known.given_name, known.family_name, known.birth_date] == expected


def test_twins_share_name_birth_date_and_telephone(generated: Generated) -> None:
    telephones: dict[int, set[str]] = defaultdict(set)
    for row in generated.rows(tables.contact_point):
        telephones[row.patient_id].add(row.value)
    born: dict[tuple[str, date], list[Any]] = defaultdict(list)
    for row in generated.rows(tables.patient):
        if row.birth_date and row.birth_date.year > 1900:
            born[row.family_name, row.birth_date].append(row)
    twins = {
        (one.patient_id, other.patient_id)
        for group in born.values()
        for one, other in combinations(group, 2)
        if telephones[one.patient_id] & telephones[other.patient_id] and one.given_name != other.given_name
    }
    known = tuple(patient.patient_id for patient in generated.practice.known[Story.TWINS])
    assert known in twins
    assert len(twins) >= 3


def test_names_hold_everything_that_matching_has_to_cope_with(generated: Generated) -> None:
    names = [f"{row.given_name} {row.family_name}" for row in generated.rows(tables.patient)]
    for pattern in (
        r"[äöüÄÖÜ]", r"ß", r"\w-\w", r" von ", r" zu(r)? ", r" de ", r"['’]", r"^Dr\. ", r" jun\.$",
        r"[şğıİ]", r"[łńśż]", r"[ễạầ]", r"[A-ZÄÖÜ]{4}", r"\w \w+ \w",
    ):  # fmt: skip
        assert any(re.search(pattern, name) for name in names), pattern
    assert any(name != unicodedata.normalize("NFC", name) for name in names)


def test_birth_dates_are_plausible_missing_or_placeholders(generated: Generated) -> None:
    birth_dates = [row.birth_date for row in generated.rows(tables.patient)]
    real = [day for day in birth_dates if day and day.year > 1900]
    assert 0.004 < birth_dates.count(None) / len(birth_dates) < 0.02
    assert birth_dates.count(date(1900, 1, 1)) > 3
    assert DEMO.first_day - timedelta(days=366 * 100) < min(real) and max(real) < DEMO.first_day


def test_few_patients_are_inactive(generated: Generated) -> None:
    inactive = sum(not row.active for row in generated.rows(tables.patient))
    assert 0.03 < inactive / DEMO.patients < 0.07


def test_nobody_can_be_reached_by_a_generated_contact_point(generated: Generated) -> None:
    reserved = re.compile(
        r"\+49(3023125\d{3}|6990009\d{3}|4066969\d{3}|2214710\d{3}|8999998\d{3}|17139200\d{2}|176040690\d{2})"
    )
    spellings = set()
    for row in generated.rows(tables.contact_point):
        if row.system == "email":
            assert row.value.lower().endswith(("@example.org", ".example.org"))
            assert row.value.isascii()
        else:
            number = phonenumbers.parse(row.value, "DE")
            e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            assert reserved.fullmatch(e164)
            spellings.add(re.sub(r"\d+", "9", row.value))
    assert len(spellings) >= 8


def test_record_information_lies_before_the_window_and_in_order(generated: Generated) -> None:
    for table in (tables.patient, tables.appointment):
        for row in generated.rows(table):
            assert row.created_at <= row.changed_at <= OPENED_AT + timedelta(hours=1)
    pages = {row.partner_id: row.created_at for row in generated.rows(tables.consent_page)}
    assert all(pages[row.partner_id] <= row.changed_at for row in generated.rows(tables.consent))


# --- refusals ----------------------------------------------------------------------------------


@DATABASES
def test_generating_into_a_database_with_a_practice_is_refused(rooms: Rooms, database: str) -> None:
    connector = rooms.empty(database)
    generate_practice(connector, SMALL)
    before = everything(connector)
    with pytest.raises(UsageError, match="holds a practice already"):
        generate_practice(connector, replace(SMALL, seed=2))
    assert everything(connector) == before


@DATABASES
def test_generating_without_tables_names_the_missing_one(rooms: Rooms, database: str) -> None:
    with pytest.raises(SchemaMismatchError, match="practice"):
        generate_practice(rooms.without_tables(database), SMALL)


@DATABASES
def test_generating_that_fails_half_way_leaves_nothing(rooms: Rooms, database: str) -> None:
    connector = rooms.empty(database)
    with connector.writing() as connection:
        connection.execute(insert(tables.public_holiday).values(
            federal_state="BY", holiday_date=date(2027, 1, 6), name="Heilige Drei Könige"
        ))  # fmt: skip
    with pytest.raises(DatabaseError) as caught:
        generate_practice(connector, SMALL)
    assert "Heilige" not in str(caught.value)
    with connector.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.practice)) == 0
        assert connection.scalar(select(func.count()).select_from(tables.role)) == 0


def test_a_plan_that_cannot_be_names_every_problem() -> None:
    with pytest.raises(UsageError) as caught:
        PracticePlan(1, DEMO.first_day, PARTNERS, 0, 3, 5, -1, "p", "XX", 0.8, 0.3)
    for problem in ("days", "columns", "patients", "appointments", "federal state", "shares"):
        assert problem in str(caught.value)


@pytest.mark.parametrize("columns", [4, 5, 20])
def test_any_number_of_columns_is_staffed(rooms: Rooms, columns: int) -> None:
    connector = rooms.empty("sqlite")
    generate_practice(connector, replace(SMALL, columns=columns, days=7, first_day=date(2026, 12, 14)))
    rows = rows_of(connector, tables.schedule_column)
    assert len(rows) == columns
    assert [row.practitioner_id is None for row in rows] == [False] * (columns - 1) + [True]
    with connector.reading() as connection:
        booked = connection.scalars(text("SELECT DISTINCT column_id FROM appointment")).all()
    assert sorted(booked) == [row.column_id for row in rows]
