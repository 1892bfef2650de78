"""Readings A10 to A16: changing what was booked, what absences and template areas do, what can be booked."""

from datetime import time
from typing import Any

import pytest

from agent.adapters import tables
from agent.clock import utc_now
from exchange_formats.codec import Document, decode
from exchange_formats.envelope import Kind
from exchange_formats.receipts import BookingOutcome, BookingReason, MessageReason
from exchange_formats.schema_export import schemas
from tests.flows.card_index import change_appointment, delete_appointment
from tests.flows.evidence import appointment_of, audit, practice_rows, values
from tests.flows.stage import DENTPORT, ZAHNZEIT, Stage
from tests.rules.chair import Chair, add_row, added, changed, listed, only_on, open_chair
from tests.rules.test_readings import send_edited

UPDATES = Kind.APPOINTMENT_UPDATES
OTV = tables.staff_member.c.login_name == "otv"


def answered(outcome: BookingOutcome) -> tuple[str, BookingReason | None, str | None]:
    return outcome.outcome, outcome.reason, outcome.appointment_status


DECLINED: dict[BookingReason, tuple[str, BookingReason, None]] = {
    reason: ("declined", reason, None) for reason in BookingReason
}
CANCELLED, BOOKED = ("accepted", None, "cancelled"), ("accepted", None, "booked")


# --- A10 -----------------------------------------------------------------------------------------


def test_a10_partner_cancels_and_moves_only_what_it_booked_itself(stage: Stage, chair: Chair) -> None:
    booking, nobodys = chair.wish(8), chair.wish(9)
    stage.send(booking)
    before = practice_rows(stage.house.connector)
    for one in (booking, nobodys):
        for wish in (stage.cancel(one), stage.reschedule(one, chair.slot(10), revision=3)):
            outcome = stage.send(wish, partner_id=ZAHNZEIT).outcome
            assert answered(outcome) == DECLINED[BookingReason.UNKNOWN_APPOINTMENT]
    assert practice_rows(stage.house.connector) == before
    assert answered(stage.send(stage.reschedule(booking, chair.slot(10))).outcome) == BOOKED
    assert answered(stage.send(stage.cancel(booking, revision=3)).outcome) == CANCELLED


def test_a10_each_action_is_switched_for_each_partner_by_itself(stage: Stage, chair: Chair) -> None:
    bookings = {partner_id: chair.wish(hour) for hour, partner_id in enumerate((DENTPORT, ZAHNZEIT), 8)}
    for partner_id, booking in bookings.items():
        stage.send(booking, partner_id=partner_id)
    with stage.agent_with(dentport={"may_cancel": False}, zahnzeit={"may_reschedule": False}):
        told = {
            partner_id: [
                answered(stage.send(wish, partner_id=partner_id).outcome)
                for wish in (stage.reschedule(booking, chair.slot(11)), stage.cancel(booking, revision=3))
            ]
            for partner_id, booking in bookings.items()
        }
    not_permitted = DECLINED[BookingReason.ACTION_NOT_PERMITTED]
    assert told == {DENTPORT: [BOOKED, not_permitted], ZAHNZEIT: [not_permitted, CANCELLED]}


def test_a10_reschedule_to_a_taken_time_leaves_the_old_appointment_standing(
    stage: Stage, chair: Chair
) -> None:
    booking = chair.wish(8)
    stage.send(booking)
    chair.staff_book(9)
    before = practice_rows(stage.house.connector)
    outcome = stage.send(stage.reschedule(booking, chair.slot(9))).outcome
    assert answered(outcome) == DECLINED[BookingReason.SLOT_TAKEN]
    assert practice_rows(stage.house.connector) == before


def test_a10_cancelled_appointment_is_kept_with_who_and_when(stage: Stage, chair: Chair) -> None:
    booking = chair.wish(8)
    stage.send(booking)
    before = utc_now()
    stage.send(stage.cancel(booking))
    kept = appointment_of(stage, booking.booking_id)
    (author,) = values(stage.house.connector, tables.staff_member.c.staff_id, OTV)
    assert (kept.status, kept.cancelled_by, kept.cancellation_reason) == ("cancelled", author, "pat")
    assert before <= kept.cancelled_at <= utc_now()
    assert (kept.column_id, kept.starts_at) == (chair.column_id, chair.moment(8))
    assert chair.listed() == [8, 9, 10, 11]


# --- A11, A12 ------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["moved", "cancelled", "deleted"])
def test_a11_what_the_practice_changes_is_told_once_to_the_partner_it_came_from(
    stage: Stage, chair: Chair, change: str
) -> None:
    booking = chair.wish(8)
    stage.send(booking)
    connector, hour = stage.house.connector, 10 if change == "moved" else 8
    if change == "moved":
        moved = {"starts_at": chair.moment(10), "ends_at": chair.moment(11)}
        change_appointment(connector, booking.booking_id, **moved)
    elif change == "cancelled":
        change_appointment(connector, booking.booking_id, status="cancelled")
    else:
        delete_appointment(connector, booking.booking_id)
    (told,) = [one for one in updates(stage, DENTPORT) if one.booking_id == booking.booking_id]
    assert told.appointment_status == ("booked" if change == "moved" else "cancelled")
    assert (told.column_id, told.starts_at) == (str(chair.column_id), chair.text(hour))
    assert updates(stage, DENTPORT) == updates(stage, ZAHNZEIT) == []


