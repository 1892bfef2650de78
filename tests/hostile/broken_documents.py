"""Ways to spoil a bookings file of one line: each a change of its bytes, none of which may be readable.

The corpus signs and sends them; the codec's own tests look at what its error
says. The file that is changed names one person, Jürgen Groß, born 1980-01-31.
"""

import json
import re
from collections.abc import Callable

from exchange_formats.codec import MAX_BRACKETS_IN_LINE, MAX_LINE_BYTES, MAX_RECORDS
from exchange_formats.envelope import Kind

Spoil = Callable[[bytes], bytes]


def lines(content: bytes) -> list[bytes]:
    """Envelope, booking, trailer, each with its line end."""
    found = content.splitlines(keepends=True)
    assert len(found) == 3
    return found


def value(name: str, spelling: str) -> Spoil:
    """The booking's field `name` with this raw JSON in place of its value."""
    pattern = re.compile(rb'"' + name.encode() + rb'":("(?:[^"\\]|\\.)*"|[0-9a-z]+|\[[^\]]*\])')

    def spoil(content: bytes) -> bytes:
        envelope, booking, trailer = lines(content)
        raw = b'"' + name.encode() + b'":' + spelling.encode("utf-8", "surrogatepass")
        booking, count = pattern.subn(lambda _: raw, booking, count=1)
        assert count == 1, name
        return envelope + booking + trailer

    return spoil


def text(name: str, spelling: str) -> Spoil:
    """As `value`, in quotation marks."""
    return value(name, f'"{spelling}"')


def parsed(change: Callable[[dict[str, object]], object]) -> Spoil:
    """The booking line changed by `change` on the parsed object."""

    def spoil(content: bytes) -> bytes:
        envelope, booking, trailer = lines(content)
        raw = json.loads(booking)
        change(raw)
        return envelope + json.dumps(raw).encode() + b"\n" + trailer

    return spoil


def line(spelling: Callable[[bytes], bytes]) -> Spoil:
    """Another booking line, with its line end."""

    def spoil(content: bytes) -> bytes:
        envelope, booking, trailer = lines(content)
        return envelope + spelling(booking) + trailer

    return spoil


def envelope_value(name: bytes, spelling: bytes) -> Spoil:
    """The envelope's field `name` with this raw JSON in place of its value."""

    def spoil(content: bytes) -> bytes:
        envelope, booking, trailer = lines(content)
        changed = re.sub(rb'"' + name + rb'":("[^"]*"|[0-9]+)', b'"' + name + b'":' + spelling, envelope)
        assert changed != envelope
        return changed + booking + trailer

    return spoil


def _patient(raw: dict[str, object]) -> dict[str, object]:
    patient = raw["patient"]
    assert isinstance(patient, dict)
    return patient


def _contacts(count: int) -> Spoil:
    contact = {"system": "email", "use": "home", "value": "j@example.org"}
    return parsed(lambda raw: _patient(raw).update(contact_points=[contact] * count))


