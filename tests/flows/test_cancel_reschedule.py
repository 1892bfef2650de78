"""Cancelling and moving: only what the partner booked itself; the old time stands until the new one (A10)."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from agent.adapters import tables
from agent.clock import utc_now
from agent.domain.availability import Slot
from agent.domain.documents import instant_text
from agent.domain.intervals import utc_datetime
from exchange_formats.receipts import BookingOutcome, BookingReason
from tests.flows.card_index import add_patient, change_appointment, delete_appointment, take_slot
from tests.flows.evidence import appointment_of, practice_rows, values
from tests.flows.outages import wait_for_a_lock
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, ZAHNZEIT, Stage

APPOINTMENT = tables.appointment.c


def otv_user(stage: Stage) -> int:
    staff = tables.staff_member.c
    (author,) = values(stage.house.connector, staff.staff_id, staff.login_name == "otv")
    return int(author)


def two_slots(stage: Stage) -> tuple[Slot, Slot]:
    """Two of one assignment, for a move from one to the other."""
    seen: dict[int, Slot] = {}
    while True:
        slot = stage.slot()
        if slot.assignment_id in seen:
            return seen[slot.assignment_id], slot
        seen[slot.assignment_id] = slot


def declined_as(outcome: BookingOutcome, reason: BookingReason) -> None:
    assert (outcome.outcome, outcome.reason, outcome.appointment_status) == ("declined", reason, None)


# --- cancel --------------------------------------------------------------------------------------


def test_cancelled_appointment_stays_in_the_book_with_who_when_and_why(stage: Stage) -> None:
    booking = stage.booking()
    stage.send(booking)
    before = utc_now()
    outcome = stage.send(stage.cancel(booking)).outcome
    assert (outcome.outcome, outcome.appointment_status, outcome.revision) == ("accepted", "cancelled", 2)
    stands = appointment_of(stage, booking.booking_id)
    assert (stands.status, stands.cancelled_by, stands.cancellation_reason) == (
        "cancelled", otv_user(stage), "pat"
    )  # fmt: skip
    assert before <= stands.cancelled_at <= utc_now()
    assert (stands.changed_by, stands.changed_at) == (stands.cancelled_by, stands.cancelled_at)


def test_time_of_a_cancelled_appointment_can_be_booked_again(stage: Stage) -> None:
    slot = stage.slot()
    booking = stage.booking(slot=slot)
    stage.send(booking)
    stage.send(stage.cancel(booking))
    assert stage.send(stage.booking(slot=slot)).outcome.outcome == "accepted"


def test_cancellation_repeated_gets_its_first_answer_and_has_no_second_effect(stage: Stage) -> None:
    booking = stage.booking()
    cancel = stage.cancel(booking)
    stage.send(booking)
    first = stage.send(cancel).outcome
    before = practice_rows(stage.house.connector)
    assert stage.send(cancel).outcome == first
    assert practice_rows(stage.house.connector) == before


@ON_SQLITE_ALONE
def test_cancellation_of_the_same_revision_with_other_content_is_a_conflict(stage: Stage) -> None:
    booking = stage.booking()
    stage.send(booking)
    stage.send(stage.cancel(booking))
    declined_as(
        stage.send(stage.cancel(booking, cancellation_reason="other")).outcome, BookingReason.CONFLICT
    )


@ON_SQLITE_ALONE
def test_cancelling_again_by_a_higher_revision_is_accepted_and_changes_nothing(stage: Stage) -> None:
    booking = stage.booking()
    stage.send(booking)
    stage.send(stage.cancel(booking))
    before = practice_rows(stage.house.connector)
    outcome = stage.send(stage.cancel(booking, revision=3)).outcome
    assert (outcome.outcome, outcome.appointment_status) == ("accepted", "cancelled")
    assert practice_rows(stage.house.connector) == before


@ON_SQLITE_ALONE
@pytest.mark.parametrize("deleted", [False, True])
def test_cancelling_what_staff_cancelled_or_deleted_already_is_accepted(stage: Stage, deleted: bool) -> None:
    booking = stage.booking()
    stage.send(booking)
    if deleted:
        delete_appointment(stage.house.connector, booking.booking_id)
    else:
        change_appointment(stage.house.connector, booking.booking_id, status="cancelled")
    before = practice_rows(stage.house.connector)
    outcome = stage.send(stage.cancel(booking)).outcome
    assert (outcome.outcome, outcome.appointment_status) == ("accepted", "cancelled")
    assert practice_rows(stage.house.connector) == before


def test_book_that_comes_after_its_cancellation_is_refused(stage: Stage) -> None:
    booking = stage.booking()
    declined_as(stage.send(stage.cancel(booking)).outcome, BookingReason.UNKNOWN_APPOINTMENT)
    before = practice_rows(stage.house.connector)
    declined_as(stage.send(booking).outcome, BookingReason.STALE_REVISION)
    again = stage.booking(booking.patient, booking_id=booking.booking_id, revision=3)
    declined_as(stage.send(again).outcome, BookingReason.CONFLICT)
    assert practice_rows(stage.house.connector) == before


@ON_SQLITE_ALONE
def test_book_and_cancellation_in_one_file_are_worked_off_in_their_order(stage: Stage) -> None:
    booking = stage.booking()
    booked, cancelled = stage.send(booking, stage.cancel(booking)).outcomes
    assert (booked.appointment_status, cancelled.appointment_status) == ("booked", "cancelled")
    assert appointment_of(stage, booking.booking_id).status == "cancelled"


def test_appointment_of_the_other_partner_reads_as_one_that_does_not_exist(stage: Stage) -> None:
    booking, slot = stage.booking(), stage.slot()
    stage.send(booking)
    before = practice_rows(stage.house.connector)
    nobodys = stage.booking()
    for foreign, missing in (
        (stage.cancel(booking), stage.cancel(nobodys)),
        (stage.reschedule(booking, slot, revision=3), stage.reschedule(nobodys, slot, revision=3)),
    ):
        answers = [stage.send(one, partner_id=ZAHNZEIT).outcome for one in (foreign, missing)]
        declined_as(answers[0], BookingReason.UNKNOWN_APPOINTMENT)
        assert answers[0] == answers[1].model_copy(update={"booking_id": foreign.booking_id})
    assert practice_rows(stage.house.connector) == before


@ON_SQLITE_ALONE
@pytest.mark.parametrize("status", ["arrived", "fulfilled", "noshow"])
def test_appointment_that_has_happened_is_closed_to_the_partner(stage: Stage, status: str) -> None:
    booking = stage.booking()
    stage.send(booking)
    change_appointment(stage.house.connector, booking.booking_id, status=status)
    declined_as(stage.send(stage.cancel(booking)).outcome, BookingReason.APPOINTMENT_CLOSED)
    moved = stage.reschedule(booking, stage.slot(), revision=3)
    declined_as(stage.send(moved).outcome, BookingReason.APPOINTMENT_CLOSED)
    assert appointment_of(stage, booking.booking_id).status == status


@ON_SQLITE_ALONE
def test_appointment_that_has_begun_is_closed_to_the_partner(stage: Stage) -> None:
    booking = stage.booking()
    stage.send(booking)
    begun = utc_now() - timedelta(minutes=1)
    change_appointment(stage.house.connector, booking.booking_id, starts_at=begun, exclusive=False)
    declined_as(stage.send(stage.cancel(booking)).outcome, BookingReason.APPOINTMENT_CLOSED)
    change_appointment(stage.house.connector, booking.booking_id, starts_at=begun + timedelta(minutes=20))
    assert stage.send(stage.cancel(booking, revision=3)).outcome.appointment_status == "cancelled"


@ON_SQLITE_ALONE
def test_actions_that_the_practice_switched_off_are_not_permitted_whatever_stands(stage: Stage) -> None:
    booking = stage.booking()
    stage.send(booking)
    before = practice_rows(stage.house.connector)
    with stage.agent_with(dentport={"may_cancel": False, "may_reschedule": False}):
        for wish in (
            stage.cancel(booking),
            stage.reschedule(booking, stage.slot(), revision=3),
            stage.cancel(stage.booking()),
        ):
            declined_as(stage.send(wish).outcome, BookingReason.ACTION_NOT_PERMITTED)
    assert practice_rows(stage.house.connector) == before
    # Not permitted then is not finished for ever.
    assert stage.send(stage.cancel(booking, revision=4)).outcome.appointment_status == "cancelled"


# --- reschedule ----------------------------------------------------------------------------------


def test_rescheduled_appointment_is_the_same_one_at_its_new_time(stage: Stage) -> None:
    old, new = two_slots(stage)
    booking = stage.booking(slot=old)
    stage.send(booking)
    itself = appointment_of(stage, booking.booking_id)
    outcome = stage.send(stage.reschedule(booking, new)).outcome
    assert (outcome.outcome, outcome.appointment_status, outcome.column_id) == (
        "accepted", "booked", str(new.column_id)
    )  # fmt: skip
    assert (outcome.starts_at, outcome.ends_at) == (instant_text(new.start), instant_text(new.end))
    assert outcome.patient_id is None
    stands = appointment_of(stage, booking.booking_id)
    assert (stands.appointment_id, stands.patient_id) == (itself.appointment_id, itself.patient_id)
    assert (stands.column_id, stands.starts_at, stands.ends_at) == (
        new.column_id, utc_datetime(new.start), utc_datetime(new.end)
    )  # fmt: skip
    assert (stands.created_by, stands.created_at) == (itself.created_by, itself.created_at)
    assert stage.send(stage.booking(slot=old)).outcome.outcome == "accepted"


def test_reschedule_to_a_taken_time_is_refused_with_alternatives_and_the_old_one_stands(
    stage: Stage,
) -> None:
    old, taken = two_slots(stage)
    booking = stage.booking(slot=old)
    stage.send(booking)
    stage.send(stage.booking(slot=taken))
    before = practice_rows(stage.house.connector)
    outcome = stage.send(stage.reschedule(booking, taken)).outcome
    declined_as(outcome, BookingReason.SLOT_TAKEN)
    assert 1 <= len(outcome.alternatives) <= 3
    assert practice_rows(stage.house.connector) == before


@pytest.mark.parametrize("furnished_stage", ["postgresql"], indirect=True)
def test_reschedule_that_staff_beat_to_the_time_is_refused_and_the_old_one_stands(stage: Stage) -> None:
    """On PostgreSQL alone: on SQLite the reception and the agent never write at the same moment."""
    old, new = two_slots(stage)
    booking = stage.booking(slot=old)
    stage.send(booking)
    inserted = threading.Event()

    def reception() -> None:
        with stage.house.connector._engine.connect() as connection:
            take_slot(connection, new)
            inserted.set()
            wait_for_a_lock(stage.house.connector)
            connection.commit()

    thread = threading.Thread(target=reception)
    thread.start()
    assert inserted.wait(10)
    outcome = stage.send(stage.reschedule(booking, new)).outcome
    thread.join()
    declined_as(outcome, BookingReason.SLOT_TAKEN)
    assert appointment_of(stage, booking.booking_id).starts_at == utc_datetime(old.start)


@ON_SQLITE_ALONE
def test_reschedule_by_less_than_its_own_length_does_not_meet_itself(stage: Stage) -> None:
    grid = stage.agent.lane(DENTPORT).terms.grid_minutes * 60
    slot = stage.slot()
    booking = stage.booking(slot=slot)
    stage.send(booking)
    near = slot._replace(start=slot.start + grid, end=slot.end + grid)
    there = stage.send(stage.reschedule(booking, near)).outcome
    back = stage.send(stage.reschedule(booking, slot, revision=3)).outcome
    assert (there.outcome, back.outcome) == ("accepted", "accepted")


@ON_SQLITE_ALONE
def test_reschedule_into_another_assignment_is_refused(stage: Stage) -> None:
    booking = stage.booking()
    stage.send(booking)
    other = stage.slot()
    while str(other.assignment_id) == booking.assignment_id:
        other = stage.slot()
    declined_as(stage.send(stage.reschedule(booking, other)).outcome, BookingReason.SLOT_NOT_OFFERED)


@ON_SQLITE_ALONE
def test_reschedule_of_a_cancelled_appointment_is_refused(stage: Stage) -> None:
    old, new = two_slots(stage)
    booking = stage.booking(slot=old)
    stage.send(booking)
    stage.send(stage.cancel(booking))
    moved = stage.reschedule(booking, new, revision=3)
    declined_as(stage.send(moved).outcome, BookingReason.APPOINTMENT_CLOSED)
    assert appointment_of(stage, booking.booking_id).status == "cancelled"


@ON_SQLITE_ALONE
def test_older_reschedule_that_comes_late_is_stale(stage: Stage) -> None:
    first, second = two_slots(stage)
    booking = stage.booking(slot=first)
    stage.send(booking)
    late, newest = stage.reschedule(booking, first, revision=2), stage.reschedule(booking, second, revision=3)
    assert stage.send(newest).outcome.outcome == "accepted"
    declined_as(stage.send(late).outcome, BookingReason.STALE_REVISION)
    assert appointment_of(stage, booking.booking_id).starts_at == utc_datetime(second.start)


@ON_SQLITE_ALONE
def test_reschedule_keeps_the_length_that_staff_gave_the_appointment(stage: Stage) -> None:
    old, new = two_slots(stage)
    booking = stage.booking(slot=old)
    stage.send(booking)
    longer = utc_datetime(old.end) + timedelta(minutes=15)
    change_appointment(stage.house.connector, booking.booking_id, ends_at=longer)
    outcome = stage.send(stage.reschedule(booking, new)).outcome
    assert outcome.outcome == "accepted"
    stands = appointment_of(stage, booking.booking_id)
    assert stands.ends_at - stands.starts_at == longer - utc_datetime(old.start)
    assert outcome.ends_at == instant_text(new.end + 15 * 60)


# --- any practitioner, alternatives, a patient's own overlap ---------------------------------------


@ON_SQLITE_ALONE
def test_booking_without_a_slot_id_gets_the_first_free_column_of_the_book(stage: Stage) -> None:
    slot = stage.slot()
    first = stage.send(stage.booking(slot=slot, slot_id=None)).outcome
    second = stage.send(stage.booking(slot=slot, slot_id=None)).outcome
    assert first.outcome == "accepted"
    assert first.starts_at == instant_text(slot.start)
    assert second.outcome == "declined" or second.column_id != first.column_id


def test_alternatives_of_a_taken_slot_can_all_be_booked(stage: Stage) -> None:
    slot = stage.slot()
    stage.send(stage.booking(slot=slot))
    declined = stage.send(stage.booking(slot=slot)).outcome
    declined_as(declined, BookingReason.SLOT_TAKEN)
    starts = [one.starts_at for one in declined.alternatives]
    assert starts == sorted(set(starts))
    assert starts[0] >= instant_text(slot.start)
    assert len(starts) == 3
    for one in declined.alternatives:
        again = stage.booking(
            slot_id=one.slot_id, assignment_id=str(slot.assignment_id), starts_at=one.starts_at
        )
        answered = stage.send(again)
        outcome = answered.outcome
        if outcome.outcome == "accepted":
            assert (outcome.starts_at, outcome.column_id) == (one.starts_at, one.column_id)
            stage.send(stage.cancel(again))
        assert outcome.outcome == "accepted"


@ON_SQLITE_ALONE
def test_patient_who_is_booked_elsewhere_at_that_time_is_booked_and_only_staff_are_told(
    stage: Stage,
) -> None:
    name = f"Doppelt{stage.number()}"
    patient_id = add_patient(stage.house.connector, name)
    slot = stage.slot()
    stage.send(stage.booking(stage.somebody(name), slot))
    with stage.house.connector.writing() as connection:
        connection.execute(
            update(tables.appointment)
            .where(APPOINTMENT.patient_id == patient_id)
            .values(column_id=slot.column_id % 4 + 1, exclusive=False)
        )
    stranger = stage.send(stage.booking(slot=stage.slot())).outcome
    outcome = stage.send(stage.booking(stage.somebody(name), slot)).outcome
    assert outcome.model_dump().keys() == stranger.model_dump().keys()
    assert (outcome.outcome, outcome.reason) == ("accepted", None)
    notes = values(
        stage.house.connector, tables.staff_note.c.kind, tables.staff_note.c.patient_id == patient_id
    )
    assert notes == ["patient_overlap"]
