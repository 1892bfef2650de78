"""Says exactly what the practice database lacks before the agent can work with it.

Behind `otv-agent practice check`. It reads only, works the same on tables
and on an integrator's views, and names tables, columns, rights and numbers,
never anything that stands in a patient's row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, func, or_, select

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.adapters.practice_guard import guard_problems
from agent.adapters.practice_layout import layout_problems, missing_rights
from agent.adapters.practice_schema import SCHEMA_VERSION
from agent.adapters.practice_snapshot import SqlPracticeSnapshot
from agent.errors import SchemaMismatchError


@dataclass(frozen=True, slots=True)
class PracticeProblems:
    """One sentence for each thing that is missing or wrong, by what is to be mended."""

    tables: list[str]
    """Tables, columns, the guard against double bookings, and what stands in them."""
    rights: list[str]
    """Of the database role; only PostgreSQL knows any."""
    author: list[str]
    """Of the staff member for online booking (rule R2)."""

    def all(self) -> list[str]:
        return [*self.tables, *self.rights, *self.author]


def check_practice(connector: Connector, otv_login: str, today: date | None = None) -> list[str]:
    """Everything that `practice_problems` finds; empty when the agent can work."""
    return practice_problems(connector, otv_login, today).all()


def practice_problems(connector: Connector, otv_login: str, today: date | None = None) -> PracticeProblems:
    """What stands in the tables is looked at only once all of them are there and may be read.

    Raises DatabaseUnavailableError, and SchemaMismatchError when the login
    may not even look.
    """
    with connector.reading() as connection:
        schemas = (connector.practice_schema, connector.agent_schema)
        found = PracticeProblems(
            [*layout_problems(connection, *schemas), *guard_problems(connection, connector.practice_schema)],
            list(missing_rights(connection, *schemas)),
            [],
        )
        if not found.all():
            day = today or datetime.now(UTC).date()
            found.tables.extend(_version_problems(connection))
            found.tables.extend(_practice_problems(connection, day))
            found.author.extend(_author_problems(connection, otv_login))
            found.tables.extend(_hours_problems(connection, day))
    return found


def _version_problems(connection: Connection) -> Iterator[str]:
    versions = connection.scalars(select(tables.schema_version.c.version)).all()
    if len(versions) != 1:
        yield "table schema_version does not hold exactly one row: create the agent's tables again"
    elif versions[0] > SCHEMA_VERSION:
        yield (
            f"the agent's tables have version {versions[0]}, this program knows version {SCHEMA_VERSION}: "
            "install a newer otv-agent"
        )
    elif versions[0] < SCHEMA_VERSION:
        yield f"the agent's tables have version {versions[0]} and must be brought to {SCHEMA_VERSION}"


def _practice_problems(connection: Connection, today: date) -> Iterator[str]:
    try:
        practice = SqlPracticeSnapshot(connection).identity()
    except SchemaMismatchError as error:
        yield str(error)
        return
    try:
        ZoneInfo(practice.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield "practice.time_zone is no time zone of the IANA list, such as Europe/Berlin"
    holiday = tables.public_holiday.c
    coming = select(func.count()).where(
        holiday.federal_state == practice.federal_state,
        holiday.holiday_date.between(today, today + timedelta(days=365)),
    )
    if not connection.scalar(coming):
        yield "table public_holiday holds no holiday of the practice's federal state in the coming year"


def _author_problems(connection: Connection, login_name: str) -> Iterator[str]:
    """Rule R2: the dedicated user exists, is active and may do nothing."""
    author = SqlPracticeSnapshot(connection).staff_member(login_name)
    if author is None:
        yield "no staff member has the login name configured for online booking"
        return
    if not author.active:
        yield "the staff member for online booking is not active"
    if author.permissions:
        yield (
            f"the staff member for online booking has {len(author.permissions)} permission(s) through its "
            "role, and must have none"
        )


def _hours_problems(connection: Connection, today: date) -> Iterator[str]:
    column = tables.schedule_column.c
    active = select(column.column_id).where(column.active).order_by(column.column_id)
    with_hours: set[int] = set()
    for hours in (tables.working_hours.c, tables.shift.c):
        still_valid = or_(hours.valid_until.is_(None), hours.valid_until >= today)
        with_hours.update(connection.scalars(select(hours.column_id).where(still_valid)))
    for column_id in connection.scalars(active):
        if column_id not in with_hours:
            yield f"schedule column {column_id} has neither working hours nor a shift from today on"
