"""Rules R1 to R11: who may exchange, under whose name is written, and what leaves the house."""

import json
from datetime import date, time, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from agent.adapters import tables
from agent.adapters.practice_schema import required_rights
from agent.app import sole_agent
from agent.clock import utc_now
from agent.domain.licence import Licence, licence_problem
from agent.errors import LicenceInvalidError, OtvUserError
from exchange_formats.envelope import Kind
from exchange_formats.fields import ContactPoint
from exchange_formats.receipts import BookingReason
from tests.flows.card_index import BIRTH_DATE, FAMILY_NAME, add_patient
from tests.flows.evidence import appointment_of, audit, practice_rows, values
from tests.flows.stage import DENTPORT, ZAHNZEIT, Stage
from tests.kit.house import LICENSED_DAYS
from tests.rules.chair import Chair, add_row, added, changed, only_on, open_chair

OTV = "otv"
STAFF, PATIENT = tables.staff_member.c, tables.patient.c


def otv_user(stage: Stage) -> int:
    (key,) = values(stage.house.connector, STAFF.staff_id, STAFF.login_name == OTV)
    return int(key)


# --- R1 ------------------------------------------------------------------------------------------


def test_r1_without_a_valid_licence_nothing_leaves_and_nothing_is_imported(stage: Stage) -> None:
    waiting = stage.drop(stage.sealed(stage.booking()))
    before = practice_rows(stage.house.connector)
    with stage.agent_with(lambda: utc_now() + timedelta(days=LICENSED_DAYS + 1)):
        for work in (
            lambda: stage.agent.export(DENTPORT, Kind.AVAILABILITY),
            lambda: stage.agent.tell_updates(DENTPORT),
            lambda: stage.agent.exchange(DENTPORT),
            lambda: stage.receive(DENTPORT),
        ):
            with pytest.raises(LicenceInvalidError, match="the licence expired after"):
                work()
    assert waiting.exists() and stage.outbox() == []
    assert practice_rows(stage.house.connector) == before
    assert [result.accepted for result in stage.receive()] == [1]


@pytest.mark.parametrize(
    ("practice_id", "partner_id", "today", "reason"),
    [
        ("praxis-am-markt", DENTPORT, date(2027, 1, 1), None),
        ("praxis-am-markt", DENTPORT, date(2027, 12, 31), None),
        (
            "praxis-am-see",
            DENTPORT,
            date(2027, 1, 1),
            "for practice praxis-am-markt, this one is praxis-am-see",
        ),
        ("praxis-am-markt", ZAHNZEIT, date(2027, 1, 1), "does not name the partner zahnzeit"),
        ("praxis-am-markt", DENTPORT, date(2028, 1, 1), "expired after 2027-12-31"),
    ],
)
def test_r1_licence_names_practice_partners_and_expiry_and_says_which_is_wrong(
    practice_id: str, partner_id: str, today: date, reason: str | None
) -> None:
    licence = Licence(
        "2027-1", "praxis-am-markt", frozenset({DENTPORT}), date(2027, 1, 1), date(2027, 12, 31)
    )
    problem = licence_problem(licence, practice_id, partner_id, today)
    assert (problem is None) if reason is None else (problem is not None and reason in problem)


# --- R2 ------------------------------------------------------------------------------------------


def test_r2_everything_the_agent_writes_bears_its_own_user_as_author(stage: Stage, chair: Chair) -> None:
    author, booking = otv_user(stage), chair.wish(8)
    before = utc_now()
    stage.send(booking)
    made = appointment_of(stage, booking.booking_id)
    with stage.house.connector.reading() as connection:
        patient = connection.execute(
            select(tables.patient).where(PATIENT.patient_id == made.patient_id)
        ).one()
    for row in (made, patient):
        assert (row.created_by, row.changed_by) == (author, author)
        assert before <= row.created_at == row.changed_at <= utc_now()
    staff_change = {"changed_by": author + 1}
    with changed(stage, tables.appointment, made.appointment_id, **staff_change):
        stage.send(stage.cancel(booking))
        cancelled = appointment_of(stage, booking.booking_id)
    assert (cancelled.changed_by, cancelled.cancelled_by, cancelled.created_by) == (author,) * 3


