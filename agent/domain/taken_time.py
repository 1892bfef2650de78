"""Taken time: which columns' appointments decide over a column, and when a partner's day is full.

Nobody can be in two columns at once, and no room can hold two patients: a
column's time is also taken by appointments of columns that share its
practitioner or its room. A column on which the practice allows overlaps on
purpose takes nobody else's time, and nobody else takes its.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from zoneinfo import ZoneInfo

from agent.domain.intervals import Interval, merged
from agent.domain.local_days import DAY, day_start, local_date, whole_days
from agent.domain.practice import AppointmentAssignment, OfferTerms, PracticeCalendar, ScheduleColumn

MINUTE = 60


@dataclass(frozen=True, slots=True)
class TakenTime:
    """What the appointment book says at one moment.

    `busy` is each column's own taken time, buffers of its appointments
    included, sorted and disjoint; sharing is the rules' business.
    `booked_starts` are the starts of this partner's standing appointments,
    in any order; they matter only where its terms have a daily cap.
    """

    busy: Mapping[int, Sequence[Interval]]
    booked_starts: Sequence[int] = ()


NOTHING_TAKEN = TakenTime({})


def deciding_columns(calendar: PracticeCalendar, column_ids: Iterable[int]) -> frozenset[int]:
    """Every column, also of those switched off, whose taken time decides over one of these."""
    columns = [calendar.columns[column_id] for column_id in column_ids if column_id in calendar.columns]
    return frozenset(chain.from_iterable(_sharing(calendar, columns).values()))


def taken_in(
    calendar: PracticeCalendar, busy: Mapping[int, Sequence[Interval]], columns: Iterable[ScheduleColumn]
) -> dict[int, Sequence[Interval]]:
    """Per column, the time in which nothing more can be placed there: its own, and what it shares."""
    return {
        column_id: _together([busy[other] for other in sharing if other in busy])
        for column_id, sharing in _sharing(calendar, columns).items()
    }


def kept_clear(taken: Sequence[Interval], assignment: AppointmentAssignment) -> Sequence[Interval]:
    """Where a slot itself may not lie: taken time grown by the slot's own buffers, which keeps its order."""
    before = assignment.buffer_before_minutes * MINUTE
    after = assignment.buffer_after_minutes * MINUTE
    if not before and not after:
        return taken
    return [(start - after, end + before) for start, end in taken]


def cap_window(calendar: PracticeCalendar, window: Interval) -> Interval:
    """The whole local days that hold the window: where booked starts count towards a daily cap."""
    return whole_days(window, ZoneInfo(calendar.time_zone))


def full_days(calendar: PracticeCalendar, taken: TakenTime, terms: OfferTerms) -> list[Interval]:
    """The local days on which the partner's cap is reached, by their appointments' starts."""
    cap = terms.max_appointments_per_day
    if cap is None:
        return []
    zone = ZoneInfo(calendar.time_zone)
    booked = Counter(local_date(start, zone) for start in taken.booked_starts)
    return merged(
        (day_start(day, zone), day_start(day + DAY, zone)) for day, count in booked.items() if count >= cap
    )


def _sharing(calendar: PracticeCalendar, columns: Iterable[ScheduleColumn]) -> dict[int, set[int]]:
    """Per column, itself and all that share somebody or something with it; sharing goes one step only."""
    users: dict[tuple[str, int], list[int]] = defaultdict(list)
    for other in chain(calendar.columns.values(), calendar.idle_columns.values()):
        for shared in _shareable(other):
            users[shared].append(other.column_id)
    return {
        column.column_id: {
            column.column_id,
            *chain.from_iterable(users[shared] for shared in _shareable(column)),
        }
        for column in columns
    }


def _shareable(column: ScheduleColumn) -> Iterator[tuple[str, int]]:
    if column.overlaps_allowed:
        return
    if column.practitioner_id is not None:
        yield "practitioner", column.practitioner_id
    if column.room_id is not None:
        yield "room", column.room_id


def _together(stretches: Sequence[Sequence[Interval]]) -> Sequence[Interval]:
    return stretches[0] if len(stretches) == 1 else merged(chain.from_iterable(stretches))
