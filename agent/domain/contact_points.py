"""Telephone numbers and e-mail addresses in the one spelling in which they are compared (reading A7).

What comes out is for comparing only: it is never stored, shown or sent. A value
that is no real number or address equals nothing, not even itself.
"""

import re
import unicodedata
from collections.abc import Iterator

import phonenumbers

from agent.domain.practice import ContactPoint

# All of them now: where one cannot be read later, because the program is just being replaced, the library
# keeps its lock, and every number after that would wait for ever.
phonenumbers.PhoneMetadata.load_all()

PHONE_REGION = "DE"
COUNTRY_CODE = "49"

# Up to the first letter or comma: letters would be read as the keys they share with digits, and
# practices write "(Mutter)" or a second number behind one.
_PHONE_NUMBER = re.compile(r"[+＋(]*\s*\d(?:\d|[^\w,;|&])*")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def normalised_contact(contact: ContactPoint) -> tuple[str, str] | None:
    """System and value for comparison: E.164 for a phone, folded for an e-mail; None if it is neither."""
    if contact.system == "email":
        return _normalised_email(contact.value)
    if contact.system == "phone":
        return _normalised_phone(contact.value)
    return None


def _normalised_email(text: str) -> tuple[str, str] | None:
    visible = "".join(character for character in text if unicodedata.category(character) != "Cf")
    address = unicodedata.normalize("NFC", visible.strip()).casefold()
    return ("email", address) if _EMAIL.fullmatch(address) else None


def _normalised_phone(text: str) -> tuple[str, str] | None:
    written = _PHONE_NUMBER.search(text)
    for spelling in _spellings(written[0]) if written else ():
        try:
            number = phonenumbers.parse(spelling, PHONE_REGION)
        except phonenumbers.NumberParseException:
            continue
        # Only the ranges that exist: else two people without a telephone, both `00000`, would share one.
        # A range younger than the library singles out nobody, and the staff are told.
        if phonenumbers.is_valid_number(number):
            return "phone", phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None


def _spellings(written: str) -> Iterator[str]:
    """The number with its plus sign if that was forgotten; as it stands; the first of two numbers."""
    if written.startswith(COUNTRY_CODE):
        yield f"+{written}"
    yield written
    for slash in re.finditer("/", written):
        yield written[: slash.start()]
