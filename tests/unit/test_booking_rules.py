"""One booking, one refusal reason at a time."""

from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.availability import NOTHING_TAKEN, Slot, TakenTime, slot_id
from agent.domain.booking_rules import (
    Accept,
    BookingRequest,
    Decision,
    Refuse,
    decide,
    requested,
)
from agent.domain.practice import OfferTerms
from exchange_formats.receipts import BookingReason
from tests.kit.calendars import (
    CHECK_UP,
    CHECK_UP_TYPE,
    CLEANING,
    COLUMN,
    MONDAY,
    OTHER_COLUMN,
    assignment,
    at,
    calendar,
    weekly,
)

NO_LENGTH, ESTABLISHED_ONLY = 103, 104
PRACTICE = calendar(
    assignment(CHECK_UP, 30, buffers=(0, 15)),
    assignment(CLEANING, None, type_id=None, columns=(OTHER_COLUMN,)),
    assignment(NO_LENGTH, None, type_id=None),
    assignment(ESTABLISHED_ONLY, 30, for_new_patients=False),
    hours=(weekly(MONDAY, time(8), time(12)),),
)
TERMS = OfferTerms(lead_time_minutes=60, booking_horizon_days=7, grid_minutes=15)
NINE = at(MONDAY, 9)
SEVEN = at(MONDAY, 7)
WISH = BookingRequest(CHECK_UP, (COLUMN,), NINE, declared_new_patient=False)


def judged(
    wish: BookingRequest = WISH, busy: Any = (), judged_at: int = SEVEN, now: int | None = None
) -> Decision:
    taken = TakenTime({COLUMN: busy})
    return decide(wish, PRACTICE, taken, TERMS, judged_at=judged_at, now=judged_at if now is None else now)


def test_a_free_slot_is_accepted_with_everything_that_is_to_be_written() -> None:
    assert judged() == Accept(COLUMN, NINE, NINE + 1800, CHECK_UP_TYPE, CHECK_UP)


@pytest.mark.parametrize(
    ("taken", "accepted"),
    [
        ((NINE - 900, NINE), True),
        ((NINE - 900, NINE + 1), False),
        ((NINE + 45 * 60, NINE + 60 * 60), True),
        ((NINE + 44 * 60, NINE + 60 * 60), False),
    ],
)
def test_busy_time_that_reaches_into_the_slot_or_its_buffer_refuses_as_taken(
    taken: tuple[int, int], accepted: bool
) -> None:
    decision = judged(busy=[taken])
    assert decision == Refuse(BookingReason.SLOT_TAKEN) or accepted
    assert isinstance(decision, Accept) is accepted


@pytest.mark.parametrize(
    "wish",
    [
        replace(WISH, start=NINE + 60),
        replace(WISH, start=at(MONDAY, 12)),
        replace(WISH, start=at(MONDAY + timedelta(days=14), 9)),
        replace(WISH, column_ids=(OTHER_COLUMN,)),
        replace(WISH, column_ids=()),
        replace(WISH, start=0),
    ],
    ids=["off the grid", "closed", "beyond the horizon", "other column", "slot id of something else", "1970"],
)
def test_what_was_never_on_offer_is_refused_as_not_offered_even_when_taken(wish: BookingRequest) -> None:
    assert judged(wish, [(0, 2**32)]) == Refuse(BookingReason.SLOT_NOT_OFFERED)


@pytest.mark.parametrize(("busy", "accepted"), [([], True), ([(0, 2**32)], False)])
def test_a_slot_of_the_day_that_midnight_brought_is_not_lost_to_a_slow_clock(
    busy: Any, accepted: bool
) -> None:
    midnight = at(MONDAY - timedelta(days=TERMS.booking_horizon_days), 0)
    before, after = judged(WISH, busy, midnight - 1), judged(WISH, busy, midnight - 1, now=midnight)
    assert before == Refuse(BookingReason.SLOT_NOT_OFFERED)
    assert after == (judged() if accepted else Refuse(BookingReason.SLOT_TAKEN))


@pytest.mark.parametrize("assignment_id", [None, 999])
def test_an_unknown_assignment_is_said_so(assignment_id: int | None) -> None:
    wish = replace(WISH, assignment_id=assignment_id)
    assert judged(wish) == Refuse(BookingReason.ASSIGNMENT_UNKNOWN)


