"""The field types that all kinds share: identifiers, instants, dates, names, contact points.

Everything is strict: no coercion, bounded lengths, closed character classes.
"""

import unicodedata
from datetime import date, datetime
from typing import Annotated, Literal, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Line(Protocol):
    """Whatever knows its record name and its line: every model, and `patients.PatientLine`."""

    @property
    def record(self) -> str: ...

    def line(self) -> bytes: ...


class Record(BaseModel):
    """Base of every line: closed, immutable, without type coercion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def line(self) -> bytes:
        """The record as it stands in a file."""
        return self.__pydantic_serializer__.to_json(self) + b"\n"


def _existing_instant(text: str) -> str:
    datetime.fromisoformat(text)
    return text


def _existing_date(text: str) -> str:
    date.fromisoformat(text)
    return text


# Control (Cc), format (Cf: bidirectional marks, zero-width characters), surrogates, private use and
# unassigned characters, and line separators could deceive whoever reads a name on a screen.
UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def _printable(text: str) -> str:
    # `isprintable` is the quick answer for nearly all names; it only doubts unusual spaces as well.
    if not text.isprintable() and any(unicodedata.category(one) in UNPRINTABLE for one in text):
        raise ValueError("holds a control, invisible or unassigned character")
    if text != text.strip():
        raise ValueError("begins or ends with a space")
    return text


Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""An id chosen by either side: ASCII letters, digits, dot, underscore and hyphen, at most 64."""

UtcInstant = Annotated[
    str,
    Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"),
    AfterValidator(_existing_instant),
]
"""RFC 3339 in UTC, whole seconds, always `Z`."""

CalendarDate = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_existing_date)]
"""RFC 3339 full-date."""

PersonName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
Label = Annotated[str, Field(min_length=1, max_length=200)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ContactPoint(Record):
    """FHIR R4 ContactPoint, reduced to what a practice needs to reach somebody."""

    system: Literal["phone", "email"]
    use: Literal["home", "work", "mobile"]
    value: Annotated[str, Field(min_length=3, max_length=200), AfterValidator(_printable)]
