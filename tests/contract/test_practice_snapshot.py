"""Cases that hold for reading the practice from SQLite and from PostgreSQL alike."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import Connection, delete, insert, update

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.adapters.disclosure_ledger import SqlDisclosureLedger
from agent.adapters.practice_snapshot import SqlPracticeSnapshot
from agent.domain.intervals import Interval, instant
from agent.domain.practice import Consent, ContactPoint, SpecialHours, StaffMember, TemplateAreaKind
from agent.errors import SchemaMismatchError
from tests.kit.databases import (
    ANNA,
    CHECKUP,
    CLARA,
    CLEANING,
    CLEANING_TYPE,
    DENTIST,
    DENTPORT,
    INSERTED_AT,
    LEA,
    LEO,
    OHNE,
    OTV_LOGIN,
    OTV_USER,
    PETER,
    PRACTICE_ID,
    PROPHYLAXIS,
    TREATMENT,
    ZAHNZEIT,
    add_appointment,
)

NINE = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return NINE + timedelta(minutes=minutes)


def stretch(begin: int, end: int) -> Interval:
    return instant(at(begin)), instant(at(end))


def disclose(connection: Connection, patient_id: int, alias: str, sent: bool = True, **more: object) -> None:
    row = {"partner_id": DENTPORT, "patient_id": patient_id, "alias": alias, **more}
    connection.execute(insert(tables.disclosure).values(first_sent_at=INSERTED_AT if sent else None, **row))


def test_identity_of_the_small_practice_is_read(connector: Connector) -> None:
    with connector.reading() as connection:
        identity = SqlPracticeSnapshot(connection).identity()
    assert (identity.practice_id, identity.federal_state) == (PRACTICE_ID, "BY")
    assert identity.time_zone == "Europe/Berlin"


@pytest.mark.parametrize("rows", [0, 2])
def test_identity_without_exactly_one_practice_is_an_error(connector: Connector, rows: int) -> None:
    second = {"practice_id": "second", "name": "x", "federal_state": "BY", "time_zone": "Europe/Berlin"}
    with connector.writing() as connection:
        connection.execute(insert(tables.practice).values(second) if rows else delete(tables.practice))
    with connector.reading() as connection, pytest.raises(SchemaMismatchError, match=f"holds {rows} rows"):
        SqlPracticeSnapshot(connection).identity()


def test_calendar_holds_columns_offers_hours_and_holidays(connector: Connector) -> None:
    with connector.reading() as connection:
        calendar = SqlPracticeSnapshot(connection).calendar()
    assert list(calendar.columns) == [TREATMENT, PROPHYLAXIS]
    assert calendar.columns[TREATMENT].practitioner_id == 1
    assert calendar.practitioners[1].name == "Dr. Sommer"
    assert calendar.rooms[2].name == "Zimmer Frau Winter"
    assert calendar.types[CLEANING_TYPE].duration_minutes == 60
    assert calendar.assignments[CLEANING].buffer_after_minutes == 10
    assert calendar.assignments[CLEANING].column_ids == {PROPHYLAXIS}
    assert calendar.assignments[CHECKUP].open_to_new_patients is True
    assert len(calendar.working_hours) == 20
    assert (calendar.working_hours[0].starts, calendar.working_hours[0].valid_until) == (time(8), None)
    assert date(2027, 12, 25) in calendar.holidays


def test_calendar_holds_shifts_absences_and_template_areas(connector: Connector) -> None:
    with connector.writing() as connection:
        add_shift_absence_and_area(connection)
    with connector.reading() as connection:
        calendar = SqlPracticeSnapshot(connection).calendar()
    [shift] = calendar.shifts
    assert (shift.cycle_days, shift.anchor_date) == (14, date(2027, 1, 4))
    assert [(hours.day_index, hours.ends) for hours in shift.hours] == [(0, time(12)), (8, time(20))]
    [absence] = calendar.absences
    assert (absence.practitioner_id, absence.starts_at, absence.ends_at) == (None, at(0), at(60))
    [area] = calendar.template_areas
    assert (area.kind, area.column_id, area.practitioner_id) == (TemplateAreaKind.RESERVE, None, 2)
    assert area.assignment_ids == {CHECKUP, CLEANING}
    assert area.type_ids == {CLEANING_TYPE}


def add_shift_absence_and_area(connection: Connection) -> None:
    since = {"valid_from": date(2027, 1, 1)}
    cycle = {"column_id": TREATMENT, "cycle_days": 14, "anchor_date": date(2027, 1, 4)}
    connection.execute(insert(tables.shift).values(**cycle, **since))
    for day, ends in ((0, time(12)), (8, time(20))):
        connection.execute(
            insert(tables.shift_hours).values(shift_id=1, day_index=day, starts=time(8), ends=ends)
        )
    connection.execute(insert(tables.planned_absence).values(starts_at=at(0), ends_at=at(60)))
    area = {"kind": "reserve", "weekday": 2, "starts": time(8), "ends": time(9), "practitioner_id": 2}
    connection.execute(insert(tables.template_area).values(**area, **since))
    for assignment in (CHECKUP, CLEANING):
        connection.execute(
            insert(tables.template_area_assignment).values(area_id=1, assignment_id=assignment)
        )
    connection.execute(insert(tables.template_area_type).values(area_id=1, type_id=CLEANING_TYPE))


def test_calendar_holds_special_hours_and_what_is_reserved_only(connector: Connector) -> None:
    day, column, assignment = date(2027, 3, 6), tables.special_hours, tables.appointment_assignment
    with connector.writing() as connection:
        connection.execute(
            insert(column),
            [
                {"column_id": TREATMENT, "special_date": day, "starts": time(9), "ends": time(12, 30)},
                {"column_id": PROPHYLAXIS, "special_date": day, "starts": None, "ends": None},
            ],
        )
        connection.execute(
            update(assignment).where(assignment.c.assignment_id == CHECKUP).values(reserved_only=True)
        )
    with connector.reading() as connection:
        calendar = SqlPracticeSnapshot(connection).calendar()
    assert calendar.special_hours == (
        SpecialHours(TREATMENT, day, time(9), time(12, 30)),
        SpecialHours(PROPHYLAXIS, day, None, None),
    )
    assert (calendar.assignments[CHECKUP].reserved_only, calendar.assignments[CLEANING].reserved_only) == (
        True,
        False,
    )


def test_calendar_leaves_out_what_is_switched_off(connector: Connector) -> None:
    off = {"active": False}
    column, assignment = tables.schedule_column, tables.appointment_assignment
    with connector.writing() as connection:
        connection.execute(update(column).where(column.c.column_id == PROPHYLAXIS).values(off))
        connection.execute(update(assignment).where(assignment.c.assignment_id == CHECKUP).values(off))
        area = {"kind": "block", "weekday": 2, "starts": time(8), "ends": time(9), "column_id": PROPHYLAXIS}
        connection.execute(insert(tables.template_area).values(**area, valid_from=date(2027, 1, 1)))
        connection.execute(
            insert(tables.special_hours).values(column_id=PROPHYLAXIS, special_date=date(2027, 3, 6))
        )
    with connector.reading() as connection:
        calendar = SqlPracticeSnapshot(connection).calendar()
    assert list(calendar.columns) == [TREATMENT]
    assert {key: column.practitioner_id for key, column in calendar.idle_columns.items()} == {PROPHYLAXIS: 2}
    assert calendar.special_hours == ()
    assert list(calendar.assignments) == [CLEANING]
    assert calendar.assignments[CLEANING].column_ids == frozenset()
    assert {hours.column_id for hours in calendar.working_hours} == {TREATMENT}
    assert calendar.template_areas == ()


def test_busy_time_is_merged_sorted_and_without_the_cancelled(connector: Connector) -> None:
    with connector.writing() as connection:
        add_appointment(connection, at(60), at(90))
        add_appointment(connection, at(0), at(30))
        add_appointment(connection, at(30), at(45))
        add_appointment(connection, at(120), at(150), status="cancelled")
        add_appointment(connection, at(240), at(270), status="noshow")
        add_appointment(connection, at(10), at(70), column_id=PROPHYLAXIS)
        add_appointment(connection, at(20), at(80), column_id=PROPHYLAXIS, exclusive=False)
    with connector.reading() as connection:
        busy = SqlPracticeSnapshot(connection).busy(stretch(0, 600))
    assert busy == {
        TREATMENT: [stretch(0, 45), stretch(60, 90), stretch(240, 270)],
        PROPHYLAXIS: [stretch(10, 80)],
    }


def test_busy_time_at_the_window_edges_counts_only_what_reaches_in(connector: Connector) -> None:
    with connector.writing() as connection:
        for begin, end in ((-60, 0), (-30, 1), (59, 90), (60, 120)):
            add_appointment(connection, at(begin), at(end), exclusive=False)
        add_appointment(connection, at(0), at(60), column_id=PROPHYLAXIS)
    with connector.reading() as connection:
        busy = SqlPracticeSnapshot(connection).busy(stretch(0, 60), [TREATMENT])
    assert busy == {TREATMENT: [stretch(-30, 1), stretch(59, 90)]}


def test_an_appointment_takes_the_buffers_of_its_own_assignment(connector: Connector) -> None:
    """Ten minutes after a cleaning; without an assignment none, and none of another one."""
    set_buffers(connector, CLEANING, 5, 10)
    with connector.writing() as connection:
        add_appointment(connection, at(0), at(30), assignment_id=CLEANING)
        add_appointment(connection, at(60), at(90))
        add_appointment(connection, at(120), at(150), assignment_id=CHECKUP)
    assert busy(connector, stretch(-60, 600)) == [stretch(-5, 40), stretch(60, 90), stretch(120, 150)]


def test_buffers_of_a_switched_off_assignment_still_count(connector: Connector) -> None:
    set_buffers(connector, CLEANING, 5, 10, active=False)
    with connector.writing() as connection:
        add_appointment(connection, at(0), at(30), assignment_id=CLEANING)
    assert busy(connector, stretch(-60, 600)) == [stretch(-5, 40)]


@pytest.mark.parametrize(
    ("window", "found"),
    [
        (stretch(39, 60), True),
        (stretch(40, 60), False),
        (stretch(-60, -4), True),
        (stretch(-60, -5), False),
        (stretch(10, 20), True),
    ],
)
def test_busy_time_that_reaches_the_window_by_its_buffer_alone_is_found(
    connector: Connector, window: Interval, found: bool
) -> None:
    set_buffers(connector, CLEANING, 5, 10)
    set_buffers(connector, CHECKUP, 60, 90)  # a wider search must not find more
    with connector.writing() as connection:
        add_appointment(connection, at(0), at(30), assignment_id=CLEANING)
    assert busy(connector, window) == ([stretch(-5, 40)] if found else [])


def test_buffers_below_nothing_do_not_shorten_an_appointment(connector: Connector) -> None:
    set_buffers(connector, CLEANING, -20, -20)
    with connector.writing() as connection:
        add_appointment(connection, at(0), at(30), assignment_id=CLEANING)
    assert busy(connector, stretch(0, 60)) == [stretch(0, 30)]
    with connector.reading() as connection:
        cleaning = SqlPracticeSnapshot(connection).calendar().assignments[CLEANING]
    assert (cleaning.buffer_before_minutes, cleaning.buffer_after_minutes) == (0, 0)


def test_busy_time_can_be_asked_for_without_one_appointment(connector: Connector) -> None:
    with connector.writing() as connection:
        moved = add_appointment(connection, at(0), at(30))
        add_appointment(connection, at(30), at(60))
    with connector.reading() as connection:
        found = SqlPracticeSnapshot(connection).busy(stretch(0, 600), without_appointment=moved)
    assert found == {TREATMENT: [stretch(30, 60)]}


def set_buffers(
    connector: Connector, assignment_id: int, before: int, after: int, *, active: bool = True
) -> None:
    assignment = tables.appointment_assignment
    values = {"buffer_before_minutes": before, "buffer_after_minutes": after, "active": active}
    with connector.writing() as connection:
        connection.execute(
            update(assignment).where(assignment.c.assignment_id == assignment_id).values(values)
        )


def busy(connector: Connector, window: Interval) -> list[Interval]:
    """Of the treatment column."""
    with connector.reading() as connection:
        return SqlPracticeSnapshot(connection).busy(window).get(TREATMENT, [])


def test_booked_starts_are_those_of_the_partners_own_standing_appointments(connector: Connector) -> None:
    with connector.writing() as connection:
        booked = [
            add_appointment(connection, at(minutes), at(minutes + 30), **more)
            for minutes, more in (
                (120, {}),
                (0, {}),
                (60, {"status": "cancelled"}),
                (180, {"status": "noshow"}),
                (240, {}),
                (600, {}),
            )
        ]
        for appointment_id in booked[:4] + booked[5:]:
            come_from(connection, DENTPORT, appointment_id)
        come_from(connection, ZAHNZEIT, booked[4])
    with connector.reading() as connection:
        snapshot = SqlPracticeSnapshot(connection)
        window = stretch(0, 600)
        starts = [instant(at(minutes)) for minutes in (0, 120, 180)]
        assert snapshot.booked_starts(DENTPORT, window) == starts
        assert snapshot.booked_starts(DENTPORT, window, without_appointment=booked[1]) == starts[1:]
        assert snapshot.booked_starts(ZAHNZEIT, window) == [instant(at(240))]
        assert snapshot.booked_starts("nobody", window) == []


def come_from(connection: Connection, partner_id: str, appointment_id: int) -> None:
    row = {
        "partner_id": partner_id,
        "booking_id": f"booking-{appointment_id}",
        "appointment_id": appointment_id,
        "patient_id": ANNA,
        "told_status": "booked",
        "told_column_id": TREATMENT,
        "told_starts_at": at(0),
        "told_ends_at": at(30),
    }
    connection.execute(insert(tables.partner_appointment).values(row))


def test_staff_member_comes_with_the_permissions_of_the_role(connector: Connector) -> None:
    with connector.reading() as connection:
        snapshot = SqlPracticeSnapshot(connection)
        author, dentist = snapshot.staff_member(OTV_LOGIN), snapshot.staff_member("sommer")
        assert snapshot.staff_member("nobody") is None
    assert author == StaffMember(OTV_USER, OTV_LOGIN, "OTV", "Online", True, frozenset())
    assert dentist is not None
    assert dentist.permissions == {"appointments"}
    assert dentist.staff_id == DENTIST


def test_consented_patients_are_the_active_ones_who_said_yes_to_this_partner(connector: Connector) -> None:
    with connector.reading() as connection:
        for partner, expected in ((DENTPORT, [ANNA, OHNE, LEA]), (ZAHNZEIT, [3, OHNE]), ("other", [])):
            consented = list(SqlPracticeSnapshot(connection).consented_patients(partner))
            assert [entry.patient.patient_id for entry in consented] == expected
            assert all(entry.patient.active for entry in consented)
            assert all(entry.patient.consent is Consent.GRANTED for entry in consented)


def test_consented_patients_carry_their_own_contact_points_and_alias(connector: Connector) -> None:
    with connector.writing() as connection:
        disclose(connection, ANNA, "alias-anna")
        disclose(connection, OHNE, "alias-ohne", sent=False)
        disclose(connection, LEA, "alias-lea", removed_at=INSERTED_AT)
        connection.execute(delete(tables.contact_point).where(tables.contact_point.c.patient_id == OHNE))
    with connector.reading() as connection:
        anna, ohne, lea = SqlPracticeSnapshot(connection).consented_patients(DENTPORT)
    assert (anna.patient.given_name, anna.patient.family_name) == ("Anna", "Müller")
    assert anna.patient.birth_date == date(1980, 5, 17)
    assert anna.patient.contact_points == (
        ContactPoint("phone", "mobile", "0171 5550101"),
        ContactPoint("email", "home", "anna@example.org"),
    )
    assert (anna.alias, anna.disclosed) == ("alias-anna", True)
    assert (ohne.patient.birth_date, ohne.patient.contact_points) == (None, ())
    assert (ohne.alias, ohne.disclosed) == ("alias-ohne", False)
    assert (lea.alias, lea.disclosed) == ("alias-lea", False)


def test_consented_patients_of_thousands_lose_neither_patient_nor_contact_point(connector: Connector) -> None:
    """More than one fetch of each stream, so that a row lost between two of them shows."""
    info = {
        "created_by": DENTIST,
        "created_at": INSERTED_AT,
        "changed_by": DENTIST,
        "changed_at": INSERTED_AT,
    }
    keys = range(1_000, 6_000)
    person = {"given_name": "Kim", "family_name": "Lang", "active": True, **info}
    answer = {"partner_id": "third", "status": "GRANTED", "changed_by": DENTIST, "changed_at": INSERTED_AT}
    points = [(key, number) for key in keys for number in range(key % 3)]
    with connector.writing() as connection:
        connection.execute(insert(tables.booking_partner).values(partner_id="third", name="Third"))
        connection.execute(insert(tables.patient), [{"patient_id": key, **person} for key in keys])
        connection.execute(insert(tables.consent), [{"patient_id": key, **answer} for key in keys])
        connection.execute(
            insert(tables.contact_point),
            [{"patient_id": k, "system": "phone", "use": "home", "value": f"{k}-{n}"} for k, n in points],
        )
    with connector.reading() as connection:
        consented = [entry.patient for entry in SqlPracticeSnapshot(connection).consented_patients("third")]
    assert [patient.patient_id for patient in consented] == list(keys)
    found = [(p.patient_id, c.value) for p in consented for c in p.contact_points]
    assert found == [(key, f"{key}-{number}") for key, number in points]


def test_known_aliases_are_those_of_the_transmit_set_in_its_order(connector: Connector) -> None:
    with connector.writing() as connection:
        for partner in (DENTPORT, ZAHNZEIT):
            SqlDisclosureLedger(connection).assign_aliases(partner)
        # Aliases of those who withdrew stay in the ledger, and are nobody's whom the partner may know.
        for patient_id in (CLARA, PETER, LEO):
            disclose(connection, patient_id, f"old{patient_id}")
    with connector.reading() as connection:
        snapshot = SqlPracticeSnapshot(connection)
        for partner in (DENTPORT, ZAHNZEIT, "third"):
            known = list(snapshot.known_aliases(partner))
            assert known == [one.alias for one in snapshot.consented_patients(partner)]
        assert len(list(snapshot.known_aliases(DENTPORT))) == 3


def test_consented_patients_left_early_leave_the_connection_usable(connector: Connector) -> None:
    with connector.reading() as connection:
        snapshot = SqlPracticeSnapshot(connection)
        patients = snapshot.consented_patients(DENTPORT)
        assert next(patients).patient.patient_id == ANNA
        del patients
        assert len(list(snapshot.consented_patients(DENTPORT))) == 3


def test_aliases_are_removed_for_whoever_withdrew_or_left(connector: Connector) -> None:
    """Sent and no longer agreed: denied, inactive, never asked, record gone. Never sent: nothing to do."""
    with connector.writing() as connection:
        for patient_id, alias in enumerate(("anna", "joerg", "clara", "peter", "ohne"), start=ANNA):
            disclose(connection, patient_id, alias)
        disclose(connection, LEA, "lea", removed_at=INSERTED_AT)
        disclose(connection, 7, "leo", sent=False)
        disclose(connection, 999, "gone")
    with connector.reading() as connection:
        snapshot = SqlPracticeSnapshot(connection)
        assert snapshot.removed_aliases(DENTPORT) == ["joerg", "clara", "peter", "gone"]
        assert snapshot.removed_aliases(ZAHNZEIT) == []


def test_snapshot_does_not_see_what_is_written_after_it_began(connector: Connector) -> None:
    with connector.reading() as connection:
        snapshot = SqlPracticeSnapshot(connection)
        assert snapshot.busy(stretch(0, 60)) == {}
        with connector.writing() as writer:
            add_appointment(writer, at(0), at(30))
        assert snapshot.busy(stretch(0, 60)) == {}
    with connector.reading() as connection:
        assert SqlPracticeSnapshot(connection).busy(stretch(0, 60)) == {TREATMENT: [stretch(0, 30)]}