@pytest.mark.parametrize(
    "unfit",
    [{"login_name": "somebody"}, {"active": False}, {"role_id": 1}],
    ids=["missing", "inactive", "with permissions"],
)
def test_r2_agent_neither_starts_nor_books_with_an_unfit_user(stage: Stage, unfit: dict[str, Any]) -> None:
    stage.drop(stage.sealed(stage.booking()))
    with changed(stage, tables.staff_member, otv_user(stage), **unfit):
        with pytest.raises(OtvUserError), sole_agent(stage.agent.config):
            pass
        with pytest.raises(OtvUserError):
            stage.receive()
        assert stage.agent.lane(DENTPORT).inbound.counts()["waiting"] == 1
    assert [result.accepted for result in stage.receive()] == [1]


def test_r2_database_role_can_neither_delete_nor_touch_what_staff_answer_for() -> None:
    """The user is attribution; what the login may do is granted to a role of its own, table by table."""
    rights = [right for right in required_rights() if right.table.schema == tables.PRACTICE_SCHEMA]
    assert {right.privilege for right in rights} == {"SELECT", "INSERT", "UPDATE"}
    updates = [right for right in rights if right.privilege == "UPDATE"]
    assert [right.table.name for right in updates] == ["appointment"] and updates[0].columns
    inserts = {right.table.name for right in rights if right.privilege == "INSERT"}
    assert inserts == {"booking_partner", "consent_page", "patient", "contact_point", "appointment"}


# --- R3, R4, R5, R6 ------------------------------------------------------------------------------


def test_r3_booked_appointment_goes_by_itself_into_its_column_with_its_type(
    stage: Stage, chair: Chair
) -> None:
    type_id = add_row(stage, tables.appointment_type, name="Kontrolle", duration_minutes=60)
    typed = chair.add_offer(type_id=type_id)
    wish = stage.booking(slot=chair.slot(8, assignment_id=typed)), chair.wish(9)
    stage.send(*wish)
    with_type, without_type = (appointment_of(stage, one.booking_id) for one in wish)
    assert (with_type.column_id, with_type.type_id) == (chair.column_id, type_id)
    assert (without_type.column_id, without_type.type_id) == (chair.column_id, None)
    assert (with_type.starts_at, without_type.starts_at) == (chair.moment(8), chair.moment(9))


def test_r4_patient_is_found_by_given_name_family_name_and_birth_date_together(stage: Stage) -> None:
    name = f"Gesucht{stage.number()}"
    patient_id = add_patient(stage.house.connector, name)
    people = [
        stage.somebody(name),
        stage.somebody(f"{name}e"),
        stage.somebody(name, family_name=f"{FAMILY_NAME}er"),
        stage.somebody(name, birth_date=(BIRTH_DATE + timedelta(days=1)).isoformat()),
    ]
    bookings = [stage.booking(who) for who in people]
    stage.send(*bookings)
    booked_for = [appointment_of(stage, one.booking_id).patient_id for one in bookings]
    assert booked_for[0] == patient_id
    assert patient_id not in booked_for[1:]


def test_r5_new_patient_is_created_with_names_birth_date_and_contact_points(stage: Stage) -> None:
    contacts = [
        ContactPoint(system="phone", use="mobile", value="0171 5550199"),
        ContactPoint(system="email", use="work", value="neu@example.org"),
    ]
    given_name = f"Ganzneu{stage.number()}"
    who = stage.somebody(given_name, family_name="Yıldız", birth_date="1991-06-17", contact_points=contacts)
    booking = stage.booking(who)
    stage.send(booking)
    key = appointment_of(stage, booking.booking_id).patient_id
    contact = tables.contact_point.c
    with stage.house.connector.reading() as connection:
        patient = connection.execute(
            select(PATIENT.given_name, PATIENT.family_name, PATIENT.birth_date, PATIENT.active).where(
                PATIENT.patient_id == key
            )
        ).one()
        points = connection.execute(
            select(contact.system, contact.use, contact.value).where(contact.patient_id == key)
        ).all()
    assert tuple(patient) == (given_name, "Yıldız", date(1991, 6, 17), True)
    assert {tuple(point) for point in points} == {(c.system, c.use, c.value) for c in contacts}


