"""The open time of each column without the template areas: where staff put appointments.

Open time itself comes from the rules that are used for booking; here it is
only cut up, into days too.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, time
from itertools import groupby

from agent.domain.availability import PlacedArea, deciding_columns, open_time, template_time
from agent.domain.intervals import Interval, merged, subtracted, utc_datetime, wall_clock
from agent.domain.practice import PracticeCalendar
from agent.domain.template_areas import areas_of
from agent.sample_practice.plan import ZONE, PracticePlan

OpenDay = tuple[date, list[Interval]]


def time_for_staff(plan: PracticePlan, calendar: PracticeCalendar) -> dict[int, list[Interval]]:
    """Per column, the open time of the plan's window outside all areas."""
    window = wall_clock(plan.first_day, time(0), ZONE), wall_clock(plan.end_day, time(0), ZONE)
    opened, areas = open_time(calendar, window), template_time(calendar, window)
    return {
        column_id: list(subtracted(opened[column_id], _areas_around(column_id, calendar, areas)))
        for column_id in calendar.columns
    }


def by_day(stretches: Iterable[Interval]) -> Iterator[OpenDay]:
    """Each day with its stretches; both in order."""
    for day, group in groupby(
        stretches, key=lambda stretch: utc_datetime(stretch[0]).astimezone(ZONE).date()
    ):
        yield day, list(group)


def _areas_around(column_id: int, calendar: PracticeCalendar, areas: Sequence[PlacedArea]) -> list[Interval]:
    """Also those of the practitioner's other column: time kept in one chair is not spent in the other."""
    together = [calendar.columns[key] for key in deciding_columns(calendar, [column_id])]
    return merged((start, end) for column in together for _, start, end in areas_of(column, areas))
