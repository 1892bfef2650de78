"""Small practices for the rules' tests: one dentist in Berlin unless told otherwise."""

from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from agent.domain.availability import TakenTime, free_slots
from agent.domain.intervals import Interval, instant, wall_clock
from agent.domain.practice import (
    AppointmentAssignment,
    AppointmentType,
    OfferTerms,
    PlannedAbsence,
    PracticeCalendar,
    Practitioner,
    ScheduleColumn,
    Shift,
    ShiftHours,
    SpecialHours,
    TemplateArea,
    TemplateAreaKind,
    WorkingHours,
)

BERLIN = ZoneInfo("Europe/Berlin")
LONG_AGO = date(2020, 1, 1)
MONDAY = date(2027, 1, 11)

COLUMN, OTHER_COLUMN = 1, 2
DENTIST, HYGIENIST = 11, 12
CHECK_UP, CLEANING = 101, 102
CHECK_UP_TYPE, CLEANING_TYPE = 201, 202

TERMS = OfferTerms(lead_time_minutes=0, booking_horizon_days=14, grid_minutes=30)


def clock(*hours: float) -> list[int]:
    """Instants of `MONDAY`; 8.5 is half past eight."""
    return [at(MONDAY, int(hour), round(hour % 1 * 60)) for hour in hours]


def span(starts: float, ends: float) -> Interval:
    """From one time of `MONDAY` to another."""
    start, end = clock(starts, ends)
    return start, end


def at(day: date, hour: int, minute: int = 0) -> int:
    """The instant the clock in Berlin shows; 24 is the end of the day."""
    if hour == 24:
        return wall_clock(date.fromordinal(day.toordinal() + 1), time(0), BERLIN)
    return wall_clock(day, time(hour, minute), BERLIN)


def utc(day: date, hour: int, minute: int = 0) -> int:
    """The instant in UTC."""
    return instant(datetime.combine(day, time(hour, minute), UTC))


def weekly(day: date, starts: time, ends: time, column_id: int = COLUMN, **validity: Any) -> WorkingHours:
    """Working hours on the weekday of `day`."""
    valid_from = validity.get("valid_from", LONG_AGO)
    return WorkingHours(column_id, day.weekday(), starts, ends, valid_from, validity.get("valid_until"))


def cycle(
    days: int, anchor: date, *hours: tuple[int, time, time], column_id: int = COLUMN, **validity: Any
) -> Shift:
    """A shift with `(day index, starts, ends)` in a cycle of so many days."""
    return Shift(
        column_id,
        days,
        anchor,
        validity.get("valid_from", LONG_AGO),
        validity.get("valid_until"),
        tuple(ShiftHours(*entry) for entry in hours),
    )


def special(day: date, *hours: time, column_id: int = COLUMN) -> SpecialHours:
    """Hours of one date: start and end, or nothing for a closed day."""
    starts, ends = hours or (None, None)
    return SpecialHours(column_id, day, starts, ends)


def area(
    kind: TemplateAreaKind,
    day: date,
    starts: time,
    ends: time,
    *,
    column_id: int | None = None,
    practitioner_id: int | None = None,
    assignments: tuple[int, ...] = (),
    types: tuple[int, ...] = (),
    area_id: int = 1,
) -> TemplateArea:
    """A template area on the weekday of `day`."""
    return TemplateArea(
        area_id,
        kind,
        day.weekday(),
        starts,
        ends,
        LONG_AGO,
        None,
        column_id,
        practitioner_id,
        frozenset(assignments),
        frozenset(types),
    )


def absence(starts: int, ends: int, practitioner_id: int | None = None) -> PlannedAbsence:
    return PlannedAbsence(
        practitioner_id, datetime.fromtimestamp(starts, UTC), datetime.fromtimestamp(ends, UTC)
    )


def assignment(
    assignment_id: int = CHECK_UP,
    minutes: int | None = 30,
    *,
    type_id: int | None = CHECK_UP_TYPE,
    buffers: tuple[int, int] = (0, 0),
    for_new_patients: bool = True,
    columns: tuple[int, ...] = (COLUMN,),
    reserved_only: bool = False,
) -> AppointmentAssignment:
    return AppointmentAssignment(
        assignment_id,
        f"offer {assignment_id}",
        type_id,
        minutes,
        *buffers,
        for_new_patients,
        frozenset(columns),
        reserved_only,
    )


def calendar(
    *assignments: AppointmentAssignment,
    hours: tuple[WorkingHours, ...] = (),
    shifts: tuple[Shift, ...] = (),
    absences: tuple[PlannedAbsence, ...] = (),
    holidays: tuple[date, ...] = (),
    areas: tuple[TemplateArea, ...] = (),
    specials: tuple[SpecialHours, ...] = (),
    types: dict[int, int | None] | None = None,
    columns: dict[int, int | None] | None = None,
    rooms: dict[int, int] | None = None,
    overlapping: tuple[int, ...] = (),
    idle: tuple[int, ...] = (),
    time_zone: str = "Europe/Berlin",
) -> PracticeCalendar:
    """A practice; `columns` maps a column to its practitioner, `rooms` to its room, `types` types to minutes.

    The columns of `idle` are switched off, those of `overlapping` allow overlaps.
    """
    practitioners = columns if columns is not None else {COLUMN: DENTIST}
    durations = types if types is not None else {CHECK_UP_TYPE: 30, CLEANING_TYPE: 60}
    everything = {
        key: ScheduleColumn(key, "", person, (rooms or {}).get(key), key in overlapping)
        for key, person in practitioners.items()
    }
    return PracticeCalendar(
        time_zone=time_zone,
        practitioners={person: Practitioner(person, "") for person in practitioners.values() if person},
        rooms={},
        columns={key: column for key, column in everything.items() if key not in idle},
        types={key: AppointmentType(key, "", minutes) for key, minutes in durations.items()},
        assignments={offer.assignment_id: offer for offer in assignments},
        working_hours=hours,
        shifts=shifts,
        absences=absences,
        holidays=frozenset(holidays),
        template_areas=areas,
        special_hours=specials,
        idle_columns={key: everything[key] for key in idle},
    )


NOW = at(MONDAY, 6)
WHOLE_DAY = at(MONDAY, 0), at(MONDAY, 24)
MORNING = weekly(MONDAY, time(8), time(10))


def starts_on_offer(
    practice: PracticeCalendar,
    busy: list[Interval] | None = None,
    terms: OfferTerms = TERMS,
    *,
    column_id: int = COLUMN,
    elsewhere: dict[int, list[Interval]] | None = None,
    booked_starts: tuple[int, ...] = (),
) -> list[int]:
    """Where slots of the column start on `MONDAY`; `elsewhere` is taken time of other columns."""
    taken = TakenTime({column_id: busy or [], **(elsewhere or {})}, booked_starts)
    slots = free_slots(practice, taken, terms, NOW, WHOLE_DAY)
    return [slot.start for slot in slots if slot.column_id == column_id]
