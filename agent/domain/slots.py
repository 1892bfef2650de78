"""Slots, and the names that partners know them by.

A name says assignment, column and start, so it is the same in every later
file as long as the slot is the same; to partners it is opaque.
"""

import re
from typing import NamedTuple

_SLOT_ID = re.compile(r"(0|[1-9][0-9]{0,17})-(0|[1-9][0-9]{0,17})-(0|[1-9][0-9]{0,9})")
LATEST_START = 2**32
"""No slot starts then, in the year 2106, or later: far from where calendar arithmetic overflows."""


class Slot(NamedTuple):
    """A bookable time: one assignment in one column, from start to end, buffers not included."""

    assignment_id: int
    column_id: int
    start: int
    end: int


def slot_id(slot: Slot) -> str:
    """The partner's name for a slot: opaque by contract, the same in every later file."""
    return f"{slot.assignment_id}-{slot.column_id}-{slot.start}"


def parse_slot_id(text: str) -> tuple[int, int, int] | None:
    """Assignment, column and start, or None for anything that `slot_id` never writes."""
    parts = _SLOT_ID.fullmatch(text)
    if parts is None or int(parts[3]) >= LATEST_START:
        return None
    return int(parts[1]), int(parts[2]), int(parts[3])
