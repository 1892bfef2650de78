"""Values for documents: such as a partner may send, on the very edge of it, and beyond."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document claims to come from and go to, and what is to be had there."""

    practice_id: str
    partner_id: str
    now: datetime
    starts: tuple[str, ...] = ("2027-01-05T08:00:00Z",)
    people: tuple[tuple[str, str, str], ...] = (("Jürgen", "Groß", "1980-01-31"),)
    """Given name, family name, birth date."""
    booked: tuple[str, ...] = ()
    """Bookings that stand, to be cancelled and moved."""

    def time(self, minutes: int = 0) -> str:
        return (self.now.astimezone(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


NAMES = (
    "Anna", "von der Heide", "O'Neill", "Ng", "Łukasz", "Яна", "山田", "José", "Jose\u0301", "محمد",
    "Robert'); DROP TABLE patient;--", "=1+1", "@SUM(A1)", "<script>alert(1)</script>", "{{7*7}}",
    "%s%n", "$(id)", "../../etc/passwd", "x" * 100, "𝒜" * 100, "a\u00a0b", "😀", "null", "\\", '"', "\ufffd",
)  # fmt: skip
NO_NAMES = (
    "", "x" * 101, " a", "a ", "\u00a0a", "a\u2003", "a\x00b", "a\tb", "a\nb", "\x1b[2J", "a\x7f", "a\x85b",
    "a\u200bb", "a\u202eb", "\u2066a", "\ufeffa", "a\u00adb", "\ud800", "a\udfffb", "\ue000", "\U0010ffff",
    "\u0378", "a\u2028b", "\u2029", 7, None, True, ["a"], {"a": "b"},
)  # fmt: skip
IDENTIFIERS = ("1", "2", "b-1", "b-2", "a.b_c-D", "x" * 64, "0", "CON", "1e5", "999999999999999999999999")
NO_IDENTIFIERS = ("", "x" * 65, ".a", "-a", "../a", "a/b", "a b", "a\n", "é", "１", "a\x00", 1, True, ["1"])
DATES = ("1980-05-17", "2000-02-29", "1900-01-01", "0001-01-01", "9999-12-31", "2099-01-01")
NO_DATES = (
    "1900-02-29", "0000-01-01", "1980-5-17", "17.05.1980", "1980-05-17T00:00:00Z", "１980-05-17",
    "1980-05-17\n", 0, None,
)  # fmt: skip
INSTANTS = ("2027-03-28T01:30:00Z", "2027-10-31T00:30:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
NO_INSTANTS = (
    "2027-01-05T25:00:00Z", "2027-01-05T23:59:60Z", "2027-02-30T08:00:00Z", "0000-01-01T00:00:00Z",
    "2027-01-05T08:00:00+01:00", "2027-01-05 08:00:00Z", "2027-01-05T08:00:00z", "2027-01-05T08:00Z",
    "2027-01-05T08:00:00.5Z", "2027-01-05T08:00:00Z\n", "1767600000", 1767600000, "", None,
)  # fmt: skip
NO_NUMBERS: tuple[Any, ...] = (
    0,
    -1,
    2**53,
    10**16,
    10**17,
    10**400,
    1.0,
    1e3,
    float("nan"),
    float("inf"),
    True,
    "1",
    None,
    [],
)
CONTACTS = ("0171 5550101", "+49 89 5550102", "anna@example.org", "x" * 200, "abc", "=cmd|' /C calc'!A0")
NO_CONTACTS = ("", "ab", "x" * 201, " abc", "a\u202ebc", "abc\n", 5, None)
ANYTHING: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, "", "book", "cancel", [], {}, [[]], {"a": {}},
    *NO_NAMES, *NO_NUMBERS, *NO_INSTANTS,
)  # fmt: skip
FIELDS = ("note", "patient_id", "record", "__proto__", "Booking_id", "", "action", "version")


def envelope(dice: Random, place: Place, kind: str) -> dict[str, Any]:
    """A first line that can be taken."""
    line = {
        "record": "envelope",
        "format": "otv",
        "version": 1,
        "kind": kind,
        "message_id": f"m-{dice.randrange(10**12)}",
        "sequence": dice.choice((1, 7, 2**53 - 1)),
        "practice_id": place.practice_id,
        "partner_id": place.partner_id,
        "created_at": place.time(dice.choice((0, -1, -600))),
        "time_zone": dice.choice(("Europe/Berlin", "UTC", "Nowhere/Land")),
    }
    optional = {"in_reply_to": dice.choice(IDENTIFIERS), "audit_head": "1:" + "a" * 64, "valid_until": None}
    line |= {key: value for key, value in optional.items() if dice.random() < 0.1}
    return line | ({"in_reply_to": dice.choice(IDENTIFIERS)} if kind == "acknowledgements" else {})


def acknowledgement(dice: Random, _place: Place) -> dict[str, Any]:
    return {"record": "removal_acknowledgement", "patient_id": dice.choice(IDENTIFIERS)}


def booking(dice: Random, place: Place) -> dict[str, Any]:
    """A line of a bookings file: one of the three actions."""
    action = dice.choice(("book", "book", "book", "cancel", "reschedule"))
    known = place.booked if action != "book" else ()
    line: dict[str, Any] = {
        "record": "booking",
        "booking_id": dice.choice((*IDENTIFIERS, *(f"b-{dice.randrange(10**9)}",) * 30, *known * 20)),
        "revision": dice.choice((1, 1, 1, 2, 3, 1_000_000)),
        "action": action,
    }
    if action == "cancel":
        return line | ({"cancellation_reason": dice.choice(("pat", "other"))} if dice.random() < 0.5 else {})
    line["assignment_id"] = dice.choice(("1", "4") * 20 + IDENTIFIERS)
    line["starts_at"] = dice.choice(place.starts * 5 + INSTANTS)
    if dice.random() < 0.2:
        line["slot_id"] = dice.choice((None, *IDENTIFIERS))
    return line | ({"patient": _patient(dice, place)} if action == "book" else {})


def _patient(dice: Random, place: Place) -> dict[str, Any]:
    given, family, born = dice.choice(place.people)
    if dice.random() < 0.5:
        given, family, born = dice.choice(NAMES), dice.choice(NAMES), dice.choice(DATES)
    contact = {"system": dice.choice(("phone", "email")), "use": dice.choice(("home", "work", "mobile"))}
    person = {
        "given_name": given,
        "family_name": family,
        "birth_date": born,
        "contact_points": [contact | {"value": dice.choice(CONTACTS)}] * dice.choice((1, 1, 2, 10)),
        "new_patient": dice.random() < 0.5,
    }
    return person | ({"patient_id": dice.choice(IDENTIFIERS)} if dice.random() < 0.2 else {})


NASTY: dict[str, tuple[Any, ...]] = {
    "message_id": NO_IDENTIFIERS, "practice_id": NO_IDENTIFIERS, "partner_id": NO_IDENTIFIERS,
    "booking_id": NO_IDENTIFIERS, "patient_id": NO_IDENTIFIERS, "slot_id": NO_IDENTIFIERS,
    "assignment_id": NO_IDENTIFIERS, "in_reply_to": NO_IDENTIFIERS,
    "given_name": NO_NAMES, "family_name": NO_NAMES, "birth_date": NO_DATES, "value": NO_CONTACTS,
    "created_at": NO_INSTANTS, "starts_at": NO_INSTANTS, "valid_until": NO_INSTANTS,
    "sequence": NO_NUMBERS, "revision": (*NO_NUMBERS, 1_000_001), "record_count": (*NO_NUMBERS, 3),
    "version": (0, 2, "1", True, None, 1.0), "kind": ("receipts", "patients", "Bookings", "", None),
    "action": ("erase", "Book", "", None), "record": ("trailer", "envelope", "", None),
    "system": ("fax", "url", ""), "use": ("old", "temp", ""), "format": ("OTV", "", None),
    "time_zone": ("", "x" * 65, "a b", "ü", None), "new_patient": ("true", 0, None),
    "contact_points": ([], {}, None, [[]]), "cancellation_reason": ("prov", "", None),
}  # fmt: skip
"""What a field must not hold, or must not everywhere."""
