"""Opening time and free slots, one rule at a time."""

from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from agent.domain.availability import (
    NOTHING_TAKEN,
    Slot,
    TakenTime,
    busy_window,
    duration_minutes,
    free_slots,
    is_free,
    offer_window,
    open_time,
    parse_slot_id,
    slot_id,
    template_time,
)
from agent.domain.intervals import Interval
from agent.domain.practice import OfferTerms, PracticeCalendar, TemplateAreaKind
from exchange_formats.fields import Identifier
from tests.kit.calendars import (
    CHECK_UP,
    CHECK_UP_TYPE,
    CLEANING,
    CLEANING_TYPE,
    COLUMN,
    DENTIST,
    HYGIENIST,
    MONDAY,
    OTHER_COLUMN,
    TERMS,
    absence,
    area,
    assignment,
    at,
    calendar,
    cycle,
    weekly,
)

RESERVE, BLOCK = TemplateAreaKind.RESERVE, TemplateAreaKind.BLOCK
DAY = timedelta(days=1)
WHOLE_DAY = (at(MONDAY, 0), at(MONDAY, 24))
NOW = at(MONDAY, 6)
MORNING = weekly(MONDAY, time(8), time(10))


def opened(
    practice: PracticeCalendar, column_id: int = COLUMN, window: Interval = WHOLE_DAY
) -> list[Interval]:
    return open_time(practice, window)[column_id]


def starts(
    practice: PracticeCalendar, busy: list[Interval] | None = None, terms: OfferTerms = TERMS
) -> list[int]:
    return [
        slot.start for slot in free_slots(practice, TakenTime({COLUMN: busy or []}), terms, NOW, WHOLE_DAY)
    ]


def clock(*hours: float) -> list[int]:
    return [at(MONDAY, int(hour), round(hour % 1 * 60)) for hour in hours]


# --- opening time ------------------------------------------------------------------------------


def test_open_time_of_touching_hours_is_one_stretch_and_ends_at_midnight_if_written_so() -> None:
    practice = calendar(
        hours=(
            weekly(MONDAY, time(16), time(20)),
            weekly(MONDAY, time(20), time(0)),
            weekly(MONDAY, time(8), time(9)),
        )
    )
    assert opened(practice) == [(at(MONDAY, 8), at(MONDAY, 9)), (at(MONDAY, 16), at(MONDAY, 24))]


def test_open_time_is_cut_to_the_window() -> None:
    window = at(MONDAY, 9), at(MONDAY, 9, 40)
    assert opened(calendar(hours=(MORNING,)), window=window) == [window]


def test_open_time_of_an_empty_window_is_empty_for_every_column() -> None:
    assert open_time(calendar(hours=(MORNING,)), (NOW, NOW)) == {COLUMN: []}


def test_both_dates_of_a_validity_are_included() -> None:
    practice = calendar(hours=(weekly(MONDAY, time(8), time(9), valid_from=MONDAY, valid_until=MONDAY),))
    three_weeks = at(MONDAY - 7 * DAY, 0), at(MONDAY + 7 * DAY, 24)
    assert opened(practice, window=three_weeks) == [(at(MONDAY, 8), at(MONDAY, 9))]


def test_a_valid_shift_replaces_weekly_hours_also_on_days_without_hours_of_its_own() -> None:
    shift = cycle(14, MONDAY, (0, time(14), time(15)), valid_until=MONDAY + 7 * DAY)
    practice = calendar(hours=(MORNING,), shifts=(shift,))
    three_mondays = at(MONDAY, 0), at(MONDAY + 14 * DAY, 24)
    assert opened(practice, window=three_mondays) == [
        (at(MONDAY, 14), at(MONDAY, 15)),
        (at(MONDAY + 14 * DAY, 8), at(MONDAY + 14 * DAY, 10)),
    ]


def test_a_shift_of_another_column_leaves_weekly_hours_alone() -> None:
    shift = cycle(1, MONDAY, (0, time(14), time(15)), column_id=OTHER_COLUMN)
    practice = calendar(hours=(MORNING,), shifts=(shift,), columns={COLUMN: DENTIST, OTHER_COLUMN: HYGIENIST})
    assert opened(practice) == [(at(MONDAY, 8), at(MONDAY, 10))]
    assert opened(practice, OTHER_COLUMN) == [(at(MONDAY, 14), at(MONDAY, 15))]