def test_an_assignment_without_a_length_is_refused_as_duration_unknown() -> None:
    assert judged(replace(WISH, assignment_id=NO_LENGTH)) == Refuse(BookingReason.DURATION_UNKNOWN)


@pytest.mark.parametrize("busy", [[], [(0, 2**32)]])
def test_whoever_declares_to_be_new_is_refused_where_new_patients_are_not_served(busy: Any) -> None:
    wish = replace(WISH, assignment_id=ESTABLISHED_ONLY, declared_new_patient=True)
    assert judged(wish, busy) == Refuse(BookingReason.NOT_FOR_NEW_PATIENTS)


def test_whoever_declares_to_be_known_is_served_without_a_look_at_the_records() -> None:
    wish = replace(WISH, assignment_id=ESTABLISHED_ONLY, declared_new_patient=False)
    assert isinstance(judged(wish), Accept)


@pytest.mark.parametrize(
    ("judged_at", "now", "accepted"),
    [
        (at(MONDAY, 8), at(MONDAY, 8), True),
        (at(MONDAY, 8) + 1, at(MONDAY, 8) + 1, False),
        (at(MONDAY, 8), at(MONDAY, 8, 50), True),
        (at(MONDAY, 8), NINE, True),
        (at(MONDAY, 8), NINE + 1, False),
        (NINE, NINE, False),
    ],
)
def test_the_lead_time_counts_from_the_signature_and_the_start_is_never_in_the_past(
    judged_at: int, now: int, accepted: bool
) -> None:
    decision = judged(judged_at=judged_at, now=now)
    assert decision == Refuse(BookingReason.LEAD_TIME_PASSED) or accepted
    assert isinstance(decision, Accept) is accepted


@pytest.mark.parametrize(
    ("judged_at", "accepted"), [(at(MONDAY - timedelta(days=1), 23), True), (at(MONDAY, 0), False)]
)
def test_a_lead_time_of_working_days_counts_from_the_signature_too(judged_at: int, accepted: bool) -> None:
    terms = replace(TERMS, lead_time_minutes=0, lead_time_working_days=1)
    decision = decide(WISH, PRACTICE, NOTHING_TAKEN, terms, judged_at=judged_at, now=SEVEN)
    assert decision == Refuse(BookingReason.LEAD_TIME_PASSED) or accepted
    assert isinstance(decision, Accept) is accepted


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (NINE, BookingReason.LEAD_TIME_PASSED),
        (at(MONDAY - timedelta(days=7), 9), BookingReason.LEAD_TIME_PASSED),
        (at(MONDAY, 7), BookingReason.SLOT_NOT_OFFERED),
    ],
)
def test_a_late_booking_says_lead_time_only_if_the_slot_had_been_on_offer_and_not_whether_it_was_taken(
    start: int, reason: BookingReason
) -> None:
    for busy in ([], [(0, 2**32)]):
        assert judged(replace(WISH, start=start), busy, judged_at=at(MONDAY, 11)) == Refuse(reason)


# --- any column ----------------------------------------------------------------------------------

EARLY, LATE, CLOSED = 5, 3, 4
TWO_DENTISTS = calendar(
    assignment(CHECK_UP, 30, columns=(LATE, EARLY, CLOSED, 99)),
    hours=tuple(weekly(MONDAY, time(8), time(12), column_id) for column_id in (LATE, EARLY)),
    columns={EARLY: 11, CLOSED: 12, LATE: 13},
)
ANY_AT_NINE = requested(TWO_DENTISTS, None, str(CHECK_UP), NINE, declared_new_patient=True)


def column_for_anybody(busy: dict[int, list[tuple[int, int]]], **when: int) -> int | BookingReason:
    taken, times = TakenTime(busy), {"judged_at": SEVEN, "now": SEVEN, **when}
    decision = decide(ANY_AT_NINE, TWO_DENTISTS, taken, TERMS, **times)
    return decision.column_id if isinstance(decision, Accept) else decision.reason


def test_a_request_without_a_slot_id_takes_the_columns_of_its_assignment_in_the_order_of_the_book() -> None:
    assert ANY_AT_NINE.column_ids == (EARLY, CLOSED, LATE)


