"""Taken time: what columns share, and days on which a partner has its fill."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from agent.domain.availability import TakenTime, cap_window, deciding_columns, free_slots
from agent.domain.practice import PracticeCalendar
from tests.kit.calendars import (
    CHECK_UP,
    DENTIST,
    HYGIENIST,
    MONDAY,
    MORNING,
    NOW,
    TERMS,
    WHOLE_DAY,
    assignment,
    at,
    calendar,
    clock,
    span,
    starts_on_offer,
    weekly,
)

DAY = timedelta(days=1)
DENTISTS_SECOND, SAME_ROOM, NOBODYS = 2, 3, 4
"""Beside column 1, which is the dentist's in room 1."""


def practice(*, overlapping: tuple[int, ...] = (), idle: tuple[int, ...] = ()) -> PracticeCalendar:
    columns = {1: DENTIST, DENTISTS_SECOND: DENTIST, SAME_ROOM: HYGIENIST, NOBODYS: None}
    return calendar(
        assignment(columns=tuple(columns)),
        hours=tuple(weekly(MONDAY, time(8), time(10), column_id) for column_id in columns),
        columns=columns,
        rooms={1: 1, DENTISTS_SECOND: 2, SAME_ROOM: 1},
        overlapping=overlapping,
        idle=idle,
    )


ALL, NINE_TAKEN = clock(8, 8.5, 9, 9.5), clock(8, 8.5, 9.5)


@pytest.mark.parametrize(
    ("mine", "theirs", "shared"),
    [
        (1, DENTISTS_SECOND, True),
        (DENTISTS_SECOND, 1, True),
        (1, SAME_ROOM, True),
        (SAME_ROOM, 1, True),
        (DENTISTS_SECOND, SAME_ROOM, False),  # both share with column 1 and nothing with each other
        (1, NOBODYS, False),
        (NOBODYS, 1, False),
    ],
)
def test_columns_share_the_time_of_their_practitioner_and_of_their_room(
    mine: int, theirs: int, shared: bool
) -> None:
    starts = starts_on_offer(practice(), column_id=mine, elsewhere={theirs: [span(9, 9.5)]})
    assert starts == (NINE_TAKEN if shared else ALL)


@pytest.mark.parametrize("overlapping", [1, DENTISTS_SECOND])
def test_a_column_that_allows_overlaps_takes_no_time_of_others_and_others_none_of_its(
    overlapping: int,
) -> None:
    free = practice(overlapping=(overlapping,))
    assert starts_on_offer(free, column_id=1, elsewhere={DENTISTS_SECOND: [span(9, 9.5)]}) == ALL
    assert starts_on_offer(free, column_id=DENTISTS_SECOND, elsewhere={1: [span(9, 9.5)]}) == ALL


def test_a_column_that_allows_overlaps_keeps_clear_of_its_own_appointments() -> None:
    assert starts_on_offer(practice(overlapping=(1,)), [span(9, 9.5)]) == NINE_TAKEN


def test_columns_without_practitioner_and_room_share_nothing_with_each_other() -> None:
    two = calendar(assignment(columns=(1, 2)), hours=(MORNING,), columns={1: None, 2: None})
    assert starts_on_offer(two, elsewhere={2: [span(9, 9.5)]}) == ALL


def test_what_stands_in_a_column_that_was_switched_off_still_takes_its_practitioners_time() -> None:
    switched_off = practice(idle=(DENTISTS_SECOND,))
    assert starts_on_offer(switched_off, elsewhere={DENTISTS_SECOND: [span(9, 9.5)]}) == NINE_TAKEN
    offered = {slot.column_id for slot in free_slots(switched_off, TakenTime({}), TERMS, NOW, WHOLE_DAY)}
    assert offered == {1, SAME_ROOM, NOBODYS}


def test_slots_in_shared_columns_are_each_on_offer_until_one_is_taken() -> None:
    """Two chairs of one dentist both show nine o'clock; the booking of one takes it from both."""
    both = practice()
    free = {(slot.column_id, slot.start) for slot in free_slots(both, TakenTime({}), TERMS, NOW, WHOLE_DAY)}
    nine = at(MONDAY, 9)
    assert {(1, nine), (DENTISTS_SECOND, nine)} <= free
    taken = TakenTime({1: [span(9, 9.5)]})
    free = {(slot.column_id, slot.start) for slot in free_slots(both, taken, TERMS, NOW, WHOLE_DAY)}
    assert not {(1, nine), (DENTISTS_SECOND, nine), (SAME_ROOM, nine)} & free


def test_deciding_columns_are_all_that_share_also_those_switched_off() -> None:
    some = practice(idle=(DENTISTS_SECOND,))
    assert deciding_columns(some, [1]) == {1, DENTISTS_SECOND, SAME_ROOM}
    assert deciding_columns(some, [SAME_ROOM, NOBODYS]) == {1, SAME_ROOM, NOBODYS}
    assert deciding_columns(practice(overlapping=(1,)), [1]) == {1}
    assert deciding_columns(some, [99, DENTISTS_SECOND]) == frozenset()


# --- the daily cap -------------------------------------------------------------------------------

CAPPED = replace(TERMS, max_appointments_per_day=2)


@pytest.mark.parametrize(
    ("booked", "expected"),
    [
        ((), ALL),
        ((at(MONDAY, 8),), ALL),
        ((at(MONDAY, 8), at(MONDAY, 16)), []),
        ((at(MONDAY, 16), at(MONDAY, 16), at(MONDAY, 8)), []),
        ((at(MONDAY, 8), at(MONDAY, 24)), ALL),
        ((at(MONDAY, 8), at(MONDAY, 0) - 1), ALL),
        ((at(MONDAY, 0), at(MONDAY, 24) - 1), []),
    ],
)
def test_a_day_with_as_many_appointments_as_the_cap_offers_nothing_more(
    booked: tuple[int, ...], expected: list[int]
) -> None:
    assert starts_on_offer(practice(), terms=CAPPED, booked_starts=booked) == expected
    assert starts_on_offer(practice(), terms=TERMS, booked_starts=booked) == ALL


def test_a_full_day_leaves_the_days_around_it_alone() -> None:
    hours = tuple(weekly(MONDAY + number * DAY, time(23), time(0)) for number in range(3))
    night = calendar(assignment(CHECK_UP, 60), hours=hours)
    booked = [at(MONDAY + DAY, 0)] * 2
    slots = free_slots(night, TakenTime({}, booked), CAPPED, NOW, (at(MONDAY, 0), at(MONDAY + 2 * DAY, 24)))
    assert [slot.start for slot in slots] == [at(MONDAY, 23), at(MONDAY + 2 * DAY, 23)]


def test_the_cap_window_is_the_whole_local_days_that_hold_a_window() -> None:
    assert cap_window(practice(), (at(MONDAY, 9), at(MONDAY, 9) + 1)) == WHOLE_DAY
    assert cap_window(practice(), WHOLE_DAY) == WHOLE_DAY
    assert cap_window(practice(), (at(MONDAY, 9), at(MONDAY + DAY, 0) + 1)) == (
        at(MONDAY, 0),
        at(MONDAY + DAY, 24),
    )
