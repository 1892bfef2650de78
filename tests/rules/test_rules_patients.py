"""Rules R13 to R21: consent, who may be sent, who may be found, and for whose eyes a file is."""

from datetime import date
from itertools import product
from typing import Any

import pytest
from sqlalchemy import delete, select

from agent.adapters import tables
from agent.domain.consent import in_search_set, in_transmit_set
from agent.domain.practice import Consent
from agent.flows.file_result import FileState
from exchange_formats.codec import Document
from exchange_formats.envelope import Kind
from exchange_formats.fields import ContactPoint
from exchange_formats.patients import PatientRecord
from tests.flows.card_index import BIRTH_DATE, add_patient, answer
from tests.flows.evidence import appointment_of, practice_rows, rows, values
from tests.flows.stage import DENTPORT, ZAHNZEIT, Stage
from tests.rules.chair import Chair

PATIENT, CONTACT = tables.patient.c, tables.contact_point.c
ANSWERS = ("NONE", "OPEN", "GRANTED", "DENIED")
PLACEHOLDER = date(1900, 1, 1)


def sent(document: Document[Any]) -> dict[str, PatientRecord]:
    """The patients of a file, by given name, which these tests make unique."""
    return {one.given_name: one for one in document.records if isinstance(one, PatientRecord)}


def enter(stage: Stage, name: str, said: str = "NONE", **person: Any) -> int:
    """A patient with this answer to dentport."""
    consents = {} if said == "NONE" else {DENTPORT: said}
    return add_patient(stage.house.connector, name, consents=consents, **person)


def booked_for(stage: Stage, booking_id: str) -> int:
    return int(appointment_of(stage, booking_id).patient_id)


def notes(stage: Stage, booking_id: str) -> dict[int, str]:
    """What the reception is told of this booking: the other record, and why."""
    note = tables.staff_note.c
    this = note.appointment_id == appointment_of(stage, booking_id).appointment_id
    with stage.house.connector.reading() as connection:
        return dict(connection.execute(select(note.other_patient_id, note.kind).where(this)).all())


# --- R13, R14, R15 -------------------------------------------------------------------------------


def test_r13_consent_is_kept_for_each_partner_by_itself_and_no_entry_is_open(stage: Stage) -> None:
    number = stage.number()
    answers = {
        f"Nur-Dentport{number}": {DENTPORT: "GRANTED", ZAHNZEIT: "DENIED"},
        f"Nur-Zahnzeit{number}": {ZAHNZEIT: "GRANTED"},
        f"Ungefragt{number}": {},
    }
    keys = {
        name: add_patient(stage.house.connector, name, consents=consents)
        for name, consents in answers.items()
    }
    # Known to dentport from a time before the withdrawal there.
    answer(stage.house.connector, keys[f"Nur-Zahnzeit{number}"], DENTPORT, "GRANTED")
    assert f"Nur-Zahnzeit{number}" in sent(stage.export())
    answer(stage.house.connector, keys[f"Nur-Zahnzeit{number}"], DENTPORT, "DENIED")
    with stage.agent_with(zahnzeit={"receives_patients": True}):
        dentport, zahnzeit = sent(stage.export()), sent(stage.export(partner_id=ZAHNZEIT))
    assert answers.keys() & dentport.keys() == {f"Nur-Dentport{number}"}
    assert answers.keys() & zahnzeit.keys() == {f"Nur-Zahnzeit{number}"}
    # OPEN, not DENIED: who was never asked is found when they book.
    stage.send(stage.booking(stage.somebody(f"Ungefragt{number}")))
    assert (
        len(values(stage.house.connector, PATIENT.patient_id, PATIENT.given_name == f"Ungefragt{number}"))
        == 1
    )


def test_r13_first_booking_through_a_partner_opens_its_consent_page_and_is_no_consent(stage: Stage) -> None:
    page = tables.consent_page
    with stage.house.connector.writing() as connection:
        connection.execute(delete(page).where(page.c.partner_id == ZAHNZEIT))
    answers = rows(stage.house.connector, tables.consent)
    stage.send(stage.booking(), partner_id=ZAHNZEIT)
    (opened,) = values(stage.house.connector, page.c.created_at, page.c.partner_id == ZAHNZEIT)
    stage.send(stage.booking(), partner_id=ZAHNZEIT)
    assert values(stage.house.connector, page.c.created_at, page.c.partner_id == ZAHNZEIT) == [opened]
    assert rows(stage.house.connector, tables.consent) == answers


def test_r14_of_a_patient_names_birth_date_and_contact_points_are_sent_and_nothing_more(stage: Stage) -> None:
    name = f"Vollständig{stage.number()}"
    patient_id = enter(stage, name, "GRANTED", email="voll@example.org")
    points = [("phone", "home", "089 5550123"), ("phone", "mobile", "0171 5550123")]
    with stage.house.connector.writing() as connection:
        connection.execute(
            tables.contact_point.insert(),
            [{"patient_id": patient_id, "system": s, "use": u, "value": v} for s, u, v in points],
        )
    patient = sent(stage.export())[name]
    told = patient.model_dump()
    assert told.pop("record") == "patient"
    assert told.pop("patient_id") != str(patient_id)
    contacts = {tuple(point.values()) for point in told.pop("contact_points")}
    assert contacts == {*points, ("email", "home", "voll@example.org")}
    assert told == {"given_name": name, "family_name": "Prüfling", "birth_date": BIRTH_DATE.isoformat()}


