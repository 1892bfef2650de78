"""The trial of a file in a process of its own: only that process's own death speaks against the file."""

import sys

import pytest

from agent.adapters.trial import Trial
from agent.errors import SpoolError

READS = "import sys; content = sys.stdin.buffer.read(); "


def outlives(script: str, content: bytes = b"sealed", limit_seconds: float = 60) -> bool:
    return Trial([sys.executable, "-c", READS + script], limit_seconds)(content)


@pytest.mark.parametrize("code", [0, 1, 3, 20, 255])
def test_trial_that_ends_by_itself_is_outlived_whatever_it_says(code: int) -> None:
    assert outlives(f"print('noise'); sys.exit({code})")


def test_trial_that_raises_is_outlived_because_the_agent_outlives_that_too() -> None:
    assert outlives("raise MemoryError")


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os.abort()"])
def test_trial_whose_process_is_killed_is_not_outlived(end: str) -> None:
    assert not outlives(f"import os; {end}")


def test_trial_gets_the_bytes_of_the_file() -> None:
    assert not outlives("import os; content == b'poison' and os.abort()", b"poison")
    assert outlives("import os; content == b'poison' and os.abort()", b"harmless")


def test_trial_that_never_ends_is_not_outlived() -> None:
    assert not outlives("import time; time.sleep(600)", limit_seconds=0.5)


def test_trial_that_cannot_begin_is_a_fault_of_ours_and_blames_no_file() -> None:
    with pytest.raises(SpoolError, match="cannot start a process"):
        Trial(["/nowhere/otv-agent"])(b"sealed")
