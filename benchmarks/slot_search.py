"""One availability computation by itself, without database, file and partner, and how it grows.

The made-up practice has something of everything that costs: every fifth
column is a second chair, offers with buffers, a shift, areas, a holiday a
month, and appointments with gaps between them.
"""

import random
import time as clock
from collections.abc import Callable, Iterator
from datetime import date, time, timedelta
from functools import partial
from statistics import median

from agent.domain.availability import TakenTime, free_slots
from agent.domain.booking_rules import Accept, decide, requested
from agent.domain.intervals import Interval, merged
from agent.domain.practice import OfferTerms, PracticeCalendar, TemplateArea, TemplateAreaKind
from benchmarks.measure import Result
from benchmarks.running_agent import peak_megabytes
from tests.kit.calendars import area, assignment, at, calendar, cycle, special, weekly

FIRST_DAY = date(2027, 1, 11)
DAY = timedelta(days=1)
NOW = at(FIRST_DAY, 6)
APPOINTMENTS_A_DAY = 20
SIZES = ((10, 90), (60, 90), (10, 365), (60, 365))
WISHES = 100

Practice = tuple[PracticeCalendar, TakenTime, OfferTerms]


def slot_search(rounds: int) -> Iterator[Result]:
    """Every slot of a practice, for each size; then the judgement of wishes for any column of the largest."""
    for size in SIZES:
        practice = made_up(*size)
        slots = count_slots(practice)
        seconds = median(processor_seconds(partial(count_slots, practice)) for _ in range(rounds))
        name = f"{size[0]} columns, {size[1]} days: {slots} slots"
        yield Result(name, round(seconds, 3), None, None, round(peak_megabytes(), 1))
    practice = made_up(SIZES[-1][0], days=8)
    seconds = median(processor_seconds(partial(judge_wishes, practice)) for _ in range(rounds))
    yield Result(
        f"{WISHES} wishes for any of 60 columns", round(seconds, 3), None, None, round(peak_megabytes(), 1)
    )


def processor_seconds(work: Callable[[], object]) -> float:
    """Nothing is waited for here, and what else the machine does is of no interest."""
    started = clock.process_time()
    work()
    return clock.process_time() - started


def count_slots(practice: Practice) -> int:
    """Find every slot and keep none, as an export does."""
    return sum(1 for _ in free_slots(*practice, NOW))


def judge_wishes(practice: Practice) -> int:
    """How many of the wishes can be had: half-hours of one day, without a choice of column."""
    book, taken, terms = practice
    accepted = 0
    for number in range(WISHES):
        start = at(FIRST_DAY + 7 * DAY, 8) + number % 20 * 1800
        wish = requested(book, None, "1", start, declared_new_patient=False)
        accepted += isinstance(decide(wish, book, taken, terms, judged_at=NOW, now=NOW), Accept)
    return accepted


def made_up(columns: int, days: int) -> Practice:
    """The same practice for the same size."""
    keys = tuple(range(1, columns + 1))
    lengths = ((30, (0, 0)), (60, (0, 0)), (40, (5, 10)), (20, (0, 0)), (45, (0, 0)), (15, (0, 5)))
    weekdays = [FIRST_DAY + number * DAY for number in range(5)]
    halves = (time(8), time(12)), (time(13), time(18))
    practice = calendar(
        *(
            assignment(number, minutes, buffers=buffers, columns=keys, type_id=None)
            for number, (minutes, buffers) in enumerate(lengths, 1)
        ),
        hours=tuple(weekly(day, *half, key) for key in keys for day in weekdays for half in halves),
        shifts=(cycle(14, FIRST_DAY, *((day, *halves[0]) for day in (0, 2, 4, 7, 9, 11)), column_id=1),),
        specials=(special(FIRST_DAY + 5 * DAY, *halves[0]),),
        holidays=tuple(FIRST_DAY + number * 30 * DAY for number in range(1, 13)),
        areas=tuple(_pain_hour(weekdays[key % 5], key) for key in keys),
        columns={key: key - 1 if key % 5 == 0 else key for key in keys},
    )
    rng = random.Random(days)
    busy = {key: merged(_appointments(rng, days)) for key in keys}
    return practice, TakenTime(busy), OfferTerms(60, days, 15)


def _pain_hour(day: date, column_id: int) -> TemplateArea:
    hour = time(9), time(10)
    return area(
        TemplateAreaKind.RESERVE, day, *hour, column_id=column_id, assignments=(4,), area_id=column_id
    )


def _appointments(rng: random.Random, days: int) -> Iterator[Interval]:
    for number in range(days):
        start = at(FIRST_DAY + number * DAY, 8)
        for _ in range(APPOINTMENTS_A_DAY):
            start += rng.choice((0, 0, 0, 0, 900, 1800))
            yield start, start + 20 * 60
            start += 20 * 60
