"""What `practice check` says about a database from which one thing was taken."""

from datetime import date

import pytest
from sqlalchemy import delete, insert, text, update
from sqlalchemy.sql.expression import Executable

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.adapters.overlap_guard import SQLITE_TRIGGERS
from agent.adapters.practice_check import check_practice
from agent.adapters.practice_schema import create_practice_tables, grants, practice_tables
from agent.adapters.schema_version import SCHEMA_VERSION
from tests.kit.databases import OTV_LOGIN, PROPHYLAXIS, PostgresqlServer

TODAY = date(2026, 11, 22)
AGENT_TABLES_WRITTEN = (
    "audit_entry",
    "booking",
    "disclosure",
    "finished_booking",
    "good_state",
    "hold",
    "inbound_message",
    "key_warning",
    "outbound_message",
    "partner_appointment",
    "purge_mark",
    "receipt_line",
    "revoked_key",
    "revoked_partner",
    "sequence_number",
    "update_line",
    "update_message",
)
APPOINTMENT_CHANGES = (
    "column_id, starts_at, ends_at, status, cancelled_by, cancelled_at, cancellation_reason, "
    "changed_by, changed_at"
)
PRACTICE_TABLES_WRITTEN = ("appointment", "booking_partner", "consent_page", "contact_point", "patient")


def problems_after(connector: Connector, *statements: Executable | str) -> list[str]:
    with connector.writing() as connection:
        for statement in statements:
            connection.execute(text(statement) if isinstance(statement, str) else statement)
    return check_practice(connector, OTV_LOGIN, TODAY)


def schema_of(connector: Connector, agent: bool = False) -> str:
    schema = connector.agent_schema if agent else connector.practice_schema
    return f"{schema}." if schema else ""


def test_small_practice_lacks_nothing(connector: Connector) -> None:
    assert check_practice(connector, OTV_LOGIN) == []


def test_missing_table_is_named(connector: Connector) -> None:
    shown = f"{schema_of(connector)}shift_hours"
    assert problems_after(connector, f"DROP TABLE {shown}") == [f"table or view {shown} is missing"]


def test_missing_agent_table_is_told_apart(connector: Connector) -> None:
    shown = f"{schema_of(connector, agent=True)}staff_note"
    [problem] = problems_after(connector, f"DROP TABLE {shown}")
    assert problem.startswith(f"the agent's table {shown} is missing")


def test_missing_column_is_named(connector: Connector) -> None:
    shown = f"{schema_of(connector)}treatment_room"
    problems = problems_after(connector, f"ALTER TABLE {shown} RENAME COLUMN name TO label")
    assert problems == [f"column {shown}.name is missing"]


def test_column_of_the_wrong_kind_is_named(connector: Connector) -> None:
    table = f"{schema_of(connector)}planned_absence"
    wrong, found = (
        ("timestamp", "a timestamp without time zone")
        if connector.dialect == "postgresql"
        else ("integer", "an integer")
    )
    columns = f"absence_id integer, practitioner_id integer, starts_at {wrong}, ends_at {wrong}"
    problems = problems_after(connector, f"DROP TABLE {table}", f"CREATE TABLE {table} ({columns})")
    expected = "a timestamp with time zone" if connector.dialect == "postgresql" else "a text"
    assert problems == [
        f"column {table}.{name} must be {expected} and is {found}" for name in ("starts_at", "ends_at")
    ]


def test_everything_missing_is_told_at_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("bare") / "bare.db"
    file.touch()
    connector = Connector(f"sqlite:///{file}")
    problems = check_practice(connector, OTV_LOGIN)
    connector.dispose()
    assert len(problems) == len(tables.metadata.tables) + len(SQLITE_TRIGGERS)


