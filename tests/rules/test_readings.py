"""Readings A1 to A9: who leaves the house and under which name, who is found, what a receipt keeps back."""

import json
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from agent.adapters import tables
from agent.domain.matching import DuplicateKind, Match, PersonInBooking, match
from agent.domain.names import normalised_name
from agent.domain.practice import Consent, ContactPoint, Patient
from agent.errors import UsageError
from exchange_formats.acknowledgements import RemovalAcknowledgement
from exchange_formats.codec import Document, DocumentError, decode, encode
from exchange_formats.envelope import Kind
from exchange_formats.fields import ContactPoint as WrittenContact
from exchange_formats.patients import RemovalRecord
from exchange_formats.receipts import MessageReason
from tests.flows.card_index import add_patient, answer, set_active
from tests.flows.evidence import appointment_of, practice_rows, rows
from tests.flows.stage import DENTPORT, ZAHNZEIT, Answer, Stage
from tests.rules.chair import changed
from tests.rules.test_rules_patients import sent

GRANTED = {DENTPORT: "GRANTED"}
BORN = date(1980, 5, 17)
TODAY = date(2027, 1, 11)


def removals(document: Document[Any]) -> set[str]:
    return {one.patient_id for one in document.records if isinstance(one, RemovalRecord)}


def booked_for(stage: Stage, name: str, **person: Any) -> int:
    """Whom a booking under that given name is written for."""
    booking = stage.booking(stage.somebody(name, **person))
    stage.send(booking)
    return int(appointment_of(stage, booking.booking_id).patient_id)


# --- A1 to A6 ------------------------------------------------------------------------------------


def test_a1_who_has_merely_not_objected_is_not_sent(stage: Stage) -> None:
    number = stage.number()
    for status in ("OPEN", "NONE", "GRANTED"):
        consents = {} if status == "NONE" else {DENTPORT: status}
        add_patient(stage.house.connector, f"Schweigt{number}-{status}", consents=consents)
    add_patient(stage.house.connector, f"Schweigt{number}-inactive", consents=GRANTED, active=False)
    told = {name for name in sent(stage.export()) if name.startswith(f"Schweigt{number}-")}
    assert told == {f"Schweigt{number}-GRANTED"}


def test_a2_partner_without_patients_works_fully_because_matching_is_done_on_site(stage: Stage) -> None:
    name = f"Vorort{stage.number()}"
    patient_id = add_patient(stage.house.connector, name, consents={ZAHNZEIT: "GRANTED"})
    with pytest.raises(UsageError, match="gets no file of kind patients"):
        stage.agent.export(ZAHNZEIT, Kind.PATIENTS)
    booking = stage.booking(stage.somebody(name))
    outcome = stage.send(booking, partner_id=ZAHNZEIT).outcome
    assert (outcome.outcome, outcome.patient_id) == ("accepted", None)
    assert appointment_of(stage, booking.booking_id).patient_id == patient_id


def test_a3_hint_that_fits_names_and_birth_date_chooses_among_namesakes(stage: Stage) -> None:
    name = f"Zwilling{stage.number()}"
    add_patient(stage.house.connector, name)
    second = add_patient(stage.house.connector, name, consents=GRANTED)
    alias = sent(stage.export())[name].patient_id
    assert booked_for(stage, name, patient_id=alias) == second


def test_a3_hint_that_does_not_fit_is_ignored_and_matching_goes_on_as_without(stage: Stage) -> None:
    hinted, name = f"Gemeint{stage.number()}", f"Gekommen{stage.number()}"
    add_patient(stage.house.connector, hinted, consents=GRANTED)
    patient_id = add_patient(stage.house.connector, name)
    alias = sent(stage.export())[hinted].patient_id
    assert booked_for(stage, name, patient_id=alias) == patient_id
    assert booked_for(stage, name, patient_id="no-such-alias") == patient_id


def test_a4_two_partners_know_one_patient_under_names_that_cannot_be_joined(stage: Stage) -> None:
    name = f"Beide{stage.number()}"
    consents = {DENTPORT: "GRANTED", ZAHNZEIT: "GRANTED"}
    add_patient(stage.house.connector, name)
    patient_id = add_patient(stage.house.connector, name, consents=consents)
    with stage.agent_with(zahnzeit={"receives_patients": True}):
        ours, theirs = sent(stage.export())[name], sent(stage.export(partner_id=ZAHNZEIT))[name]
    assert len({ours.patient_id, theirs.patient_id, str(patient_id)}) == 3
    # The alias of the other partner is no hint: the namesakes stay undecided.
    assert booked_for(stage, name, patient_id=theirs.patient_id) != patient_id


def test_a5_single_hit_counts_though_contact_points_differ_and_none_is_overwritten(stage: Stage) -> None:
    name = f"Umgezogen{stage.number()}"
    patient_id = add_patient(stage.house.connector, name, email="alt@example.org")
    before = rows(stage.house.connector, tables.contact_point, tables.patient)
    new = [WrittenContact(system="phone", use="mobile", value="0171 5550144")]
    assert booked_for(stage, name, contact_points=new) == patient_id
    assert rows(stage.house.connector, tables.contact_point, tables.patient) == before


