"""What is held and what it is compared with, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from agent.adapters.booking_ledger import SqlBookingLedger
from agent.adapters.database import Connector
from agent.adapters.hold_ledger import SqlHoldLedger
from agent.domain.sudden_change import Change, Sign
from agent.ports import GoodState, Hold, LedgerBooking
from exchange_formats.receipts import BookingOutcome, BookingReason
from tests.kit.databases import DENTPORT, ZAHNZEIT

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOLD = Hold(
    partner_id=DENTPORT,
    kind="availability",
    held_at=NOW,
    changes=(Change(Sign.SLOTS_LOST, 1200, 900), Change(Sign.TAKEN_MINUTES_LOST, 5000, 5000)),
)


def test_hold_is_kept_per_partner_and_kind_replaced_and_ended(connector: Connector) -> None:
    others = [replace(HOLD, kind="bookings"), replace(HOLD, partner_id=ZAHNZEIT)]
    released = replace(HOLD, released_at=NOW + HOUR, changes=HOLD.changes[:1])
    with connector.writing() as connection:
        ledger = SqlHoldLedger(connection)
        for hold in (HOLD, *others, released):
            ledger.put(hold)
    with connector.writing() as connection:
        ledger = SqlHoldLedger(connection)
        assert ledger.held(DENTPORT, "availability") == released
        assert ledger.all_held() == [released, *others]
        ledger.end(DENTPORT, "availability")
        ledger.end(DENTPORT, "availability")
        assert ledger.held(DENTPORT, "availability") is None
        assert ledger.all_held() == others


def test_good_state_is_the_last_one_kept_with_its_numbers(connector: Connector) -> None:
    first = GoodState(NOW, {"slots": {"2027-03-02": 40}, "terms": "15/None"})
    last = GoodState(NOW + HOUR, {"slots": {}, "terms": "30/5"})
    with connector.writing() as connection:
        ledger = SqlHoldLedger(connection)
        assert ledger.good_state(DENTPORT, "availability") is None
        ledger.keep_good_state(DENTPORT, "availability", first)
        assert ledger.good_state(DENTPORT, "availability") == first
        ledger.keep_good_state(DENTPORT, "availability", last)
    with connector.writing() as connection:
        ledger = SqlHoldLedger(connection)
        assert ledger.good_state(DENTPORT, "availability") == last
        assert ledger.good_state(ZAHNZEIT, "availability") is None
        assert ledger.good_state(DENTPORT, "patients") is None


def test_accepted_revisions_are_counted_by_action_since_a_moment_for_one_partner(
    connector: Connector,
) -> None:
    answers = [
        (DENTPORT, "book", "accepted", NOW + HOUR),
        (DENTPORT, "book", "accepted", NOW + 2 * HOUR),
        (DENTPORT, "book", "accepted", NOW),
        (DENTPORT, "book", "declined", NOW + HOUR),
        (DENTPORT, "cancel", "accepted", NOW + HOUR),
        (ZAHNZEIT, "cancel", "accepted", NOW + HOUR),
    ]
    with connector.writing() as connection:
        ledger = SqlBookingLedger(connection)
        for number, (partner_id, action, outcome, decided_at) in enumerate(answers):
            reason = BookingReason.SLOT_TAKEN if outcome == "declined" else None
            told = BookingOutcome(booking_id=f"b-{number}", revision=1, outcome=outcome, reason=reason)
            ledger.add_booking(
                LedgerBooking(
                    partner_id, told.booking_id, 1, action, "d" * 64, told.model_dump_json(), decided_at
                )
            )
        assert ledger.accepted_since(DENTPORT, NOW) == {"book": 2, "cancel": 1}
        assert ledger.accepted_since(ZAHNZEIT, NOW + HOUR) == {}
