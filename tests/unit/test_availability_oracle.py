"""Free slots against an oracle that looks at every candidate in every column, five minutes at a time.

The oracle is slow and written the other way round: it turns instants into
local time (never local time into instants), keeps no intervals and sorts
nothing. All made-up times are multiples of five minutes, so that looking
every five minutes misses nothing; and none lies between two and three at
night, where going from local time to an instant has two answers or none
(tests/unit/test_domain_time.py tells which one is meant).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache

from hypothesis import event, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, composite

from agent.domain.availability import Slot, busy_window, free_slots, is_free, offer_window, open_time
from agent.domain.booking_rules import Accept, BookingRequest, Refuse, decide
from agent.domain.intervals import Interval, merged
from agent.domain.practice import (
    AppointmentAssignment,
    OfferTerms,
    PracticeCalendar,
    Shift,
    TemplateArea,
    TemplateAreaKind,
    WorkingHours,
)
from tests.kit.calendars import (
    BERLIN,
    DENTIST,
    HYGIENIST,
    absence,
    area,
    assignment,
    at,
    calendar,
    cycle,
    weekly,
)

TICK = 300
DAY = timedelta(days=1)
FIRST_DAYS = (
    date(2027, 3, 27),  # the clock goes forward on the second day
    date(2027, 10, 30),  # and back
    date(2026, 12, 30),  # from week 53 into week 1, both odd
    date(2027, 1, 3),
    date(2027, 6, 14),
)
DAYS = 3
COLUMNS = {1: DENTIST, 2: HYGIENIST, 3: None}


@dataclass(frozen=True)
class Practice:
    calendar: PracticeCalendar
    busy: dict[int, list[Interval]]
    terms: OfferTerms
    now: int


# --- the oracle --------------------------------------------------------------------------------


def expected_slots(practice: Practice, first: int, last: int) -> Iterator[Slot]:
    @cache
    def usable(assignment_id: int, column_id: int, tick: int) -> bool:
        return may_be_used(practice.calendar, practice.calendar.assignments[assignment_id], column_id, tick)

    for column_id in sorted(practice.calendar.columns):
        for assignment_id, offer in sorted(practice.calendar.assignments.items()):
            minutes = offer.duration_minutes or default_minutes(practice.calendar, offer)
            if minutes is None or column_id not in offer.column_ids:
                continue
            for start in range(first - first % TICK, last, TICK):
                end = start + minutes * 60
                if (
                    within_terms(practice, start)
                    and all(usable(assignment_id, column_id, tick) for tick in range(start, end, TICK))
                    and not is_taken(practice.busy[column_id], offer, start, end)
                ):
                    yield Slot(assignment_id, column_id, start, end)


@lru_cache(maxsize=8192)
def local_time(tick: int) -> datetime:
    return datetime.fromtimestamp(tick, BERLIN)


def default_minutes(practice: PracticeCalendar, offer: AppointmentAssignment) -> int | None:
    return next(
        (kind.duration_minutes for kind in practice.types.values() if kind.type_id == offer.type_id), None
    )


def within_terms(practice: Practice, start: int) -> bool:
    terms = practice.terms
    if start % (terms.grid_minutes * 60) or start - practice.now < terms.lead_time_minutes * 60:
        return False
    return (local_time(start).date() - local_time(practice.now).date()).days <= terms.booking_horizon_days


def is_taken(busy: list[Interval], offer: AppointmentAssignment, start: int, end: int) -> bool:
    around = range(start - offer.buffer_before_minutes * 60, end + offer.buffer_after_minutes * 60, TICK)
    return any(begin <= tick < finish for begin, finish in busy for tick in around)


def may_be_used(practice: PracticeCalendar, offer: AppointmentAssignment, column_id: int, tick: int) -> bool:
    return is_open(practice, column_id, tick) and not any(
        keeps_out(placed, offer)
        for placed in practice.template_areas
        if belongs_to(placed, practice, column_id) and covers(placed, tick)
    )


def keeps_out(placed: TemplateArea, offer: AppointmentAssignment) -> bool:
    listed = offer.assignment_id in placed.assignment_ids or offer.type_id in placed.type_ids
    return placed.kind is TemplateAreaKind.BLOCK or not listed


def belongs_to(placed: TemplateArea, practice: PracticeCalendar, column_id: int) -> bool:
    if placed.column_id is None and placed.practitioner_id is None:
        return True
    if placed.column_id is not None:
        return placed.column_id == column_id
    return placed.practitioner_id == practice.columns[column_id].practitioner_id


def is_open(practice: PracticeCalendar, column_id: int, tick: int) -> bool:
    local = local_time(tick)
    today = local.date()
    if today in practice.holidays:
        return False
    person = practice.columns[column_id].practitioner_id
    for away in practice.absences:
        concerns = away.practitioner_id is None or away.practitioner_id == person
        if concerns and away.starts_at <= local < away.ends_at:
            return False
    shifts = [shift for shift in practice.shifts if shift.column_id == column_id and in_force(shift, today)]
    if shifts:
        return any(
            (today.toordinal() - shift.anchor_date.toordinal() - hours.day_index) % shift.cycle_days == 0
            and shows(local, hours.starts, hours.ends)
            for shift in shifts
            for hours in shift.hours
        )
    return any(row.column_id == column_id and covers(row, tick) for row in practice.working_hours)


def covers(row: WorkingHours | TemplateArea, tick: int) -> bool:
    local = local_time(tick)
    return (
        in_force(row, local.date()) and row.weekday == local.weekday() and shows(local, row.starts, row.ends)
    )


def in_force(row: WorkingHours | TemplateArea | Shift, today: date) -> bool:
    return row.valid_from <= today <= (row.valid_until or date.max)


def shows(local: datetime, starts: time, ends: time) -> bool:
    return starts <= local.time() and (ends == time(0) or local.time() < ends)


# --- made-up practices -------------------------------------------------------------------------

wall_times = st.sampled_from(
    [time(0), time(1), time(2), time(3), time(6, 35), *(time(hour, 30) for hour in (8, 12, 13, 17)), time(22)]
)
hours_between = st.one_of(
    st.lists(wall_times, min_size=2, max_size=2, unique=True).map(sorted).map(tuple),
    st.tuples(wall_times, wall_times),  # also those that end before they start
)
patterns = st.sampled_from(
    [
        [(time(8, 30), time(12, 30)), (time(13, 30), time(17, 30))],
        [(time(0), time(0))],
        [(time(1), time(3)), (time(6, 35), time(0))],
        [],
    ]
)
busy_hours = st.tuples(st.integers(-60, DAYS * 288 + 60), st.integers(1, 30))


@composite
def practices(draw: DrawFn) -> Practice:
    first = draw(st.sampled_from(FIRST_DAYS))
    days = [first + offset * DAY for offset in range(DAYS + 1)]
    some_day, some_column = st.sampled_from(days), st.sampled_from(sorted(COLUMNS))
    midnight = at(first, 0)

    def ticks(pair: tuple[int, int]) -> Interval:
        return midnight + pair[0] * TICK, midnight + (pair[0] + pair[1]) * TICK

    practice = calendar(
        draw(_assignments(101)),
        draw(_assignments(102)),
        hours=(
            *(weekly(day, *pair, column) for column in COLUMNS for pair in draw(patterns) for day in days),
            *draw(st.lists(st.builds(_weekly, some_day, hours_between, some_column, some_day), max_size=3)),
        ),
        shifts=tuple(draw(st.lists(_shifts(first), max_size=1))),
        absences=tuple(
            absence(*ticks(draw(busy_hours)), draw(st.sampled_from([None, DENTIST, HYGIENIST])))
            for _ in range(draw(st.integers(0, 1)))
        ),
        holidays=draw(st.sampled_from([(), (), (days[1],)])),
        areas=tuple(draw(st.lists(_areas(days), max_size=2))),
        columns=COLUMNS,
    )
    busy = {column_id: merged(map(ticks, draw(st.lists(busy_hours, max_size=6)))) for column_id in COLUMNS}
    terms = OfferTerms(
        draw(st.sampled_from([0, 45, 600])), draw(st.integers(0, 2)), draw(st.sampled_from([5, 15, 30, 60]))
    )
    return Practice(practice, busy, terms, midnight + draw(st.integers(0, 86_400)))


def _weekly(day: date, hours: tuple[time, time], column_id: int, limit: date) -> WorkingHours:
    return weekly(day, *hours, column_id, valid_until=limit if limit > day else None)


def _assignments(assignment_id: int) -> st.SearchStrategy[AppointmentAssignment]:
    return st.builds(
        assignment,
        st.just(assignment_id),
        st.sampled_from([None, 5, 30, 50, 120]),
        type_id=st.sampled_from([None, 201, 202]),
        buffers=st.tuples(st.sampled_from([0, 10]), st.sampled_from([0, 15])),
        columns=st.sampled_from([(1,), (1, 2), (2, 3), (1, 2, 3, 99)]),
    )


@composite
def _shifts(draw: DrawFn, first: date) -> Shift:
    days = draw(st.sampled_from([1, 2, 7, 14]))
    hours = draw(st.lists(st.tuples(st.integers(0, days - 1), hours_between), max_size=4))
    return cycle(
        days,
        first + draw(st.integers(-20, 20)) * DAY,
        *((day_index, starts, ends) for day_index, (starts, ends) in hours),
        column_id=draw(st.sampled_from(sorted(COLUMNS))),
        valid_from=first + draw(st.integers(0, 2)) * DAY,
        valid_until=draw(st.sampled_from([None, first + DAY])),
    )


@composite
def _areas(draw: DrawFn, days: list[date]) -> TemplateArea:
    return area(
        draw(st.sampled_from(list(TemplateAreaKind))),
        draw(st.sampled_from(days)),
        *draw(hours_between),
        column_id=draw(st.sampled_from([None, None, 1, 2])),
        practitioner_id=draw(st.sampled_from([None, DENTIST, HYGIENIST])),
        assignments=draw(st.sampled_from([(), (101,)])),
        types=draw(st.sampled_from([(), (202,)])),
    )


# --- the properties ----------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(practices())
def test_free_slots_are_exactly_those_the_oracle_finds(practice: Practice) -> None:
    found = list(free_slots(practice.calendar, practice.busy, practice.terms, practice.now))
    event("some slots" if found else "no slot")
    until = practice.now + (practice.terms.booking_horizon_days + 2) * 90_000
    assert found == list(expected_slots(practice, practice.now, until))


@settings(max_examples=25, deadline=None)
@given(practices())
def test_open_time_is_exactly_what_the_oracle_calls_open(practice: Practice) -> None:
    first = practice.now - practice.now % TICK
    window = first, first + 2 * 86_400
    for column_id, stretches in open_time(practice.calendar, window).items():
        ticks = {tick for start, end in stretches for tick in range(start, end, TICK)}
        assert ticks == {tick for tick in range(*window, TICK) if is_open(practice.calendar, column_id, tick)}


@settings(max_examples=60, deadline=None)
@given(practices())
def test_everything_published_is_accepted_at_that_instant_with_the_same_data(practice: Practice) -> None:
    for slot in list(free_slots(practice.calendar, practice.busy, practice.terms, practice.now))[:40]:
        request = BookingRequest(slot.assignment_id, slot.column_id, slot.start, declared_new_patient=True)
        busy = known_busy(practice, slot.column_id, slot.start)
        decision = decide(
            request, practice.calendar, busy, practice.terms, judged_at=practice.now, now=practice.now
        )
        kind = practice.calendar.assignments[slot.assignment_id].type_id
        assert decision == Accept(slot.column_id, slot.start, slot.end, kind, slot.assignment_id)


@settings(max_examples=60, deadline=None)
@given(practices(), st.integers(-20, 3 * 288), st.sampled_from([101, 102]), st.sampled_from([1, 2, 3]))
def test_what_is_not_published_is_refused_at_that_instant(
    practice: Practice, tick: int, assignment_id: int, column_id: int
) -> None:
    start = practice.now - practice.now % TICK + tick * TICK
    window = offer_window(practice.calendar, practice.terms, practice.now)
    published = {
        slot[:3]
        for slot in free_slots(practice.calendar, practice.busy, practice.terms, practice.now, window)
    }
    busy = known_busy(practice, column_id, start)
    request = BookingRequest(assignment_id, column_id, start, declared_new_patient=True)
    decision = decide(
        request, practice.calendar, busy, practice.terms, judged_at=practice.now, now=practice.now
    )
    assert isinstance(decision, Refuse) != ((assignment_id, column_id, start) in published)
    assert isinstance(decision, Accept) == is_free(
        practice.calendar,
        practice.busy,
        practice.terms,
        practice.now,
        assignment_id=assignment_id,
        column_id=column_id,
        start=start,
    )


def known_busy(practice: Practice, column_id: int, start: int) -> list[Interval]:
    """Only as much of the column's busy time as an importer reads for this start."""
    begin, finish = busy_window(practice.calendar, (start, start + 1))
    return [stretch for stretch in practice.busy[column_id] if stretch[0] < finish and stretch[1] > begin]
