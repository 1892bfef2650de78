"""Patients who exist to be looked for: planted in every house, found in whatever spelling they leak (P11).

Nobody else bears their names. What is known of them may stand in the practice database and, sealed,
in files; a byte of it anywhere else is a leak.
"""

import base64
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from urllib.parse import quote

from sqlalchemy import insert, select

from agent.adapters import tables
from agent.adapters.database import Connector


@dataclass(frozen=True, slots=True)
class Canary:
    """One planted patient, or what is known of one."""

    given_name: str
    family_name: str
    birth_date: date
    phone: str
    email: str


CANARIES = {
    "GRANTED": Canary("Käuzchen", "Zaunkönigstoß", date(1931, 7, 23), "0171 4788123", "kauz@kanari.example"),
    "DENIED": Canary("Würgerine", "Steinwälzerß", date(1934, 11, 29), "02381 478834", "weber@kanari.example"),
}  # fmt: skip
"""By what they answered the first partner: one travels, sealed, and one never does."""
BOOKED_FAMILY_NAME = "Prüfling"
BOOKED_EMAIL = "zugvogel@kanari.example"
"""Of those who come by a partner's booking, in the tests of the stories, of the service and in the demo."""
FOREIGN_WORD = "Kanari-4788123"
"""For fields that take no name: it came from outside, and must not come out again."""
FORBIDDEN_FAMILY_NAME = "Verbotenfink"
"""Of a patient whom a rule of the practice's own database keeps out."""
DATE_FORMS = ("%Y-%m-%d", "%d.%m.%Y", "%d.%m.%y", "%Y%m%d", "%Y/%m/%d", "%m/%d/%Y")
MONTHS = {7: "Juli", 11: "November"}


def plant(connector: Connector, partner_id: str) -> None:
    """Into the card index, with their answers for one partner; the practice must stand already."""
    now = datetime.now(UTC).replace(microsecond=0)
    with connector.writing() as connection:
        author = connection.scalar(select(tables.staff_member.c.staff_id).limit(1))
        info = {"created_by": author, "created_at": now, "changed_by": author, "changed_at": now}
        for status, one in CANARIES.items():
            person = {
                "given_name": one.given_name,
                "family_name": one.family_name,
                "birth_date": one.birth_date,
            }
            key = connection.execute(
                insert(tables.patient).values(**person, active=True, **info)
            ).inserted_primary_key
            assert key is not None
            points = [("phone", "mobile", one.phone), ("email", "home", one.email)]
            for system, use, value in points:
                row = {"system": system, "use": use, "value": value}
                connection.execute(insert(tables.contact_point).values(patient_id=key[0], **row))
            answer = {"partner_id": partner_id, "status": status, "changed_by": author, "changed_at": now}
            connection.execute(insert(tables.consent).values(patient_id=key[0], **answer))


def found_in(content: bytes) -> list[str]:
    """What is known of canaries and stands in these bytes, each as `value, form`."""
    without_breaks = content.replace(b"\r", b"").replace(b"\n", b"")
    views = {"lower": content.lower(), "exact": without_breaks.replace(b"-", b"+").replace(b"_", b"/")}
    return [told for view, needle, told in _needles() if needle in views[view]]


@cache
def _needles() -> tuple[tuple[str, bytes, str], ...]:
    """In which view of the bytes to look, for what, and how it is told."""
    found: dict[tuple[str, bytes], str] = {}
    for value in _values():
        for form, needles in spelled(value).items():
            view = "exact" if form.startswith("base64") else "lower"
            for needle in needles:
                found.setdefault((view, needle), f"{value}, {form}")
    for day in (one.birth_date for one in CANARIES.values()):
        for text in _days(day):
            found.setdefault(("lower", text.lower().encode()), f"{text}, UTF-8")
    # What holds another one is found with it.
    return tuple(
        (view, needle, told)
        for (view, needle), told in found.items()
        if not any(view == other and part in needle and part != needle for other, part in found)
    )


def _values() -> Iterator[str]:
    yield from (BOOKED_FAMILY_NAME, BOOKED_EMAIL, FOREIGN_WORD, FORBIDDEN_FAMILY_NAME)
    for one in CANARIES.values():
        yield from (one.given_name, one.family_name, one.email, one.birth_date.isoformat())
        yield from _phone(one.phone)


def _phone(number: str) -> tuple[str, ...]:
    """As it was entered, and the digits that every international spelling shares."""
    area, rest = number.split(" ")
    return number, f"{area[1:]}{rest}", f"{area[1:]} {rest}"


def _days(day: date) -> tuple[str, ...]:
    """How people and programs write a day."""
    return (
        *(day.strftime(form) for form in DATE_FORMS),
        f"{day.year}, {day.month}, {day.day}", f"{day.day}. {MONTHS[day.month]} {day.year}",
    )  # fmt: skip


def spelled(value: str) -> Mapping[str, set[bytes]]:
    """The forms in which a text may lie in a file; ASCII letters in lower case, but in base64."""
    cases = {value, value.lower()}
    forms = {form: {encode(one).lower() for one in cases} for form, encode in ENCODERS.items()}
    forms["UTF-8"] |= {value.upper().encode().lower(), value.casefold().encode()}
    return forms | {
        f"base64, {offset} bytes in": {_inside_base64(value.encode(), offset)} for offset in range(3)
    }


def _transcribed(text: str) -> str:
    for umlaut, letters in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        text = text.replace(umlaut, letters)
    return text


def _inside_base64(value: bytes, offset: int) -> bytes:
    """What all encodings have in common in which the value begins at such a place."""
    encoded = base64.b64encode(bytes(offset) + value)
    first = (0, 2, 3)[offset]
    spare = (len(value) + offset) % 3
    return encoded[first : len(encoded) - (0, 3, 2)[spare]]


ENCODERS: Mapping[str, Callable[[str], bytes]] = {
    "UTF-8": str.encode,
    "decomposed": lambda text: unicodedata.normalize("NFD", text).encode(),
    "without umlauts": lambda text: _transcribed(text.lower()).encode(),
    "Latin-1": lambda text: text.encode("latin-1"),
    "UTF-16 LE": lambda text: text.encode("utf-16-le"),
    "UTF-16 BE": lambda text: text.encode("utf-16-be"),
    "JSON escapes": lambda text: text.encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00"),
    "percent escapes": lambda text: quote(text, safe=" @").encode(),
    "plus for spaces": lambda text: quote(text, safe=" @").replace(" ", "+").encode(),
    "bytes in Python": lambda text: repr(text.encode())[2:-1].encode(),
    "HTML entities": lambda text: text.encode("ascii", "xmlcharrefreplace"),
    "quoted-printable": lambda text: quote(text, safe=" @").replace("%", "=").encode(),
    "hexadecimal": lambda text: text.encode().hex().encode(),
}