STRICT_JSON: dict[str, Spoil] = {
    "unknown field": parsed(lambda raw: raw.update(note="x")),
    "missing field": parsed(lambda raw: raw.pop("assignment_id")),
    "missing record tag": parsed(lambda raw: raw.pop("record")),
    "missing birth date": parsed(lambda raw: _patient(raw).pop("birth_date")),
    "unknown field of a patient": parsed(lambda raw: _patient(raw).update(insurance="x")),
    "unknown action": parsed(lambda raw: raw.update(action="erase")),
    "null in place of a value": value("given_name", "null"),
    "number in place of text": value("given_name", "7"),
    "list instead of object": line(lambda _: b"[]\n"),
    "text instead of object": line(lambda _: b'"booking"\n'),
    "duplicate key": line(lambda one: one.replace(b'"revision":1', b'"revision":1,"revision":1')),
    "duplicate key, once in escapes": line(
        lambda one: one.replace(b'"revision":1', b'"revision":1,"\\u0072evision":2')
    ),
    "duplicate key, nested": line(
        lambda one: one.replace(b'"patient":{', b'"patient":{"birth_date":"1990-01-01",')
    ),
    "trailing comma": line(lambda one: one.replace(b"}\n", b",}\n")),
    "comment": line(lambda one: one.replace(b"}\n", b"}/* x */\n")),
    "single quotation marks": line(lambda one: one.replace(b'"', b"'")),
    "two objects in a line": line(lambda one: one.rstrip() + one),
    "line broken in two": line(lambda one: one.replace(b",", b",\n", 1)),
    "empty line between": line(lambda one: one + b"\n"),
    "envelope twice": lambda content: lines(content)[0] + content,
    "trailer twice": lambda content: content + lines(content)[2],
    "trailer first": lambda content: b"".join(reversed(lines(content))),
    "no trailer": lambda content: b"".join(lines(content)[:2]),
    "a line lost": lambda content: lines(content)[0] + lines(content)[2],
    "another count in the trailer": lambda content: content.replace(b'"record_count":1', b'"record_count":2'),
    "something behind the trailer": lambda content: content + b"{}\n",
    "last line without its end": lambda content: content.rstrip(b"\n"),
    "a null byte behind the last line": lambda content: content + b"\0",
    "a removal among bookings": line(lambda _: b'{"record":"removal_acknowledgement","patient_id":"a1"}\n'),
    "nothing": lambda _: b"",
    "only a line end": lambda _: b"\n",
}

ENCODINGS: dict[str, Spoil] = {
    "latin-1": lambda content: content.replace("ü".encode(), b"\xfc"),
    "byte order mark": lambda content: b"\xef\xbb\xbf" + content,
    "utf-16": lambda content: content.decode().encode("utf-16"),
    "utf-16 without a mark": lambda content: content.decode().encode("utf-16-le"),
    "utf-32": lambda content: content.decode().encode("utf-32"),
    "overlong utf-8": lambda content: content.replace("ü".encode(), b"\xc0\xaf"),
    "surrogates as bytes": text("family_name", "Gro\ud800"),
    "lone surrogate in escapes": text("family_name", "Gro\\ud800"),
    "cut character": lambda content: content.replace("ß".encode(), "ß".encode()[:1]),
    "null byte in a name": lambda content: content.replace(b"Gro", b"Gr\0"),
    "compressed content": lambda content: b"\x1f\x8b\x08\x00" + content,
}

NUMBERS: dict[str, Spoil] = {
    "fraction": value("revision", "1.0"),
    "exponent": value("revision", "1e0"),
    "number as text": value("revision", '"1"'),
    "true for one": value("revision", "true"),
    "zero": value("revision", "0"),
    "negative": value("revision", "-1"),
    "negative zero": value("revision", "-0"),
    "leading zero": value("revision", "01"),
    "hexadecimal": value("revision", "0x1"),
    "larger than allowed": value("revision", "1000001"),
    "larger than any integer": value("revision", "9" * 40),
    "five thousand digits": value("revision", "9" * 5000),
    "huge exponent": value("revision", "1e999999999"),
    "not a number": value("revision", "NaN"),
    "infinity": value("revision", "-Infinity"),
    "sequence zero": envelope_value(b"sequence", b"0"),
    "sequence beyond exact numbers": envelope_value(b"sequence", b"9007199254740992"),
    "version true": envelope_value(b"version", b"true"),
}

DEPTH: dict[str, Spoil] = {
    "nested lists": value("revision", "[" * 5000 + "]" * 5000),
    "nested lists without an end": line(lambda _: b"[" * (MAX_LINE_BYTES - 1) + b"\n"),
    "nested objects": value("revision", '{"a":' * 5000 + "1" + "}" * 5000),
    "many brackets side by side": value("revision", "[" + "[]," * MAX_BRACKETS_IN_LINE + "[]]"),
}