def test_two_valid_shifts_add_up() -> None:
    shifts = cycle(1, MONDAY, (0, time(8), time(12))), cycle(1, MONDAY, (0, time(11), time(14)))
    assert opened(calendar(shifts=shifts)) == [(at(MONDAY, 8), at(MONDAY, 14))]


def test_a_public_holiday_closes_every_column_even_during_a_shift() -> None:
    shift = cycle(1, MONDAY, (0, time(8), time(12)))
    assert opened(calendar(hours=(MORNING,), holidays=(MONDAY,))) == []
    assert opened(calendar(shifts=(shift,), holidays=(MONDAY,))) == []


def test_an_absence_of_the_practitioner_closes_all_columns_of_that_person_only() -> None:
    away = absence(at(MONDAY, 9), at(MONDAY, 12), DENTIST)
    hours = tuple(weekly(MONDAY, time(8), time(10), column_id) for column_id in (1, 2, 3))
    practice = calendar(hours=hours, absences=(away,), columns={1: DENTIST, 2: DENTIST, 3: HYGIENIST})
    assert opened(practice, 1) == opened(practice, 2) == [(at(MONDAY, 8), at(MONDAY, 9))]
    assert opened(practice, 3) == [(at(MONDAY, 8), at(MONDAY, 10))]


def test_an_absence_of_the_practice_closes_every_column_also_one_without_a_practitioner() -> None:
    away = absence(at(MONDAY, 9), at(MONDAY, 12)), absence(at(MONDAY, 8), at(MONDAY, 8, 30), DENTIST)
    hours = tuple(weekly(MONDAY, time(8), time(10), column_id) for column_id in (1, 2))
    practice = calendar(hours=hours, absences=away, columns={1: None, 2: HYGIENIST})
    assert opened(practice, 1) == opened(practice, 2) == [(at(MONDAY, 8), at(MONDAY, 9))]


# --- template areas ----------------------------------------------------------------------------


def test_template_time_lists_whole_occurrences_that_touch_the_window_by_start() -> None:
    late = area(BLOCK, MONDAY, time(9), time(10), area_id=1)
    early = area(RESERVE, MONDAY, time(8), time(9), area_id=2)
    practice = calendar(areas=(late, early))
    window = at(MONDAY, 8, 30), at(MONDAY + 7 * DAY, 9)
    placed = [
        (occurrence.area.area_id, occurrence.start, occurrence.end)
        for occurrence in template_time(practice, window)
    ]
    assert placed == [
        (2, at(MONDAY, 8), at(MONDAY, 9)),
        (1, at(MONDAY, 9), at(MONDAY, 10)),
        (2, at(MONDAY + 7 * DAY, 8), at(MONDAY + 7 * DAY, 9)),
    ]


def test_a_block_area_takes_time_from_every_assignment() -> None:
    practice = calendar(assignment(), hours=(MORNING,), areas=(area(BLOCK, MONDAY, time(8, 30), time(9)),))
    assert starts(practice) == clock(8, 9, 9.5)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ({"assignments": (CHECK_UP,)}, clock(8, 8.5, 9, 9.5)),
        ({"types": (CHECK_UP_TYPE,)}, clock(8, 8.5, 9, 9.5)),
        ({"assignments": (CLEANING,), "types": (CLEANING_TYPE,)}, clock(9, 9.5)),
        ({}, clock(9, 9.5)),
    ],
)
def test_a_reserve_area_keeps_others_out_and_those_it_lists_not_in(
    listed: dict[str, Any], expected: list[int]
) -> None:
    reserved = area(RESERVE, MONDAY, time(8), time(9), **listed)
    assert starts(calendar(assignment(), hours=(MORNING,), areas=(reserved,))) == expected


def test_an_assignment_without_a_type_is_not_listed_by_an_area_for_types() -> None:
    reserved = area(RESERVE, MONDAY, time(8), time(9), types=(CHECK_UP_TYPE,))
    practice = calendar(assignment(type_id=None), hours=(MORNING,), areas=(reserved,))
    assert starts(practice) == clock(9, 9.5)


