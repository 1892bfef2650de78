"""Who a booking is for, through the whole import, and what the staff can ask of it, on both databases."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import func, select

from agent.adapters import tables
from agent.adapters.appointment_book import SqlAppointmentBook
from agent.clock import utc_now
from agent.domain.matching import DuplicateKind
from agent.flows.book import PATIENT_OVERLAP
from exchange_formats.bookings import BookingPatient
from exchange_formats.fields import ContactPoint
from tests.flows.card_index import FAMILY_NAME, add_patient
from tests.flows.evidence import appointment_of, audit, practice_rows, values
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, ZAHNZEIT, Answer, Stage
from tests.kit.command_line import Finished, otv

BORN = "1980-05-17"
PATIENT, NOTE = tables.patient.c, tables.staff_note.c
MAILBOX = ContactPoint(system="email", use="home", value="eva@example.org")


def otv_here(stage: Stage, *words: str) -> Finished:
    return otv(*words, config=stage.house.config_path)


def booked_for(stage: Stage, booking_id: str, partner_id: str = DENTPORT) -> int:
    appointment = tables.partner_appointment.c
    this = (appointment.partner_id == partner_id, appointment.booking_id == booking_id)
    (patient_id,) = values(stage.house.connector, appointment.patient_id, *this)
    return int(patient_id)


def newest(stage: Stage, column: Any) -> int:
    with stage.house.connector.reading() as connection:
        return int(connection.scalar(select(func.coalesce(func.max(column), 0))) or 0)


# --- one person, one record (R18) ------------------------------------------------------------------


@pytest.mark.parametrize("second_partner", [DENTPORT, ZAHNZEIT])
def test_two_files_of_one_run_that_bring_the_same_new_patient_create_one_record(
    stage: Stage, second_partner: str
) -> None:
    number, known = stage.number(), newest(stage, PATIENT.patient_id)
    first = stage.booking(stage.somebody(f"Jürgen{number}", family_name="Doppelt-Neu"))
    second = stage.booking(stage.somebody(f"Dr. JUERGEN{number}", family_name="Doppelt Neu"))
    stage.drop(stage.sealed(first), DENTPORT)
    stage.drop(stage.sealed(second, partner_id=second_partner), second_partner)
    results = stage.receive(DENTPORT) + stage.receive(ZAHNZEIT)

    assert [result.accepted for result in results] == [1, 1]
    created = values(stage.house.connector, PATIENT.patient_id, PATIENT.patient_id > known)
    assert [booked_for(stage, first.booking_id), booked_for(stage, second.booking_id, second_partner)] == (
        created * 2
    )
    # A booking is no consent, and the second one no correction of what the first wrote down.
    assert values(stage.house.connector, tables.consent.c.status, tables.consent.c.patient_id > known) == []
    contacts = values(
        stage.house.connector, tables.contact_point.c.value, tables.contact_point.c.patient_id > known
    )
    assert contacts == [first.patient.contact_points[0].value]


def test_two_bookings_of_one_file_by_one_new_person_spelled_differently_create_one_record(
    stage: Stage,
) -> None:
    number, known = stage.number(), newest(stage, PATIENT.patient_id)
    spellings = (f"Zoë{number}", f"zoe{number}", f"Zoe\u0308{number}")
    answered = stage.send(*(stage.booking(stage.somebody(name)) for name in spellings))
    assert [outcome.outcome for outcome in answered.outcomes] == ["accepted"] * 3
    assert len(values(stage.house.connector, PATIENT.patient_id, PATIENT.patient_id > known)) == 1


# --- a receipt tells nobody apart (A8) -------------------------------------------------------------


def test_receipts_of_anybody_for_one_slot_differ_in_nothing_but_the_numbers_given_to_them(
    stage: Stage,
) -> None:
    """The same slot for everybody, cancelled in between, so that not even place and time may differ."""
    slot, beside = stage.slot(), stage.number()
    receipts = set()
    for who in (*strangers(stage), *known_people(stage)):
        booking = stage.booking(who, slot, booking_id=f"a8-{beside}-{stage.number():05d}")
        receipts.add(blank(stage.send(booking), booking.booking_id))
        stage.send(stage.cancel(booking))
    assert len(receipts) == 1
    assert '"outcome":"accepted"' in receipts.pop()


@ON_SQLITE_ALONE
def test_refusals_of_anybody_for_one_taken_slot_differ_in_nothing_but_the_numbers_given_to_them(
    stage: Stage,
) -> None:
    slot, beside = stage.slot(), stage.number()
    stage.send(stage.booking(slot=slot))
    receipts = set()
    for who in (*strangers(stage), *known_people(stage)):
        booking = stage.booking(who, slot, booking_id=f"a8-{beside}-{stage.number():05d}")
        receipts.add(blank(stage.send(booking), booking.booking_id))
    assert len(receipts) == 1
    assert '"reason":"slot_taken"' in receipts.pop()


def strangers(stage: Stage) -> list[BookingPatient]:
    return [stage.somebody(), stage.somebody()]


def known_people(stage: Stage) -> list[BookingPatient]:
    """Everybody of whom a partner must not learn that the practice knows them."""
    number, connector = stage.number(), stage.house.connector
    records: Mapping[str, list[dict[str, Any]]] = {
        "Offen": [{"consents": {DENTPORT: "OPEN"}}],
        "Ungefragt": [{}],
        "Abgelehnt": [{"consents": {DENTPORT: "DENIED"}}],
        "Inaktiv": [{"active": False, "consents": {DENTPORT: "GRANTED"}}],
        "Undatiert": [{"birth_date": None}],
        "Mehrdeutig": [{}, {}],
        "Eindeutig": [{"email": "eva@example.org"}, {}],
    }
    for name, persons in records.items():
        for person in persons:
            add_patient(connector, f"{name}{number}", **person)
    return [stage.somebody(f"{name}{number}", contact_points=[MAILBOX]) for name in records]


def blank(answered: Answer, booking_id: str) -> str:
    """The receipt as the partner reads it, byte by byte, without ids of the message and the moment."""
    assert answered.plain is not None
    lines = answered.plain.decode().replace(booking_id, "*").splitlines()
    own = r'"(message_id|sequence|created_at|in_reply_to|audit_head|sealed_sha256|sha256)":("[^"]*"|\d+)'
    return "\n".join(re.sub(own, r'"\1":*', line) for line in lines)


# --- the staff's question --------------------------------------------------------------------------


def test_what_is_explained_is_what_the_import_does(stage: Stage) -> None:
    for who in known_people(stage) + strangers(stage):
        person = (f"{who.family_name}, {who.given_name}", BORN, "--email", who.contact_points[0].value)
        explained = otv_here(stage, "match", *person, "--partner", DENTPORT)
        known = newest(stage, PATIENT.patient_id)
        booking = stage.booking(who)
        stage.send(booking)
        patient_id = booked_for(stage, booking.booking_id)
        verdict = explained.out.splitlines()[-1]
        assert explained.code == 0, explained.text
        if patient_id <= known:
            assert verdict == f"{DENTPORT}: would go to record {patient_id}"
        else:
            others = notes_of(stage, booking.booking_id)
            told = [f"{other} ({kind.replace('_', ' ')})" for other, kind in others]
            behind = f"; possible duplicate: {', '.join(told)}" if told else ""
            assert verdict == f"{DENTPORT}: would make a new record{behind}"


def notes_of(stage: Stage, booking_id: str) -> list[tuple[int, str]]:
    this = NOTE.appointment_id == appointment_of(stage, booking_id).appointment_id
    with stage.house.connector.reading() as connection:
        rows = connection.execute(select(NOTE.other_patient_id, NOTE.kind).where(this))
        return sorted((row.other_patient_id, row.kind) for row in rows)


def test_explanation_shows_numbers_and_reasons_and_leaves_a_trace_without_a_name(stage: Stage) -> None:
    given, connector = f"Auskunft{stage.number()}", stage.house.connector
    hit = add_patient(connector, f"Prof. {given}", "von Geheim", email="geheim@example.org")
    denied = add_patient(connector, given, "Geheim", consents={ZAHNZEIT: "DENIED"})
    before = practice_rows(connector)
    said = otv_here(stage, "match", f"{given} von Geheim", "17.05.1980", "--email", "GEHEIM@example.org")

    assert said.code == 0
    assert said.out.splitlines() == [
        f"record {hit}: same names; title ignored; same birth date; a contact point is the same",
        f"record {denied}: a particle of the name differs; same birth date; "
        "objected to zahnzeit, so never found for it",
        f"{DENTPORT}: would go to record {hit}",
        f"{ZAHNZEIT}: would go to record {hit}",
    ]
    assert practice_rows(connector) == before
    entry = audit(stage)[-1]
    assert (entry.event, entry.partner_id, entry.details) == ("match explained", None, {"records": 2})
    assert not any(word in said.text for word in (given, "Geheim", "GEHEIM", "1980"))


@ON_SQLITE_ALONE
def test_text_that_can_be_read_in_several_ways_is_read_in_those_that_find_something(stage: Stage) -> None:
    given = f"Anna{stage.number()}"
    found = add_patient(stage.house.connector, f"{given} Maria", "Lesbar")
    assert otv_here(stage, "match", given, "Maria", "Lesbar", BORN, "-p", DENTPORT).out.splitlines() == [
        "read as 2 words of given names and 1 word of family name:",
        f"record {found}: same names; same birth date",
        f"{DENTPORT}: would go to record {found}",
    ]
    exactly = ("--given", f"{given} Maria", "--family", "Lesbar")
    assert f"record {found}" in otv_here(stage, "match", *exactly, BORN).out
    nobody = otv_here(stage, "match", given, "Maria", "Unlesbar", BORN, "-p", DENTPORT).out
    assert nobody.splitlines() == [
        "no record with this birth date, or without one, has these names or similar ones",
        f"{DENTPORT}: would make a new record",
    ]


@ON_SQLITE_ALONE
def test_question_without_a_name_on_the_command_line_is_asked_for_it(stage: Stage) -> None:
    given = f"Leise{stage.number()}"
    found = add_patient(stage.house.connector, given)
    said = otv("match", config=stage.house.config_path, answer=f"{given}\n{FAMILY_NAME}\n{BORN}\n")
    assert f"{DENTPORT}: would go to record {found}" in said.out


@ON_SQLITE_ALONE
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("Eva Heimlich",), "the last word has to be the birth date"),
        (("Heimlich", BORN), "give a given name and a family name"),
        (("Eva Heimlich", "1900-01-01"), "a booking with this birth date is declined"),
        (("Eva Heimlich", "2999-01-01"), "a booking with this birth date is declined"),
        (("Eva Heimlich", BORN, "--given", "Eva"), "give both --given and --family"),
        (("Eva Heimlich", BORN, "-p", "nobody"), "no enabled partner of that name"),
    ],
)
def test_question_that_cannot_be_answered_is_refused_without_quoting_it_and_leaves_no_trace(
    stage: Stage, words: tuple[str, ...], sentence: str
) -> None:
    entries = len(audit(stage))
    said = otv_here(stage, "match", *words)
    assert said.code == 2
    assert sentence in said.err
    assert "Heimlich" not in said.text
    assert len(audit(stage)) == entries


# --- the staff's list (R20) ------------------------------------------------------------------------


def test_note_of_a_possible_duplicate_is_listed_in_plain_words_and_resolved_once(stage: Stage) -> None:
    name = f"Notiz{stage.number()}"
    known = add_patient(stage.house.connector, name, consents={DENTPORT: "DENIED"})
    booking = stage.booking(stage.somebody(name))
    stage.send(booking)
    note = newest(stage, NOTE.note_id)
    appointment = appointment_of(stage, booking.booking_id)
    with stage.house.connector.reading() as connection:
        lane = tables.schedule_column.c
        column = connection.scalar(select(lane.name).where(lane.column_id == appointment.column_id))
    line = listed(stage, note)
    assert "same names and birth date; objected to this partner" in line
    for shown in (appointment.patient_id, known, "Dentport", column, f"{appointment.starts_at:%Y-%m-%d}"):
        assert str(shown) in line
    assert name not in line

    assert otv_here(stage, "duplicates", "resolve", str(note)).out == f"note {note} is resolved\n"
    entry = audit(stage)[-1]
    details = {"note_id": note, "kind": DuplicateKind.DENIED}
    assert (entry.event, entry.partner_id, entry.details) == ("staff note resolved", DENTPORT, details)
    again = otv_here(stage, "duplicates", "resolve", str(note))
    assert (again.code, len(audit(stage))) == (0, entry.sequence)
    assert again.out.startswith(f"note {note} was resolved already, on 20")
    assert listed(stage, note) == ""
    assert listed(stage, note, "--all").count(":") == line.count(":") + 1


def listed(stage: Stage, note: int, *options: str) -> str:
    """The line of a note; nothing if it is not listed."""
    said = otv_here(stage, "duplicates", "list", *options)
    assert said.code == 0
    return "".join(line for line in said.out.splitlines() if line.split()[:1] == [str(note)])


@ON_SQLITE_ALONE
def test_every_kind_of_note_has_plain_words(stage: Stage) -> None:
    kinds = add_notes_of_every_kind(stage)
    lines = [listed(stage, newest(stage, NOTE.note_id) - back) for back in range(len(kinds))]
    assert all("_" not in line and len(line.split()) > 8 for line in lines)


def test_documents_are_the_same_with_and_without_notes(stage: Stage) -> None:
    now = utc_now()
    with stage.agent_with(lambda: now):
        before = outbound(stage)
        add_notes_of_every_kind(stage)
        assert outbound(stage) == before
    assert not any(word in line for line in before for word in ("note", "duplicate", *DuplicateKind))


def outbound(stage: Stage) -> list[str]:
    """Every line of every kind that the partner gets, but the envelopes with their numbers."""
    plain = [stage.export_plain(kind) for kind in stage.agent.kinds(DENTPORT)]
    lines = [line for content in plain for line in content.decode().splitlines()[1:-1]]
    assert len(lines) > 10
    return lines


def add_notes_of_every_kind(stage: Stage) -> list[str]:
    """About the first patients of the practice, whom the partner holds."""
    kinds = [*DuplicateKind, PATIENT_OVERLAP]
    with stage.house.connector.writing() as connection:
        book = SqlAppointmentBook(connection)
        for kind in kinds:
            book.add_note(kind, DENTPORT, 1, None if kind == PATIENT_OVERLAP else 2, 1, utc_now())
    return kinds


@ON_SQLITE_ALONE
def test_note_that_is_not_there_is_told(stage: Stage) -> None:
    said = otv_here(stage, "duplicates", "resolve", "999999")
    assert said.code == 2
    assert "there is no note of that number" in said.err
