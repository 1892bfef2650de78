"""When something last happened for each partner, on both databases."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert

from agent.adapters import tables
from agent.adapters.activity import Activity, activity
from agent.adapters.booking_ledger import SqlBookingLedger
from agent.adapters.database import Connector
from agent.ports import LedgerMessage
from tests.kit.databases import DENTPORT, ZAHNZEIT

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
HOUR, YEAR = timedelta(hours=1), timedelta(days=365)


def test_last_moments_are_the_last_up_to_now_also_after_a_clock_that_was_a_year_ahead(
    connector: Connector,
) -> None:
    moments = (NOW - HOUR, NOW, NOW + YEAR)
    events = ("delivered confirmed", "delivered unconfirmed", "appointment booked", "file imported")
    entries = [(at, event) for at in moments for event in events]
    with connector.writing() as connection:
        for sequence, (at, event) in enumerate(entries, start=1):
            values = {"sequence": sequence, "at": at, "event": event, "partner_id": DENTPORT}
            connection.execute(insert(tables.audit_entry).values(values | {"details": "{}", "mac": "m"}))
        for number, at in enumerate(moments):
            message = LedgerMessage(DENTPORT, f"m{number}", "c", "s", at, None, "r", number, "1:a")
            SqlBookingLedger(connection).add_message(message, [])
    with connector.reading() as connection:
        found = activity(connection, NOW)
        earlier = activity(connection, NOW - HOUR)
    assert found == {DENTPORT: Activity(NOW, NOW, NOW, 3)}
    assert earlier[DENTPORT].delivered_at == NOW - HOUR
    assert ZAHNZEIT not in found
