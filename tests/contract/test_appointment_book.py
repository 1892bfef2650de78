"""Writing into the practice's tables, on both databases."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection, insert, select, update

from agent.adapters import tables
from agent.adapters.appointment_book import SqlAppointmentBook
from agent.adapters.database import Connector
from agent.domain.practice import Consent, ContactPoint
from agent.errors import DatabaseError, SlotTakenError
from agent.ports import NewAppointment, NewPatient, StandingAppointment
from tests.kit.databases import (
    ANNA,
    CHECKUP,
    CHECKUP_TYPE,
    CLARA,
    DENTPORT,
    LEA,
    LEO,
    OHNE,
    OTV_USER,
    PETER,
    PROPHYLAXIS,
    TREATMENT,
    ZAHNZEIT,
    add_appointment,
)
from tests.kit.statements import recorded

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
TODAY = date(2027, 3, 1)
START = datetime(2027, 3, 8, 9, 0, tzinfo=UTC)
MOBILE = ContactPoint("phone", "mobile", "0170 5550111")
EMAIL = ContactPoint("email", "home", "neu@example.org")


def candidate_ids(book: SqlAppointmentBook, birth_date: date, family_name: str = "Ohne") -> list[int]:
    return [patient.patient_id for patient in book.candidates(DENTPORT, family_name, birth_date, TODAY)]


def appointment(column_id: int = TREATMENT, minutes_later: int = 0) -> NewAppointment:
    starts_at = START + timedelta(minutes=minutes_later)
    return NewAppointment(
        column_id, ANNA, CHECKUP_TYPE, CHECKUP, starts_at, starts_at + timedelta(minutes=30)
    )


def new_patient(birth_date: date = date(2001, 1, 1), *contact_points: ContactPoint) -> NewPatient:
    return NewPatient("Neu", "Patient", birth_date, contact_points)


def born(connection: Connection, patient_id: int, birth_date: date) -> None:
    connection.execute(
        update(tables.patient).where(tables.patient.c.patient_id == patient_id).values(birth_date=birth_date)
    )


def test_candidates_for_a_birth_date_are_its_patients_and_those_of_the_name_without_one(
    connector: Connector,
) -> None:
    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        assert candidate_ids(book, date(2015, 9, 3)) == [OHNE, LEA, LEO]
        assert candidate_ids(book, date(2015, 9, 3), "Zwilling") == [LEA, LEO]
        assert candidate_ids(book, date(2015, 9, 3), "von  OHNE") == [OHNE, LEA, LEO]


def test_candidates_carry_the_consent_for_this_partner_and_their_contact_points(connector: Connector) -> None:
    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        anna = book.candidates(DENTPORT, "Ohne", date(1980, 5, 17), TODAY)[0]
        assert anna.consent is Consent.GRANTED
        assert anna.contact_points == (
            ContactPoint("phone", "mobile", "0171 5550101"),
            ContactPoint("email", "home", "anna@example.org"),
        )
        assert book.candidates(ZAHNZEIT, "Ohne", date(1980, 5, 17), TODAY)[0].consent is Consent.OPEN


def test_candidates_include_the_denied_and_the_inactive(connector: Connector) -> None:
    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        clara = book.candidates(DENTPORT, "Ohne", date(1990, 2, 28), TODAY)[0]
        peter = book.candidates(DENTPORT, "Ohne", date(1950, 7, 7), TODAY)[0]
    assert (clara.patient_id, clara.consent, clara.active) == (CLARA, Consent.DENIED, True)
    assert (peter.patient_id, peter.active, peter.contact_points) == (PETER, False, ())


@pytest.mark.parametrize("placeholder", [date(1899, 12, 31), date(1900, 1, 1), TODAY + timedelta(days=1)])
def test_candidates_with_a_placeholder_birth_date_count_as_without_one(
    connector: Connector, placeholder: date
) -> None:
    with connector.writing() as connection:
        born(connection, ANNA, placeholder)
        book = SqlAppointmentBook(connection)
        for asked in (date(1975, 1, 1), placeholder):
            assert candidate_ids(book, asked, "Mueller") == [ANNA]
            assert candidate_ids(book, asked) == [OHNE]


def test_candidates_born_today_are_no_placeholder(connector: Connector) -> None:
    with connector.writing() as connection:
        born(connection, ANNA, TODAY)
        assert candidate_ids(SqlAppointmentBook(connection), date(1975, 1, 1), "Müller") == []


def test_candidates_asked_again_cost_one_statement(connector: Connector) -> None:
    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        candidate_ids(book, date(1980, 5, 17))
        sent = recorded(connection)
        assert candidate_ids(book, date(2015, 9, 3)) == [OHNE, LEA, LEO]
    assert len(sent) == 1


@pytest.mark.parametrize("birth_date", [date(2001, 1, 1), date(1900, 1, 1)])
def test_candidates_include_a_patient_created_earlier_in_the_transaction(
    connector: Connector, birth_date: date
) -> None:
    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        assert candidate_ids(book, birth_date, "Patient") == []
        created = book.create_patient(new_patient(birth_date, MOBILE), OTV_USER, NOW)
        (found,) = book.candidates(DENTPORT, "Patient", birth_date, TODAY)
    assert (found.patient_id, found.contact_points) == (created, (MOBILE,))
    assert (found.active, found.consent) == (True, Consent.OPEN)


def test_create_patient_records_the_author_and_every_contact_point(connector: Connector) -> None:
    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        created = book.create_patient(new_patient(date(2001, 1, 1), MOBILE, EMAIL), OTV_USER, NOW)
    with connector.reading() as connection:
        row = connection.execute(select(tables.patient).where(tables.patient.c.patient_id == created)).one()
        points = connection.execute(
            select(tables.contact_point).where(tables.contact_point.c.patient_id == created)
        ).all()
    assert (row.created_by, row.created_at, row.changed_by, row.changed_at) == (OTV_USER, NOW, OTV_USER, NOW)
    assert [(point.system, point.value) for point in points] == [
        ("phone", "0170 5550111"),
        ("email", "neu@example.org"),
    ]


def test_add_appointment_records_status_times_and_author(connector: Connector) -> None:
    with connector.writing() as connection:
        key = SqlAppointmentBook(connection).add_appointment(appointment(), OTV_USER, NOW)
    with connector.reading() as connection:
        row = connection.execute(select(tables.appointment)).one()
    assert (row.appointment_id, row.column_id, row.patient_id) == (key, TREATMENT, ANNA)
    assert (row.type_id, row.assignment_id, row.status, row.exclusive) == (
        CHECKUP_TYPE,
        CHECKUP,
        "booked",
        True,
    )
    assert (row.starts_at, row.ends_at) == (START, START + timedelta(minutes=30))
    assert (row.created_by, row.created_at, row.changed_by, row.changed_at) == (OTV_USER, NOW, OTV_USER, NOW)


@pytest.mark.parametrize("minutes_later", [-29, 0, 29])
def test_add_appointment_over_another_is_refused_and_the_transaction_goes_on(
    connector: Connector, minutes_later: int
) -> None:
    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        first = book.add_appointment(appointment(), OTV_USER, NOW)
        with pytest.raises(SlotTakenError):
            book.add_appointment(appointment(minutes_later=minutes_later), OTV_USER, NOW)
        beside = book.add_appointment(appointment(column_id=PROPHYLAXIS), OTV_USER, NOW)
        after = book.add_appointment(appointment(minutes_later=30), OTV_USER, NOW)
    with connector.reading() as connection:
        kept = set(connection.scalars(select(tables.appointment.c.appointment_id)))
    assert kept == {first, beside, after}


def test_add_appointment_over_a_cancelled_one_is_accepted(connector: Connector) -> None:
    with connector.writing() as connection:
        add_appointment(connection, START, START + timedelta(minutes=30), status="cancelled")
        assert SqlAppointmentBook(connection).add_appointment(appointment(), OTV_USER, NOW)


def test_add_appointment_in_an_unknown_column_is_an_error_of_its_own_that_quotes_no_row(
    connector: Connector,
) -> None:
    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        with pytest.raises(DatabaseError) as caught:
            book.add_appointment(appointment(column_id=99), OTV_USER, NOW)
        assert book.add_appointment(appointment(), OTV_USER, NOW)
    assert type(caught.value) is DatabaseError
    assert caught.value.__cause__ is None


def test_appointment_is_read_as_it_stands(connector: Connector) -> None:
    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        appointment_id = book.add_appointment(appointment(), OTV_USER, NOW)
        assert book.appointment(appointment_id) == StandingAppointment(
            appointment_id, TREATMENT, ANNA, CHECKUP, START, START + timedelta(minutes=30), "booked"
        )
        assert book.appointment(appointment_id + 1) is None


def test_move_appointment_changes_place_and_time_and_who_changed_it(connector: Connector) -> None:
    later, moved_at = START + timedelta(hours=2), NOW + timedelta(hours=1)
    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        appointment_id = book.add_appointment(appointment(), OTV_USER, NOW)
        book.move_appointment(
            appointment_id, PROPHYLAXIS, later, later + timedelta(minutes=30), OTV_USER, moved_at
        )
        row = connection.execute(
            select(tables.appointment).where(tables.appointment.c.appointment_id == appointment_id)
        ).one()
    assert (row.column_id, row.starts_at, row.ends_at) == (PROPHYLAXIS, later, later + timedelta(minutes=30))
    assert (row.created_at, row.changed_by, row.changed_at) == (NOW, OTV_USER, moved_at)


def test_move_appointment_onto_another_is_refused_and_it_stands_where_it_stood(connector: Connector) -> None:
    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        appointment_id = book.add_appointment(appointment(), OTV_USER, NOW)
        book.add_appointment(appointment(minutes_later=60), OTV_USER, NOW)
        before = book.appointment(appointment_id)
        with pytest.raises(SlotTakenError):
            book.move_appointment(
                appointment_id,
                TREATMENT,
                START + timedelta(minutes=45),
                START + timedelta(minutes=75),
                OTV_USER,
                NOW,
            )
        assert book.appointment(appointment_id) == before


def test_cancel_appointment_keeps_it_with_who_when_and_why(connector: Connector) -> None:
    cancelled_at = NOW + timedelta(hours=1)
    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        appointment_id = book.add_appointment(appointment(), OTV_USER, NOW)
        book.cancel_appointment(appointment_id, "pat", OTV_USER, cancelled_at)
        row = connection.execute(
            select(tables.appointment).where(tables.appointment.c.appointment_id == appointment_id)
        ).one()
    assert (row.status, row.cancelled_by, row.cancelled_at, row.cancellation_reason) == (
        "cancelled", OTV_USER, cancelled_at, "pat"
    )  # fmt: skip
    assert (row.starts_at, row.changed_by, row.changed_at) == (START, OTV_USER, cancelled_at)


def test_overlap_of_a_patient_is_seen_in_any_column_and_touching_is_none(connector: Connector) -> None:
    half_an_hour = timedelta(minutes=30)
    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        appointment_id = book.add_appointment(appointment(PROPHYLAXIS), OTV_USER, NOW)
        assert book.has_overlap(ANNA, START + timedelta(minutes=29), START + half_an_hour * 2)
        assert not book.has_overlap(ANNA, START + half_an_hour, START + half_an_hour * 2)
        assert not book.has_overlap(ANNA, START - half_an_hour, START)
        assert not book.has_overlap(CLARA, START, START + half_an_hour)
        assert not book.has_overlap(ANNA, START, START + half_an_hour, without_appointment=appointment_id)
        book.cancel_appointment(appointment_id, "other", OTV_USER, NOW)
        assert not book.has_overlap(ANNA, START, START + half_an_hour)


def test_ensure_consent_page_creates_it_once(connector: Connector) -> None:
    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        assert book.ensure_consent_page(DENTPORT, "Dentport", OTV_USER, NOW)
        assert not book.ensure_consent_page(DENTPORT, "Dentport", OTV_USER, NOW)
    with connector.writing() as connection:
        assert not SqlAppointmentBook(connection).ensure_consent_page(DENTPORT, "Renamed", OTV_USER, NOW)
    with connector.reading() as connection:
        page = connection.execute(select(tables.consent_page)).one()
    assert (page.partner_id, page.created_by, page.created_at) == (DENTPORT, OTV_USER, NOW)


def test_ensure_consent_page_for_a_partner_unknown_to_the_practice_adds_the_partner(
    connector: Connector,
) -> None:
    with connector.writing() as connection:
        assert SqlAppointmentBook(connection).ensure_consent_page("praxo", "Praxo", OTV_USER, NOW)
    with connector.reading() as connection:
        name = connection.scalar(
            select(tables.booking_partner.c.name).where(tables.booking_partner.c.partner_id == "praxo")
        )
    assert name == "Praxo"


def test_ensure_consent_page_leaves_the_name_that_the_practice_gave_the_partner(connector: Connector) -> None:
    with connector.writing() as connection:
        SqlAppointmentBook(connection).ensure_consent_page(DENTPORT, "Other", OTV_USER, NOW)
        names = list(connection.scalars(select(tables.booking_partner.c.name)))
    assert "Dentport" in names
    assert "Other" not in names


def test_add_note_is_kept_open_for_the_staff(connector: Connector) -> None:
    with connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        key = book.add_appointment(appointment(), OTV_USER, NOW)
        book.add_note("possible_duplicate", DENTPORT, ANNA, CLARA, key, NOW)
        book.add_note("new_patient", DENTPORT, ANNA, None, key, NOW)
    with connector.reading() as connection:
        notes = connection.execute(select(tables.staff_note).order_by(tables.staff_note.c.note_id)).all()
    assert [(note.kind, note.patient_id, note.other_patient_id) for note in notes] == [
        ("possible_duplicate", ANNA, CLARA),
        ("new_patient", ANNA, None),
    ]
    assert {(note.appointment_id, note.created_at, note.resolved_at) for note in notes} == {(key, NOW, None)}


def test_candidates_of_a_practice_with_thousands_of_undated_patients_cost_their_names_once(
    connector: Connector,
) -> None:
    with connector.writing() as connection:
        person = {"given_name": "Ohne", "active": True}
        author = {"created_by": OTV_USER, "created_at": NOW, "changed_by": OTV_USER, "changed_at": NOW}
        strangers = [{**person, "family_name": f"Datum{number}", **author} for number in range(4_000)]
        connection.execute(insert(tables.patient), strangers)
        book, sent = SqlAppointmentBook(connection), recorded(connection)
        assert candidate_ids(book, date(2015, 9, 3)) == [OHNE, LEA, LEO]
        assert len(candidate_ids(book, date(1999, 9, 9), "DATUM77")) == 1
    assert [statement.count("contact_point") > 0 for statement in sent] == [False, True, True]