AUTHOR = update(tables.staff_member).where(tables.staff_member.c.login_name == OTV_LOGIN)
COLUMN_HOURS = tables.working_hours.c.column_id == PROPHYLAXIS
DAMAGES: dict[str, tuple[Executable, str]] = {
    "author_inactive": (AUTHOR.values(active=False), "online booking is not active"),
    "author_with_permissions": (AUTHOR.values(role_id=1), "has 1 permission(s)"),
    "author_missing": (AUTHOR.values(login_name="other"), "no staff member has the login name"),
    "practice_missing": (delete(tables.practice), "table practice holds 0 rows"),
    "practice_twice": (
        insert(tables.practice).values(practice_id="b", name="b", federal_state="BY", time_zone="UTC"),
        "table practice holds 2 rows",
    ),
    "time_zone_unknown": (update(tables.practice).values(time_zone="Europe/Munich"), "no time zone"),
    "time_zone_is_a_folder": (update(tables.practice).values(time_zone="Europe"), "no time zone"),
    "holidays_of_another_state": (
        update(tables.practice).values(federal_state="NW"),
        "no holiday of the practice's federal state",
    ),
    "holidays_all_past": (
        delete(tables.public_holiday).where(tables.public_holiday.c.holiday_date > TODAY),
        "in the coming year",
    ),
    "column_without_hours": (
        delete(tables.working_hours).where(COLUMN_HOURS),
        f"schedule column {PROPHYLAXIS} has neither working hours",
    ),
    "column_with_past_hours": (
        update(tables.working_hours).where(COLUMN_HOURS).values(valid_until=date(2026, 11, 21)),
        f"schedule column {PROPHYLAXIS} has neither working hours",
    ),
    "newer_agent_tables": (
        update(tables.schema_version).values(version=SCHEMA_VERSION + 1),
        "or a newer one",
    ),
    "older_agent_tables": (
        update(tables.schema_version).values(version=1),
        "run `otv-agent practice migrate`",
    ),
    "no_version": (delete(tables.schema_version), "does not hold exactly one row"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_content_that_the_agent_cannot_work_with_is_named(sqlite_url: str, damage: str) -> None:
    connector = Connector(sqlite_url)
    statement, sentence = DAMAGES[damage]
    [problem] = problems_after(connector, statement)
    connector.dispose()
    assert sentence in problem


def test_content_is_judged_on_postgresql_as_well(postgresql_url: str) -> None:
    connector = Connector(postgresql_url)
    found = problems_after(connector, *(DAMAGES[d][0] for d in ("author_inactive", "column_with_past_hours")))
    connector.dispose()
    assert len(found) == 2


TAKEN_PARTS = {
    "constraint": (
        "postgresql",
        "ALTER TABLE practice.appointment DROP CONSTRAINT appointment_no_overlap",
        "no immediate exclusion constraint",
    ),
    "keys_trigger": (
        "postgresql",
        "DROP TRIGGER appointment_no_overlap_keys ON practice.appointment",
        "the trigger appointment_no_overlap_keys",
    ),
    "keys_trigger_off": (
        "postgresql",
        "ALTER TABLE practice.appointment DISABLE TRIGGER appointment_no_overlap_keys",
        "the trigger appointment_no_overlap_keys",
    ),
    "columns_trigger": (
        "postgresql",
        "DROP TRIGGER appointment_no_overlap_columns ON practice.schedule_column",
        "is missing on schedule_column",
    ),
    "insert_trigger": (
        "sqlite",
        "DROP TRIGGER appointment_no_overlap_insert",
        "the trigger appointment_no_overlap_insert",
    ),
    "update_trigger": (
        "sqlite",
        "DROP TRIGGER appointment_no_overlap_update",
        "the trigger appointment_no_overlap_update",
    ),
}


@pytest.mark.parametrize("part", TAKEN_PARTS)
def test_missing_part_of_the_guard_is_named(part: str, request: pytest.FixtureRequest) -> None:
    dialect, statement, words = TAKEN_PARTS[part]
    connector = Connector(request.getfixturevalue(f"{dialect}_url"))
    [problem] = problems_after(connector, statement)
    assert words in problem
    create_practice_tables(connector)
    assert check_practice(connector, OTV_LOGIN, TODAY) == []
    connector.dispose()


def test_guard_of_the_column_alone_is_named_and_replaced(postgresql_url: str) -> None:
    """A constraint of the same name that knows nothing of practitioners and rooms."""
    connector = Connector(postgresql_url)
    drop = "ALTER TABLE practice.appointment DROP CONSTRAINT appointment_no_overlap"
    weaker = (
        "ALTER TABLE practice.appointment ADD CONSTRAINT appointment_no_overlap EXCLUDE USING gist "
        "(int4range(column_id, column_id, '[]') WITH &&, tstzrange(starts_at, ends_at) WITH &&)"
    )
    [problem] = problems_after(connector, drop, weaker)
    assert "no immediate exclusion constraint" in problem
    create_practice_tables(connector)
    assert check_practice(connector, OTV_LOGIN, TODAY) == []
    connector.dispose()


def test_missing_rights_are_named_one_by_one(
    postgresql_server: PostgresqlServer, postgresql_url: str
) -> None:
    postgresql_server.execute("CREATE ROLE half_granted LOGIN")
    owner = Connector(postgresql_url)
    left_out = ("INSERT ON", '"consent"', "UPDATE (")
    with owner.writing() as connection:
        for statement in grants("half_granted"):
            if "staff_note" in statement or not any(words in statement for words in left_out):
                connection.execute(text(statement))
    owner.dispose()
    connector = Connector(postgresql_url.replace("//postgres:@", "//half_granted:@"))
    problems = check_practice(connector, OTV_LOGIN, TODAY)
    connector.dispose()
    lacks = "the database login lacks"
    assert sorted(problems) == [f"{lacks} INSERT on otv_agent.{table}" for table in AGENT_TABLES_WRITTEN] + [
        f"{lacks} INSERT on practice.{table}" for table in PRACTICE_TABLES_WRITTEN
    ] + [
        f"{lacks} SELECT on practice.consent",
        f"{lacks} UPDATE ({APPOINTMENT_CHANGES}) on practice.appointment",
    ]


def test_views_over_other_tables_are_as_good_as_tables(connector: Connector) -> None:
    """Every practice table moved away and put back as a view, as an integrator would."""
    statements = []
    for table in practice_tables():
        shown = f"{schema_of(connector)}{table.name}"
        statements += [
            f"ALTER TABLE {shown} RENAME TO vendor_{table.name}",
            f"CREATE VIEW {shown} AS SELECT * FROM {schema_of(connector)}vendor_{table.name}",
        ]
    assert problems_after(connector, *statements) == []


def test_guard_below_a_view_of_a_view_is_found(postgresql_url: str) -> None:
    connector = Connector(postgresql_url)
    move = (
        "ALTER TABLE practice.appointment RENAME TO vendor_slot",
        "CREATE VIEW practice.vendor_current AS SELECT * FROM practice.vendor_slot",
        "CREATE VIEW practice.appointment AS SELECT * FROM practice.vendor_current",
    )
    assert problems_after(connector, *move) == []
    drop = "ALTER TABLE practice.vendor_slot DROP CONSTRAINT appointment_no_overlap"
    [problem] = problems_after(connector, drop)
    connector.dispose()
    assert "exclusion constraint" in problem