def test_r6_each_booking_gets_one_definite_answer_as_soon_as_its_file_is_read(
    stage: Stage, chair: Chair
) -> None:
    """The partner confirms to the patient, so it is never left without an answer or with half of one."""
    wishes = [chair.wish(8), chair.wish(8), chair.wish(13), chair.wish(9, assignment_id="0")]
    answered = stage.send(*wishes)
    assert [one.booking_id for one in answered.outcomes] == [one.booking_id for one in wishes]
    assert [(one.outcome, one.reason) for one in answered.outcomes] == [
        ("accepted", None),
        ("declined", BookingReason.SLOT_TAKEN),
        ("declined", BookingReason.SLOT_NOT_OFFERED),
        ("declined", BookingReason.ASSIGNMENT_UNKNOWN),
    ]


def test_r6_receipts_are_delivered_before_everything_else(stage: Stage) -> None:
    stage.agent.export(DENTPORT, Kind.REFERENCE_DATA)
    stage.drop(stage.sealed(stage.booking()))
    stage.receive()
    newest = len(audit(stage))
    assert stage.agent.exchange(DENTPORT, fetch_files=False).delivered == 2
    delivered = [str(entry.details["file"]).partition("-")[0] for entry in audit(stage)[newest:]]
    assert delivered == ["receipts", "reference_data"]


# --- R7, R8, R10, R11 ----------------------------------------------------------------------------


def records(stage: Stage, kind: Kind) -> list[dict[str, Any]]:
    """The records of the next file, as the partner's own program reads them."""
    return [json.loads(line) for line in stage.export_plain(kind).splitlines()[1:-1]]


def column_time(chair: Chair) -> list[tuple[str, str, str]]:
    return [
        (one["status"], one["starts_at"], one["ends_at"])
        for one in records(chair.stage, Kind.AVAILABILITY)
        if one["record"] == "column_time" and one["column_id"] == str(chair.column_id)
    ]


def test_r7_taken_times_tell_start_and_end_and_nothing_else(stage: Stage, chair: Chair) -> None:
    stage.send(chair.wish(9))
    busy = [one for one in records(stage, Kind.AVAILABILITY) if one.get("status") == "busy"]
    assert {key for one in busy for key in one} == {"record", "column_id", "status", "starts_at", "ends_at"}
    starts, ends = chair.text(9), chair.text(10)
    assert [one for one in column_time(chair) if one[0] == "busy"] == [("busy", starts, ends)]


def test_r7_hours_shifts_and_absences_leave_as_netted_open_time(stage: Stage) -> None:
    with open_chair(stage, hours=[(time(7), time(20))]) as chair:
        day = {"valid_from": chair.day, "valid_until": chair.day}
        shift = {"column_id": chair.column_id, "cycle_days": 1, "anchor_date": chair.day, **day}
        shift_id = add_row(stage, tables.shift, **shift)
        add_row(stage, tables.shift_hours, shift_id=shift_id, day_index=0, starts=time(8), ends=time(12))
        away = {"starts_at": chair.moment(9), "ends_at": chair.moment(10)}
        add_row(stage, tables.planned_absence, practitioner_id=chair.practitioner_id, **away)
        open_time = [("free", chair.text(starts), chair.text(ends)) for starts, ends in ((8, 9), (10, 12))]
        assert column_time(chair) == open_time


def test_r7_template_area_without_a_practitioner_leaves_for_every_column(stage: Stage, chair: Chair) -> None:
    block = {"kind": "block", "starts": time(9), "ends": time(10), **only_on(chair.day)}
    with added(stage, tables.template_area, **block):
        areas = [
            one
            for one in records(stage, Kind.AVAILABILITY)
            if one["record"] == "template_time" and one["starts_at"] == chair.text(9)
        ]
    of_nobody = [one for one in areas if one["column_id"] is None]
    assert [(one["kind"], one["assignment_ids"]) for one in of_nobody] == [("block", [])]


def test_r8_reference_data_hold_practitioners_with_a_column_types_assignments_and_rooms(
    stage: Stage, chair: Chair
) -> None:
    add_row(stage, tables.practitioner, name="Dr. Ohne Spalte")
    kind = add_row(stage, tables.appointment_type, name="Aufklärung", duration_minutes=20)
    by_record: dict[str, list[dict[str, Any]]] = {}
    for one in records(stage, Kind.REFERENCE_DATA):
        by_record.setdefault(one["record"], []).append(one)
    assert set(by_record) == {
        "practitioner", "treatment_room", "column", "appointment_type", "appointment_assignment"
    }  # fmt: skip
    assert str(chair.practitioner_id) in {one["practitioner_id"] for one in by_record["practitioner"]}
    assert "Dr. Ohne Spalte" not in {one["name"] for one in by_record["practitioner"]}
    assert str(chair.room_id) in {one["room_id"] for one in by_record["treatment_room"]}
    assert str(kind) in {one["type_id"] for one in by_record["appointment_type"]}
    offers = {one["assignment_id"]: one for one in by_record["appointment_assignment"]}
    assert offers[str(chair.assignment_id)]["column_ids"] == [str(chair.column_id)]


