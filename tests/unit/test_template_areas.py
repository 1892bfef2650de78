"""Template areas of all kinds and owners: for whom they keep time, from whom they take it (reading A13)."""

from datetime import time, timedelta
from typing import Any

import pytest

from agent.domain.availability import NOTHING_TAKEN, free_slots, template_time
from agent.domain.practice import TemplateAreaKind
from tests.kit.calendars import (
    CHECK_UP,
    CHECK_UP_TYPE,
    CLEANING,
    CLEANING_TYPE,
    COLUMN,
    DENTIST,
    HYGIENIST,
    MONDAY,
    MORNING,
    NOW,
    TERMS,
    WHOLE_DAY,
    area,
    assignment,
    at,
    calendar,
    clock,
    starts_on_offer,
    weekly,
)

RESERVE, BLOCK = TemplateAreaKind.RESERVE, TemplateAreaKind.BLOCK
DAY = timedelta(days=1)


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
    assert starts_on_offer(practice) == clock(8, 9, 9.5)


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
    assert starts_on_offer(calendar(assignment(), hours=(MORNING,), areas=(reserved,))) == expected


def test_an_assignment_without_a_type_is_not_listed_by_an_area_for_types() -> None:
    reserved = area(RESERVE, MONDAY, time(8), time(9), types=(CHECK_UP_TYPE,))
    practice = calendar(assignment(type_id=None), hours=(MORNING,), areas=(reserved,))
    assert starts_on_offer(practice) == clock(9, 9.5)


def test_where_two_reserve_areas_overlap_both_must_list_the_assignment() -> None:
    mine = area(RESERVE, MONDAY, time(8), time(10), assignments=(CHECK_UP,), area_id=1)
    theirs = area(RESERVE, MONDAY, time(8), time(9), assignments=(CLEANING,), area_id=2)
    assert starts_on_offer(calendar(assignment(), hours=(MORNING,), areas=(mine, theirs))) == clock(9, 9.5)


OWNERS = pytest.mark.parametrize(
    ("owner", "its_columns"),
    [
        ({"column_id": 2}, {2}),
        ({"practitioner_id": DENTIST}, {1, 2}),
        ({}, {1, 2, 3, 4}),
        ({"column_id": 3, "practitioner_id": DENTIST}, {3}),
    ],
)


def columns_on_offer(reserved_only: bool = False, **made: Any) -> set[int]:
    """Where a check-up is offered between eight and nine, when such an area lies there."""
    practice = calendar(
        assignment(columns=(1, 2, 3, 4), reserved_only=reserved_only),
        hours=tuple(weekly(MONDAY, time(8), time(9), column_id) for column_id in (1, 2, 3, 4)),
        areas=(area(day=MONDAY, starts=time(8), ends=time(9), **made),),
        columns={1: DENTIST, 2: DENTIST, 3: HYGIENIST, 4: None},
    )
    return {slot.column_id for slot in free_slots(practice, NOTHING_TAKEN, TERMS, NOW, WHOLE_DAY)}


@OWNERS
def test_a_block_area_closes_its_column_or_all_of_its_practitioner_or_all(
    owner: dict[str, Any], its_columns: set[int]
) -> None:
    assert columns_on_offer(kind=BLOCK, **owner) == {1, 2, 3, 4} - its_columns


@OWNERS
def test_a_reserve_area_keeps_out_in_its_columns_what_it_does_not_list(
    owner: dict[str, Any], its_columns: set[int]
) -> None:
    assert columns_on_offer(kind=RESERVE, assignments=(CLEANING,), **owner) == {1, 2, 3, 4} - its_columns
    assert columns_on_offer(kind=RESERVE, assignments=(CHECK_UP,), **owner) == {1, 2, 3, 4}


# --- offered nowhere but in reserved time --------------------------------------------------------


@OWNERS
def test_a_reserved_only_offer_lies_in_the_columns_of_areas_that_list_it(
    owner: dict[str, Any], its_columns: set[int]
) -> None:
    for listed in ({"assignments": (CHECK_UP,)}, {"types": (CHECK_UP_TYPE,)}):
        assert columns_on_offer(reserved_only=True, kind=RESERVE, **listed, **owner) == its_columns
    assert columns_on_offer(reserved_only=True, kind=RESERVE, assignments=(CLEANING,), **owner) == set()
    assert columns_on_offer(reserved_only=True, kind=BLOCK, assignments=(CHECK_UP,), **owner) == set()


def test_a_reserved_only_offer_lies_wholly_in_reserved_time_and_areas_that_touch_are_one() -> None:
    mine = (
        area(RESERVE, MONDAY, time(8, 15), time(8, 45), assignments=(CHECK_UP,), area_id=1),
        area(RESERVE, MONDAY, time(8, 45), time(9, 15), types=(CHECK_UP_TYPE,), area_id=2),
    )
    practice = calendar(assignment(minutes=45, reserved_only=True), hours=(MORNING,), areas=mine)
    assert starts_on_offer(practice) == clock(8.5)
    assert (
        starts_on_offer(
            calendar(assignment(minutes=45, reserved_only=True), hours=(MORNING,), areas=mine[:1])
        )
        == []
    )


def test_a_reserved_only_offer_gives_way_to_a_block_and_to_closed_time_inside_its_area() -> None:
    areas = (
        area(RESERVE, MONDAY, time(7), time(10), assignments=(CHECK_UP,), area_id=1),
        area(BLOCK, MONDAY, time(8, 30), time(9), area_id=2),
    )
    practice = calendar(assignment(reserved_only=True), hours=(MORNING,), areas=areas)
    assert starts_on_offer(practice) == clock(8, 9, 9.5)


def test_a_reserved_only_offer_without_any_area_is_never_offered() -> None:
    assert starts_on_offer(calendar(assignment(reserved_only=True), hours=(MORNING,))) == []


def test_an_offer_that_is_not_reserved_only_is_offered_inside_and_outside_its_area() -> None:
    mine = area(RESERVE, MONDAY, time(8), time(9), assignments=(CHECK_UP,))
    assert starts_on_offer(calendar(assignment(), hours=(MORNING,), areas=(mine,))) == clock(8, 8.5, 9, 9.5)


def test_an_area_for_another_weekday_or_before_its_validity_changes_nothing() -> None:
    other_day = area(BLOCK, MONDAY + DAY, time(8), time(10), column_id=COLUMN)
    assert starts_on_offer(calendar(assignment(), hours=(MORNING,), areas=(other_day,))) == clock(
        8, 8.5, 9, 9.5
    )