LENGTHS: dict[str, Spoil] = {
    "line too long": text("family_name", "G" * (MAX_LINE_BYTES + 1)),
    "line too long by spaces": line(lambda one: b" " * MAX_LINE_BYTES + one),
    "name too long": text("family_name", "G" * 101),
    "name empty": text("family_name", ""),
    "identifier too long": text("booking_id", "b" * 65),
    "identifier empty": text("booking_id", ""),
    "contact value too long": parsed(
        lambda raw: _patient(raw).update(
            contact_points=[{"system": "email", "use": "home", "value": "e" * 201}]
        )
    ),
    "no contact point": _contacts(0),
    "eleven contact points": _contacts(11),
    "a line more than allowed": lambda content: (
        lines(content)[0]
        + lines(content)[1] * (MAX_RECORDS[Kind.BOOKINGS] + 1)
        + lines(content)[2].replace(b":1", f":{MAX_RECORDS[Kind.BOOKINGS] + 1}".encode())
    ),
}

CHARACTERS: dict[str, Spoil] = {
    "bell": text("family_name", "Gro\\u0007"),
    "escape sequence of a terminal": text("family_name", "\\u001b[2JGro"),
    "tabulator": text("family_name", "Gro\\tss"),
    "line feed": text("family_name", "Gro\\nGro"),
    "delete": text("family_name", "Gro\\u007f"),
    "right-to-left override": text("family_name", "Gro\\u202e"),
    "right-to-left override, unescaped": text("family_name", "Gro\u202e"),
    "zero-width space": text("family_name", "Gro\\u200b"),
    "zero-width joiner": text("given_name", "Gro\\u200dGro"),
    "soft hyphen": text("family_name", "Gro\\u00adGro"),
    "byte order mark in a name": text("family_name", "\\ufeffGro"),
    "line separator": text("family_name", "Gro\\u2028"),
    "private use": text("family_name", "Gro\\ue000"),
    "unassigned": text("family_name", "Gro\\u0378"),
    "tag character": text("family_name", "Gro\\udb40\\udc41"),
    "space at the end": text("family_name", "Gro "),
    "nothing but a space": text("family_name", " "),
    "control character in a contact": parsed(
        lambda raw: _patient(raw).update(
            contact_points=[{"system": "email", "use": "home", "value": "a\r\nBcc: b@example.org"}]
        )
    ),
    "path as an identifier": text("booking_id", "../../b-1"),
    "line feed behind an identifier": text("booking_id", "b-1\\n"),
    "letter of another alphabet in an identifier": text("booking_id", "b-\u0430"),
    "slash in an identifier": text("slot_id", "1/2"),
    "sql in an identifier": text("assignment_id", "1; DROP TABLE patient"),
}

DATES: dict[str, Spoil] = {
    "the thirtieth of february": text("birth_date", "1980-02-30"),
    "the 29th of february of a common year": text("birth_date", "1981-02-29"),
    "the thirteenth month": text("birth_date", "1980-13-01"),
    "the year zero": text("birth_date", "0000-01-01"),
    "a five-digit year": text("birth_date", "19800-01-31"),
    "a date as in Germany": text("birth_date", "31.01.1980"),
    "a date with a time": text("birth_date", "1980-01-31T00:00:00Z"),
    "digits of another alphabet": text("birth_date", "١٩٨٠-01-31"),
    "a week date": text("birth_date", "1980-W05-4"),
    "twenty-five o'clock": text("starts_at", "2027-01-05T25:00:00Z"),
    "midnight at the end of the day": text("starts_at", "2027-01-05T24:00:00Z"),
    "a leap second": text("starts_at", "2026-12-31T23:59:60Z"),
    "local time": text("starts_at", "2027-01-05T08:00:00+01:00"),
    "no time zone": text("starts_at", "2027-01-05T08:00:00"),
    "fractions of a second": text("starts_at", "2027-01-05T08:00:00.5Z"),
    "a space in place of the T": text("starts_at", "2027-01-05 08:00:00Z"),
    "seconds since 1970": value("starts_at", "1799136000"),
    "created on no day": envelope_value(b"created_at", b'"2027-02-30T00:00:00Z"'),
    "time zone as a path": envelope_value(b"time_zone", b'"../../etc/passwd"'),
}

BROKEN: dict[str, dict[str, Spoil]] = {
    "strict json": STRICT_JSON,
    "encodings": ENCODINGS,
    "numbers": NUMBERS,
    "depth": DEPTH,
    "lengths": LENGTHS,
    "character classes": CHARACTERS,
    "impossible dates and times": DATES,
}
