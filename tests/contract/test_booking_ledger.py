"""The memory of exactly-once, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.adapters.booking_ledger import SqlBookingLedger
from agent.adapters.database import Connector
from agent.errors import DatabaseError
from agent.ports import LedgerBooking, LedgerMessage, PartnerAppointment

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
MESSAGE = LedgerMessage(
    partner_id="dentport",
    message_id="m-1",
    content_sha256="a" * 64,
    sealed_sha256="b" * 64,
    received_at=NOW,
    in_reply_to=None,
    receipt_id="r-1",
    receipt_sequence=7,
    audit_head="17:" + "c" * 64,
)
BOOKING = LedgerBooking(
    partner_id="dentport",
    booking_id="b-1",
    revision=1,
    action="book",
    content_sha256="d" * 64,
    record='{"outcome":"booked","note":"ü"}',
    decided_at=NOW,
)
APPOINTMENT = PartnerAppointment(
    partner_id="dentport",
    booking_id="b-1",
    appointment_id=4,
    patient_id=9,
    told_status="booked",
    told_column_id=1,
    told_starts_at=NOW,
    told_ends_at=NOW + timedelta(minutes=30),
)


def test_message_that_was_never_added_is_none(connector: Connector) -> None:
    with connector.writing() as connection:
        ledger = SqlBookingLedger(connection)
        assert ledger.message("dentport", "m-1") is None
        assert ledger.receipt_lines("dentport", "m-1") == []


def test_message_added_is_found_again_with_its_lines_in_order(connector: Connector) -> None:
    lines = [f'{{"line":{number}}}' for number in range(12)]
    with connector.writing() as connection:
        SqlBookingLedger(connection).add_message(MESSAGE, lines)
    with connector.reading() as connection:
        ledger = SqlBookingLedger(connection)
        assert ledger.message("dentport", "m-1") == MESSAGE
        assert ledger.receipt_lines("dentport", "m-1") == lines


def test_message_of_another_partner_under_the_same_id_is_another_message(connector: Connector) -> None:
    other = replace(MESSAGE, partner_id="zahnzeit", receipt_id="r-2", in_reply_to="m-0")
    with connector.writing() as connection:
        ledger = SqlBookingLedger(connection)
        ledger.add_message(MESSAGE, ["1"])
        assert ledger.message("zahnzeit", "m-1") is None
        ledger.add_message(other, [])
        assert (ledger.message("zahnzeit", "m-1"), ledger.receipt_lines("zahnzeit", "m-1")) == (other, [])


def test_message_added_twice_fails_the_whole_transaction(connector: Connector) -> None:
    with connector.writing() as connection:
        SqlBookingLedger(connection).add_message(MESSAGE, ["first"])
    with pytest.raises(DatabaseError), connector.writing() as connection:
        ledger = SqlBookingLedger(connection)
        ledger.add_booking(BOOKING)
        ledger.add_message(replace(MESSAGE, receipt_id="r-2"), ["second"])
    with connector.reading() as connection:
        ledger = SqlBookingLedger(connection)
        assert ledger.message("dentport", "m-1") == MESSAGE
        assert ledger.receipt_lines("dentport", "m-1") == ["first"]
        assert ledger.revisions("dentport", "b-1", 1) == []


def test_a_revision_comes_with_the_highest_of_its_booking_and_from_its_partner_alone(
    connector: Connector,
) -> None:
    third, second = (replace(BOOKING, revision=number, action="reschedule") for number in (3, 2))
    with connector.writing() as connection:
        ledger = SqlBookingLedger(connection)
        for booking in (third, BOOKING, second, replace(BOOKING, partner_id="zahnzeit", revision=4)):
            ledger.add_booking(booking)
    with connector.reading() as connection:
        ledger = SqlBookingLedger(connection)
        assert ledger.revisions("dentport", "b-1", 1) == [BOOKING, third]
        assert ledger.revisions("dentport", "b-1", 3) == [third]
        assert ledger.revisions("dentport", "b-1", 4) == [third]
        assert ledger.revisions("dentport", "b-2", 1) == []


def test_cancellations_of_a_booking_come_in_their_order_and_from_its_partner_alone(
    connector: Connector,
) -> None:
    third, second = (replace(BOOKING, revision=number, action="cancel") for number in (3, 2))
    with connector.writing() as connection:
        ledger = SqlBookingLedger(connection)
        for booking in (third, BOOKING, second, replace(second, partner_id="zahnzeit")):
            ledger.add_booking(booking)
    with connector.reading() as connection:
        ledger = SqlBookingLedger(connection)
        assert ledger.cancellations("dentport", "b-1") == [second, third]
        assert ledger.cancellations("dentport", "b-2") == []


def test_appointment_of_a_booking_is_its_partners_alone(connector: Connector) -> None:
    with connector.writing() as connection:
        ledger = SqlBookingLedger(connection)
        ledger.add_appointment(APPOINTMENT)
        assert ledger.appointment("dentport", "b-1") == APPOINTMENT
        assert ledger.appointment("zahnzeit", "b-1") is None
        assert ledger.appointment("dentport", "b-2") is None


def test_telling_an_appointment_changes_what_is_told_of_this_one_and_nothing_else(
    connector: Connector,
) -> None:
    other = replace(APPOINTMENT, booking_id="b-2", appointment_id=5)
    told = replace(
        APPOINTMENT,
        told_status="cancelled",
        told_column_id=2,
        told_starts_at=NOW + timedelta(days=1),
        told_ends_at=NOW + timedelta(days=1, minutes=30),
    )
    with connector.writing() as connection:
        ledger = SqlBookingLedger(connection)
        ledger.add_appointment(APPOINTMENT)
        ledger.add_appointment(other)
        ledger.tell_appointment(told)
        assert ledger.appointment("dentport", "b-1") == told
        assert ledger.appointment("dentport", "b-2") == other


def test_appointment_added_twice_is_refused(connector: Connector) -> None:
    with pytest.raises(DatabaseError), connector.writing() as connection:
        ledger = SqlBookingLedger(connection)
        ledger.add_appointment(APPOINTMENT)
        ledger.add_appointment(replace(APPOINTMENT, booking_id="b-2"))


def test_booking_added_twice_is_refused(connector: Connector) -> None:
    with pytest.raises(DatabaseError), connector.writing() as connection:
        ledger = SqlBookingLedger(connection)
        ledger.add_booking(BOOKING)
        ledger.add_booking(replace(BOOKING, record="{}"))
