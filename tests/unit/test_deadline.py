"""A time limit that holds whatever the work does."""

import threading
import time

import pytest

from agent.adapters.deadline import within
from agent.errors import DeadlineExceededError


def test_work_in_time_gives_its_result_and_is_not_aborted() -> None:
    aborted = threading.Event()
    assert within(5, "adding", lambda: 2 + 2, aborted.set) == 4
    assert not aborted.is_set()


def test_work_that_fails_raises_its_own_error() -> None:
    with pytest.raises(TimeoutError, match="its own"):
        within(5, "failing", lambda: (_ for _ in ()).throw(TimeoutError("its own")), lambda: None)


def test_work_too_long_is_aborted_and_says_what_it_was() -> None:
    left = threading.Event()
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError, match="waiting: not done"):
        within(0.1, "waiting", lambda: left.wait(10), left.set)
    assert time.monotonic() - began < 1


def test_work_that_ignores_the_abort_is_left_behind() -> None:
    end = threading.Event()
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError):
        within(0.1, "sleeping", end.wait, lambda: None)
    assert time.monotonic() - began < 3
    end.set()
