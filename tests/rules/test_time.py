"""The section "Time" of the domain, sentence by sentence."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.adapters.practice_database import SqlDatabase
from agent.domain.availability import busy_window, open_time
from agent.domain.intervals import overlaps, subtracted, utc_datetime, wall_clock
from agent.errors import SlotTakenError
from agent.ports import NewAppointment
from exchange_formats.envelope import Kind
from exchange_formats.receipts import BookingReason
from tests.flows.evidence import appointment_of, values
from tests.flows.stage import Stage
from tests.kit.calendars import BERLIN, COLUMN, assignment, at, calendar, cycle, utc, weekly
from tests.kit.databases import ANNA, CHECKUP, CHECKUP_TYPE, OTV_USER, TREATMENT
from tests.rules.chair import Chair, add_row, open_chair

SPRING, AUTUMN = date(2027, 3, 28), date(2027, 10, 31)
DAY = timedelta(days=1)


def hours_open(day: date, *hours: tuple[time, time]) -> list[tuple[str, str]]:
    """What working hours of that weekday come to on the day, in UTC."""
    practice = calendar(hours=tuple(weekly(day, starts, ends) for starts, ends in hours))
    opened = open_time(practice, (at(day, 0), at(day, 24)))[COLUMN]
    return [(f"{utc_datetime(start):%H:%M}", f"{utc_datetime(end):%H:%M}") for start, end in opened]


# --- "Half-open intervals in UTC everywhere" -------------------------------------------------------


def test_time_half_open_intervals_touch_without_meeting(stage: Stage, chair: Chair) -> None:
    nine_to_ten, ten_to_eleven = (utc(SPRING, 9), utc(SPRING, 10)), (utc(SPRING, 10), utc(SPRING, 11))
    assert not overlaps([nine_to_ten], *ten_to_eleven)
    assert not overlaps([ten_to_eleven], *nine_to_ten)
    assert list(subtracted([ten_to_eleven], [nine_to_ten])) == [ten_to_eleven]
    outcomes = stage.send(*(chair.wish(hour) for hour in (9, 10, 8))).outcomes
    assert [one.outcome for one in outcomes] == ["accepted"] * 3


def test_time_is_utc_in_every_file_and_every_row(stage: Stage, chair: Chair) -> None:
    booking = chair.wish(8)
    answered = stage.send(booking)
    content = stage.export_plain(Kind.AVAILABILITY) + (answered.plain or b"")
    moments = set(re.findall(rb'"((?:[a-z_]+_at|valid_until))":"([^"]*)"', content))
    assert {b"created_at", b"starts_at", b"ends_at", b"valid_until"} <= {name for name, _ in moments}
    assert all(re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment) for _, moment in moments)
    made = appointment_of(stage, booking.booking_id)
    assert (made.starts_at, made.starts_at.utcoffset()) == (chair.moment(8), timedelta(0))


# --- "wall-clock time only at the edges, built with zoneinfo, each end converted by itself" --------


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25), (SPRING + DAY, 24)])
def test_time_each_end_is_converted_by_itself_so_a_day_has_the_hours_it_has(day: date, hours: int) -> None:
    practice = calendar(hours=(weekly(day, time(0), time(0)),))
    ((start, end),) = open_time(practice, (at(day - DAY, 0), at(day + DAY, 24)))[COLUMN]
    assert end - start == hours * 3600


def test_time_of_the_wall_is_that_of_the_practices_zone() -> None:
    for zone, hour in (("Europe/Berlin", 7), ("Europe/Lisbon", 8), ("UTC", 8)):
        assert utc_datetime(wall_clock(date(2027, 1, 11), time(8), ZoneInfo(zone))) == datetime(
            2027, 1, 11, hour, tzinfo=UTC
        )


# --- "Shifts have a cycle length and an anchor date, never ISO-week parity" ------------------------


def test_time_shift_cycle_counts_days_from_its_anchor_across_two_odd_weeks() -> None:
    """2026-W53 and 2027-W01 are both odd: whoever counted parity would have two early weeks in a row."""
    early_week, late_week = date(2026, 12, 28), date(2027, 1, 4)
    assert early_week.isocalendar().week % 2 == late_week.isocalendar().week % 2 == 1
    shift = cycle(14, date(2026, 12, 14), (0, time(7), time(13)), (7, time(13), time(19)))
    opened = open_time(calendar(shifts=(shift,)), (at(early_week, 0), at(late_week + 7 * DAY, 24)))[COLUMN]
    starts = [utc_datetime(start).astimezone(BERLIN) for start, _ in opened]
    assert [(start.date(), start.hour) for start in starts] == [
        (early_week, 7), (late_week, 13), (late_week + 7 * DAY, 7)
    ]  # fmt: skip


# --- "Test days for Berlin: 2027-03-28 and 2027-10-31, mornings and afternoons" --------------------


@pytest.mark.parametrize(
    ("day", "morning", "afternoon"),
    [
        (SPRING - DAY, ("07:00", "11:00"), ("13:00", "17:00")),
        (SPRING, ("06:00", "10:00"), ("12:00", "16:00")),
        (AUTUMN - DAY, ("06:00", "10:00"), ("12:00", "16:00")),
        (AUTUMN, ("07:00", "11:00"), ("13:00", "17:00")),
    ],
)
def test_time_hours_keep_their_wall_clock_on_the_days_the_clocks_change(
    day: date, morning: tuple[str, str], afternoon: tuple[str, str]
) -> None:
    assert hours_open(day, (time(8), time(12)), (time(14), time(18))) == [morning, afternoon]


@pytest.mark.parametrize(
    ("day", "hours", "expected"),
    [
        (SPRING, (time(1), time(4)), ("00:00", "02:00")),  # two hours, though the wall shows three
        (AUTUMN, (time(1), time(4)), ("23:00", "03:00")),  # and four
        (SPRING, (time(2, 30), time(4)), ("01:30", "02:00")),  # the wall never shows half past two
    ],
)
def test_time_hours_across_the_change_are_as_long_as_they_really_are(
    day: date, hours: tuple[time, time], expected: tuple[str, str]
) -> None:
    assert hours_open(day, hours) == [expected]


# --- "Listing free slots and judging a booking are one piece of code" ------------------------------


def test_time_what_is_listed_is_what_is_accepted(stage: Stage) -> None:
    """Every hour of the day is asked for, booked and given back; exactly the listed ones are to be had."""
    with open_chair(
        stage, hours=[(time(7), time(12)), (time(14), time(20))], buffer_before_minutes=30
    ) as chair:
        chair.staff_book(9)
        away = {"starts_at": chair.moment(16), "ends_at": chair.moment(17, 30)}
        add_row(stage, tables.planned_absence, practitioner_id=chair.practitioner_id, **away)
        offered = chair.listed()
        wishes = {hour: chair.wish(hour) for hour in range(5, 22)}
        there_and_back = [one for wish in wishes.values() for one in (wish, stage.cancel(wish))]
        outcomes = stage.send(*there_and_back).outcomes[::2]
    accepted = [hour for hour, one in zip(wishes, outcomes, strict=True) if one.outcome == "accepted"]
    assert accepted == offered == [7, 8, 11, 14, 15, 18, 19]


# --- "busy time is read with the window widened by the largest buffer" -----------------------------


def test_time_of_others_just_outside_the_window_decides_by_the_buffers(stage: Stage) -> None:
    """Judging one booking looks at one hour; what ends when it begins still counts for who needs a pause."""
    with open_chair(stage, buffer_before_minutes=20, buffer_after_minutes=40) as chair:
        chair.staff_book(9)
        outcomes = stage.send(*(chair.wish(hour) for hour in (8, 10, 11))).outcomes
    taken = BookingReason.SLOT_TAKEN
    assert [one.reason for one in outcomes] == [taken, taken, None]


def test_time_window_grows_by_the_largest_buffer_of_all_offers_and_the_longest_one() -> None:
    practice = calendar(assignment(1, 30, buffers=(5, 25)), assignment(2, 90, buffers=(15, 0)), hours=())
    start, end = at(SPRING, 8), at(SPRING, 9)
    assert busy_window(practice, (start, end)) == (start - 15 * 60, end + (90 + 25) * 60)


# --- "The judgement is repeated inside the writing transaction" ------------------------------------


def test_time_slot_that_was_free_when_listed_is_judged_again_when_booked(stage: Stage, chair: Chair) -> None:
    assert chair.listed() == [8, 9, 10, 11]
    chair.staff_book(9)
    away = {"starts_at": chair.moment(10), "ends_at": chair.moment(11)}
    add_row(stage, tables.planned_absence, practitioner_id=chair.practitioner_id, **away)
    outcomes = stage.send(*(chair.wish(hour) for hour in (8, 9, 10))).outcomes
    assert [one.reason for one in outcomes] == [
        None, BookingReason.SLOT_TAKEN, BookingReason.SLOT_NOT_OFFERED
    ]  # fmt: skip


# --- "and the database itself makes a double booking impossible" -----------------------------------


def test_time_database_itself_refuses_a_second_appointment_whoever_judged_it_free(
    connector: Connector,
) -> None:
    """On both kinds of database, and no rule is asked."""
    database, now = SqlDatabase(connector, b"key"), datetime(2027, 3, 1, 8, tzinfo=UTC)

    def book(starts_at: datetime) -> None:
        wish = NewAppointment(
            TREATMENT, ANNA, CHECKUP_TYPE, CHECKUP, starts_at, starts_at + timedelta(minutes=30)
        )
        with database.write() as work:
            work.book.add_appointment(wish, OTV_USER, now)

    nine = datetime(2027, 3, 8, 9, tzinfo=UTC)
    book(nine)
    for minutes in (-29, 0, 29):
        with pytest.raises(SlotTakenError):
            book(nine + timedelta(minutes=minutes))
    book(nine + timedelta(minutes=30))
    assert len(values(connector, tables.appointment.c.appointment_id)) == 2


# --- "A practice may allow overlaps on a column on purpose" ----------------------------------------


def test_time_staff_may_overlap_on_purpose_where_the_practice_allows_it(stage: Stage) -> None:
    with open_chair(stage, column={"overlaps_allowed": True}) as chair:
        booking = chair.wish(9)
        stage.send(booking)
        made = appointment_of(stage, booking.booking_id)
        row = {name: getattr(made, name) for name in ("created_by", "created_at", "changed_by", "changed_at")}
        row |= {"column_id": chair.column_id, "status": "booked", "exclusive": False}
        add_row(stage, tables.appointment, starts_at=chair.moment(9), ends_at=chair.moment(11), **row)
        # A partner is never offered such an overlap: that is for the practice to decide, case by case.
        assert chair.listed() == [8, 11]