def test_where_two_reserve_areas_overlap_both_must_list_the_assignment() -> None:
    mine = area(RESERVE, MONDAY, time(8), time(10), assignments=(CHECK_UP,), area_id=1)
    theirs = area(RESERVE, MONDAY, time(8), time(9), assignments=(CLEANING,), area_id=2)
    assert starts(calendar(assignment(), hours=(MORNING,), areas=(mine, theirs))) == clock(9, 9.5)


@pytest.mark.parametrize(
    ("owner", "closed_columns"),
    [
        ({"column_id": 2}, {2}),
        ({"practitioner_id": DENTIST}, {1, 2}),
        ({}, {1, 2, 3, 4}),
        ({"column_id": 3, "practitioner_id": DENTIST}, {3}),
    ],
)
def test_an_area_applies_to_its_column_or_its_practitioner_or_else_to_all(
    owner: dict[str, Any], closed_columns: set[int]
) -> None:
    practice = calendar(
        assignment(columns=(1, 2, 3, 4)),
        hours=tuple(weekly(MONDAY, time(8), time(9), column_id) for column_id in (1, 2, 3, 4)),
        areas=(area(BLOCK, MONDAY, time(8), time(9), **owner),),
        columns={1: DENTIST, 2: DENTIST, 3: HYGIENIST, 4: None},
    )
    offered = {slot.column_id for slot in free_slots(practice, NOTHING_TAKEN, TERMS, NOW, WHOLE_DAY)}
    assert offered == {1, 2, 3, 4} - closed_columns


# --- free slots --------------------------------------------------------------------------------


def test_slots_fit_wholly_into_open_time_and_start_on_the_grid() -> None:
    odd_hours = weekly(MONDAY, time(8, 10), time(9, 50))
    assert starts(calendar(assignment(minutes=45), hours=(odd_hours,))) == clock(8.5, 9)


def test_a_slot_may_touch_busy_time_and_not_overlap_it() -> None:
    practice = calendar(assignment(), hours=(MORNING,))
    assert starts(practice, [(at(MONDAY, 8, 30), at(MONDAY, 9))]) == clock(8, 9, 9.5)
    assert starts(practice, [(at(MONDAY, 8, 29), at(MONDAY, 9, 1))]) == clock(9.5)


def test_buffers_keep_clear_of_busy_time_on_their_own_side() -> None:
    busy = [(at(MONDAY, 9), at(MONDAY, 9, 30))]
    hours = (weekly(MONDAY, time(8), time(11)),)
    assert starts(calendar(assignment(buffers=(30, 0)), hours=hours), busy) == clock(8, 8.5, 10, 10.5)
    assert starts(calendar(assignment(buffers=(0, 30)), hours=hours), busy) == clock(8, 9.5, 10, 10.5)


def test_buffers_may_reach_into_closed_and_blocked_time() -> None:
    practice = calendar(
        assignment(buffers=(60, 60)), hours=(MORNING,), areas=(area(BLOCK, MONDAY, time(9), time(10)),)
    )
    assert starts(practice) == clock(8, 8.5)


def test_the_lead_time_is_kept_to_the_second() -> None:
    practice = calendar(assignment(), hours=(MORNING,))
    terms = replace(TERMS, lead_time_minutes=60)
    on_time = [slot.start for slot in free_slots(practice, NOTHING_TAKEN, terms, at(MONDAY, 8), WHOLE_DAY)]
    a_second_late = [
        slot.start for slot in free_slots(practice, NOTHING_TAKEN, terms, at(MONDAY, 8) + 1, WHOLE_DAY)
    ]
    assert (on_time, a_second_late) == (clock(9, 9.5), clock(9.5))


def test_the_last_day_of_the_horizon_is_offered_whole_and_the_next_not_at_all() -> None:
    practice = calendar(
        assignment(), hours=(weekly(MONDAY, time(23), time(0)), weekly(MONDAY + DAY, time(0), time(1)))
    )
    offered = [
        slot.start
        for slot in free_slots(practice, NOTHING_TAKEN, replace(TERMS, booking_horizon_days=7), NOW)
    ]
    last = MONDAY + 7 * DAY
    assert offered == [
        at(MONDAY, 23),
        at(MONDAY, 23, 30),
        at(MONDAY + DAY, 0),
        at(MONDAY + DAY, 0, 30),
        at(last, 23),
        at(last, 23, 30),
    ]


