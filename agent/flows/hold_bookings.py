"""Hold bookings: a partner that books or cancels en masse is not answered until somebody has looked.

A step of `agent.flows.receive`. A file is judged before it takes effect,
together with what was accepted from the partner within a day and what waits
before it. Held files stay where they wait, in their order, and so do all
bookings behind them; nothing is refused, and other partners go on.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from agent.domain.booking_life import BOOK, CANCEL, RESCHEDULE
from agent.domain.intervals import instant
from agent.domain.sudden_change import Change, Limits, Sign, covers, excessive
from agent.errors import SuddenChangeError
from agent.flows.hold import end_hold, hold_or_pass
from agent.flows.lane import Lane, PracticeSide
from agent.ports import GoodState, Hold, PracticeSnapshot, WriteTransaction
from exchange_formats.bookings import BookingRecord, CancelRecord, RescheduleRecord
from exchange_formats.codec import BookingDocument
from exchange_formats.envelope import Kind

KIND = Kind.BOOKINGS.value
WITHIN = timedelta(days=1)
AHEAD = timedelta(days=3650)
MOST_LOOKED_AT = 40
"""Held files of a lane that one sweep opens, to count them: a flood must not keep others waiting (P8)."""


Line = tuple[str, int]
"""Booking id and revision: a line that comes twice, in a file that is sent again, is one wish."""


class Wishes(NamedTuple):
    """The lines that ask for something new."""

    bookings: frozenset[Line] = frozenset()
    changes: frozenset[Line] = frozenset()

    def and_these(self, other: "Wishes") -> "Wishes":
        return Wishes(self.bookings | other.bookings, self.changes | other.changes)


class WishesHeldError(SuddenChangeError):
    """This file waits; nothing of it has taken effect."""

    def __init__(self, wishes: Wishes) -> None:
        super().__init__("a bookings file is held")
        self.wishes = wishes


class BookingsGate:
    """One sweep's look at what a lane's bookings files would change."""

    def __init__(self) -> None:
        self._waiting: Wishes | None = None
        self._files = 0
        self._knows_a_hold = False

    @property
    def has_seen_enough(self) -> bool:
        return self._files >= MOST_LOOKED_AT

    def require_believable(
        self, lane: Lane, work: WriteTransaction, document: BookingDocument, now: datetime
    ) -> None:
        """Raises WishesHeldError if the file would change too much, or if one before it waits."""
        hold = work.holds.held(lane.partner_id, KIND)
        self._knows_a_hold = self._knows_a_hold or hold is not None
        if self._waiting is None:
            every = _wishes(lane, document)
            if _may_go(lane, work, hold, every, now):
                return
        new = _wishes(lane, document, work)
        if self._waiting is None and _may_go(lane, work, hold, new, now):
            return
        raise WishesHeldError(new)

    def add_waiting(self, wishes: Wishes) -> None:
        self._waiting = (self._waiting or Wishes()).and_these(wishes)
        self._files += 1

    def settle(self, practice: PracticeSide, lane: Lane) -> Hold | None:
        """At the end of the sweep: write down what waits now, or that nothing does any more."""
        if self._waiting is None and not self._knows_a_hold:
            return None
        with practice.database.write() as work:
            now, known = practice.clock(), work.holds.held(lane.partner_id, KIND)
            if self._waiting is not None:
                found = _too_much(lane, work, self._waiting, now)
                return hold_or_pass(work, lane.partner_id, KIND, found, now)
            if known and known.released_at:
                # From here on it is counted anew, or the next single booking would be too much again.
                work.holds.keep_good_state(lane.partner_id, KIND, GoodState(now, {}))
            end_hold(work, lane.partner_id, KIND, now)
        return None


def standing_appointments(snapshot: PracticeSnapshot, partner_id: str, now: datetime) -> int:
    """Of the partner, ahead, and not cancelled."""
    return len(snapshot.booked_starts(partner_id, (instant(now), instant(now + AHEAD))))


def _may_go(lane: Lane, work: WriteTransaction, hold: Hold | None, wishes: Wishes, now: datetime) -> bool:
    found = _too_much(lane, work, wishes, now)
    released = hold is not None and hold.released_at is not None
    return not found or (hold is not None and released and covers(hold.changes, found))


def _too_much(lane: Lane, work: WriteTransaction, wishes: Wishes, now: datetime) -> tuple[Change, ...]:
    good = work.holds.good_state(lane.partner_id, KIND)
    since = max(now - WITHIN, good.recorded_at) if good else now - WITHIN
    accepted = work.ledger.accepted_since(lane.partner_id, since)
    booked, cancelled = accepted.get(BOOK, 0), accepted.get(CANCEL, 0)
    bookings = booked + len(wishes.bookings)
    changes = cancelled + accepted.get(RESCHEDULE, 0) + len(wishes.changes)
    if not _is_many(lane.limits, {Sign.BOOKINGS: bookings, Sign.CANCELLATIONS: changes}):
        return ()
    standing = standing_appointments(work.snapshot, lane.partner_id, now)
    found = (
        Change(Sign.BOOKINGS, max(standing - booked, 0), bookings),
        Change(Sign.CANCELLATIONS, standing + cancelled, changes),
    )
    return excessive(found, lane.limits)


def _is_many(limits: Limits, amounts: Mapping[Sign, int]) -> bool:
    """Asked first: counting the appointments that stand is the dearer question, and rarely needed."""
    return any(amount >= limits[sign].at_least for sign, amount in amounts.items())


def _wishes(lane: Lane, document: BookingDocument, work: WriteTransaction | None = None) -> Wishes:
    """What the file asks for and the partner may; with the ledger without what was answered before."""
    bookings: set[Line] = set()
    changes: set[Line] = set()
    for record in document.records:
        if not _may_ask(lane, record) or (work is not None and _is_answered(lane, work, record)):
            continue
        chosen = bookings if isinstance(record, BookingRecord) else changes
        chosen.add((record.booking_id, record.revision))
    return Wishes(frozenset(bookings), frozenset(changes))


def _may_ask(lane: Lane, record: BookingRecord | CancelRecord | RescheduleRecord) -> bool:
    if isinstance(record, BookingRecord):
        return True
    return lane.may_cancel if isinstance(record, CancelRecord) else lane.may_reschedule


def _is_answered(
    lane: Lane, work: WriteTransaction, record: BookingRecord | CancelRecord | RescheduleRecord
) -> bool:
    answered = work.ledger.revisions(lane.partner_id, record.booking_id, record.revision)
    return any(one.revision == record.revision for one in answered)
