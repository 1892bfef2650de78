"""A second reader of partners' documents, made from the published schemas and docs/exchange-formats.md alone.

It shares no code with the codec, takes its time, and says yes or no without a reason.
"""

import json
import unicodedata
from datetime import date, time
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

import exchange_formats

SCHEMAS = Path(exchange_formats.__file__).parent / "schemas"
MOST_RECORDS = {"bookings": 100, "acknowledgements": 50_000}
MAX_LINE_BYTES, MAX_BRACKETS, MAX_DIGITS = 65_536, 64, 17
PERSON_TEXTS = ("given_name", "family_name", "value")
INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def read(content: bytes) -> list[dict[str, Any]] | None:
    """Envelope and records of a lawful document; None for any other."""
    if not content.endswith(b"\n"):
        return None
    try:
        lines = [_strictly_parsed(line) for line in content[:-1].split(b"\n")]
    except (ValueError, RecursionError):
        return None
    if len(lines) < 2 or lines[0].get("record") != "envelope" or lines[-1].get("record") != "trailer":
        return None
    kind = lines[0].get("kind")
    if not isinstance(kind, str) or kind not in MOST_RECORDS or len(lines) - 2 > MOST_RECORDS[kind]:
        return None
    expected = "booking" if kind == "bookings" else "removal_acknowledgement"
    if any(line.get("record") != expected for line in lines[1:-1]):
        return None
    lawful = all(_schema(kind).is_valid(line) and _sensible(line) for line in lines)
    return lines[:-1] if lawful and lines[-1]["record_count"] == len(lines) - 2 else None


def _strictly_parsed(line: bytes) -> dict[str, Any]:
    """One JSON object; numbers are whole and short, no key comes twice. Raises ValueError."""
    if len(line) > MAX_LINE_BYTES or line.count(b"{") + line.count(b"[") > MAX_BRACKETS:
        raise ValueError
    pairs_of_objects: list[list[tuple[str, Any]]] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        pairs_of_objects.append(pairs)
        return dict(pairs)

    found = json.loads(
        line.decode("utf-8"),
        object_pairs_hook=note,
        parse_float=_refuse,
        parse_constant=_refuse,
        parse_int=_short,
    )
    if not isinstance(found, dict) or any(
        len({key for key, _ in pairs}) < len(pairs) for pairs in pairs_of_objects
    ):
        raise ValueError
    return found


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _short(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError
    return int(text)


def _sensible(value: Any, key: str = "") -> bool:
    """What a JSON Schema cannot say: days that exist, times of a day, characters that can be seen."""
    if isinstance(value, dict):
        return all(_sensible(one, name) for name, one in value.items())
    if isinstance(value, list):
        return all(_sensible(one) for one in value)
    if not isinstance(value, str):
        return True
    if key == "birth_date":
        return _exists(value)
    if key.endswith("_at") or key == "valid_until":
        return _exists(value[:10]) and _is_time(value[11:-1])
    if key in PERSON_TEXTS:
        return value == value.strip() and not any(unicodedata.category(one) in INVISIBLE for one in value)
    return True


def _exists(text: str) -> bool:
    year, month, day = map(int, text.split("-"))
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _is_time(text: str) -> bool:
    hour, minute, second = map(int, text.split(":"))
    try:
        time(hour, minute, second)
    except ValueError:
        return False
    return True


@cache
def _schema(kind: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{kind}.schema.json").read_text("utf-8"))
    return jsonschema.Draft202012Validator(_anchored(schema))


def _anchored(schema: Any) -> Any:
    """The schema with patterns that end at the end: Python's `$` also matches before a last line feed."""
    if isinstance(schema, dict):
        return {
            key: value[:-1] + r"\Z"
            if key == "pattern" and isinstance(value, str) and value.endswith("$")
            else _anchored(value)
            for key, value in schema.items()
        }
    return [_anchored(one) for one in schema] if isinstance(schema, list) else schema
