"""The practice that is fought over: columns that share a dentist or a room, and few days with time.

The small practice of the kit, with a second chair for the dentist, a second
column in the hygienist's room, and a column that the practice puts over
others on purpose.
"""

from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import delete, insert

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.adapters.migration import create_agent_tables
from agent.adapters.practice_schema import create_practice_tables
from agent.domain.practice import OfferTerms
from tests.kit.databases import CHECKUP, CLEANING, insert_small_practice

SECOND_CHAIR, SAME_ROOM, ON_PURPOSE = 3, 4, 5
COLUMNS = range(1, ON_PURPOSE + 1)
_MORE_COLUMNS = (
    {"name": "Zweiter Stuhl", "practitioner_id": 1, "room_id": None, "overlaps_allowed": False},
    {"name": "Gleiches Zimmer", "practitioner_id": None, "room_id": 2, "overlaps_allowed": False},
    {"name": "Dazwischen", "practitioner_id": 1, "room_id": 2, "overlaps_allowed": True},
)
_MORE_OFFERS = ((CHECKUP, SECOND_CHAIR), (CHECKUP, SAME_ROOM), (CHECKUP, ON_PURPOSE), (CLEANING, SAME_ROOM))
TERMS = OfferTerms(lead_time_minutes=60, booking_horizon_days=60, grid_minutes=10)

Contested = tuple[datetime, datetime]
"""The time that is fought over, in UTC."""


def make_practice(url: str) -> None:
    """Into an empty database."""
    connector = Connector(url)
    create_practice_tables(connector)
    create_agent_tables(connector)
    insert_small_practice(connector)
    with connector.writing() as connection:
        for position, column in enumerate(_MORE_COLUMNS, start=SECOND_CHAIR):
            connection.execute(
                insert(tables.schedule_column).values(position=position, active=True, **column)
            )
            hours = {
                "column_id": position,
                "starts": time(8),
                "ends": time(18),
                "valid_from": date(2025, 1, 1),
            }
            for weekday in range(5):
                connection.execute(insert(tables.working_hours).values(weekday=weekday, **hours))
        pairs = [{"assignment_id": offer, "column_id": column} for offer, column in _MORE_OFFERS]
        connection.execute(insert(tables.assignment_column), pairs)
        # Or a holiday would leave nothing to fight over.
        connection.execute(delete(tables.public_holiday))
    connector.dispose()


def contested_time(days: int) -> Contested:
    """So many days from a Monday some days ahead of now, from the first opening hour on."""
    today = datetime.now(UTC).replace(hour=6, minute=0, second=0, microsecond=0)
    monday = today + timedelta(days=14 - today.weekday())
    return monday, monday + timedelta(days=days - 1, hours=13)
