"""A clock that knows when it must not be asked: set forward, set back, or at odds with the database's."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.adapters.watched_clock import WatchedClock, steady_seconds
from agent.clock import utc_now
from agent.errors import ClockDoubtfulError

BEGIN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE, HOUR, YEAR = timedelta(minutes=1), timedelta(hours=1), timedelta(days=365)


class Time:
    """The time that passes, and how far off the wall clock is."""

    def __init__(self) -> None:
        self.passed = self.error = timedelta()
        self.clock = WatchedClock(lambda: BEGIN + self.passed + self.error, self._seconds)

    def _seconds(self) -> float:
        return self.passed.total_seconds()

    @property
    def wall(self) -> datetime:
        return BEGIN + self.passed + self.error

    def refused(self) -> str:
        with pytest.raises(ClockDoubtfulError) as caught:
            self.clock()
        return str(caught.value)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.mark.parametrize(
    ("error", "words"),
    [(HOUR, "ahead by 60 minutes"), (YEAR, "ahead by 365 days"), (-HOUR, "back by 60 minutes")],
)
def test_clock_that_was_set_is_refused_in_the_same_words_until_it_is_set_right(
    time: Time, error: timedelta, words: str
) -> None:
    assert time.clock() == BEGIN
    time.error = error
    told = {time.refused()}
    time.passed += 3 * HOUR
    told.add(time.refused())
    assert [words in sentence for sentence in told] == [True]
    time.error = timedelta()
    assert time.clock() == BEGIN + 3 * HOUR


def test_clock_that_is_corrected_by_minutes_goes_on(time: Time) -> None:
    for _ in range(10):
        time.passed += HOUR
        time.error += 4 * MINUTE
        assert time.clock() == time.wall


def test_clock_nobody_asked_for_days_is_no_jump(time: Time) -> None:
    time.passed += timedelta(days=9)
    assert time.clock() == time.wall


@pytest.mark.parametrize("error", [HOUR, YEAR, -HOUR])
def test_clock_that_an_operator_accepts_after_the_jump_goes_on_from_there(
    time: Time, error: timedelta
) -> None:
    time.error = error
    time.refused()
    time.clock.accepted(None)
    time.clock.accepted(BEGIN - MINUTE)
    time.refused()
    time.passed += MINUTE
    time.clock.accepted(time.wall)
    assert time.clock() == time.wall
    time.error = timedelta()
    time.refused()


def test_clock_that_differs_from_the_database_servers_is_refused_until_they_agree(time: Time) -> None:
    time.clock.hear(None)
    time.clock.hear(time.wall - 4 * MINUTE)
    assert time.clock() == BEGIN
    time.clock.hear(time.wall + HOUR)
    assert "60 minutes behind the database server's" in time.refused()
    time.clock.hear(time.wall)
    assert time.clock() == BEGIN


def test_clock_tells_once_that_it_was_set(time: Time) -> None:
    moved = []
    for error in (timedelta(), YEAR, YEAR, timedelta(), timedelta(seconds=20)):
        time.passed += MINUTE
        time.error = error
        moved.append(time.clock.has_moved())
    assert moved == [False, True, False, True, False]


def test_steady_seconds_go_forward_with_the_clock_of_this_machine() -> None:
    clock = WatchedClock(utc_now, steady_seconds)
    assert abs(clock() - utc_now()) < MINUTE