def test_a11_what_the_partner_changed_itself_is_not_told_back(stage: Stage, chair: Chair) -> None:
    updates(stage, DENTPORT)
    booking, other = chair.wish(8), chair.wish(9)
    stage.send(booking, other)
    stage.send(stage.reschedule(booking, chair.slot(10)), stage.cancel(other))
    assert updates(stage, DENTPORT) == []


def updates(stage: Stage, partner_id: str) -> list[Any]:
    """What a look for changes tells the partner."""
    stage.agent.tell_updates(partner_id)
    told: list[Any] = []
    for path in stage.outbox(partner_id, UPDATES):
        document: Document[Any] = decode(stage.partner(partner_id).gpg.open(path.read_bytes()), UPDATES)
        told += document.records
        path.unlink()
    return told


def test_a12_file_with_an_absence_is_the_file_of_shorter_hours(stage: Stage, chair: Chair) -> None:
    """Nobody can tell whether the dentist is ill or never works then."""
    now = utc_now()

    def told() -> list[bytes]:
        with stage.agent_with(lambda: now):
            return stage.export_plain(Kind.AVAILABILITY).splitlines()[1:]

    hours = tables.working_hours.c
    (key,) = values(stage.house.connector, hours.working_hours_id, hours.column_id == chair.column_id)
    usual = told()
    with changed(stage, tables.working_hours, key, ends=time(10)):
        shorter = told()
    away = {"starts_at": chair.moment(10), "ends_at": chair.moment(12)}
    with added(stage, tables.planned_absence, practitioner_id=chair.practitioner_id, **away):
        absent = told()
    assert absent == shorter != usual


# --- A13 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["column", "practitioner", "nobody"])
def test_a13_area_blocks_or_reserves_in_its_column_for_its_practitioner_or_everywhere(
    stage: Stage, chair: Chair, owner: str
) -> None:
    """Blocked from 9 to 10, and from 10 to 11 kept for one of the two offers."""
    kept_for = chair.add_offer()
    owners: dict[str, dict[str, Any]] = {
        "column": {"column_id": chair.column_id},
        "practitioner": {"practitioner_id": chair.practitioner_id},
        "nobody": {},
    }
    areas = owners[owner] | only_on(chair.day)
    with (
        open_chair(stage) as other,
        open_chair(stage, column={"practitioner_id": chair.practitioner_id}) as second,
        added(stage, tables.template_area, kind="block", starts=time(9), ends=time(10), **areas),
        added(
            stage, tables.template_area, kind="reserve", starts=time(10), ends=time(11), **areas
        ) as reserve,
        added(stage, tables.template_area_assignment, area_id=reserve, assignment_id=kept_for),
    ):
        offered = listed(stage)
    outside, everything = [8, 11], [8, 9, 10, 11]
    assert offered[chair.column_id, chair.assignment_id] == outside
    assert offered[chair.column_id, kept_for] == [8, 10, 11]
    assert offered[other.column_id, other.assignment_id] == (outside if owner == "nobody" else everything)
    assert offered[second.column_id, second.assignment_id] == (everything if owner == "column" else outside)


def test_a13_reserved_time_is_for_the_listed_types_too_and_reserved_only_is_nowhere_else(
    stage: Stage, chair: Chair
) -> None:
    type_id = add_row(stage, tables.appointment_type, name="Schmerz", duration_minutes=60)
    of_the_type, nowhere_else = (
        chair.add_offer(type_id=type_id),
        chair.add_offer(type_id=type_id, reserved_only=True),
    )
    area = {"kind": "reserve", "column_id": chair.column_id, **only_on(chair.day)}
    with (
        added(stage, tables.template_area, starts=time(9), ends=time(11), **area) as reserve,
        added(stage, tables.template_area_type, area_id=reserve, type_id=type_id),
    ):
        offered = listed(stage)
    assert offered[chair.column_id, chair.assignment_id] == [8, 11]
    assert offered[chair.column_id, of_the_type] == [8, 9, 10, 11]
    assert offered[chair.column_id, nowhere_else] == [9, 10]


# --- A14 -----------------------------------------------------------------------------------------


