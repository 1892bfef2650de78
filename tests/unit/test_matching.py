"""The decision table of patient matching, row by row, and its promises about who is never found."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.consent import in_search_set
from agent.domain.matching import (
    DuplicateKind,
    Match,
    NameLikeness,
    PersonInBooking,
    PossibleDuplicate,
    match,
)
from agent.domain.practice import Consent, ContactPoint, Patient

TODAY = date(2027, 1, 11)
BORN = date(1980, 5, 17)
MOBILE = ContactPoint("phone", "mobile", "0171 1234567")
SAME_MOBILE = ContactPoint("phone", "home", "+49 (0)171/1234567")
OTHER_MOBILE = ContactPoint("phone", "mobile", "0172 7654321")
MAIL = ContactPoint("email", "home", "Eva@Example.de")
SAME_MAIL = ContactPoint("email", "work", "eva@example.de")

PERSON = PersonInBooking("Eva", "Müller", BORN, (MOBILE, MAIL))


def record(
    patient_id: int = 1,
    given_name: str = "Eva",
    family_name: str = "Mueller",
    *,
    born: date | None = BORN,
    active: bool = True,
    consent: Consent = Consent.OPEN,
    contacts: tuple[ContactPoint, ...] = (),
) -> Patient:
    return Patient(patient_id, given_name, family_name, born, active, consent, contacts)


def matched(*candidates: Patient, hint: int | None = None, person: PersonInBooking = PERSON) -> Match:
    return match(person, candidates, hint, TODAY)


def duplicates(*candidates: Patient) -> list[tuple[int, DuplicateKind]]:
    result = matched(*candidates)
    assert result.patient is None
    return [(duplicate.patient_id, duplicate.kind) for duplicate in result.possible_duplicates]


def test_nobody_found_means_a_new_patient_without_a_note() -> None:
    assert matched() == matched(record(family_name="Kurz")) == Match(None)


@pytest.mark.parametrize("contacts", [(), (MOBILE,), (OTHER_MOBILE,)])
@pytest.mark.parametrize("consent", [Consent.OPEN, Consent.GRANTED])
def test_a_single_hit_is_linked_whatever_its_contact_points(
    contacts: tuple[ContactPoint, ...], consent: Consent
) -> None:
    hit = record(contacts=contacts, consent=consent)
    assert matched(hit, record(2, family_name="Kurz")) == Match(hit)
    assert matched(hit).patient_id == hit.patient_id


@pytest.mark.parametrize("contact", [SAME_MOBILE, SAME_MAIL])
def test_of_several_hits_the_one_that_shares_a_contact_point_is_linked(contact: ContactPoint) -> None:
    hits = record(1, contacts=(OTHER_MOBILE,)), record(2, contacts=(contact,)), record(3)
    for order in permutations(hits):
        assert matched(*order).patient_id == 2


@pytest.mark.parametrize("contacts", [(), (OTHER_MOBILE,), (SAME_MOBILE,)])
def test_several_hits_that_contacts_do_not_tell_apart_make_a_new_patient_and_a_note_each(
    contacts: tuple[ContactPoint, ...],
) -> None:
    ambiguous = [(1, DuplicateKind.AMBIGUOUS), (2, DuplicateKind.AMBIGUOUS)]
    assert duplicates(record(2, contacts=contacts), record(1, contacts=contacts)) == ambiguous


def test_contact_points_that_are_unreadable_on_both_sides_single_out_nobody() -> None:
    unreadable = ContactPoint("phone", "home", "unbekannt")
    person = replace(PERSON, contact_points=(unreadable,))
    assert matched(record(1, contacts=(unreadable,)), record(2), person=person).patient_id is None


def test_a_hint_decides_between_several_hits() -> None:
    hits = record(1, contacts=(MOBILE,)), record(2)
    assert matched(*hits, hint=2).patient_id == 2


@pytest.mark.parametrize(
    "hinted",
    [
        record(2, "Anna"),
        record(2, family_name="Muller"),
        record(2, born=BORN + timedelta(days=1)),
        record(2, born=None),
        record(2, consent=Consent.DENIED),
        record(2, active=False),
    ],
)
def test_a_hint_that_does_not_hold_is_ignored_and_matching_goes_on(hinted: Patient) -> None:
    assert matched(hinted, hint=2).patient_id is None
    assert matched(hinted, record(1), hint=2).patient_id == 1
    assert matched(record(1), hint=77).patient_id == 1


@pytest.mark.parametrize(
    ("candidate", "kind"),
    [
        (record(consent=Consent.DENIED), DuplicateKind.DENIED),
        (record(consent=Consent.DENIED, active=False), DuplicateKind.DENIED),
        (record(active=False), DuplicateKind.INACTIVE),
        (record(active=False, consent=Consent.GRANTED), DuplicateKind.INACTIVE),
        (record(born=None), DuplicateKind.WITHOUT_BIRTH_DATE),
        (record(born=date(1900, 1, 1)), DuplicateKind.WITHOUT_BIRTH_DATE),
        (record(born=TODAY + timedelta(days=1)), DuplicateKind.WITHOUT_BIRTH_DATE),
        (record(born=None, consent=Consent.DENIED, active=False), DuplicateKind.WITHOUT_BIRTH_DATE),
        (record(family_name="von Müller"), DuplicateKind.SIMILAR_NAME),
        (record(given_name="Eva Maria"), DuplicateKind.SIMILAR_NAME),
        (record(given_name="Maria-Eva", family_name="zu Müller"), DuplicateKind.SIMILAR_NAME),
        (record(given_name="Eva Maria", consent=Consent.DENIED), DuplicateKind.SIMILAR_NAME),
        (record(given_name="Maria Eva", active=False), DuplicateKind.SIMILAR_NAME),
        (record(family_name="Freiherr von Müller"), DuplicateKind.SIMILAR_NAME),
        (record(family_name="Müller jun"), DuplicateKind.SIMILAR_NAME),
    ],
)
def test_a_record_that_is_never_found_becomes_a_note_for_the_staff(
    candidate: Patient, kind: DuplicateKind
) -> None:
    assert duplicates(candidate) == [(1, kind)]


@pytest.mark.parametrize(
    "candidate",
    [
        record(given_name="Anna"),
        record(given_name="Evi"),
        record(family_name="Muller"),
        record(given_name="Eva Maria", born=None),
        record(born=BORN + timedelta(days=1)),
        record(given_name="-"),
    ],
)
def test_a_record_that_differs_in_more_is_no_possible_duplicate(candidate: Patient) -> None:
    assert duplicates(candidate) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [("Müller von Berg", "Müller-Berg"), ("v. Berg", "von Berg"), ("van Berg", "von Berg")],
)
def test_a_particle_that_differs_anywhere_in_the_name_is_a_note_and_no_link(one: str, other: str) -> None:
    person = replace(PERSON, family_name=one)
    result = matched(record(family_name=other), person=person)
    assert result == Match(None, (PossibleDuplicate(1, DuplicateKind.SIMILAR_NAME),))


def test_a_linked_patient_comes_without_notes() -> None:
    assert matched(record(1), record(2, active=False), record(3, "Eva Maria")).possible_duplicates == ()


def test_notes_of_all_kinds_stand_together_by_patient() -> None:
    found = matched(record(4), record(3, active=False), record(2), record(1, "Eva Maria")).possible_duplicates
    assert found == (
        PossibleDuplicate(1, DuplicateKind.SIMILAR_NAME),
        PossibleDuplicate(2, DuplicateKind.AMBIGUOUS),
        PossibleDuplicate(3, DuplicateKind.INACTIVE),
        PossibleDuplicate(4, DuplicateKind.AMBIGUOUS),
    )


def test_all_that_was_weighed_is_kept_for_the_staff_whoever_was_chosen() -> None:
    hit, namesake, twin = record(1), record(2, active=False), record(3, "Anna")
    result = matched(hit, namesake, twin, record(4, family_name="Kurz"))
    assert result.patient_id == 1
    told = [(one.patient.patient_id, one.names, one.is_hit, one.kind) for one in result.considered]
    assert told == [
        (1, NameLikeness.SAME, True, None),
        (2, NameLikeness.SAME, False, DuplicateKind.INACTIVE),
        (3, NameLikeness.OTHER_GIVEN_NAMES, False, None),
    ]


@pytest.mark.parametrize("invalid", ["unbekannt", "0000", "11111111", "+49 0"])
def test_a_telephone_number_that_is_none_singles_out_nobody(invalid: str) -> None:
    person = replace(PERSON, contact_points=(ContactPoint("phone", "home", invalid),))
    hits = record(1, contacts=(ContactPoint("phone", "mobile", invalid),)), record(2)
    assert matched(*hits, person=person).patient_id is None


@pytest.mark.parametrize("names", [("-", "Müller"), ("Eva", "'"), ("Eva", "???"), ("", "")])
def test_records_without_a_name_never_match_not_even_each_other(names: tuple[str, str]) -> None:
    person = replace(PERSON, given_name=names[0], family_name=names[1])
    assert matched(record(1, *names), record(2, *names, born=None), person=person) == Match(None)


def test_a_booking_with_a_placeholder_birth_date_finds_nobody() -> None:
    placeholder = date(1900, 1, 1)
    person = replace(PERSON, birth_date=placeholder)
    assert matched(record(born=placeholder), hint=1, person=person).patient_id is None


patients = st.builds(
    record,
    st.integers(1, 50),
    st.sampled_from(["Eva", "EVA", "Eva Maria", "Anna", ""]),
    st.sampled_from(["Müller", "Mueller", "Muller", "von Müller"]),
    born=st.sampled_from([BORN, BORN, None, date(1900, 1, 1), date(2030, 1, 1), date(1980, 5, 18)]),
    active=st.booleans(),
    consent=st.sampled_from(list(Consent)),
    contacts=st.sampled_from([(), (SAME_MOBILE,), (SAME_MAIL, OTHER_MOBILE)]),
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(patients, max_size=6, unique_by=lambda patient: patient.patient_id),
    st.none() | st.integers(1, 50),
    st.randoms(use_true_random=False),
)
def test_whoever_is_linked_is_in_the_search_set_and_no_order_of_candidates_changes_the_result(
    candidates: list[Patient], hint: int | None, shuffler: object
) -> None:
    result = matched(*candidates, hint=hint)
    if result.patient:
        found = result.patient
        assert in_search_set(found.active, found.consent, found.birth_date, TODAY)
        assert (found.birth_date, found.given_name.casefold()) == (BORN, "eva")
        assert found.family_name in {"Müller", "Mueller"}
    shuffler.shuffle(candidates)  # type: ignore[attr-defined]
    assert matched(*candidates, hint=hint) == result
