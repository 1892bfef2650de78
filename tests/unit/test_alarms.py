"""Who outside is told of a trouble: once when it has lasted, once when it ends, and nobody of a short one."""

from datetime import UTC, datetime, timedelta

from agent.domain.alarms import Alarms

START = datetime(2027, 1, 4, 8, tzinfo=UTC)
HOLD = timedelta(minutes=15)
DOWN = "exchange dentport"


def minutes(count: int) -> datetime:
    return START + timedelta(minutes=count)


def test_trouble_is_to_be_told_once_it_has_lasted_for_the_hold_time() -> None:
    alarms = Alarms({}).seen([DOWN], minutes(0)).seen([DOWN], minutes(14))
    assert alarms.begun(minutes(14), HOLD) == []
    assert alarms.begun(minutes(15), HOLD) == [DOWN]


def test_trouble_that_was_told_is_not_told_again() -> None:
    alarms = Alarms({}).seen([DOWN], minutes(0)).after_telling([DOWN], [])
    assert alarms.seen([DOWN], minutes(60)).begun(minutes(60), HOLD) == []


def test_mail_that_could_not_be_sent_is_due_again() -> None:
    alarms = Alarms({}).seen([DOWN], minutes(0))
    assert (
        alarms.begun(minutes(20), HOLD) == alarms.seen([DOWN], minutes(21)).begun(minutes(21), HOLD) == [DOWN]
    )


def test_end_of_a_told_trouble_is_told_once() -> None:
    alarms = Alarms({}).seen([DOWN], minutes(0)).after_telling([DOWN], []).seen([], minutes(30))
    assert alarms.ended([]) == [DOWN]
    assert alarms.after_telling([], [DOWN]).ended([]) == []


def test_short_trouble_is_nobodys_business_and_begins_anew_the_next_time() -> None:
    alarms = Alarms({}).seen([DOWN], minutes(0)).seen([], minutes(5))
    assert alarms.ended([]) == []
    again = alarms.seen([DOWN], minutes(10))
    assert again.begun(minutes(20), HOLD) == []
    assert again.begun(minutes(25), HOLD) == [DOWN]


def test_told_trouble_that_comes_back_before_its_end_was_told_is_still_the_same() -> None:
    alarms = Alarms({}).seen([DOWN], minutes(0)).after_telling([DOWN], []).seen([], minutes(30))
    back = alarms.seen([DOWN], minutes(31))
    assert (back.ended([DOWN]), back.begun(minutes(60), HOLD)) == ([], [])
