"""A column of the practice where nothing happens but what the test does: one day, one offer, one owner.

The rules are shown on it in the practice's own terms: rows are entered as
staff would enter them, and what comes of it is read from the file that the
partner gets or from its receipt.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Table, delete, insert, select, update

from agent.adapters import tables
from agent.clock import utc_now
from agent.domain.availability import Slot
from agent.domain.documents import datetime_text
from agent.domain.intervals import utc_datetime, wall_clock
from exchange_formats.bookings import BookingRecord
from exchange_formats.envelope import Kind
from tests.flows.card_index import take_slot
from tests.flows.evidence import values
from tests.flows.stage import DENTPORT, Stage

BERLIN = ZoneInfo("Europe/Berlin")
# Noon is for nobody: on Wednesdays the sample practice blocks it in every column.
MORNING = (time(8), time(12))
OFFER: dict[str, Any] = {
    "label": "Sprechstunde",
    "duration_minutes": 60,
    "buffer_before_minutes": 0,
    "buffer_after_minutes": 0,
    "open_to_new_patients": True,
    "reserved_only": False,
    "active": True,
}


@dataclass(frozen=True, slots=True)
class Chair:
    """One column, and what it offers on its day."""

    stage: Stage
    day: date
    column_id: int
    practitioner_id: int | None
    room_id: int
    assignment_id: int

    def at(self, hour: int, minute: int = 0) -> int:
        """The instant at which the clock in the practice shows this."""
        return wall_clock(self.day, time(hour, minute), BERLIN)

    def moment(self, hour: int, minute: int = 0) -> datetime:
        return utc_datetime(self.at(hour, minute))

    def text(self, hour: int) -> str:
        """The same as files write it."""
        return datetime_text(self.moment(hour))

    def slot(self, hour: int, assignment_id: int | None = None) -> Slot:
        """An hour here, whether it is on offer or not."""
        return Slot(assignment_id or self.assignment_id, self.column_id, self.at(hour), self.at(hour + 1))

    def wish(self, hour: int, **changes: Any) -> BookingRecord:
        """Somebody new wants to come at that hour."""
        return self.stage.booking(slot=self.slot(hour), **changes)

    def staff_book(self, hour: int) -> None:
        """The reception gives the hour to somebody."""
        with self.stage.house.connector.writing() as connection:
            take_slot(connection, self.slot(hour))

    def listed(self, assignment_id: int | None = None, partner_id: str = DENTPORT) -> list[int]:
        """The hours of the day at which the partner's next file offers this column."""
        return listed(self.stage, partner_id)[self.column_id, assignment_id or self.assignment_id]

    def add_offer(self, **changes: Any) -> int:
        """Another appointment assignment in this column; its id."""
        return _add_offer(self.stage, [self.column_id], changes)


@contextmanager
def open_chair(
    stage: Stage,
    *,
    hours: Iterable[tuple[time, time]] = (MORNING,),
    day: date | None = None,
    column: dict[str, Any] | None = None,
    also_in: Iterable[int] = (),
    **offer: Any,
) -> Iterator[Chair]:
    """A new column with a practitioner and a room of its own, unless `column` names others.

    It is open on one day only and disappears afterwards. `offer` are columns of
    its appointment assignment, which `also_in` other columns offer too.
    """
    number = stage.number()
    own = {"position": 100 + number, "overlaps_allowed": False, "active": True, **(column or {})}
    if "practitioner_id" not in own:
        own["practitioner_id"] = add_row(stage, tables.practitioner, name=f"Dr. Stuhl {number}")
    if "room_id" not in own:
        own["room_id"] = add_row(stage, tables.treatment_room, name=f"Zimmer {number}")
    column_id = add_row(stage, tables.schedule_column, name=f"Stuhl {number}", **own)
    day = day or quiet_day(stage)
    for starts, ends in hours:
        open_on(stage, column_id, day, starts, ends)
    assignment_id = _add_offer(stage, [column_id, *also_in], offer)
    try:
        yield Chair(stage, day, column_id, own["practitioner_id"], own["room_id"], assignment_id)
    finally:
        with stage.house.connector.writing() as connection:
            mine = tables.schedule_column.c.column_id == column_id
            connection.execute(update(tables.schedule_column).where(mine).values(active=False))


def listed(stage: Stage, partner_id: str = DENTPORT) -> dict[tuple[int, int], list[int]]:
    """What the partner's next file offers: the starting hours of each column and assignment."""
    hours: dict[tuple[int, int], list[int]] = defaultdict(list)
    for one in stage.export(Kind.AVAILABILITY, partner_id).records:
        if one.record == "slot":
            start = datetime.fromisoformat(one.starts_at).astimezone(BERLIN)
            hours[int(one.column_id), int(one.assignment_id)].append(start.hour)
    return hours


def open_on(stage: Stage, column_id: int, day: date, starts: time, ends: time) -> None:
    """Working hours of one day."""
    add_row(stage, tables.working_hours, column_id=column_id, starts=starts, ends=ends, **only_on(day))


def quiet_day(stage: Stage) -> date:
    """A day ahead that is neither a holiday nor falls into a closure of the whole practice."""
    holiday, absence = tables.public_holiday.c, tables.planned_absence.c
    day = utc_now().date() + timedelta(days=10)
    while True:
        midnight = utc_datetime(wall_clock(day, time(0), BERLIN))
        closed = values(
            stage.house.connector,
            absence.absence_id,
            absence.practitioner_id.is_(None),
            absence.starts_at < midnight + timedelta(days=2),
            absence.ends_at > midnight - timedelta(days=1),
        )
        if not closed and not values(stage.house.connector, holiday.name, holiday.holiday_date == day):
            return day
        day += timedelta(days=1)


def only_on(day: date) -> dict[str, Any]:
    """The weekday and validity of a weekly row that holds on one day."""
    return {"weekday": day.weekday(), "valid_from": day, "valid_until": day}


def add_row(stage: Stage, table: Table, **row: Any) -> int:
    """Enter a row as staff do; its key."""
    with stage.house.connector.writing() as connection:
        key = connection.execute(insert(table).values(**row)).inserted_primary_key
    assert key is not None
    return int(key[0]) if isinstance(key[0], int) else 0


@contextmanager
def added(stage: Stage, table: Table, **row: Any) -> Iterator[int]:
    """A row that stands for a while, because it concerns the whole practice."""
    key = add_row(stage, table, **row)
    try:
        yield key
    finally:
        with stage.house.connector.writing() as connection:
            connection.execute(delete(table).where(table.primary_key.columns[0] == key))


@contextmanager
def changed(stage: Stage, table: Table, key: int, **row: Any) -> Iterator[None]:
    """A row that reads otherwise for a while."""
    this = table.primary_key.columns[0] == key
    with stage.house.connector.writing() as connection:
        before = connection.execute(select(table).where(this)).mappings().one()
        connection.execute(update(table).where(this).values(**row))
    try:
        yield
    finally:
        with stage.house.connector.writing() as connection:
            connection.execute(update(table).where(this).values(**{name: before[name] for name in row}))


def _add_offer(stage: Stage, column_ids: Iterable[int], offer: dict[str, Any]) -> int:
    assignment_id = add_row(stage, tables.appointment_assignment, **(OFFER | offer))
    for column_id in column_ids:
        add_row(stage, tables.assignment_column, assignment_id=assignment_id, column_id=column_id)
    return assignment_id
