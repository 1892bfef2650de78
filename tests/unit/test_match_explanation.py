"""What the staff are told of a match: for each record its number and what speaks for and against it."""

from dataclasses import replace
from datetime import date

import pytest

from agent.domain.match_explanation import WeighedRecord, explain
from agent.domain.matching import PersonInBooking, match
from agent.domain.practice import Consent, ContactPoint, Patient

TODAY, BORN = date(2027, 1, 11), date(1980, 5, 17)
MOBILE = ContactPoint("phone", "mobile", "0171 1234567")
PERSON = PersonInBooking("Eva", "Müller", BORN, (MOBILE,))
RECORD = Patient(1, "Eva", "Müller", BORN, True, Consent.OPEN, ())


def weighed(record: Patient, person: PersonInBooking = PERSON) -> list[WeighedRecord]:
    return list(explain(person, {"dentport": match(person, [record], None, TODAY)}, TODAY).records)


@pytest.mark.parametrize(
    ("changes", "remarks"),
    [
        ({}, ("same names", "same birth date")),
        ({"given_name": "EVA "}, ("same names", "same birth date")),
        ({"family_name": "Mueller"}, ("same names", "spelled differently", "same birth date")),
        ({"given_name": "Dr. Eva"}, ("same names", "title ignored", "same birth date")),
        (
            {"contact_points": (ContactPoint("phone", "home", "+49 171/1234567"),)},
            ("same names", "same birth date", "a contact point is the same"),
        ),
        ({"birth_date": None}, ("same names", "no birth date, so never found")),
        ({"birth_date": date(1900, 1, 1)}, ("same names", "no birth date, so never found")),
        ({"active": False}, ("same names", "same birth date", "inactive, so never found")),
        ({"family_name": "von Müller"}, ("a particle of the name differs", "same birth date")),
        (
            {"given_name": "Eva Maria"},
            ("some given names are missing or in another order", "same birth date"),
        ),
        ({"given_name": "Anna"}, ("other given names", "same birth date")),
    ],
)
def test_record_is_explained_by_what_speaks_for_and_against_it(
    changes: dict[str, object], remarks: tuple[str, ...]
) -> None:
    assert weighed(RECORD._replace(**changes)) == [WeighedRecord(1, remarks, ())]


def test_title_in_the_question_is_told_as_ignored_too() -> None:
    person = replace(PERSON, family_name="Dr. Müller")
    assert weighed(RECORD, person)[0].remarks[1] == "title ignored"


@pytest.mark.parametrize(
    "changes",
    [
        {"family_name": "Muller"},
        {"birth_date": date(1980, 5, 18)},
        {"given_name": "Anna", "birth_date": None},
        {"given_name": "-"},
    ],
)
def test_record_that_is_somebody_else_beyond_doubt_is_not_mentioned(changes: dict[str, object]) -> None:
    assert weighed(RECORD._replace(**changes)) == []


def test_records_of_all_partners_come_once_with_those_they_objected_to() -> None:
    denied = RECORD._replace(consent=Consent.DENIED)
    other = RECORD._replace(patient_id=2, given_name="Anna")
    seen = {
        "zahnzeit": match(PERSON, [other, denied], None, TODAY),
        "dentport": match(PERSON, [other, RECORD], None, TODAY),
    }
    explanation = explain(PERSON, seen, TODAY)
    assert [(one.patient_id, one.denied_to) for one in explanation.records] == [(1, ("zahnzeit",)), (2, ())]
    assert [found.patient_id for found in explanation.matches.values()] == [None, 1]