def test_the_first_column_of_the_book_that_is_free_is_taken() -> None:
    around_nine = [(NINE, NINE + 60)]
    assert column_for_anybody({}) == EARLY
    assert column_for_anybody({EARLY: around_nine}) == LATE
    assert column_for_anybody({EARLY: around_nine, LATE: around_nine}) == BookingReason.SLOT_TAKEN


def test_of_several_columns_the_reason_is_that_of_the_one_that_came_closest() -> None:
    whole_day = [(0, 2**32)]
    assert column_for_anybody({EARLY: whole_day, LATE: whole_day}) == BookingReason.SLOT_TAKEN
    late = at(MONDAY, 8, 30)
    assert column_for_anybody({}, judged_at=late, now=late) == BookingReason.LEAD_TIME_PASSED
    closed_only = replace(ANY_AT_NINE, column_ids=(CLOSED,))
    decision = decide(closed_only, TWO_DENTISTS, NOTHING_TAKEN, TERMS, judged_at=SEVEN, now=SEVEN)
    assert decision == Refuse(BookingReason.SLOT_NOT_OFFERED)


def test_a_full_day_is_told_as_a_slot_that_is_taken() -> None:
    """Refusals tell nothing of how many appointments there are."""
    capped = replace(TERMS, max_appointments_per_day=1)
    decision = decide(WISH, PRACTICE, TakenTime({}, [NINE]), capped, judged_at=SEVEN, now=SEVEN)
    assert decision == Refuse(BookingReason.SLOT_TAKEN)


# --- what the partner wrote --------------------------------------------------------------------

NAME = slot_id(Slot(CHECK_UP, COLUMN, NINE, NINE + 1800))


def test_a_request_whose_repetition_agrees_with_its_slot_id_knows_its_column() -> None:
    assert requested(PRACTICE, NAME, str(CHECK_UP), NINE, declared_new_patient=False) == WISH


@pytest.mark.parametrize(
    ("name", "assignment_id", "start"),
    [(NAME, str(CLEANING), NINE), (NAME, str(CHECK_UP), NINE + 900), ("nonsense", str(CHECK_UP), NINE)],
)
def test_a_request_that_contradicts_its_slot_id_has_no_column(
    name: str, assignment_id: str, start: int
) -> None:
    request = requested(PRACTICE, name, assignment_id, start, declared_new_patient=False)
    assert request == BookingRequest(int(assignment_id), (), start, declared_new_patient=False)


@pytest.mark.parametrize(
    ("assignment_id", "start"),
    [("999", NINE), ("x", NINE), (str(CHECK_UP), 2**36), (str(CHECK_UP), -(2**36))],
)
def test_a_request_for_any_column_of_nothing_or_of_a_time_beyond_all_calendars_has_no_column(
    assignment_id: str, start: int
) -> None:
    request = requested(PRACTICE, None, assignment_id, start, declared_new_patient=False)
    assert request.column_ids == ()
    assert isinstance(judged(request), Refuse)


@pytest.mark.parametrize("assignment_id", ["", "0101", "+101", "101 ", "１０１", "check-up", "9" * 64])
def test_an_assignment_id_in_any_other_spelling_is_unknown(assignment_id: str) -> None:
    request = requested(PRACTICE, NAME, assignment_id, NINE, declared_new_patient=False)
    assert (request.assignment_id, request.column_ids) == (None, ())


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(
        st.none(),
        st.text(max_size=40),
        st.builds("{}-{}-{}".format, st.integers(0), st.integers(0), st.integers(0)),
    ),
    st.sampled_from([str(CHECK_UP), str(NO_LENGTH), "x", "0"]),
    st.integers(-(2**36), 2**38),
)
def test_no_foreign_text_makes_the_judgement_fail(name: str | None, assignment_id: str, start: int) -> None:
    for text, moment in ((name, start), (slot_id(Slot(CHECK_UP, COLUMN, start, 0)), start)):
        wish = requested(PRACTICE, text, assignment_id, moment, declared_new_patient=False)
        decision = judged(wish)
        assert isinstance(decision, Refuse) or wish.column_ids == (COLUMN,)
