"""The heat map against the availability files that partners get: one rule engine, so the same minutes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

from hypothesis import given, settings

from agent.domain.availability import NOTHING_TAKEN, TakenTime, offer_window
from agent.domain.availability_records import availability_records
from agent.domain.heat_map import HeatCell, HeatMap, heat_map, heat_window
from agent.domain.intervals import Interval, instant, intersected, merged
from tests.kit.calendars import (
    CLEANING,
    DENTIST,
    HYGIENIST,
    MONDAY,
    TERMS,
    assignment,
    at,
    calendar,
    span,
    weekly,
)
from tests.kit.made_up_practices import practices
from tests.kit.slot_oracle import Practice

DAYS = 4
ONE_DAY = timedelta(days=1)
SIX = at(MONDAY, 6)
TWO_CHAIRS = calendar(
    assignment(columns=(1,)),
    assignment(CLEANING, 60, columns=(2,)),
    hours=(weekly(MONDAY, time(8), time(12), 1), weekly(MONDAY, time(8), time(12), 2)),
    columns={2: HYGIENIST, 1: DENTIST},
)


def cells_of(found: HeatMap, day: date) -> dict[int, HeatCell]:
    return {column.column_id: column.cells[found.days.index(day)] for column in found.columns}


def test_cell_tells_open_time_and_of_it_what_is_busy_and_what_is_offered() -> None:
    taken = TakenTime({1: [span(7, 9)], 2: [span(8, 11.25)]})
    found = heat_map(TWO_CHAIRS, taken.busy, [(TERMS, taken)], SIX)
    assert [column.column_id for column in found.columns] == [2, 1], "as in the appointment book"
    # In the second chair 45 minutes are left, and the only thing on offer there takes an hour.
    assert cells_of(found, MONDAY) == {1: HeatCell(240, 60, 180), 2: HeatCell(240, 195, 0)}
    assert cells_of(found, MONDAY + ONE_DAY) == {1: HeatCell(0, 0, 0), 2: HeatCell(0, 0, 0)}


def test_map_runs_from_today_through_four_weeks_also_across_a_clock_change() -> None:
    saturday = date(2027, 10, 30)
    practice = calendar(hours=(weekly(saturday + ONE_DAY, time(0), time(0)),))
    now = at(saturday, 23)
    found = heat_map(practice, {}, [], now)
    assert found.days == tuple(saturday + number * ONE_DAY for number in range(28))
    assert heat_window(practice, now) == (at(saturday, 0), at(saturday + 28 * ONE_DAY, 0))
    assert cells_of(found, saturday + ONE_DAY)[1].open_minutes == 25 * 60


def test_time_is_offered_if_any_partner_may_book_it_and_without_partners_none_is() -> None:
    morning, everything = replace(TERMS, lead_time_minutes=5 * 60), TERMS
    full = replace(TERMS, max_appointments_per_day=1), TakenTime({}, [at(MONDAY, 8)])
    offered = [
        cells_of(heat_map(TWO_CHAIRS, {}, offers, SIX), MONDAY)[1].offered_minutes
        for offers in (
            [],
            [full],
            [(morning, NOTHING_TAKEN), full],
            [(morning, NOTHING_TAKEN), (everything, NOTHING_TAKEN)],
        )
    ]
    assert offered == [0, 0, 60, 240]


@settings(max_examples=15, deadline=None)
@given(practices(), practices())
def test_time_is_offered_in_the_map_where_any_partners_file_has_a_slot(
    one: Practice, other: Practice
) -> None:
    offers = [(one.terms, one.taken), (other.terms, replace(one.taken, booked_starts=[]))]
    found = heat_map(one.calendar, one.taken.busy, offers, one.now, DAYS)
    files = [list(availability_records(one.calendar, taken, terms, one.now)) for terms, taken in offers]
    slots = told([record for file in files for record in file], "slot")
    for column in found.columns:
        for day, cell in zip(found.days, column.cells, strict=True):
            assert cell.offered_minutes == minutes(slots[column.column_id], whole(day))
            assert cell.open_minutes >= max(cell.busy_minutes, cell.offered_minutes)


@settings(max_examples=15, deadline=None)
@given(practices())
def test_open_and_busy_time_in_the_map_are_those_of_the_partners_file(practice: Practice) -> None:
    found = heat_map(practice.calendar, practice.taken.busy, [], practice.now, DAYS)
    file = list(availability_records(practice.calendar, practice.taken, practice.terms, practice.now))
    opened, busy = told(file, "column_time", "free"), told(file, "column_time", "busy")
    # They stand in a file from the lead time on, for as long as its horizon reaches.
    begins, ends = offer_window(practice.calendar, practice.terms, practice.now)
    for column in found.columns:
        both = list(intersected(opened[column.column_id], busy[column.column_id]))
        for day, cell in zip(found.days, column.cells, strict=True):
            if begins <= whole(day)[0] and whole(day)[1] <= ends:
                expected = minutes(opened[column.column_id], whole(day)), minutes(both, whole(day))
                assert (cell.open_minutes, cell.busy_minutes) == expected


def told(file: list[Any], sort: str, status: str | None = None) -> dict[int, list[Interval]]:
    """Per column the time that records of this sort cover."""
    found: dict[int, list[Interval]] = defaultdict(list)
    for record in file:
        if record.record == sort and status in (None, getattr(record, "status", None)):
            starts, ends = (datetime.fromisoformat(text) for text in (record.starts_at, record.ends_at))
            found[int(record.column_id)].append((instant(starts), instant(ends)))
    return defaultdict(list, {column_id: merged(times) for column_id, times in found.items()})


def whole(day: date) -> Interval:
    return at(day, 0), at(day, 24)


def minutes(stretches: Sequence[Interval], day: Interval) -> int:
    return sum(end - start for start, end in intersected(stretches, [day])) // 60
