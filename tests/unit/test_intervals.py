"""Interval arithmetic against sets of single seconds."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.intervals import (
    Interval,
    instant,
    intersected,
    merged,
    overlaps,
    subtracted,
    utc_datetime,
)

any_intervals = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


def moments(intervals: list[Interval]) -> set[int]:
    return {moment for start, end in intervals for moment in range(start, end)}


def assert_sorted_and_apart(intervals: list[Interval]) -> None:
    assert all(start < end for start, end in intervals)
    assert all(left[1] < right[0] for left, right in pairwise(intervals))


@given(any_intervals)
def test_merging_any_intervals_keeps_their_moments_and_leaves_gaps_between(intervals: list[Interval]) -> None:
    result = merged(intervals)
    assert moments(result) == moments(intervals)
    assert_sorted_and_apart(result)


@given(any_intervals, any_intervals)
def test_subtracting_leaves_exactly_the_moments_that_are_not_taken(
    minuend: list[Interval], taken: list[Interval]
) -> None:
    result = list(subtracted(merged(minuend), merged(taken)))
    assert moments(result) == moments(minuend) - moments(taken)
    assert_sorted_and_apart(result)


@given(any_intervals, any_intervals, st.integers(0, 5), st.integers(0, 5))
def test_subtracting_time_that_overlaps_itself_after_growing_is_exact(
    minuend: list[Interval], taken: list[Interval], before: int, after: int
) -> None:
    grown = [(start - after, end + before) for start, end in merged(taken)]
    result = list(subtracted(merged(minuend), grown))
    assert moments(result) == moments(minuend) - moments(grown)
    assert_sorted_and_apart(result)


@given(any_intervals, any_intervals)
def test_intersecting_keeps_exactly_the_common_moments(left: list[Interval], right: list[Interval]) -> None:
    result = list(intersected(merged(left), merged(right)))
    assert moments(result) == moments(left) & moments(right)
    assert result == list(intersected(merged(right), merged(left)))


@given(any_intervals, st.integers(0, 40), st.integers(0, 40))
def test_overlapping_means_that_a_moment_is_shared(intervals: list[Interval], start: int, end: int) -> None:
    shared = moments(intervals) & set(range(start, end))
    assert overlaps(merged(intervals), start, end) == bool(shared)


def test_instant_of_an_aware_datetime_and_back_is_the_same_moment() -> None:
    moment = datetime(2027, 3, 28, 1, 0, 0, tzinfo=UTC)
    assert utc_datetime(instant(moment)) == moment


@pytest.mark.parametrize(("start", "end"), [(5, 5), (6, 5)])
def test_an_empty_stretch_inside_an_interval_overlaps_nothing(start: int, end: int) -> None:
    assert not overlaps([(0, 10)], start, end)
