"""Where the rules leave room: what this project decided, as docs/rules.md tells it with the reasons."""

from datetime import time, timedelta

import pytest
from sqlalchemy import insert, select, update

from agent.adapters import tables
from agent.domain.intervals import utc_datetime
from agent.domain.practice_hours import after_open_time, practice_open
from agent.flows.sitting import FAR_SEARCHES
from exchange_formats.receipts import BookingReason
from tests.flows.card_index import add_patient, change_appointment
from tests.flows.evidence import appointment_of, practice_rows, values
from tests.flows.stage import Stage
from tests.kit.calendars import BERLIN, MONDAY, at, calendar, weekly
from tests.rules.chair import Chair, add_row, listed, open_chair

OTV = tables.staff_member.c.login_name == "otv"
EVERYTHING = [8, 9, 10, 11]


# --- availability ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", ["practitioner_id", "room_id"])
def test_decision_time_of_a_shared_practitioner_or_room_is_taken_in_all_their_columns(
    stage: Stage, chair: Chair, shared: str
) -> None:
    with open_chair(stage, column={shared: getattr(chair, shared)}) as second, open_chair(stage) as stranger:
        chair.staff_book(9)
        offered = listed(stage)
        assert offered[second.column_id, second.assignment_id] == [8, 10, 11]
        assert offered[stranger.column_id, stranger.assignment_id] == EVERYTHING
        outcome = stage.send(second.wish(9)).outcome
    assert outcome.reason is BookingReason.SLOT_TAKEN


def test_decision_column_with_overlaps_on_purpose_takes_nobodys_time_and_loses_none(
    stage: Stage, chair: Chair
) -> None:
    on_purpose = {"practitioner_id": chair.practitioner_id, "overlaps_allowed": True}
    with open_chair(stage, column=on_purpose) as second:
        chair.staff_book(9)
        second.staff_book(10)
        offered = listed(stage)
    assert offered[chair.column_id, chair.assignment_id] == [8, 10, 11]
    assert offered[second.column_id, second.assignment_id] == [8, 9, 11]


def cancel_everything(stage: Stage) -> None:
    with stage.house.connector.writing() as connection:
        came = select(tables.partner_appointment.c.appointment_id)
        connection.execute(
            update(tables.appointment)
            .where(tables.appointment.c.appointment_id.in_(came))
            .values(status="cancelled")
        )


def test_decision_daily_cap_reads_as_taken_and_alternatives_lie_on_other_days(
    stage: Stage, chair: Chair
) -> None:
    next_day = chair.day + timedelta(days=1)
    morning = {"column_id": chair.column_id, "special_date": next_day, "starts": time(8), "ends": time(12)}
    add_row(stage, tables.special_hours, **morning)
    cancel_everything(stage)  # what other tests left standing would count
    with stage.agent_with(dentport={"offer": {"max_appointments_per_day": 1}}):
        first, second = stage.send(chair.wish(8), chair.wish(9)).outcomes
        offered = chair.listed()
    assert (first.outcome, second.reason) == ("accepted", BookingReason.SLOT_TAKEN)
    assert second.alternatives
    assert all(one.starts_at > next_day.isoformat() for one in second.alternatives)
    assert offered == EVERYTHING  # on the next day
    assert chair.listed() == [9, 10, 11, *EVERYTHING]


def test_decision_far_alternatives_are_looked_for_only_so_often_in_one_file(
    stage: Stage, chair: Chair
) -> None:
    for hour in (8, 9, 10, 11):
        chair.staff_book(hour)
    for days in range(15, 45):
        day = chair.day + timedelta(days=days)
        hours = {"column_id": chair.column_id, "special_date": day, "starts": time(8), "ends": time(9)}
        add_row(stage, tables.special_hours, **hours)
    outcomes = stage.send(*(chair.wish(8) for _ in range(FAR_SEARCHES + 2))).outcomes
    assert {one.reason for one in outcomes} == {BookingReason.SLOT_TAKEN}
    assert [len(one.alternatives) for one in outcomes] == [3] * FAR_SEARCHES + [0, 0]


def test_decision_hours_of_a_date_win_over_its_public_holiday(stage: Stage, chair: Chair) -> None:
    (state,) = values(stage.house.connector, tables.practice.c.federal_state)
    holiday = tables.public_holiday
    row = {"federal_state": state, "holiday_date": chair.day, "name": "Praxisjubiläum"}
    with stage.house.connector.writing() as connection:
        connection.execute(insert(holiday).values(row))
    try:
        closed = chair.listed()
        special = {"column_id": chair.column_id, "special_date": chair.day}
        add_row(stage, tables.special_hours, starts=time(10), ends=time(12), **special)
        assert (closed, chair.listed()) == ([], [10, 11])
    finally:
        with stage.house.connector.writing() as connection:
            connection.execute(holiday.delete().where(holiday.c.holiday_date == chair.day))


