"""What came from the partners, counted by local day, on both databases."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from agent.adapters import tables
from agent.adapters.booking_ledger import SqlBookingLedger
from agent.adapters.database import Connector
from agent.adapters.day_counts import read_day_series
from agent.domain.day_series import DayCounts
from agent.ports import LedgerBooking, LedgerMessage
from exchange_formats.receipts import BookingOutcome, BookingReason
from tests.kit.databases import DENTPORT, ZAHNZEIT

# The clock in Germany went forward on the 28th.
NOW = datetime(2027, 3, 29, 21, 59, tzinfo=UTC)
TODAY = date(2027, 3, 29)
DAY = timedelta(days=1)
PARTNERS = (DENTPORT, ZAHNZEIT)


class Wishes:
    """Decided wishes, each with a booking id of its own."""

    def __init__(self, connection: Connection) -> None:
        self._ledger, self._number = SqlBookingLedger(connection), 0

    def decided(
        self,
        at: datetime,
        reason: BookingReason | None = None,
        *,
        action: str = "book",
        partner_id: str = DENTPORT,
    ) -> None:
        self._number += 1
        booking_id = f"B{self._number}"
        outcome = BookingOutcome(
            booking_id=booking_id,
            revision=1,
            outcome="declined" if reason else "accepted",
            reason=reason,
        )
        self._ledger.add_booking(
            LedgerBooking(partner_id, booking_id, 1, action, "d", outcome.model_dump_json(), at)
        )


def audited(connection: Connection, *entries: tuple[datetime, str, str]) -> None:
    for sequence, (at, event, partner_id) in enumerate(entries, start=1):
        values: dict[str, Any] = {"sequence": sequence, "at": at, "event": event, "partner_id": partner_id}
        connection.execute(insert(tables.audit_entry).values(values | {"details": "{}", "mac": "m"}))


def test_series_has_every_day_and_partner_also_without_anything(connector: Connector) -> None:
    with connector.reading() as connection:
        series = read_day_series(connection, PARTNERS, "Europe/Berlin", NOW)
    assert series.days == tuple(TODAY - number * DAY for number in range(29, -1, -1))
    assert series.partners == {partner_id: (DayCounts(),) * 30 for partner_id in PARTNERS}


def test_wishes_are_counted_by_what_became_of_them_and_by_reason(connector: Connector) -> None:
    with connector.writing() as connection:
        wishes = Wishes(connection)
        for _ in range(3):
            wishes.decided(NOW)
        wishes.decided(NOW, action="cancel")
        wishes.decided(NOW, action="reschedule")
        wishes.decided(NOW, BookingReason.SLOT_TAKEN)
        wishes.decided(NOW, BookingReason.SLOT_TAKEN, action="reschedule")
        wishes.decided(NOW, BookingReason.UNKNOWN_APPOINTMENT, action="cancel")
        wishes.decided(NOW, partner_id=ZAHNZEIT)
        wishes.decided(NOW, partner_id="not-asked-for")
    with connector.reading() as connection:
        series = read_day_series(connection, PARTNERS, "Europe/Berlin", NOW)
    declined = {"slot_taken": 2, "unknown_appointment": 1}
    assert series.partners[DENTPORT][-1] == DayCounts(3, 1, 1, declined)
    assert series.partners[ZAHNZEIT][-1] == DayCounts(1)
    assert set(series.partners) == set(PARTNERS)


def test_day_is_that_of_the_clock_on_the_wall_also_where_the_clock_changes(connector: Connector) -> None:
    moments = {
        datetime(2027, 3, 29, 22, 0, tzinfo=UTC): None,  # tomorrow: by a clock that was ahead
        datetime(2027, 3, 28, 22, 0, tzinfo=UTC): TODAY,
        datetime(2027, 3, 28, 21, 59, 59, tzinfo=UTC): TODAY - DAY,
        datetime(2027, 3, 27, 23, 0, tzinfo=UTC): TODAY - DAY,
        datetime(2027, 3, 27, 22, 59, 59, tzinfo=UTC): TODAY - 2 * DAY,
        datetime(2027, 2, 27, 23, 0, tzinfo=UTC): TODAY - 29 * DAY,
        datetime(2027, 2, 27, 22, 59, 59, tzinfo=UTC): None,
    }
    with connector.writing() as connection:
        wishes = Wishes(connection)
        for at in moments:
            wishes.decided(at)
        audited(connection, *((at, "file quarantined", DENTPORT) for at in moments))
    with connector.reading() as connection:
        series = read_day_series(connection, PARTNERS, "Europe/Berlin", NOW)
    counted = dict(zip(series.days, series.partners[DENTPORT], strict=True))
    expected = Counter(day for day in moments.values() if day is not None)
    assert {day: counts for day, counts in counted.items() if counts != DayCounts()} == {
        day: DayCounts(accepted=number, set_aside=number) for day, number in expected.items()
    }


def test_time_zone_off_by_three_quarters_of_an_hour_has_its_days_too(connector: Connector) -> None:
    midnight_in_kathmandu = datetime(2027, 3, 28, 18, 15, tzinfo=UTC)
    with connector.writing() as connection:
        wishes = Wishes(connection)
        wishes.decided(midnight_in_kathmandu)
        wishes.decided(midnight_in_kathmandu - timedelta(seconds=1), BookingReason.SLOT_TAKEN)
    with connector.reading() as connection:
        now = midnight_in_kathmandu + timedelta(hours=1)
        series = read_day_series(connection, PARTNERS, "Asia/Kathmandu", now)
    assert series.partners[DENTPORT][-2:] == (DayCounts(declined={"slot_taken": 1}), DayCounts(accepted=1))


def test_files_set_aside_are_counted_whoever_signed_them(connector: Connector) -> None:
    with connector.writing() as connection:
        audited(
            connection,
            (NOW, "file quarantined", DENTPORT),
            (NOW, "file refused", DENTPORT),
            (NOW, "file imported", DENTPORT),
            (NOW, "file refused", ZAHNZEIT),
        )
    with connector.reading() as connection:
        series = read_day_series(connection, PARTNERS, "Europe/Berlin", NOW)
    assert [series.partners[partner_id][-1].set_aside for partner_id in PARTNERS] == [2, 1]


def test_latency_is_the_time_from_arrival_to_import_of_files_whose_arrival_is_known(
    connector: Connector,
) -> None:
    took = [1] * 10 + [4] * 8 + [90, 600]
    with connector.writing() as connection:
        for number, seconds in enumerate([*took, None, -3]):
            arrived_at = None if seconds is None else NOW - timedelta(seconds=seconds)
            partner_id = DENTPORT if number < len(took) else ZAHNZEIT
            message = LedgerMessage(
                partner_id, f"m{number}", "c", "s", NOW, None, "r", number, "1:a", arrived_at
            )
            SqlBookingLedger(connection).add_message(message, [])
    with connector.reading() as connection:
        series = read_day_series(connection, PARTNERS, "Europe/Berlin", NOW)
    today = series.partners[DENTPORT][-1]
    assert (today.latency_median_seconds, today.latency_p95_seconds) == (1, 90)
    # The one had no known arrival, the other came by a sender's clock that was ahead.
    assert series.partners[ZAHNZEIT][-1] == DayCounts(latency_median_seconds=0, latency_p95_seconds=0)
    assert series.partners[DENTPORT][-2].latency_median_seconds is None
