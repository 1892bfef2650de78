"""Fills the appointment book: working days with gaps, cancellations and a column double-booked on purpose.

Appointments lie in open time only, outside every template area, and never
overlap unless one of the two is cancelled or the column allows it; a dentist
with two columns is in one of them at a time. The practice's own people made
them all; no online partner has booked yet.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from agent.domain.intervals import Interval, instant, merged, subtracted, utc_datetime
from agent.domain.practice import PracticeCalendar
from agent.domain.taken_time import taken_in
from agent.sample_practice.open_days import OpenDay, by_day, time_for_staff
from agent.sample_practice.organisation import (
    ADVICE,
    CHECK_UP,
    CHILD_CLEANING,
    CLEANING,
    FILLING,
    FIRST_VISIT,
    PAIN,
    ROOT_CANAL,
    TYPES,
    X_RAY,
    Organisation,
)
from agent.sample_practice.plan import PracticePlan

_GRID = 5 * 60
_FULL_DAY = 8 * 60 * 60
_SHORTEST = 10 * 60
_MOST_FILLED_SHARE = 0.8
_GAPS = (30 * 60, 60 * 60)
_OVERLAP_OFFSET = timedelta(minutes=5)

_DENTIST_MIX = {CHECK_UP: 8, FILLING: 5, ADVICE: 3, PAIN: 2, FIRST_VISIT: 1, ROOT_CANAL: 1}
_PROPHYLAXIS_MIX = {CLEANING: 5, CHILD_CLEANING: 3}
_SHARED_MIX = {X_RAY: 3, ADVICE: 2}


class Placed(NamedTuple):
    """A piece of somebody's day, in seconds since the epoch."""

    start: int
    end: int
    type_id: int


class AppointmentDraft(NamedTuple):
    """An appointment before it has a number."""

    column_id: int
    patient_id: int | None
    type_id: int | None
    starts_at: datetime
    ends_at: datetime
    status: str
    exclusive: bool
    created_at: datetime
    changed_at: datetime


def appointment_drafts(
    plan: PracticePlan, house: Organisation, calendar: PracticeCalendar, patient_ids: Sequence[int]
) -> Iterator[AppointmentDraft]:
    """All appointments, column by column, each column from its last to its first.

    The order is for SQLite: its guard against double bookings looks at
    everything earlier in the column, and so finds next to nothing.
    """
    taken: dict[int, list[Interval]] = {}
    for column_id, opened in time_for_staff(plan, calendar).items():
        column = calendar.columns[column_id]
        rng = random.Random(f"{plan.seed} appointments {column_id}")
        book = _ColumnBook(rng, plan, column_id, patient_ids, column.overlaps_allowed)
        days = by_day(subtracted(opened, taken_in(calendar, taken, [column])[column_id]))
        drafts = list(book.drafts(days, _mix(column_id, house)))
        taken[column_id] = merged(
            (instant(draft.starts_at), instant(draft.ends_at))
            for draft in drafts
            if draft.status != "cancelled"
        )
        yield from reversed(drafts)


def _mix(column_id: int, house: Organisation) -> dict[int, int]:
    if column_id == house.shared_column:
        return _SHARED_MIX
    return _PROPHYLAXIS_MIX if column_id in house.prophylaxis_columns else _DENTIST_MIX


class _ColumnBook:
    """One column's appointments, drawn day by day."""

    def __init__(
        self,
        rng: random.Random,
        plan: PracticePlan,
        column_id: int,
        patient_ids: Sequence[int],
        overlaps_allowed: bool,
    ) -> None:
        self._rng = rng
        self._plan = plan
        self._column_id = column_id
        self._patient_ids = patient_ids
        self._overlaps_allowed = overlaps_allowed
        self._opened_at = datetime.combine(plan.first_day, time(0), UTC)

    def drafts(self, days: Iterable[OpenDay], mix: dict[int, int]) -> Iterator[AppointmentDraft]:
        overlap_due = self._overlaps_allowed
        for day, stretches in days:
            placed = self._placed(stretches, mix)
            for piece in placed:
                yield from self._drafts_of(piece, day)
            if placed and overlap_due:
                yield self._overlapping(placed[0], day)
            overlap_due = self._overlaps_allowed and (
                (overlap_due and not placed) or self._rng.random() < 0.2
            )

    def _placed(self, stretches: list[Interval], mix: dict[int, int]) -> list[Placed]:
        """A day's work: pieces one after the other, with a gap now and then that could still be booked."""
        open_seconds = sum(end - start for start, end in stretches)
        pending = self._pending(open_seconds, mix)
        slack = open_seconds - sum(length for length, _ in pending)
        placed: list[Placed] = []
        for start, end in stretches:
            cursor = start
            while pending:
                gap = self._rng.choice(_GAPS) if self._rng.random() < 0.2 else 0
                if gap <= slack and cursor + gap < end:
                    cursor, slack = cursor + gap, slack - gap
                fitting = next((item for item in pending if cursor + item[0] <= end), None)
                if fitting is None:
                    break
                pending.remove(fitting)
                placed.append(Placed(cursor, cursor + fitting[0], fitting[1]))
                cursor += fitting[0]
        return placed

    def _pending(self, open_seconds: int, mix: dict[int, int]) -> list[tuple[int, int]]:
        """Lengths and types to place; the longest are shortened until a fifth of the day stays free."""
        wanted = self._plan.appointments_per_column_and_day * open_seconds / _FULL_DAY
        types = self._rng.choices(
            list(mix), weights=list(mix.values()), k=round(wanted * self._rng.uniform(0.8, 1.2))
        )
        lengths = [(TYPES[type_id].duration_minutes or 0) * 60 for type_id in types]
        excess = sum(lengths) - open_seconds * _MOST_FILLED_SHARE
        while excess > 0 and max(lengths) > _SHORTEST:
            lengths[lengths.index(max(lengths))] -= _GRID
            excess -= _GRID
        return list(zip(lengths, types, strict=True))

    def _drafts_of(self, piece: Placed, day: date) -> Iterator[AppointmentDraft]:
        """Mostly one; a cancelled appointment's time is given to somebody else every other time."""
        if self._rng.random() < 0.04:
            yield self._draft(piece, "cancelled")
            if self._rng.random() < 0.5:
                return
        yield self._draft(piece, self._status(day))

    def _status(self, day: date) -> str:
        if day > self._plan.first_day:
            return "booked"
        return self._rng.choice(("fulfilled", "fulfilled", "arrived", "noshow", "booked"))

    def _overlapping(self, piece: Placed, day: date) -> AppointmentDraft:
        second = self._draft(piece, self._status(day))
        return second._replace(starts_at=second.starts_at + _OVERLAP_OFFSET, exclusive=False)

    def _draft(self, piece: Placed, status: str) -> AppointmentDraft:
        created_at = self._opened_at - timedelta(seconds=self._rng.randrange(3600, 120 * 86_400))
        changed_at = created_at
        if status != "booked":
            changed_at += timedelta(seconds=self._rng.randrange((self._opened_at - created_at).seconds + 1))
        # Now and then the practice keeps a time for itself.
        own = self._rng.random() < 0.02
        return AppointmentDraft(
            self._column_id,
            None if own else self._rng.choice(self._patient_ids),
            None if own else piece.type_id,
            utc_datetime(piece.start),
            utc_datetime(piece.end),
            status,
            True,
            created_at,
            changed_at,
        )
