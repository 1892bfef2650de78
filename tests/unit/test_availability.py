"""Free slots of one column, one rule at a time; the oracle has them all at once."""

from datetime import time

import pytest

from agent.domain.availability import (
    NOTHING_TAKEN,
    Slot,
    TakenTime,
    alternatives,
    duration_minutes,
    free_columns,
    free_slots,
    is_free,
)
from agent.domain.practice import PracticeCalendar, TemplateAreaKind
from tests.kit.calendars import (
    CHECK_UP,
    CHECK_UP_TYPE,
    CLEANING,
    COLUMN,
    DENTIST,
    HYGIENIST,
    MONDAY,
    MORNING,
    NOW,
    OTHER_COLUMN,
    TERMS,
    WHOLE_DAY,
    area,
    assignment,
    at,
    calendar,
    clock,
    span,
    starts_on_offer,
    weekly,
)

BLOCK = TemplateAreaKind.BLOCK


def test_slots_fit_wholly_into_open_time_and_start_on_the_grid() -> None:
    odd_hours = weekly(MONDAY, time(8, 10), time(9, 50))
    assert starts_on_offer(calendar(assignment(minutes=45), hours=(odd_hours,))) == clock(8.5, 9)


def test_a_slot_may_touch_busy_time_and_not_overlap_it() -> None:
    practice = calendar(assignment(), hours=(MORNING,))
    assert starts_on_offer(practice, [(at(MONDAY, 8, 30), at(MONDAY, 9))]) == clock(8, 9, 9.5)
    assert starts_on_offer(practice, [(at(MONDAY, 8, 29), at(MONDAY, 9, 1))]) == clock(9.5)


def test_buffers_keep_clear_of_busy_time_on_their_own_side() -> None:
    busy = [(at(MONDAY, 9), at(MONDAY, 9, 30))]
    hours = (weekly(MONDAY, time(8), time(11)),)
    assert starts_on_offer(calendar(assignment(buffers=(30, 0)), hours=hours), busy) == clock(
        8, 8.5, 10, 10.5
    )
    assert starts_on_offer(calendar(assignment(buffers=(0, 30)), hours=hours), busy) == clock(
        8, 9.5, 10, 10.5
    )


def test_buffers_may_reach_into_closed_and_blocked_time() -> None:
    practice = calendar(
        assignment(buffers=(60, 60)), hours=(MORNING,), areas=(area(BLOCK, MONDAY, time(9), time(10)),)
    )
    assert starts_on_offer(practice) == clock(8, 8.5)


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
    assert starts_on_offer(practice) == []


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
    assert bool(starts_on_offer(practice)) == (expected is not None)


def test_is_free_of_an_unknown_assignment_or_column_is_false() -> None:
    practice = calendar(assignment(), hours=(MORNING,))
    eight = at(MONDAY, 8)
    assert is_free(practice, NOTHING_TAKEN, TERMS, NOW, assignment_id=CHECK_UP, column_id=COLUMN, start=eight)
    assert not is_free(practice, NOTHING_TAKEN, TERMS, NOW, assignment_id=9, column_id=COLUMN, start=eight)
    assert not is_free(practice, NOTHING_TAKEN, TERMS, NOW, assignment_id=CHECK_UP, column_id=9, start=eight)


def test_a_slot_with_buffers_keeps_them_clear_of_taken_time_that_already_has_its_own() -> None:
    """Both are kept: half an hour before the new one, and what the standing one takes after itself."""
    practice = calendar(assignment(buffers=(30, 0)), hours=(weekly(MONDAY, time(8), time(11)),))
    with_its_own_buffer = span(8, 9)
    assert starts_on_offer(practice, [with_its_own_buffer]) == clock(9.5, 10, 10.5)


def test_free_columns_are_those_of_the_asked_ones_in_which_the_start_is_on_offer() -> None:
    practice = two_columns()
    taken = TakenTime({OTHER_COLUMN: [span(8, 8.5)]})

    def free(start: int, *column_ids: int) -> frozenset[int]:
        return free_columns(
            practice, taken, TERMS, NOW, assignment_id=CHECK_UP, column_ids=column_ids, start=start
        )

    eight, half_past, *_ = clock(8, 8.5)
    assert free(eight, COLUMN, OTHER_COLUMN) == {COLUMN}
    assert free(half_past, COLUMN, OTHER_COLUMN, 99) == {COLUMN, OTHER_COLUMN}
    assert free(half_past, OTHER_COLUMN) == {OTHER_COLUMN}
    assert free(half_past) == frozenset()


# --- alternatives --------------------------------------------------------------------------------


def two_columns() -> PracticeCalendar:
    """The other column comes first in the book."""
    return calendar(
        assignment(columns=(COLUMN, OTHER_COLUMN)),
        assignment(CLEANING, columns=(COLUMN,)),
        hours=(MORNING, weekly(MONDAY, time(8), time(10), OTHER_COLUMN)),
        columns={OTHER_COLUMN: HYGIENIST, COLUMN: DENTIST},
    )


def next_free(taken: TakenTime, window: tuple[int, int], limit: int = 3) -> list[tuple[int, int]]:
    found = alternatives(two_columns(), taken, TERMS, NOW, CHECK_UP, window, limit)
    assert {slot.assignment_id for slot in found} <= {CHECK_UP}
    return [(slot.column_id, slot.start) for slot in found]


def test_alternatives_come_by_start_each_once_in_the_first_column_of_the_book() -> None:
    eight, half_past, nine = clock(8, 8.5, 9)
    assert next_free(NOTHING_TAKEN, WHOLE_DAY) == [
        (OTHER_COLUMN, eight),
        (OTHER_COLUMN, half_past),
        (OTHER_COLUMN, nine),
    ]
    taken = TakenTime({OTHER_COLUMN: [span(8.5, 10)], COLUMN: [span(8, 9)]})
    assert next_free(taken, WHOLE_DAY) == [(OTHER_COLUMN, eight), (COLUMN, nine), (COLUMN, at(MONDAY, 9, 30))]


def test_alternatives_start_in_the_window_and_are_no_more_than_there_are() -> None:
    half_past, nine = clock(9.5, 9)
    assert next_free(NOTHING_TAKEN, (nine + 1, WHOLE_DAY[1])) == [(OTHER_COLUMN, half_past)]
    assert next_free(NOTHING_TAKEN, (nine, half_past)) == [(OTHER_COLUMN, nine)]
    assert next_free(NOTHING_TAKEN, WHOLE_DAY, limit=1) == [(OTHER_COLUMN, at(MONDAY, 8))]
    assert next_free(TakenTime({COLUMN: [span(8, 10)], OTHER_COLUMN: [span(8, 10)]}), WHOLE_DAY) == []
