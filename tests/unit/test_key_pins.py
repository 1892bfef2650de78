"""Windows of pins: when each counts, which one is sealed for, and what an operator is told of them."""

from datetime import UTC, date, datetime

import pytest

from agent.domain.key_pins import PinWindow, in_force, pin_remarks

OLD, NEW = "A" * 40, "B" * 40
MARCH = PinWindow(date(2027, 3, 1), date(2027, 3, 31))


def at(day: int, hour: int = 12, month: int = 3) -> datetime:
    return datetime(2027, month, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "counts"),
    [
        (datetime(2027, 2, 28, 23, 59, 59, tzinfo=UTC), False),
        (at(1, 0), True),
        (datetime(2027, 3, 31, 23, 59, 59, tzinfo=UTC), True),
        (at(1, 0, month=4), False),
    ],
)
def test_window_counts_from_the_first_moment_of_its_first_day_to_the_last_of_its_last(
    now: datetime, counts: bool
) -> None:
    assert MARCH.is_open(now) is counts
    assert (MARCH.ends_at is not None and now < MARCH.ends_at) is (counts or now < at(1, 0))


def test_newest_window_is_sealed_for_first_and_without_windows_the_order_written() -> None:
    windows = {OLD: PinWindow(None, date(2027, 3, 31)), NEW: PinWindow(date(2027, 3, 10), None)}
    assert in_force((OLD, NEW), windows, at(9)) == (OLD,)
    assert in_force((OLD, NEW), windows, at(10)) == (NEW, OLD)
    assert in_force((OLD, NEW), windows, at(1, month=4)) == (NEW,)
    assert in_force((OLD, NEW), {}, at(9)) == (OLD, NEW)


@pytest.mark.parametrize(
    ("windows", "told"),
    [
        ([PinWindow(None, date(2027, 3, 9)), PinWindow(date(2027, 3, 10), None)], []),
        ([PinWindow(None, date(2027, 3, 20)), PinWindow(date(2027, 3, 10), None)], []),
        (
            [PinWindow(None, date(2027, 3, 9)), PinWindow(date(2027, 3, 12), None)],
            ["2027-03-10 to 2027-03-11"],
        ),
        ([PinWindow(None, date(2027, 3, 9))], ["from 2027-03-10 on"]),
        ([PinWindow(date(2027, 4, 1), None)], ["2027-03-05 to 2027-03-31"]),
        ([PinWindow(), PinWindow()], ["neither ends"]),
        ([PinWindow(None, date(2027, 1, 1)), PinWindow()], []),
    ],
)
def test_gaps_and_endless_overlaps_are_told(windows: list[PinWindow], told: list[str]) -> None:
    names = [OLD, NEW][: len(windows)]
    remarks = list(pin_remarks(names, dict(zip(names, windows, strict=True)), at(5)))
    assert len(remarks) == len(told)
    assert all(words in remark for words, remark in zip(told, remarks, strict=True))
