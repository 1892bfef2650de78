"""What is counted of an export, so that the next one of its kind can be compared with it; pure.

Free slots and taken time are counted by day: two files are compared only on
the days that both cover whole, so that time that has passed, another lead
time or horizon is no change. The day is that of the UTC text, which turns in
the practice's night.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agent.domain.practice import OfferTerms
from agent.domain.sudden_change import Change, Sign
from exchange_formats.availability import ColumnTime, FreeSlot, Window
from exchange_formats.fields import Line

SECONDS_PER_MINUTE = 60
_DAY = slice(10)
"""The date within `2027-03-28T06:00:00Z`."""


@dataclass(slots=True)
class AvailabilityMeasure:
    """Free slots and taken minutes by day, counted while the records pass by."""

    terms: str
    """Grid and daily cap: with others there are more or fewer slots without any change in the book."""
    first_day: str = ""
    last_day: str = ""
    slots: Counter[str] = field(default_factory=Counter)
    taken_minutes: Counter[str] = field(default_factory=Counter)
    slots_by_column: Counter[str] = field(default_factory=Counter)
    """By `DAY/COLUMN`; the guard asks for days alone, a rehearsal for both."""

    @classmethod
    def under(cls, terms: OfferTerms) -> "AvailabilityMeasure":
        return cls(f"{terms.grid_minutes}/{terms.max_appointments_per_day}")

    def add(self, record: Line) -> None:
        if isinstance(record, FreeSlot):
            day = record.starts_at[_DAY]
            self.slots[day] += 1
            self.slots_by_column[f"{day}/{record.column_id}"] += 1
        elif isinstance(record, ColumnTime) and record.status == "busy":
            self.taken_minutes[record.starts_at[_DAY]] += _minutes(record)
        elif isinstance(record, Window):
            self.first_day, self.last_day = record.starts_at[_DAY], record.ends_at[_DAY]

    def plain(self) -> dict[str, Any]:
        """To be kept as JSON."""
        return {
            "terms": self.terms,
            "first_day": self.first_day,
            "last_day": self.last_day,
            "slots": dict(self.slots),
            "taken_minutes": dict(self.taken_minutes),
            "slots_by_column": dict(self.slots_by_column),
        }


@dataclass(frozen=True, slots=True)
class SlotsOfDay:
    """Free slots of one column on one day (UTC), before and now; without a column of all of them."""

    day: str
    column_id: str | None
    before: int
    now: int


def slot_differences(before: Mapping[str, Any], now: AvailabilityMeasure) -> list[SlotsOfDay]:
    """Where there are more or fewer slots than in an earlier measure, on the days that both cover whole.

    By column, unless the earlier measure is from a version that counted days alone.
    """
    by_column = "slots_by_column" in before
    earlier = before["slots_by_column"] if by_column else before["slots"]
    present = now.slots_by_column if by_column else now.slots
    found = []
    for place in sorted({*earlier, *present}):
        day, _, column_id = place.partition("/")
        was, stands = earlier.get(place, 0), present.get(place, 0)
        if was != stands and _is_common(day, before, now):
            found.append(SlotsOfDay(day, column_id or None, was, stands))
    return found


def _is_common(day: str, before: Mapping[str, Any], now: AvailabilityMeasure) -> bool:
    # The first day is never covered whole: it begins with the lead time.
    first, last = str(before["first_day"]), str(before["last_day"])
    return max(first, now.first_day) < day <= min(last, now.last_day)


def availability_changes(before: Mapping[str, Any], now: AvailabilityMeasure) -> list[Change]:
    """Slots and taken time against an earlier measure, kept as `plain`."""

    def on_common_days(counts: Mapping[str, int]) -> int:
        return sum(count for day, count in counts.items() if _is_common(day, before, now))

    taken, still_taken = on_common_days(before["taken_minutes"]), on_common_days(now.taken_minutes)
    changes = [Change(Sign.TAKEN_MINUTES_LOST, taken, taken - still_taken)]
    if before["terms"] != now.terms:
        return changes
    if now.slots.total() == 0:
        # Nothing on offer at all is a change also after an outage longer than the horizon.
        slots, still_free = sum(before["slots"].values()), 0
    else:
        slots, still_free = on_common_days(before["slots"]), on_common_days(now.slots)
    lost = slots - still_free
    changes.append(
        Change(Sign.SLOTS_LOST, slots, lost) if lost > 0 else Change(Sign.SLOTS_ADDED, slots, -lost)
    )
    return changes


def reference_data_changes(before: Mapping[str, int], now: Mapping[str, int]) -> list[Change]:
    """One for each sort of record, against an earlier count by sort."""
    return [
        Change(Sign.REFERENCE_DATA_LOST, count, count - now.get(sort, 0)) for sort, count in before.items()
    ]


def patients_changes(listed: int, newcomers: int, removed: int, *, first: bool) -> list[Change]:
    """`newcomers` of the `listed` were not held before; `removed` are told of for the first time.

    Who is newly agreed to be sent at all (`first`) brings everybody at once, and that is no surprise.
    """
    held = listed - newcomers
    changes = [Change(Sign.PATIENTS_LOST, held + removed, removed)]
    return changes if first else [*changes, Change(Sign.PATIENTS_ADDED, held, newcomers)]


def _minutes(stretch: ColumnTime) -> int:
    length = datetime.fromisoformat(stretch.ends_at) - datetime.fromisoformat(stretch.starts_at)
    return int(length.total_seconds()) // SECONDS_PER_MINUTE
