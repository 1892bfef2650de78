"""The licence of rule R1: which practice may use which partners, from when until when.

A licence is one JSON object in a file that the licensor signed; adapters
vouch for the signature, this module for the content and for the day. It
knows no file, no key and no clock.

    {"format": "otv-licence", "version": 1, "licence_id": "2026-0815",
     "practice_id": "praxis-am-markt", "partner_ids": ["dentista", "zahnplan"],
     "valid_from": "2026-01-01", "expires_on": "2026-12-31"}
"""

import json
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from exchange_formats.fields import Identifier, Record

MAX_LICENCE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Licence:
    """What the licensor granted; both days belong to the time it is valid."""

    licence_id: str
    practice_id: str
    partner_ids: frozenset[str]
    valid_from: date
    expires_on: date


class LicenceContentError(ValueError):
    """The signed text is no licence; the message says why and never quotes the text."""


class _LicenceDocument(Record):
    """The closed form of the file. The format name keeps other texts of the same signer apart."""

    format: Literal["otv-licence"]
    version: Annotated[int, Field(ge=1, le=1)]  # Literal[1] would take `true` for 1
    licence_id: Identifier
    practice_id: Identifier
    partner_ids: Annotated[list[Identifier], Field(min_length=1, max_length=1000)]
    valid_from: date
    expires_on: date

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.partner_ids)) != len(self.partner_ids):
            raise ValueError("names a partner twice")
        if self.valid_from > self.expires_on:
            raise ValueError("ends before it begins")
        return self


def decode_licence(content: bytes) -> Licence:
    """Read the signed text, strictly: UTF-8 JSON, every field once, no field unknown.

    Raises LicenceContentError.
    """
    if len(content) > MAX_LICENCE_BYTES:
        raise LicenceContentError(f"it is longer than {MAX_LICENCE_BYTES} bytes")
    try:
        text = content.decode("utf-8")
        # pydantic's parser takes the last of two equal keys without a word.
        json.loads(text, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError):
        raise LicenceContentError("it is not UTF-8 JSON with every field named once") from None
    try:
        document = _LicenceDocument.model_validate_json(text)
    except ValidationError as error:
        raise LicenceContentError(_field_problems(error)) from None
    return Licence(
        licence_id=document.licence_id,
        practice_id=document.practice_id,
        partner_ids=frozenset(document.partner_ids),
        valid_from=document.valid_from,
        expires_on=document.expires_on,
    )


def licence_problem(licence: Licence, practice_id: str, partner_id: str | None, today: date) -> str | None:
    """Why this practice may not work (with this partner) today, as a sentence; None if it may (rule R1).

    `partner_id` None asks for the practice alone. `today` is the date in UTC, the same on every machine.
    """
    if licence.practice_id != practice_id:
        return f"the licence is for practice {licence.practice_id}, this one is {practice_id}"
    if today < licence.valid_from:
        return f"the licence is not valid before {licence.valid_from.isoformat()}"
    if today > licence.expires_on:
        return f"the licence expired after {licence.expires_on.isoformat()}"
    if partner_id is not None and partner_id not in licence.partner_ids:
        return f"the licence does not name the partner {partner_id}"
    return None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice")
    return members


_FIELDS = frozenset(_LicenceDocument.model_fields)


def _field_problems(error: ValidationError) -> str:
    """Only names of our own fields are repeated: the rest is somebody else's text."""
    places = [problem["loc"][0] if problem["loc"] else None for problem in error.errors(include_input=False)]
    named = sorted({str(place) for place in places if place in _FIELDS})
    if named:
        return f"missing or not allowed: {', '.join(named)}"
    if places == [None]:
        return "it is no JSON object, names a partner twice, or ends before it begins"
    return "it holds a field that no licence has"
