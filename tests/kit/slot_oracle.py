"""What can be booked, found the slow way: every candidate in every column, five minutes at a time.

Written the other way round from the rules it is held against: it turns
instants into local time (never local time into instants), keeps no
intervals and sorts nothing. Times must be multiples of five minutes, so that
looking every five minutes misses nothing; and none may lie between two and
three at night, where going from local time to an instant has two answers or
none (tests/unit/test_domain_time.py tells which one is meant).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache

from agent.domain.availability import Slot, TakenTime
from agent.domain.practice import (
    AppointmentAssignment,
    OfferTerms,
    PracticeCalendar,
    ScheduleColumn,
    Shift,
    TemplateArea,
    TemplateAreaKind,
    WorkingHours,
)
from tests.kit.calendars import BERLIN

TICK = 300
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Practice:
    """A practice at one moment, with its appointments and a partner's terms."""

    calendar: PracticeCalendar
    taken: TakenTime
    terms: OfferTerms
    now: int


def expected_slots(practice: Practice, first: int, last: int) -> Iterator[Slot]:
    """Every slot on offer that starts in `[first, last)`, by column, assignment, start."""
    calendar = practice.calendar
    earliest_day = first_day_on_offer(practice)

    @cache
    def usable(assignment_id: int, column_id: int, tick: int) -> bool:
        return may_be_used(calendar, calendar.assignments[assignment_id], column_id, tick)

    for column_id in sorted(calendar.columns):
        for assignment_id, offer in sorted(calendar.assignments.items()):
            minutes = offer.duration_minutes or default_minutes(calendar, offer)
            if minutes is None or column_id not in offer.column_ids:
                continue
            for start in range(first - first % TICK, last, TICK):
                end = start + minutes * 60
                if (
                    within_terms(practice, start, earliest_day)
                    and not is_full(practice, start)
                    and all(usable(assignment_id, column_id, tick) for tick in range(start, end, TICK))
                    and not is_taken(practice, column_id, offer, start, end)
                ):
                    yield Slot(assignment_id, column_id, start, end)


@lru_cache(maxsize=16384)
def local_time(tick: int) -> datetime:
    return datetime.fromtimestamp(tick, BERLIN)


def default_minutes(calendar: PracticeCalendar, offer: AppointmentAssignment) -> int | None:
    return next(
        (kind.duration_minutes for kind in calendar.types.values() if kind.type_id == offer.type_id), None
    )


def within_terms(practice: Practice, start: int, earliest_day: date | None) -> bool:
    terms, day = practice.terms, local_time(start).date()
    if start % (terms.grid_minutes * 60) or start - practice.now < terms.lead_time_minutes * 60:
        return False
    if earliest_day is None or day < earliest_day:
        return False
    return (day - local_time(practice.now).date()).days <= terms.booking_horizon_days


def first_day_on_offer(practice: Practice) -> date | None:
    """Today, or the n-th later day of the horizon that has an open moment; None if there are not so many."""
    day = local_time(practice.now).date()
    for _ in range(practice.terms.lead_time_working_days):
        day += DAY
        while not is_working_day(practice.calendar, day):
            day += DAY
            if day > local_time(practice.now).date() + practice.terms.booking_horizon_days * DAY:
                return None
    return day


def is_working_day(calendar: PracticeCalendar, day: date) -> bool:
    noon = int(datetime.combine(day, time(12), BERLIN).timestamp())
    ticks = (
        tick for tick in range(noon - 14 * 3600, noon + 14 * 3600, TICK) if local_time(tick).date() == day
    )
    return any(is_open(calendar, column_id, tick) for tick in ticks for column_id in calendar.columns)


def is_full(practice: Practice, start: int) -> bool:
    cap, day = practice.terms.max_appointments_per_day, local_time(start).date()
    booked = [begin for begin in practice.taken.booked_starts if local_time(begin).date() == day]
    return cap is not None and len(booked) >= cap


def is_taken(practice: Practice, column_id: int, offer: AppointmentAssignment, start: int, end: int) -> bool:
    calendar = practice.calendar
    everything = {**calendar.columns, **calendar.idle_columns}
    around = range(start - offer.buffer_before_minutes * 60, end + offer.buffer_after_minutes * 60, TICK)
    return any(
        begin <= tick < finish
        for other, busy in practice.taken.busy.items()
        if shares(everything[column_id], everything[other])
        for begin, finish in busy
        for tick in around
    )


def shares(mine: ScheduleColumn, other: ScheduleColumn) -> bool:
    """Whether an appointment in the other column takes time in mine."""
    if mine.column_id == other.column_id:
        return True
    if mine.overlaps_allowed or other.overlaps_allowed:
        return False
    in_common = {
        mine.practitioner_id and ("person", mine.practitioner_id),
        mine.room_id and ("room", mine.room_id),
    }
    theirs = {
        other.practitioner_id and ("person", other.practitioner_id),
        other.room_id and ("room", other.room_id),
    }
    return bool(in_common & theirs - {None})


def may_be_used(calendar: PracticeCalendar, offer: AppointmentAssignment, column_id: int, tick: int) -> bool:
    here = [
        placed
        for placed in calendar.template_areas
        if belongs_to(placed, calendar, column_id) and covers(placed, tick)
    ]
    if any(keeps_out(placed, offer) for placed in here) or (offer.reserved_only and not here):
        return False
    return is_open(calendar, column_id, tick)


def keeps_out(placed: TemplateArea, offer: AppointmentAssignment) -> bool:
    listed = offer.assignment_id in placed.assignment_ids or offer.type_id in placed.type_ids
    return placed.kind is TemplateAreaKind.BLOCK or not listed


def belongs_to(placed: TemplateArea, calendar: PracticeCalendar, column_id: int) -> bool:
    if placed.column_id is None and placed.practitioner_id is None:
        return True
    if placed.column_id is not None:
        return placed.column_id == column_id
    return placed.practitioner_id == calendar.columns[column_id].practitioner_id


def is_open(calendar: PracticeCalendar, column_id: int, tick: int) -> bool:
    """Whether somebody works in the column at this moment."""
    local = local_time(tick)
    today = local.date()
    person = calendar.columns[column_id].practitioner_id
    for away in calendar.absences:
        concerns = away.practitioner_id is None or away.practitioner_id == person
        if concerns and away.starts_at <= local < away.ends_at:
            return False
    special = [
        row for row in calendar.special_hours if row.column_id == column_id and row.special_date == today
    ]
    if special:
        closed = any(row.starts is None or row.ends is None for row in special)
        return not closed and any(
            shows(local, row.starts, row.ends)
            for row in special
            if row.starts is not None and row.ends is not None
        )
    if today in calendar.holidays:
        return False
    shifts = [shift for shift in calendar.shifts if shift.column_id == column_id and in_force(shift, today)]
    if shifts:
        return any(
            (today.toordinal() - shift.anchor_date.toordinal() - hours.day_index) % shift.cycle_days == 0
            and shows(local, hours.starts, hours.ends)
            for shift in shifts
            for hours in shift.hours
        )
    return any(row.column_id == column_id and covers(row, tick) for row in calendar.working_hours)


def covers(row: WorkingHours | TemplateArea, tick: int) -> bool:
    local = local_time(tick)
    return (
        in_force(row, local.date()) and row.weekday == local.weekday() and shows(local, row.starts, row.ends)
    )


def in_force(row: WorkingHours | TemplateArea | Shift, today: date) -> bool:
    return row.valid_from <= today <= (row.valid_until or date.max)


def shows(local: datetime, starts: time, ends: time) -> bool:
    return starts <= local.time() and (ends == time(0) or local.time() < ends)