def test_r15_transmit_set_is_active_and_granted_for_this_partner(stage: Stage) -> None:
    number, expected = stage.number(), set()
    for active, said, born in product((True, False), ANSWERS, (BIRTH_DATE, None)):
        name = f"Kreis{number}-{active}-{said}-{born}"
        enter(stage, name, said, active=active, birth_date=born)
        if active and said == "GRANTED":
            expected.add(name)
    assert {name for name in sent(stage.export()) if name.startswith(f"Kreis{number}-")} == expected


# --- R16, R18, R19, R20 --------------------------------------------------------------------------


def test_r16_search_set_is_active_not_denied_and_with_a_birth_date(stage: Stage) -> None:
    entered = {}
    for active, said, born in product((True, False), ANSWERS, (BIRTH_DATE, None, PLACEHOLDER)):
        name = f"Suche{stage.number()}"
        found = active and said != "DENIED" and born == BIRTH_DATE
        entered[name] = enter(stage, name, said, active=active, birth_date=born), found
    bookings = {name: stage.booking(stage.somebody(name)) for name in entered}
    stage.send(*bookings.values())
    for name, (patient_id, found) in entered.items():
        assert (booked_for(stage, bookings[name].booking_id) == patient_id) is found, name


def test_r16_being_found_and_being_sent_are_two_predicates() -> None:
    """Each has members that the other has not, so neither can be derived from the other."""
    today = date(2027, 1, 11)
    cases = [(a, c, b) for a, c, b in product((True, False), Consent, (BIRTH_DATE, None))]
    found = {case for case in cases if in_search_set(*case, today)}
    may_be_sent = {case for case in cases if in_transmit_set(*case[:2])}
    assert found == {(True, Consent.OPEN, BIRTH_DATE), (True, Consent.GRANTED, BIRTH_DATE)}
    assert may_be_sent == {(True, Consent.GRANTED, BIRTH_DATE), (True, Consent.GRANTED, None)}


def test_r18_nobody_found_creates_the_patient_and_the_next_booking_finds_it(
    stage: Stage, chair: Chair
) -> None:
    name = f"Nirgends{stage.number()}"
    first, second = (stage.booking(stage.somebody(name), chair.slot(hour)) for hour in (8, 9))
    stage.send(first)
    created = values(stage.house.connector, PATIENT.patient_id, PATIENT.given_name == name)
    assert created == [booked_for(stage, first.booking_id)]
    stage.send(second)
    assert booked_for(stage, second.booking_id) == created[0]
    assert notes(stage, first.booking_id) == notes(stage, second.booking_id) == {}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["zwei@example.org"], "second"),
        (["ZWEI@Example.org", "fremd@example.org"], "second"),
        (["fremd@example.org"], "new"),
        (["eins@example.org", "zwei@example.org"], "new"),
    ],
)
def test_r19_of_several_hits_the_one_singled_out_by_contact_points_else_a_new_patient(
    stage: Stage, written: list[str], expected: str
) -> None:
    name = f"Namensvetter{stage.number()}"
    namesakes = [enter(stage, name, email=email) for email in ("eins@example.org", "zwei@example.org")]
    contacts = [ContactPoint(system="email", use="home", value=value) for value in written]
    booking = stage.booking(stage.somebody(name, contact_points=contacts))
    stage.send(booking)
    patient_id = booked_for(stage, booking.booking_id)
    if expected == "second":
        assert patient_id == namesakes[1]
        assert notes(stage, booking.booking_id) == {}
    else:
        assert patient_id not in namesakes
        assert notes(stage, booking.booking_id) == dict.fromkeys(namesakes, "ambiguous")


@pytest.mark.parametrize(
    ("person", "kind"),
    [
        ({"said": "DENIED"}, "denied"),
        ({"active": False}, "inactive"),
        ({"birth_date": None}, "without_birth_date"),
        ({"birth_date": PLACEHOLDER}, "without_birth_date"),
    ],
)
def test_r20_who_is_never_found_gets_a_new_record_and_only_staff_read_of_the_duplicate(
    stage: Stage, person: dict[str, Any], kind: str
) -> None:
    name = f"Unauffindbar{stage.number()}"
    known = enter(stage, name, **person)
    booking, stranger = stage.booking(stage.somebody(name)), stage.booking()
    answered, neutral = stage.send(booking), stage.send(stranger)
    assert booked_for(stage, booking.booking_id) != known
    assert notes(stage, booking.booking_id) == {known: kind}
    own = {"booking_id", "column_id", "starts_at", "ends_at"}
    assert answered.outcome.model_dump(exclude=own) == neutral.outcome.model_dump(exclude=own)
    files = b"".join(stage.export_plain(kind) for kind in stage.agent.kinds(DENTPORT))
    assert name.encode() not in files + (answered.plain or b"")


# --- R21 -----------------------------------------------------------------------------------------


def test_r21_what_is_sealed_for_one_partner_opens_with_no_other_key(stage: Stage) -> None:
    stage.agent.export(DENTPORT, Kind.REFERENCE_DATA)
    (sealed,) = (path.read_bytes() for path in stage.outbox(DENTPORT, Kind.REFERENCE_DATA))
    assert b"envelope" in stage.partner(DENTPORT).gpg.open(sealed)
    with pytest.raises(RuntimeError, match="No secret key"):
        stage.partner(ZAHNZEIT).gpg.open(sealed)


def test_r21_file_in_a_partners_folder_signed_by_another_key_changes_nothing(stage: Stage) -> None:
    before = practice_rows(stage.house.connector)
    other = stage.partner(ZAHNZEIT)
    forged = other.gpg.seal(other.bookings_file([stage.booking()], partner_id=DENTPORT))
    answered = stage.send_sealed(forged, DENTPORT)
    assert (answered.result.state, answered.receipt) == (FileState.QUARANTINED, None)
    assert practice_rows(stage.house.connector) == before