@pytest.mark.parametrize("field", ["given_name", "family_name", "birth_date", "contact_points"])
@pytest.mark.parametrize("emptied", [False, True], ids=["left out", "empty"])
def test_a6_booking_without_name_birth_date_or_contact_point_is_refused(
    stage: Stage, field: str, emptied: bool
) -> None:
    def spoil(booking: dict[str, Any]) -> None:
        value = booking["patient"].pop(field)
        if emptied:
            booking["patient"][field] = type(value)()

    before = practice_rows(stage.house.connector)
    answered = send_edited(stage, spoil)
    assert answered.verdict.reason is MessageReason.INVALID_DOCUMENT
    assert practice_rows(stage.house.connector) == before


def test_a6_booking_with_all_of_them_is_accepted(stage: Stage) -> None:
    assert send_edited(stage, lambda booking: None).outcome.outcome == "accepted"


def send_edited(stage: Stage, change: Callable[[dict[str, Any]], None]) -> Answer:
    """A bookings file whose one record a partner's program wrote otherwise."""
    envelope, line, trailer = stage.partner().bookings_file([stage.booking()]).splitlines()
    booking = json.loads(line)
    change(booking)
    content = b"\n".join((envelope, json.dumps(booking).encode(), trailer, b""))
    return stage.send_sealed(stage.partner().gpg.seal(content))


# --- A7: the pure rule is the whole truth ----------------------------------------------------------


def matched(written: tuple[str, str], recorded: tuple[str, str], **person: Any) -> Match:
    """A booking under one spelling against the only record, kept in another."""
    record = Patient(1, *recorded, person.get("birth_date", BORN), True, Consent.OPEN, ())
    wanted = PersonInBooking(*written, person.get("birth_date", BORN), ())
    return match(wanted, [record], None, TODAY)


@pytest.mark.parametrize(
    ("written", "recorded"),
    [
        (("Jörg", "Müller"), tuple(unicodedata.normalize("NFD", name) for name in ("Jörg", "Müller"))),
        (("Jö\u200brg", "Mül\u00adler"), ("Jörg", "Müller")),
        (("JÖRG", "GROß"), ("jörg", "gross")),
        (("Joerg", "Weiss"), ("Jörg", "Weiß")),
        (("Rene", "Celik"), ("René", "Çelik")),
        (("Anna Lena", "Schmidt – Lehmann"), ("Anna-Lena", "Schmidt-Lehmann")),
        (("Sinead", "OConnor"), ("Sinéad", "O’Connor")),
        (("Dr. med. dent. Anna", "Berg jun."), ("Anna", "Berg")),
    ],
    ids=["NFC", "invisible", "case", "umlauts", "marks", "hyphens", "apostrophes", "titles"],
)
def test_a7_spellings_of_one_name_are_one_name(written: tuple[str, str], recorded: tuple[str, str]) -> None:
    assert matched(written, recorded).patient_id == 1
    assert matched(recorded, written).patient_id == 1


@pytest.mark.parametrize(
    ("written", "recorded"),
    [
        (("Anna", "Maier"), ("Anna", "Meyer")),
        (("Anna", "Muller"), ("Anna", "Müller")),
        (("Stefan", "Berg"), ("Stephan", "Berg")),
        (("Anna", "Berg"), ("Anna", "Bergmann")),
    ],
)
def test_a7_names_that_only_sound_alike_are_two_names(
    written: tuple[str, str], recorded: tuple[str, str]
) -> None:
    assert matched(written, recorded) == Match(None)


@pytest.mark.parametrize(
    ("written", "recorded"),
    [
        (("Anna", "Berg"), ("Anna", "von Berg")),
        (("Anna", "zu Berg"), ("Anna", "von Berg")),
        (("Anna Maria", "Berg"), ("Anna", "Berg")),
    ],
)
def test_a7_differing_particle_or_extra_given_name_is_a_staff_note_and_no_link(
    written: tuple[str, str], recorded: tuple[str, str]
) -> None:
    assert normalised_name(*recorded).family == "berg"
    found = matched(written, recorded)
    assert found.patient_id is None
    assert found.possible_duplicates == ((1, DuplicateKind.SIMILAR_NAME),)


@pytest.mark.parametrize(
    ("system", "written", "recorded", "same"),
    [
        ("phone", "+49 171 5550101", "0171/555 01-01", True),
        ("phone", "0049 (0)171 5550101", "01715550101", True),
        ("phone", "+43 171 5550101", "0171 5550101", False),
        ("email", "Anna.Berg@Example.ORG", "anna.berg@example.org", True),
        ("email", "anna@example.org", "anna.berg@example.org", False),
    ],
)
def test_a7_phones_are_compared_as_e164_of_germany_and_mail_without_regard_to_case(
    system: str, written: str, recorded: str, same: bool
) -> None:
    """Two namesakes, one of whom the contact point singles out if it counts as the same."""
    points = (ContactPoint(system, "home", recorded),)
    namesakes = [
        Patient(key, "Anna", "Berg", BORN, True, Consent.OPEN, own) for key, own in ((1, points), (2, ()))
    ]
    wanted = PersonInBooking("Anna", "Berg", BORN, (ContactPoint(system, "mobile", written),))
    assert match(wanted, namesakes, None, TODAY).patient_id == (1 if same else None)


