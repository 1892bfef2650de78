"""What differs from what was told, and the files that tell of it, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from agent.adapters import tables
from agent.adapters.booking_ledger import SqlBookingLedger
from agent.adapters.database import Connector
from agent.adapters.practice_snapshot import SqlPracticeSnapshot
from agent.adapters.update_ledger import SqlUpdateLedger
from agent.errors import DatabaseError
from agent.ports import ChangedAppointment, PartnerAppointment, UpdateMessage
from tests.kit.databases import ANNA, DENTPORT, PROPHYLAXIS, TREATMENT, ZAHNZEIT, add_appointment

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MESSAGE = UpdateMessage(
    message_id="u-1",
    partner_id=DENTPORT,
    sequence=1,
    created_at=NOW,
    audit_head="17:" + "c" * 64,
    lines=tuple(f'{{"line":{number}}}' for number in range(12)),
)


def told(connector: Connector, starts_at: datetime = NOW, **changes: Any) -> PartnerAppointment:
    """An appointment of one hour that came from dentport and stands as the partner knows it."""
    with connector.writing() as connection:
        itself = add_appointment(connection, starts_at, starts_at + HOUR, patient_id=ANNA)
        appointment = PartnerAppointment(
            partner_id=DENTPORT,
            booking_id=f"b-{itself}",
            appointment_id=itself,
            patient_id=ANNA,
            told_status="booked",
            told_column_id=TREATMENT,
            told_starts_at=starts_at,
            told_ends_at=starts_at + HOUR,
        )
        appointment = replace(appointment, **changes)
        SqlBookingLedger(connection).add_appointment(appointment)
    return appointment


def staff_change(connector: Connector, appointment: PartnerAppointment, **values: Any) -> None:
    table = tables.appointment
    with connector.writing() as connection:
        this = table.c.appointment_id == appointment.appointment_id
        connection.execute(update(table).where(this).values(values))


def staff_delete(connector: Connector, appointment: PartnerAppointment) -> None:
    table = tables.appointment
    with connector.writing() as connection:
        connection.execute(delete(table).where(table.c.appointment_id == appointment.appointment_id))


def changed(
    connector: Connector, partner_id: str = DENTPORT, ends_after: datetime = NOW
) -> list[ChangedAppointment]:
    with connector.reading() as connection:
        return SqlPracticeSnapshot(connection).changed_appointments(partner_id, ends_after)


# --- what differs ------------------------------------------------------------------------------


def test_appointment_that_stands_as_told_is_not_among_the_changed(connector: Connector) -> None:
    told(connector)
    assert changed(connector) == []


@pytest.mark.parametrize(
    "values",
    [
        {"column_id": PROPHYLAXIS},
        {"starts_at": NOW - HOUR},
        {"ends_at": NOW + 2 * HOUR},
        {"status": "cancelled"},
    ],
)
def test_appointment_that_staff_changed_comes_with_what_was_told_and_what_stands(
    connector: Connector, values: dict[str, Any]
) -> None:
    appointment = told(connector)
    staff_change(connector, appointment, **values)
    (change,) = changed(connector)
    assert change.told == appointment
    assert change.stands is not None
    assert {name: getattr(change.stands, name) for name in values} == values
    assert (change.stands.appointment_id, change.stands.patient_id) == (appointment.appointment_id, ANNA)


def test_deleted_appointment_comes_with_nothing_that_stands(connector: Connector) -> None:
    appointment = told(connector)
    staff_delete(connector, appointment)
    assert changed(connector) == [ChangedAppointment(appointment, None)]


def test_appointment_booked_again_is_changed_and_one_that_stays_cancelled_is_not(
    connector: Connector,
) -> None:
    again = told(connector, told_status="cancelled")
    off = told(connector, NOW + 2 * HOUR, told_status="cancelled")
    staff_change(connector, off, status="cancelled")
    assert [change.told for change in changed(connector)] == [again]


@pytest.mark.parametrize("status", ["arrived", "fulfilled", "noshow"])
def test_how_a_visit_went_is_no_change(connector: Connector, status: str) -> None:
    staff_change(connector, told(connector), status=status)
    assert changed(connector) == []


def test_change_counts_as_long_as_one_of_the_two_ends_lies_after_the_moment(connector: Connector) -> None:
    brought_forward, put_back, deleted, over = (told(connector, NOW + 3 * n * HOUR) for n in range(4))
    staff_change(connector, brought_forward, starts_at=NOW - 9 * HOUR, ends_at=NOW - 8 * HOUR)
    staff_change(connector, put_back, starts_at=NOW + 20 * HOUR, ends_at=NOW + 21 * HOUR)
    staff_delete(connector, deleted)
    staff_change(connector, over, status="cancelled")

    def ids(ends_after: datetime) -> set[str]:
        return {change.told.booking_id for change in changed(connector, ends_after=ends_after)}

    assert len(ids(NOW)) == 4
    assert ids(NOW + HOUR) == {put_back.booking_id, deleted.booking_id, over.booking_id}
    assert ids(NOW + 7 * HOUR) == {put_back.booking_id, over.booking_id}
    assert ids(NOW + 20 * HOUR) == {put_back.booking_id}
    assert ids(NOW + 21 * HOUR) == set()


def test_change_of_one_partners_appointment_is_not_seen_by_another(connector: Connector) -> None:
    staff_delete(connector, told(connector))
    assert changed(connector, ZAHNZEIT) == []


def test_changed_appointments_come_by_booking_id(connector: Connector) -> None:
    for number, booking_id in enumerate(("b-c", "b-a", "b-b")):
        staff_delete(connector, told(connector, NOW + 2 * number * HOUR, booking_id=booking_id))
    assert [change.told.booking_id for change in changed(connector)] == ["b-a", "b-b", "b-c"]


# --- the files ---------------------------------------------------------------------------------


def test_message_waits_with_its_lines_in_order_until_it_is_published(connector: Connector) -> None:
    with connector.writing() as connection:
        SqlUpdateLedger(connection).add_message(MESSAGE)
    with connector.writing() as connection:
        ledger = SqlUpdateLedger(connection)
        assert ledger.unpublished(DENTPORT) == [MESSAGE]
        ledger.mark_published(MESSAGE.message_id, NOW)
    with connector.writing() as connection:
        assert SqlUpdateLedger(connection).unpublished(DENTPORT) == []


def test_messages_come_by_number_and_each_partner_has_its_own(connector: Connector) -> None:
    later = replace(MESSAGE, message_id="a-2", sequence=10, created_at=NOW - HOUR)
    other = replace(MESSAGE, message_id="u-3", partner_id=ZAHNZEIT)
    with connector.writing() as connection:
        ledger = SqlUpdateLedger(connection)
        for message in (later, other, MESSAGE):
            ledger.add_message(message)
        assert ledger.unpublished(DENTPORT) == [MESSAGE, later]
        ledger.mark_published(MESSAGE.message_id, NOW)
        assert ledger.unpublished(DENTPORT) == [later]
        assert ledger.unpublished(ZAHNZEIT) == [other]


def test_first_moment_of_publishing_is_kept(connector: Connector) -> None:
    with connector.writing() as connection:
        ledger = SqlUpdateLedger(connection)
        ledger.add_message(MESSAGE)
        ledger.mark_published(MESSAGE.message_id, NOW)
        ledger.mark_published(MESSAGE.message_id, NOW + HOUR)
        assert connection.scalar(select(tables.update_message.c.published_at)) == NOW


@pytest.mark.parametrize("second", [{"message_id": "u-2"}, {"sequence": 2}])
def test_message_of_a_number_or_id_in_use_fails_the_whole_transaction(
    connector: Connector, second: dict[str, Any]
) -> None:
    with pytest.raises(DatabaseError), connector.writing() as connection:
        ledger = SqlUpdateLedger(connection)
        ledger.add_message(MESSAGE)
        ledger.add_message(replace(MESSAGE, **second))
    with connector.writing() as connection:
        assert SqlUpdateLedger(connection).unpublished(DENTPORT) == []
