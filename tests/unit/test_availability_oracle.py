"""Free slots against an oracle, and the promises that tie what is published to what is accepted.

The made-up practices hold every rule of availability at once
(tests/kit/made_up_practices.py), and so does the oracle
(tests/kit/slot_oracle.py).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from hypothesis import event, given, settings
from hypothesis import strategies as st

from agent.domain.availability import (
    Slot,
    TakenTime,
    alternatives,
    busy_window,
    cap_window,
    deciding_columns,
    free_slots,
    is_free,
    offer_window,
    open_time,
    slot_id,
)
from agent.domain.booking_rules import Accept, BookingRequest, Decision, Refuse, decide, requested
from exchange_formats.receipts import BookingReason
from tests.kit.made_up_practices import COLUMNS, practices
from tests.kit.slot_oracle import TICK, Practice, expected_slots, is_open, shares

DAY_AND_HOUR = 25 * 3600
MANY = settings(max_examples=40, deadline=None)
SOME = settings(max_examples=20, deadline=None)

some_column, some_assignment = st.sampled_from(sorted(COLUMNS)), st.sampled_from([101, 102])
some_tick = st.integers(-20, 3 * 288)


def published(practice: Practice) -> list[Slot]:
    return list(free_slots(practice.calendar, practice.taken, practice.terms, practice.now))


def decided(practice: Practice, request: BookingRequest) -> Decision:
    """As the importer asks: with no more of the taken time than it reads for this wish."""
    return decide(
        request,
        practice.calendar,
        known_taken(practice, request.column_ids, request.start),
        practice.terms,
        judged_at=practice.now,
        now=practice.now,
    )


def known_taken(practice: Practice, column_ids: Iterable[int], start: int) -> TakenTime:
    starts = (start, start + 1)
    begin, finish = busy_window(practice.calendar, starts)
    first, last = cap_window(practice.calendar, starts)
    return TakenTime(
        {
            column_id: [
                stretch
                for stretch in practice.taken.busy[column_id]
                if stretch[0] < finish and stretch[1] > begin
            ]
            for column_id in deciding_columns(practice.calendar, column_ids)
        },
        [booked for booked in practice.taken.booked_starts if first <= booked < last],
    )


@settings(max_examples=80, deadline=None)
@given(practices())
def test_free_slots_are_exactly_those_the_oracle_finds(practice: Practice) -> None:
    found = published(practice)
    event("some slots" if found else "no slot")
    until = practice.now + (practice.terms.booking_horizon_days + 2) * DAY_AND_HOUR
    assert found == list(expected_slots(practice, practice.now, until))


@SOME
@given(practices())
def test_open_time_is_exactly_what_the_oracle_calls_open(practice: Practice) -> None:
    first = practice.now - practice.now % TICK
    window = first, first + 2 * DAY_AND_HOUR
    for column_id, stretches in open_time(practice.calendar, window).items():
        ticks = {tick for start, end in stretches for tick in range(start, end, TICK)}
        assert ticks == {tick for tick in range(*window, TICK) if is_open(practice.calendar, column_id, tick)}


@MANY
@given(practices())
def test_no_slot_shares_a_moment_with_an_appointment_of_its_column_practitioner_or_room(
    practice: Practice,
) -> None:
    everything = {**practice.calendar.columns, **practice.calendar.idle_columns}
    for slot in published(practice):
        for column_id, stretches in practice.taken.busy.items():
            if shares(everything[slot.column_id], everything[column_id]):
                assert all(end <= slot.start or slot.end <= start for start, end in stretches)


@MANY
@given(practices())
def test_everything_published_is_accepted_at_that_instant(practice: Practice) -> None:
    for slot in published(practice)[:40]:
        wish = str(slot.assignment_id), slot.start
        request = requested(practice.calendar, slot_id(slot), *wish, declared_new_patient=True)
        kind = practice.calendar.assignments[slot.assignment_id].type_id
        expected = Accept(slot.column_id, slot.start, slot.end, kind, slot.assignment_id)
        assert decided(practice, request) == expected


@MANY
@given(practices())
def test_a_wish_for_any_column_gets_the_first_one_of_the_book_that_is_published(practice: Practice) -> None:
    columns: dict[tuple[int, int], list[int]] = defaultdict(list)
    for slot in published(practice):
        columns[slot.assignment_id, slot.start].append(slot.column_id)
    order = list(practice.calendar.columns)
    for (assignment_id, start), found in list(columns.items())[:40]:
        request = requested(practice.calendar, None, str(assignment_id), start, declared_new_patient=True)
        decision = decided(practice, request)
        assert isinstance(decision, Accept)
        assert decision.column_id == min(found, key=order.index)


@MANY
@given(practices(), some_tick, some_assignment, some_column)
def test_what_is_not_published_is_refused_at_that_instant(
    practice: Practice, tick: int, assignment_id: int, column_id: int
) -> None:
    start = practice.now - practice.now % TICK + tick * TICK
    is_published = (assignment_id, column_id, start) in {slot[:3] for slot in published(practice)}
    decision = decided(
        practice, BookingRequest(assignment_id, (column_id,), start, declared_new_patient=True)
    )
    assert isinstance(decision, Accept) == is_published
    assert is_published == is_free(
        practice.calendar,
        practice.taken,
        practice.terms,
        practice.now,
        assignment_id=assignment_id,
        column_id=column_id,
        start=start,
    )


@MANY
@given(practices())
def test_what_only_the_book_or_the_cap_takes_away_is_refused_as_taken(practice: Practice) -> None:
    on_offer = set(published(practice))
    for slot in published(replace(practice, taken=TakenTime({})))[:40]:
        wish = BookingRequest(slot.assignment_id, (slot.column_id,), slot.start, declared_new_patient=True)
        decision = decided(practice, wish)
        event("free" if slot in on_offer else "taken")
        assert isinstance(decision, Accept) == (slot in on_offer)
        assert isinstance(decision, Accept) or decision == Refuse(BookingReason.SLOT_TAKEN)


@MANY
@given(practices(), some_tick, some_assignment, st.integers(1, 4))
def test_alternatives_are_the_next_published_starts_each_once_in_the_first_column_of_the_book(
    practice: Practice, tick: int, assignment_id: int, limit: int
) -> None:
    after = practice.now + tick * TICK
    window = after, max(after, offer_window(practice.calendar, practice.terms, practice.now)[1])
    found = alternatives(
        practice.calendar, practice.taken, practice.terms, practice.now, assignment_id, window, limit
    )
    order = list(practice.calendar.columns)
    ahead = [
        slot for slot in published(practice) if slot.assignment_id == assignment_id and slot.start >= after
    ]
    starts = sorted({slot.start for slot in ahead})[:limit]
    assert found == [
        min((slot for slot in ahead if slot.start == start), key=lambda slot: order.index(slot.column_id))
        for start in starts
    ]


@SOME
@given(practices(), st.integers(1, DAY_AND_HOUR))
def test_a_name_stands_for_the_same_slot_in_every_later_file(practice: Practice, later: int) -> None:
    names = {slot_id(slot): slot for slot in published(practice)}
    assert len(names) == len(published(practice))
    next_file = published(replace(practice, now=practice.now + later, taken=TakenTime({})))
    for slot in next_file:
        assert names.get(slot_id(slot), slot) == slot