@pytest.mark.parametrize("placeholder", [date(1900, 1, 1), date(2027, 1, 12)])
def test_a7_placeholder_birth_date_counts_as_missing(placeholder: date) -> None:
    assert matched(("Anna", "Berg"), ("Anna", "Berg"), birth_date=placeholder).patient_id is None
    assert matched(("Anna", "Berg"), ("Anna", "Berg"), birth_date=TODAY).patient_id == 1


# --- A8, A9 --------------------------------------------------------------------------------------


def test_a8_receipt_of_a_known_patient_reads_like_that_of_a_new_one(stage: Stage) -> None:
    name = f"Offen{stage.number()}"
    add_patient(stage.house.connector, name, consents={DENTPORT: "OPEN"})
    new, known = stage.send(stage.booking()), stage.send(stage.booking(stage.somebody(name)))
    own = {"booking_id", "column_id", "starts_at", "ends_at"}
    assert known.outcome.model_dump(exclude=own) == new.outcome.model_dump(exclude=own)
    of_the_message = {"message_id", "sequence", "in_reply_to", "audit_head", "created_at"}
    assert new.receipt is not None and known.receipt is not None
    envelopes = [one.envelope.model_dump(exclude=of_the_message) for one in (new.receipt, known.receipt)]
    assert envelopes[0] == envelopes[1]
    assert known.outcome.outcome == "accepted"


def test_a8_patient_id_goes_back_only_for_a_patient_who_agreed(stage: Stage) -> None:
    number = stage.number()
    names = {status: f"Antwort{number}-{status}" for status in ("GRANTED", "OPEN", "DENIED")}
    keys = {
        status: add_patient(stage.house.connector, name, consents=GRANTED) for status, name in names.items()
    }
    aliases = sent(stage.export())
    for status, patient_id in keys.items():
        answer(stage.house.connector, patient_id, DENTPORT, status)
    told = {
        status: stage.send(stage.booking(stage.somebody(name))).outcome.patient_id
        for status, name in names.items()
    }
    assert told == {"GRANTED": aliases[names["GRANTED"]].patient_id, "OPEN": None, "DENIED": None}


@pytest.mark.parametrize("end", ["DENIED", "OPEN", "NONE", "inactive"])
def test_a9_withdrawal_is_told_without_a_reason_until_the_partner_acknowledges_it(
    stage: Stage, end: str
) -> None:
    name = f"Widerruf{stage.number()}"
    patient_id = add_patient(stage.house.connector, name, consents=GRANTED)
    alias = sent(stage.export())[name].patient_id
    if end == "inactive":
        set_active(stage.house.connector, patient_id, False)
    else:
        answer(stage.house.connector, patient_id, DENTPORT, end)
    first, second = stage.export(), stage.export()
    for document in (first, second):
        assert name not in sent(document)
        (notice,) = [one for one in document.records if one.patient_id == alias]
        assert notice.model_dump() == {"record": "removal", "patient_id": alias}
    acknowledge(stage, first, alias)
    assert alias not in removals(stage.export())


def acknowledge(stage: Stage, patients: Document[Any], alias: str) -> None:
    """The partner has erased what that file told it to."""
    line = RemovalAcknowledgement(record="removal_acknowledgement", patient_id=alias)
    told = {"kind": Kind.ACKNOWLEDGEMENTS, "in_reply_to": patients.envelope.message_id}
    assert stage.send(line, **told).verdict.outcome == "processed"  # type: ignore[arg-type]


def test_a9_cut_or_empty_patients_file_removes_nobody(stage: Stage) -> None:
    document, plain = stage.export(), stage.export_plain()
    for end in (0, 1, len(plain) // 2, plain.rindex(b"\n", 0, -1) + 1, len(plain) - 1):
        with pytest.raises(DocumentError):
            decode(plain[:end], Kind.PATIENTS)
    empty = decode(b"".join(encode(document.envelope, ())), Kind.PATIENTS)
    assert sent(document) and removals(empty) == set()


def test_a9_patient_who_is_merely_missing_from_a_file_is_not_removed(stage: Stage) -> None:
    """Here the name was spoilt in the practice's records, so that no line can be written."""
    name = f"Fehlt{stage.number()}"
    patient_id = add_patient(stage.house.connector, name, consents=GRANTED)
    alias = sent(stage.export())[name].patient_id
    with changed(stage, tables.patient, patient_id, given_name="\u200b"):
        without = stage.export()
    assert alias not in {one.patient_id for one in without.records}
    assert sent(stage.export())[name].patient_id == alias
