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
from agent.adapters.practice_schema import agent_tables, practice_tables
from agent.adapters.practice_snapshot import SqlPracticeSnapshot
from agent.adapters.schema_version import require_version
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
    version: SchemaMismatchError | None = None
    """The agent's own tables are of another version than the program: of them nothing more is said."""

    def all(self) -> list[str]:
        version = [f"{self.version}. {self.version.remedy}"] if self.version else []
        return [*version, *self.tables, *self.rights, *self.author]


def check_practice(connector: Connector, otv_login: str, today: date | None = None) -> list[str]:
    """Everything that `practice_problems` finds; empty when the agent can work."""
    return practice_problems(connector, otv_login, today).all()


def practice_problems(connector: Connector, otv_login: str, today: date | None = None) -> PracticeProblems:
    """What stands in the tables is looked at only once all of them are there and may be read.

    Raises DatabaseUnavailableError, and SchemaMismatchError when the login
    may not even look.
    """
    with connector.reading() as connection:
        version = _version_problem(connection, connector)
        wanted = practice_tables() if version else [*practice_tables(), *agent_tables()]
        schemas = (connector.practice_schema, connector.agent_schema)
        found = PracticeProblems(
            [
                *layout_problems(connection, wanted, *schemas),
                *guard_problems(connection, connector.practice_schema),
            ],
            list(missing_rights(connection, wanted, *schemas)),
            [],
            version,
        )
        if not found.all():
            day = today or datetime.now(UTC).date()
            found.tables.extend(_practice_problems(connection, day))
            found.author.extend(_author_problems(connection, otv_login))
            found.tables.extend(_hours_problems(connection, day))
    return found


def _version_problem(connection: Connection, connector: Connector) -> SchemaMismatchError | None:
    """None also where the version cannot be read: what is missing for that is found with the rest."""
    asked = ([tables.schema_version], connector.practice_schema, connector.agent_schema)
    if any(layout_problems(connection, *asked)) or any(missing_rights(connection, *asked)):
        return None
    try:
        require_version(connection, connector.agent_schema)
    except SchemaMismatchError as error:
        return error
    return None


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
