"""Where a booking stands in its life: what its earlier revisions say about a new one (reading A10).

A partner's files may be repeated, late, or in another order than they were
written. The revision is the partner's own clock: the highest one answered is
the newest that holds, and a cancellation ends the booking for good, also one
that came before the booking it cancels.
"""

from collections.abc import Iterable
from typing import NamedTuple

from exchange_formats.receipts import BookingOutcome, BookingReason

BOOK, CANCEL, RESCHEDULE = "book", "cancel", "reschedule"


class AnsweredRevision(NamedTuple):
    """A revision of the booking that has its answer."""

    revision: int
    action: str
    outcome: BookingOutcome


def revision_refusal(
    revision: int, action: str, answered: Iterable[AnsweredRevision], *, has_appointment: bool
) -> BookingReason | None:
    """Why a revision that was not answered before is refused without a look at the book; None: it is not.

    `answered` hold the highest revision, and for a booking that led to no
    appointment every cancellation; more do no harm.
    `has_appointment` says whether the booking ever led to one. Cancelling
    and moving what is cancelled is judged by the appointment itself.
    """
    earlier = list(answered)
    if any(one.revision > revision for one in earlier):
        return BookingReason.STALE_REVISION
    if action == BOOK and (has_appointment or any(_finishes(one) for one in earlier)):
        return BookingReason.CONFLICT
    return None


def _finishes(answered: AnsweredRevision) -> bool:
    """A cancellation that was carried out, or that found nothing yet to cancel."""
    return answered.action == CANCEL and (
        answered.outcome.outcome == "accepted" or answered.outcome.reason is BookingReason.UNKNOWN_APPOINTMENT
    )
