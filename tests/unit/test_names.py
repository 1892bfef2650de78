"""Spellings that are the same name, spellings that are not, and phones as Germans write them."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.names import NameKey, normalised_contact, normalised_name
from agent.domain.practice import ContactPoint

DIAERESIS = "\u0308"


def key(name: str) -> NameKey:
    """The key of `given|family`."""
    given, _, family = name.partition("|")
    return normalised_name(given, family)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Jürgen|Müller", "JUERGEN|MUELLER"),
        ("Jürgen|Müller", f"Ju{DIAERESIS}rgen|Mu{DIAERESIS}ller"),
        ("Änne|Öhm", f"A{DIAERESIS}nne|O{DIAERESIS}hm"),
        ("Eva|Mu\u200d\u0308ller", "Eva|Müller"),
        ("Eva|Groß", "Eva|GROSS"),
        ("Eva|GROẞ", "Eva|Gross"),
        ("Zoë|André", "Zoe|Andre"),
        ("İpek|Çelik", "Ipek|Celik"),
        ("Eva|Nguyễn", "Eva|Nguyen"),
        ("Anna-Maria|Kurz", "Anna Maria|Kurz"),
        ("Anna \u2013  Maria|Kurz", "Anna\u00a0Maria|Kurz"),
        ("Anna\tMaria|Kurz", "Anna Maria|Kurz"),
        ("Eva|Müller-Lüdenscheidt", "Eva|Müller Lüdenscheidt"),
        ("Eva|O'Brien", "Eva|O’Brien"),
        ("Eva|D´Angelo", "Eva|DAngelo"),
        ("\ufeffEva|Ku\u00adrz\u200b", "Eva|Kurz"),
        ("Eva\x00|Kurz", "Eva|Kurz"),
        ("Dr. Eva|Kurz", "Eva|Kurz"),
        ("Eva|Dr.Kurz", "Eva|Kurz"),
        ("Dr. med. dent. Eva|Kurz", "Eva|Kurz"),
        ("Prof.Dr.med.dent. Eva|Kurz", "Eva|Kurz"),
        ("Priv.-Doz. Dr. Eva|Kurz", "Eva|Kurz"),
        ("Eva|Dipl.-Ing. (FH) Kurz", "Eva|Kurz"),
        ("Prof. Dr. h. c. mult. Eva|Kurz", "Eva|Kurz"),
        ("Eva|Kurz M.Sc.", "Eva|Kurz"),
        ("Karl|Kurz jun.", "Karl|Kurz"),
        ("Karl|Kurz sen.", "Karl|Kurz"),
        ("Karl|Kurz-Junior", "Karl|Kurz"),
        ("Hans von|Berg", "Hans|von Berg"),
        ("Hans von der|Berg", "Hans|VON DER  Berg"),
        ("J.R.|Kurz", "J. R.|Kurz"),
    ],
)
def test_two_spellings_of_one_name_have_the_same_key(left: str, right: str) -> None:
    assert key(left) == key(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Eva|Müller", "Eva|Muller"),
        ("Eva|Meier", "Eva|Meyer"),
        ("Eva|Schmidt", "Eva|Schmid"),
        ("Eva|von Berg", "Eva|Berg"),
        ("Eva|von Berg", "Eva|van Berg"),
        ("Eva|Müller von Berg", "Eva|von Müller Berg"),
        ("Eva Maria|Kurz", "Eva|Kurz"),
        ("Eva Maria|Kurz", "Maria Eva|Kurz"),
        ("Evamaria|Kurz", "Eva-Maria|Kurz"),
        ("Kurz|Eva", "Eva|Kurz"),
        ("H. C.|Kurz", "Hans|Kurz"),
        ("Dr. C. Eva|Kurz", "Eva|Kurz"),
        ("Phil|Kurz", "Eva|Kurz"),
        ("Иван|Kurz", "Ivan|Kurz"),
    ],
)
def test_two_different_names_have_different_keys(left: str, right: str) -> None:
    assert key(left) != key(right)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Hans|von und zu Berg", NameKey(("hans",), "berg", ("von", "und", "zu"))),
        ("María|de la Cruz", NameKey(("maria",), "cruz", ("de", "la"))),
        ("Van|Le", NameKey(("van",), "le", ())),
        ("Jun|Sen", NameKey(("jun",), "sen", ())),
        ("Med|Ing", NameKey(("med",), "ing", ())),
        ("Dr.|Zu", NameKey(("dr.",), "zu", ())),
        ("Eva|-", NameKey(("eva",), "", ())),
        (" | ", NameKey((), "", ())),
    ],
)
def test_splitting_off_titles_and_particles_leaves_a_name_whose_only_word_looks_like_one(
    name: str, expected: NameKey
) -> None:
    assert key(name) == expected


names = st.text(max_size=20)


@settings(max_examples=150, deadline=None)
@given(names, names)
def test_a_key_does_not_depend_on_case_composition_or_spaces_around(
    given_name: str, family_name: str
) -> None:
    expected = normalised_name(given_name, family_name)
    for form in ("NFC", "NFD"):
        respelled = [f" {unicodedata.normalize(form, text)}\u200b " for text in (given_name, family_name)]
        assert normalised_name(*respelled) == expected
    assert normalised_name(given_name.casefold(), family_name.casefold()) == expected


def contact(system: str, value: str) -> tuple[str, str] | None:
    return normalised_contact(ContactPoint(system, "home", value))


@pytest.mark.parametrize(
    "written",
    [
        "0171 1234567",
        "01711234567",
        "0171/1234567",
        "0171-123 45 67",
        "(0171) 1234567",
        "(01 71) 12 34 56 7",
        "+49 171 1234567",
        "+491711234567",
        "+49 (0)171 1234567",
        "+49(171)1234567",
        "+49-171-1234567",
        "0049 171 1234567",
        "00 49 171 1234567",
        "0171.123.4567",
        "0171 – 1234567",
        "\u202a+49 171 1234567\u202c",
        "0171\u00a01234567",
        " 0171 1234567 ",
        "tel: 0171 1234567",
        "Mobil 0171/1234567",
        "0171 1234567 (Mutter)",
        "0171 1234567 privat",
        "0171 1234567 od. 069 123456",
        "＋49 171 1234567",
    ],
)
def test_one_german_mobile_number_in_many_spellings_is_one_number(written: str) -> None:
    assert contact("phone", written) == ("phone", "+491711234567")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("069/1234-0", "+496912340"),
        ("(030) 901820", "+4930901820"),
        ("+43 1 588 00", "+43158800"),
        ("0041 44 668 18 00", "+41446681800"),
    ],
)
def test_landlines_and_neighbouring_countries_keep_their_codes(written: str, expected: str) -> None:
    assert contact("phone", written) == ("phone", expected)


@pytest.mark.parametrize("written", ["", "unbekannt", "-", "(", "0", "+", "123456789012345678901234567890"])
def test_what_is_no_phone_number_is_none(written: str) -> None:
    assert contact("phone", written) is None


def test_mail_addresses_compare_without_case_and_need_an_at_sign() -> None:
    assert contact("email", " Eva.Kurz@Example.DE ") == contact("email", "eva.kurz@example.de")
    assert contact("email", "eva.kurz") is None


def test_a_system_nobody_compares_is_none() -> None:
    assert contact("fax", "0171 1234567") is None