def test_a14_length_is_that_of_the_assignment_else_of_its_type_else_nothing_is_booked(
    stage: Stage, chair: Chair
) -> None:
    two_hours = add_row(stage, tables.appointment_type, name="Implantat", duration_minutes=120)
    no_length = add_row(stage, tables.appointment_type, name="Nach Absprache", duration_minutes=None)
    own = chair.add_offer(type_id=two_hours, duration_minutes=180)
    of_type = chair.add_offer(type_id=two_hours, duration_minutes=None)
    without = [chair.add_offer(type_id=kind, duration_minutes=None) for kind in (no_length, None)]
    offered = listed(stage)
    assert offered[chair.column_id, own] == [8, 9]
    assert offered[chair.column_id, of_type] == [8, 9, 10]
    assert [offered[chair.column_id, offer] for offer in without] == [[], []]
    wishes = [stage.booking(slot=chair.slot(8, offer)) for offer in (*without, of_type)]
    outcomes = stage.send(*wishes).outcomes
    assert [one.reason for one in outcomes] == [BookingReason.DURATION_UNKNOWN] * 2 + [None]
    made = appointment_of(stage, wishes[-1].booking_id)
    assert (made.starts_at, made.ends_at, made.type_id) == (chair.moment(8), chair.moment(10), two_hours)


def test_a14_assignment_is_offered_in_its_own_columns_alone(stage: Stage, chair: Chair) -> None:
    with open_chair(stage, also_in=[chair.column_id]) as both:
        offered = listed(stage)
    assert offered[chair.column_id, both.assignment_id] == offered[both.column_id, both.assignment_id]
    assert offered[both.column_id, both.assignment_id] == [8, 9, 10, 11]
    assert (both.column_id, chair.assignment_id) not in offered


def test_a14_buffers_keep_clear_of_appointments_and_of_the_buffers_of_others(
    stage: Stage, chair: Chair
) -> None:
    before = chair.add_offer(buffer_before_minutes=10)
    after = chair.add_offer(buffer_after_minutes=10)
    chair.staff_book(9)
    offered = listed(stage)
    assert offered[chair.column_id, chair.assignment_id] == [8, 10, 11]
    assert offered[chair.column_id, before] == [8, 11]
    assert offered[chair.column_id, after] == [10, 11]
    # Booked with ten minutes to tidy up, it takes the hour behind it from everybody.
    assert stage.send(stage.booking(slot=chair.slot(10, after))).outcome.outcome == "accepted"
    assert chair.listed() == [8]


def test_a14_assignment_for_known_patients_is_refused_to_who_says_to_be_new(stage: Stage) -> None:
    with open_chair(stage, open_to_new_patients=False) as chair:
        known = stage.somebody(new_patient=False)
        new, not_new = stage.booking(slot=chair.slot(8)), stage.booking(known, chair.slot(8))
        outcomes = stage.send(new, not_new).outcomes
    # What the person says decides, not what the records know (A8).
    assert [one.reason for one in outcomes] == [BookingReason.NOT_FOR_NEW_PATIENTS, None]


# --- A15, A16 ------------------------------------------------------------------------------------


def test_a15_one_user_writes_for_all_partners_and_the_audit_log_tells_them_apart(
    stage: Stage, chair: Chair
) -> None:
    newest, booked = len(audit(stage)), {}
    for hour, partner_id in ((8, DENTPORT), (9, ZAHNZEIT)):
        booking = chair.wish(hour)
        stage.send(booking, partner_id=partner_id)
        booked[partner_id] = appointment_of(stage, booking.booking_id)
    assert len({one.created_by for one in booked.values()}) == 1
    entries = [one for one in audit(stage)[newest:] if one.event == "appointment booked"]
    assert {one.partner_id: one.details["appointment_id"] for one in entries} == {
        partner_id: one.appointment_id for partner_id, one in booked.items()
    }


@pytest.mark.parametrize("place", ["booking", "patient", "contact point"])
def test_a16_file_with_free_text_from_a_partner_is_refused_as_a_whole(stage: Stage, place: str) -> None:
    def remark(booking: dict[str, Any]) -> None:
        where = {"booking": booking, "patient": booking["patient"]}
        where["contact point"] = booking["patient"]["contact_points"][0]
        where[place]["remark"] = "Zahnschmerzen unten links"

    before = practice_rows(stage.house.connector)
    assert send_edited(stage, remark).verdict.reason is MessageReason.INVALID_DOCUMENT
    assert practice_rows(stage.house.connector) == before


def test_a16_no_field_of_a_bookings_file_has_room_for_free_text() -> None:
    """Every text is a pattern or a choice, but for a person's names and contact points."""
    schema = schemas()["bookings.schema.json"]
    models = {name: model for name, model in schema["$defs"].items() if "properties" in model}
    assert {"BookingRecord", "BookingPatient", "CancelRecord", "RescheduleRecord"} <= models.keys()
    assert not any(model["additionalProperties"] for model in models.values())
    free = {
        f"{name}.{field}"
        for name, model in models.items()
        for field, one in model["properties"].items()
        if _is_free(one)
    }
    assert free == {"BookingPatient.given_name", "BookingPatient.family_name", "ContactPoint.value"}


def _is_free(field: dict[str, Any]) -> bool:
    """Whether any text at all would do."""
    choices = [field, *field.get("anyOf", [])]
    if "items" in field:
        choices.append(field["items"])
    return any(
        one.get("type") == "string" and not {"pattern", "enum", "const"} & one.keys() for one in choices
    )