def test_r10_patient_can_be_shown_free_times_assignments_and_practitioners(
    stage: Stage, chair: Chair
) -> None:
    """From the two files alone: date, from and to, what it is, and with whom."""
    reference = records(stage, Kind.REFERENCE_DATA)
    names = {one["practitioner_id"]: one["name"] for one in reference if one["record"] == "practitioner"}
    with_whom = {
        one["column_id"]: names.get(one["practitioner_id"]) for one in reference if "column_id" in one
    }
    what = {one["assignment_id"]: one["label"] for one in reference if "label" in one}
    shown = [
        (one["starts_at"], one["ends_at"], what[one["assignment_id"]], with_whom[one["column_id"]])
        for one in records(stage, Kind.AVAILABILITY)
        if one["record"] == "slot" and one["column_id"] == str(chair.column_id)
    ]
    (dentist,) = values(
        stage.house.connector,
        tables.practitioner.c.name,
        tables.practitioner.c.practitioner_id == chair.practitioner_id,
    )
    starts, ends = chair.text(8), chair.text(9)
    assert shown[0] == (starts, ends, "Sprechstunde", dentist)
    assert len(shown) == 4


NECESSARY = {
    Kind.AVAILABILITY: {
        "window": "starts_at ends_at lead_time_minutes lead_time_working_days booking_horizon_days "
        "grid_minutes",
        "opening": "starts_at ends_at",
        "column_time": "column_id status starts_at ends_at",
        "template_time": "kind column_id starts_at ends_at assignment_ids",
        "slot": "slot_id assignment_id column_id status starts_at ends_at",
    },
    Kind.REFERENCE_DATA: {
        "practitioner": "practitioner_id name",
        "treatment_room": "room_id name",
        "column": "column_id name practitioner_id room_id",
        "appointment_type": "type_id name duration_minutes",
        "appointment_assignment": (
            "assignment_id label type_id duration_minutes open_to_new_patients column_ids"
        ),
    },
    Kind.PATIENTS: {
        "patient": "patient_id given_name family_name birth_date contact_points",
        "removal": "patient_id",
    },
}


@pytest.mark.parametrize("kind", NECESSARY)
def test_r11_no_record_holds_a_field_beyond_the_necessary_ones(stage: Stage, kind: Kind) -> None:
    add_patient(stage.house.connector, f"Feldweise{stage.number()}", consents={DENTPORT: "GRANTED"})
    found = records(stage, kind)
    assert {"availability": "slot", "reference_data": "column", "patients": "patient"}[kind] in {
        one["record"] for one in found
    }
    for one in found:
        assert one.keys() - {"record"} == set(NECESSARY[kind][one["record"]].split())


def test_r11_what_only_the_practice_needs_stands_in_no_file_for_showing(stage: Stage, chair: Chair) -> None:
    """Who has an appointment, the staff's logins, why the practice is closed."""
    who = stage.somebody("Kanarienvogel", family_name="Geheimniskrämer")
    stage.send(stage.booking(who, chair.slot(8)))
    connector = stage.house.connector
    kept = {"Kanarienvogel", "Geheimniskrämer"}
    kept |= {*values(connector, STAFF.login_name), *values(connector, tables.public_holiday.c.name)}
    told = _words(records(stage, Kind.AVAILABILITY)) | _words(records(stage, Kind.REFERENCE_DATA))
    assert "Sprechstunde" in told and len(kept) > 20
    assert not kept & told


def _words(value: Any) -> set[str]:
    """Every text in a record, and each word of it."""
    if isinstance(value, dict):
        return set().union(*map(_words, value.values()))
    if isinstance(value, list):
        return set().union(*map(_words, value))
    return {value, *value.split()} if isinstance(value, str) else set()