def test_nothing_is_offered_when_the_lead_time_reaches_beyond_the_horizon() -> None:
    terms = OfferTerms(lead_time_minutes=3 * 24 * 60, booking_horizon_days=1, grid_minutes=30)
    practice = calendar(assignment(), hours=(MORNING,))
    start, end = offer_window(practice, terms, NOW)
    assert start == end
    assert list(free_slots(practice, NOTHING_TAKEN, terms, NOW)) == []


def test_slots_come_by_column_then_assignment_then_start() -> None:
    practice = calendar(
        assignment(CLEANING, 60, columns=(2, 1)),
        assignment(CHECK_UP, 60, columns=(2, 1)),
        hours=(weekly(MONDAY, time(8), time(9), 2), weekly(MONDAY, time(8), time(9), 1)),
        columns={2: HYGIENIST, 1: DENTIST},
    )
    offered = list(free_slots(practice, NOTHING_TAKEN, TERMS, NOW, WHOLE_DAY))
    eight, nine = at(MONDAY, 8), at(MONDAY, 9)
    assert offered == [
        Slot(CHECK_UP, 1, eight, nine),
        Slot(CLEANING, 1, eight, nine),
        Slot(CHECK_UP, 2, eight, nine),
        Slot(CLEANING, 2, eight, nine),
    ]


def test_an_assignment_is_not_offered_in_a_column_that_is_gone_or_does_not_list_it() -> None:
    practice = calendar(assignment(columns=(7,)), hours=(MORNING,))
    assert starts(practice) == []


@pytest.mark.parametrize(
    ("own", "of_type", "type_id", "expected"),
    [
        (20, 30, CHECK_UP_TYPE, 20),
        (None, 30, CHECK_UP_TYPE, 30),
        (0, 30, CHECK_UP_TYPE, 30),
        (None, None, CHECK_UP_TYPE, None),
        (None, 0, CHECK_UP_TYPE, None),
        (None, 30, None, None),
        (None, 30, 999, None),
    ],
)
def test_the_length_is_the_assignments_else_the_types_else_nothing_is_offered(
    own: int | None, of_type: int | None, type_id: int | None, expected: int | None
) -> None:
    offer = assignment(minutes=own, type_id=type_id)
    practice = calendar(offer, hours=(MORNING,), types={CHECK_UP_TYPE: of_type})
    assert duration_minutes(practice, offer) == expected
    assert bool(starts(practice)) == (expected is not None)


def test_the_busy_window_is_wide_enough_for_buffers_and_length() -> None:
    practice = calendar(assignment(buffers=(10, 0)), assignment(CLEANING, 60, buffers=(0, 20)))
    assert busy_window(practice, (10_000, 20_000)) == (10_000 - 10 * 60, 20_000 + 80 * 60)


def test_is_free_of_an_unknown_assignment_or_column_is_false() -> None:
    practice = calendar(assignment(), hours=(MORNING,))
    eight = at(MONDAY, 8)
    assert is_free(practice, NOTHING_TAKEN, TERMS, NOW, assignment_id=CHECK_UP, column_id=COLUMN, start=eight)
    assert not is_free(practice, NOTHING_TAKEN, TERMS, NOW, assignment_id=9, column_id=COLUMN, start=eight)
    assert not is_free(practice, NOTHING_TAKEN, TERMS, NOW, assignment_id=CHECK_UP, column_id=9, start=eight)


# --- slot ids ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parts", [(0, 0, 0), (12, 3, at(date(2027, 1, 11), 8)), (2**31 - 1, 2**31 - 1, 2**32 - 1)]
)
def test_a_slot_id_can_be_read_back_and_fits_the_formats(parts: tuple[int, int, int]) -> None:
    text = slot_id(Slot(*parts, end=0))
    assert parse_slot_id(text) == parts
    assert TypeAdapter(Identifier).validate_python(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1-2",
        "1-2-3-4",
        "01-2-3",
        "1-2-03",
        "+1-2-3",
        "1--2-3",
        "1-2-3 ",
        "1-2-3\n",
        "１-2-3",
        "1_0-2-3",
        "1-2-٣",
        f"1-2-{2**32}",
        "1-2-99999999999999999999",
        "a-b-c",
    ],
)
def test_a_slot_id_in_any_other_spelling_is_refused(text: str) -> None:
    assert parse_slot_id(text) is None
