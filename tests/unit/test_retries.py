"""Pauses grow, spread and stay bounded; tries outlast a weekend."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from agent.domain.retries import (
    LONGEST_PAUSE,
    SHORTEST_PAUSE,
    is_overdue,
    pause_after_refusal,
    pause_before_next_visit,
)

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MOST = 1 - 1e-9
draws = st.floats(0, 1, exclude_max=True)


def test_pauses_of_a_failing_server_double_up_to_a_quarter_of_an_hour() -> None:
    failing, pauses = timedelta(), []
    for _ in range(8):
        pauses.append(pause_before_next_visit(failing, MINUTE, MOST))
        failing += pauses[-1]
    assert [round(pause / MINUTE) for pause in pauses] == [1, 1, 2, 4, 8, 15, 15, 15]


@given(st.integers(0, 10**9), st.integers(1, 86_400), draws)
def test_next_visit_comes_no_later_after_an_outage_than_that_lasted_or_visits_usually_take(
    failing_seconds: int, usual_seconds: int, draw: float
) -> None:
    failing, usual = timedelta(seconds=failing_seconds), timedelta(seconds=usual_seconds)
    pause = pause_before_next_visit(failing, usual, draw)
    assert SHORTEST_PAUSE <= pause <= min(max(failing, usual), LONGEST_PAUSE)


def test_pauses_of_many_practices_are_spread_over_the_whole_length() -> None:
    pauses = [pause_before_next_visit(HOUR, MINUTE, number / 100) for number in range(100)]
    assert len(set(pauses)) == 100
    assert max(pauses) > 0.9 * LONGEST_PAUSE
    assert min(pauses) < 0.1 * LONGEST_PAUSE


def test_refused_file_is_tried_at_doubling_distances_and_then_every_quarter_of_an_hour() -> None:
    age, tries = timedelta(), []
    while age < HOUR:
        tries.append(round(age / MINUTE))
        age += pause_after_refusal(age)
    assert tries == [0, 1, 2, 4, 8, 16, 31, 46]


@given(st.integers(-(10**6), 10**9))
def test_pause_after_a_refusal_is_bounded_also_for_an_age_that_cannot_be(age_seconds: int) -> None:
    assert MINUTE <= pause_after_refusal(timedelta(seconds=age_seconds)) <= LONGEST_PAUSE


def test_file_is_overdue_from_the_set_age_on() -> None:
    assert not is_overdue(120 * HOUR - timedelta(seconds=1), 120 * HOUR)
    assert is_overdue(120 * HOUR, 120 * HOUR)
