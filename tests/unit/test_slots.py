"""Slot ids: what we write is read back, and nothing else is."""

from datetime import date

import pytest
from pydantic import TypeAdapter

from agent.domain.slots import Slot, parse_slot_id, slot_id
from exchange_formats.fields import Identifier
from tests.kit.calendars import at


@pytest.mark.parametrize(
    "parts", [(0, 0, 0), (12, 3, at(date(2027, 1, 11), 8)), (2**31 - 1, 2**31 - 1, 2**32 - 1)]
)
def test_a_slot_id_can_be_read_back_and_fits_the_formats(parts: tuple[int, int, int]) -> None:
    text = slot_id(Slot(*parts, end=0))
    assert parse_slot_id(text) == parts
    assert TypeAdapter(Identifier).validate_python(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1-2",
        "1-2-3-4",
        "01-2-3",
        "1-2-03",
        "+1-2-3",
        "1--2-3",
        "1-2-3 ",
        "1-2-3\n",
        "１-2-3",
        "1_0-2-3",
        "1-2-٣",
        f"1-2-{2**32}",
        "1-2-99999999999999999999",
        "a-b-c",
    ],
)
def test_a_slot_id_in_any_other_spelling_is_refused(text: str) -> None:
    assert parse_slot_id(text) is None
