"""What earlier revisions of a booking say about a new one (reading A10)."""

from typing import Literal

import pytest

from agent.domain.booking_life import AnsweredRevision, revision_refusal
from exchange_formats.receipts import BookingOutcome, BookingReason


def answered(
    revision: int,
    action: str,
    outcome: Literal["accepted", "declined"] = "accepted",
    reason: BookingReason | None = None,
) -> AnsweredRevision:
    told = BookingOutcome(booking_id="b-1", revision=revision, outcome=outcome, reason=reason)
    return AnsweredRevision(revision, action, told)


TOMBSTONE = answered(2, "cancel", "declined", BookingReason.UNKNOWN_APPOINTMENT)


@pytest.mark.parametrize("action", ["book", "cancel", "reschedule"])
def test_first_revision_is_not_refused(action: str) -> None:
    assert revision_refusal(1, action, [], has_appointment=False) is None


@pytest.mark.parametrize("action", ["book", "cancel", "reschedule"])
def test_lower_revision_than_one_answered_is_stale_whatever_it_asks(action: str) -> None:
    earlier = [answered(1, "book"), answered(3, "reschedule", "declined", BookingReason.SLOT_TAKEN)]
    assert revision_refusal(2, action, earlier, has_appointment=True) is BookingReason.STALE_REVISION


def test_late_book_behind_its_cancellation_is_stale() -> None:
    assert revision_refusal(1, "book", [TOMBSTONE], has_appointment=False) is BookingReason.STALE_REVISION


def test_new_book_of_a_booking_whose_cancellation_came_first_is_a_conflict() -> None:
    assert revision_refusal(3, "book", [TOMBSTONE], has_appointment=False) is BookingReason.CONFLICT


def test_new_book_of_a_cancelled_booking_is_a_conflict() -> None:
    earlier = [answered(1, "book"), answered(2, "cancel")]
    assert revision_refusal(3, "book", earlier, has_appointment=True) is BookingReason.CONFLICT


def test_second_book_of_a_booking_that_has_an_appointment_is_a_conflict() -> None:
    earlier = [answered(1, "book")]
    assert revision_refusal(2, "book", earlier, has_appointment=True) is BookingReason.CONFLICT


@pytest.mark.parametrize(
    "reason",
    [
        BookingReason.ACTION_NOT_PERMITTED,
        BookingReason.APPOINTMENT_CLOSED,
        BookingReason.STALE_REVISION,
        BookingReason.CONFLICT,
    ],
)
def test_cancellation_that_was_refused_does_not_finish_the_booking(reason: BookingReason) -> None:
    earlier = [answered(1, "cancel", "declined", reason)]
    assert revision_refusal(2, "book", earlier, has_appointment=False) is None


def test_book_after_a_declined_book_is_decided_anew() -> None:
    earlier = [answered(1, "book", "declined", BookingReason.SLOT_TAKEN)]
    assert revision_refusal(2, "book", earlier, has_appointment=False) is None


@pytest.mark.parametrize("action", ["cancel", "reschedule"])
def test_change_of_a_standing_appointment_is_for_the_appointment_itself_to_judge(action: str) -> None:
    assert revision_refusal(2, action, [answered(1, "book")], has_appointment=True) is None
