"""Plain reckoning of what the rules say, written a second time, as short and as slow as can be."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from exchange_formats.availability import FreeSlot
from exchange_formats.bookings import BookingRecord, BookingsRecord
from exchange_formats.receipts import BookingOutcome
from tests.machine.book import Standing
from tests.machine.partner import State
from tests.machine.practice import COLUMNS, OFFERS

BERLIN = ZoneInfo("Europe/Berlin")

Answers = dict[int, tuple[BookingsRecord, BookingOutcome]]
"""The lines about one booking that were decided, by revision, each with its answer."""


class Life(NamedTuple):
    """One booking as the practice must see it when the next line about it comes."""

    answers: Answers
    appointment: Standing | None
    """None: deleted, or never made; `answers` tells which."""


@dataclass(slots=True)
class Removals:
    """Reading A9 for one partner: who was sent, whose removal was told since which file, what is settled."""

    sent: set[str] = field(default_factory=set)
    told_since: dict[str, int] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    sequences: dict[str, int] = field(default_factory=dict)
    """Number of each patients file, by message id."""

    def due(self, allowed: set[str]) -> set[str]:
        """Whom the next file must remove, if those may be known."""
        return self.sent - allowed - self.settled

    def recorded(self, message_id: str, sequence: int, allowed: set[str]) -> None:
        """A file with these patients and everything that is due."""
        self.sequences[message_id] = sequence
        for alias in self.due(allowed):
            self.told_since.setdefault(alias, sequence)
        self.sent |= allowed
        self.settled -= allowed
        for alias in allowed:
            self.told_since.pop(alias, None)

    def acknowledged(self, patients_message_id: str, aliases: Iterable[str]) -> None:
        """Only what that file told, or an earlier one."""
        sequence = self.sequences.get(patients_message_id, 0)
        self.settled |= {alias for alias in aliases if self.told_since.get(alias, sequence + 1) <= sequence}


def is_accepted(outcome: BookingOutcome) -> bool:
    """Booked, moved or cancelled as wished."""
    return outcome.outcome == "accepted"


def was_booked(answers: Answers) -> bool:
    """Whether the booking ever led to an appointment."""
    return any(wish.action == "book" and is_accepted(outcome) for wish, outcome in answers.values())


def share(left: int, right: int) -> bool:
    """Whether two columns can hold only one patient at a time."""
    if left == right:
        return True
    one, other = COLUMNS[left], COLUMNS[right]
    if one.overlaps_allowed or other.overlaps_allowed:
        return False
    return one.practitioner_id == other.practitioner_id or one.room_id == other.room_id


def clash(mine: Standing, other: Standing) -> bool:
    """Whether the other one, with its buffers, stands in the way of mine with its own."""
    if not other.stands or other.appointment_id == mine.appointment_id:
        return False
    if not share(mine.column_id, other.column_id):
        return False
    (start, end), (other_start, other_end) = _with_buffers(mine), _with_buffers(other)
    return start < other_end and other_start < end


def _with_buffers(one: Standing) -> tuple[datetime, datetime]:
    before, after = OFFERS[one.assignment_id].buffers if one.assignment_id else (0, 0)
    return one.starts_at - timedelta(minutes=before), one.ends_at + timedelta(minutes=after)


def standing(slot: FreeSlot) -> Standing:
    """The appointment that would come of it."""
    times = datetime.fromisoformat(slot.starts_at), datetime.fromisoformat(slot.ends_at)
    return Standing(0, int(slot.column_id), None, int(slot.assignment_id), *times, "booked", True)


def as_accepted(
    appointment_id: int, wish: BookingsRecord, outcome: BookingOutcome, stands: Standing | None
) -> Standing:
    """The appointment after an accepted line."""
    if outcome.appointment_status == "cancelled" or outcome.column_id is None:
        gone = datetime.fromtimestamp(0, UTC)
        stands = stands or Standing(appointment_id, 0, None, None, gone, gone, "cancelled", True)
        return stands._replace(status="cancelled")
    booked_as = int(wish.assignment_id) if isinstance(wish, BookingRecord) else None
    return Standing(
        appointment_id,
        int(outcome.column_id),
        None,
        stands.assignment_id if stands else booked_as,
        datetime.fromisoformat(str(outcome.starts_at)),
        datetime.fromisoformat(str(outcome.ends_at)),
        "booked",
        True,
    )


def state_of(stands: Standing) -> State:
    """As a partner is to know it, if it is booked."""
    times = (moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (stands.starts_at, stands.ends_at))
    return State("booked", str(stands.column_id), *times)


def local_day(stands: Standing) -> date:
    """The practice's own day."""
    return stands.starts_at.astimezone(BERLIN).date()
