"""Which of our keys signs and which open, whatever the configuration names, from one handover to the next."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.domain.own_keys import KeyHandover, newest_handover, opening_keys, own_keys, signing_key

FIRST, SECOND, THIRD = "1" * 40, "2" * 40, "3" * 40
DAY = timedelta(days=1)
START = datetime(2027, 1, 4, tzinfo=UTC)


def handover(old: str, new: str, day: int) -> KeyHandover:
    return KeyHandover(
        old, new, START + day * DAY, START + (day + 14) * DAY, START + (day + 42) * DAY, "key", "statement"
    )


LINE = (handover(FIRST, SECOND, 0), handover(SECOND, THIRD, 100))


@pytest.mark.parametrize("configured", [FIRST, SECOND, THIRD])
@pytest.mark.parametrize(
    ("day", "signs", "opens"),
    [
        (0, FIRST, {FIRST, SECOND, THIRD}),
        (13.99, FIRST, {FIRST, SECOND, THIRD}),
        (14, SECOND, {FIRST, SECOND, THIRD}),
        (42, SECOND, {SECOND, THIRD}),
        (114, THIRD, {SECOND, THIRD}),
        (142, THIRD, {THIRD}),
    ],
)
def test_key_changes_at_the_announced_moment_whichever_of_the_line_is_configured(
    configured: str, day: float, signs: str, opens: set[str]
) -> None:
    now = START + day * DAY
    assert own_keys(configured, LINE) == (FIRST, SECOND, THIRD)
    assert signing_key(configured, LINE, now) == signs
    assert set(opening_keys(configured, LINE, now)) == opens


def test_key_outside_the_line_is_alone_with_itself() -> None:
    other = "4" * 40
    assert own_keys(other, LINE) == (other,)
    assert signing_key(other, LINE, START + 200 * DAY) == other
    assert opening_keys(other, LINE, START + 200 * DAY) == (other,)
    assert newest_handover(other, LINE) is None


def test_partners_are_told_of_the_last_handover() -> None:
    assert newest_handover(FIRST, LINE) == LINE[1]
    assert newest_handover(FIRST, LINE[:1]) == LINE[0]


def test_handovers_in_a_circle_end() -> None:
    circle = (handover(FIRST, SECOND, 0), handover(SECOND, FIRST, 50))
    assert set(own_keys(FIRST, circle)) == {FIRST, SECOND}
