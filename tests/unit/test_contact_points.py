"""Reading A7: phones as Germans write them, e-mail addresses, and what is neither."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata

from agent.domain.contact_points import normalised_contact
from agent.domain.practice import ContactPoint


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
        "+49 0171 1234567",
        "+ 49 171 1234567",
        "+(49) 171 1234567",
        "0049 (0) 171/1234567",
        "49 171 1234567",
        "171 1234567",
        "0171/123 456-7",
        "0171 1234567 / 069 23125001",
        "0171/1234567/069/23125001",
        "0171 1234567, 069 23125001",
        "0171 1234567; 069 23125001",
        "٠١٧١ ١٢٣٤٥٦٧",
    ],
)
def test_one_german_mobile_number_in_many_spellings_is_one_number(written: str) -> None:
    assert contact("phone", written) == ("phone", "+491711234567")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("069/1234-0", "+496912340"),
        ("(030) 901820", "+4930901820"),
        ("(030) 23125 001", "+493023125001"),
        ("030 / 23 12 50 01", "+493023125001"),
        ("030 23125-001 App. 5", "+493023125001"),
        ("00 33 6 12 34 56 78", "+33612345678"),
        ("+90 (532) 123 45 67", "+905321234567"),
        ("+43 1 588 00", "+43158800"),
        ("0041 44 668 18 00", "+41446681800"),
    ],
)
def test_landlines_and_neighbouring_countries_keep_their_codes(written: str, expected: str) -> None:
    assert contact("phone", written) == ("phone", expected)


NO_NUMBERS = [
    "", "unbekannt", "-", "(", "0", "+", "123456789012345678901234567890", "0000", "00000000", "11111111",
    "99999999", "0123456789", "1234567", "110", "0171", "0049", "+49 0", "+999 1234567",
]  # fmt: skip


@pytest.mark.parametrize("written", NO_NUMBERS)
def test_what_is_no_phone_number_is_none_and_equals_nothing(written: str) -> None:
    assert contact("phone", written) is None


@settings(max_examples=200, deadline=None)
@given(st.text("0123456789 +()/-.,x", max_size=18) | st.text(max_size=10))
def test_a_normalised_phone_number_is_its_own_normal_form(written: str) -> None:
    normalised = contact("phone", written)
    assert normalised is None or contact("phone", normalised[1]) == normalised


@pytest.mark.parametrize(
    "written", [" Eva.Kurz@Example.DE ", "eva.kurz@example.de", "eva.kurz\u200b@EXAMPLE.de"]
)
def test_mail_addresses_compare_without_case_and_spaces_around(written: str) -> None:
    assert contact("email", written) == ("email", "eva.kurz@example.de")


@pytest.mark.parametrize(
    "written", ["", "@", "eva.kurz", "eva@", "@example.de", "eva kurz@example.de", "a@b@c"]
)
def test_what_is_no_mail_address_is_none_and_equals_nothing(written: str) -> None:
    assert contact("email", written) is None


def test_a_system_nobody_compares_is_none() -> None:
    assert contact("fax", "0171 1234567") is None


def test_no_region_is_left_to_be_loaded_with_the_first_number_of_its_country() -> None:
    assert len(PhoneMetadata._region_available) > 200
    assert set(PhoneMetadata._region_available.values()) == {None}