def test_decision_any_column_means_the_first_free_one_in_the_order_of_the_book(stage: Stage) -> None:
    """Not that of the numbers: the column made last stands first in the book."""
    with (
        open_chair(stage, column={"position": 92}) as last,
        open_chair(stage, column={"position": 91}, also_in=[last.column_id]) as first,
    ):
        wishes = [first.wish(9, slot_id=None) for _ in range(3)]
        outcomes = stage.send(*wishes).outcomes
    assert [one.column_id for one in outcomes] == [str(first.column_id), str(last.column_id), None]
    assert outcomes[2].reason is BookingReason.SLOT_TAKEN


def test_decision_validity_of_a_file_counts_opening_time_alone() -> None:
    """An hour at half past five on Friday lasts until half past eight on Monday."""
    friday, monday = MONDAY - timedelta(days=3), MONDAY
    practice = calendar(hours=tuple(weekly(day, time(8), time(18)) for day in (friday, monday)))
    start, latest = at(friday, 17) + 1800, at(monday, 24)
    until = after_open_time(practice_open(practice, (start, latest)), start, 3600, latest)
    assert utc_datetime(until).astimezone(BERLIN).strftime("%A %H:%M") == "Monday 08:30"
    assert after_open_time([], start, 3600, latest) == latest  # never further than the caller allows


# --- the life of a booking -------------------------------------------------------------------------


def test_decision_cancelled_booking_is_finished_and_its_id_is_never_booked_again(
    stage: Stage, chair: Chair
) -> None:
    booking = chair.wish(8)
    stage.send(booking, stage.cancel(booking))
    before = practice_rows(stage.house.connector)
    again = chair.wish(8, booking_id=booking.booking_id, revision=3)
    assert stage.send(again).outcome.reason is BookingReason.CONFLICT
    assert practice_rows(stage.house.connector) == before


def test_decision_cancellation_that_comes_before_its_booking_keeps_it_out(stage: Stage, chair: Chair) -> None:
    booking = chair.wish(8)
    early, late = stage.send(stage.cancel(booking), booking).outcomes
    assert early.reason is BookingReason.UNKNOWN_APPOINTMENT
    assert late.reason is BookingReason.STALE_REVISION
    assert chair.listed() == EVERYTHING


def test_decision_moved_appointment_keeps_the_length_that_staff_gave_it(stage: Stage, chair: Chair) -> None:
    booking = chair.wish(8)
    stage.send(booking)
    change_appointment(stage.house.connector, booking.booking_id, ends_at=chair.moment(10))
    moves = [stage.reschedule(booking, chair.slot(hour), revision=21 - hour) for hour in (11, 10)]
    eleven, ten = stage.send(*moves).outcomes
    # Two hours no longer fit in before noon at eleven; at ten they do.
    assert (eleven.outcome, ten.outcome) == ("declined", "accepted")
    moved = appointment_of(stage, booking.booking_id)
    assert (moved.starts_at, moved.ends_at) == (chair.moment(10), chair.moment(12))


def test_decision_patient_who_is_booked_elsewhere_then_is_booked_and_staff_get_a_note(
    stage: Stage, chair: Chair
) -> None:
    """To decline would tell the partner that the person is known, and where they are."""
    name = f"Zweifach{stage.number()}"
    patient_id = add_patient(stage.house.connector, name)
    with open_chair(stage) as other:
        bookings = [stage.booking(stage.somebody(name), one.slot(9)) for one in (chair, other)]
        outcomes = stage.send(*bookings, other.wish(10)).outcomes
    assert [(one.outcome, one.reason) for one in outcomes] == [("accepted", None)] * 3
    note = tables.staff_note.c
    assert values(stage.house.connector, note.kind, note.patient_id == patient_id) == ["patient_overlap"]


def test_decision_cancellation_of_what_staff_cancelled_already_is_accepted(
    stage: Stage, chair: Chair
) -> None:
    """The patient does not come, and that is what both sides want to be told."""
    booking = chair.wish(8)
    stage.send(booking)
    change_appointment(stage.house.connector, booking.booking_id, status="cancelled")
    before = practice_rows(stage.house.connector)
    outcome = stage.send(stage.cancel(booking)).outcome
    assert (outcome.outcome, outcome.appointment_status) == ("accepted", "cancelled")
    assert practice_rows(stage.house.connector) == before
