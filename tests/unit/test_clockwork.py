"""Jobs run by name; a failure is told once and tried again soon; nothing begins after the stop."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from agent.clockwork import Clockwork
from agent.errors import AgentError, DatabaseUnavailableError, WriteLostError
from agent.troubles import Troubles

HOUR = timedelta(hours=1)
SOON, PATIENCE = 0.05, 10.0


@pytest.fixture(autouse=True)
def all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)


@pytest.fixture
def clockwork() -> Iterator[Clockwork]:
    clockwork = Clockwork(Troubles(), retry_seconds=SOON)
    clockwork.start()
    yield clockwork
    clockwork.stop(PATIENCE)


class Job:
    """Counts its turns; the first ones may fail."""

    def __init__(self, *failures: Exception, each: Callable[[], None] = lambda: None) -> None:
        self.turns = 0
        self._failures = iter(failures)
        self._each = each
        self._turned = threading.Condition()

    def __call__(self) -> None:
        with self._turned:
            self.turns += 1
            self._turned.notify_all()
        self._each()
        for failure in self._failures:
            raise failure

    def wait_for(self, turns: int) -> None:
        with self._turned:
            assert self._turned.wait_for(lambda: self.turns >= turns, PATIENCE)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("agent")]


def wait_until(true: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def test_job_that_fails_is_tried_again_long_before_its_interval_and_told_once(
    clockwork: Clockwork, caplog: pytest.LogCaptureFixture
) -> None:
    down = DatabaseUnavailableError("postgresql localhost/practice: no connection")
    job = Job(down, down)
    clockwork.every(HOUR, "export patients dentport", job)
    job.wait_for(3)
    wait_until(lambda: len(told(caplog)) == 2)
    assert told(caplog) == [
        f"export patients dentport: {down}. {down.remedy}",
        "export patients dentport: works again",
    ]
    time.sleep(4 * SOON)
    assert job.turns == 3


def test_job_with_a_defect_is_told_by_type_without_its_text_and_goes_on(
    clockwork: Clockwork, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    job, other = Job(ValueError("Erika Mustermann")), Job()
    clockwork.every(HOUR, "sweep", job)
    clockwork.every(HOUR, "licence", other)
    job.wait_for(2)
    other.wait_for(1)
    wait_until(lambda: len(told(caplog)) == 2)
    assert told(caplog)[0].startswith("sweep: a defect, ValueError")
    assert "Mustermann" not in caplog.text + "".join(capsys.readouterr())


def test_job_asked_for_soon_has_its_turn_earlier_and_never_later(clockwork: Clockwork) -> None:
    job = Job()
    clockwork.every(HOUR, "sweep", job)
    job.wait_for(1)
    clockwork.soon("sweep", SOON)
    clockwork.soon("sweep", 1800)
    clockwork.soon("exchange nobody")
    job.wait_for(2)


def test_job_put_off_has_no_turn_before_its_time_whoever_asks(clockwork: Clockwork) -> None:
    resting, other = Job(), Job()
    clockwork.every(HOUR, "exchange dentport", resting)
    clockwork.every(HOUR, "exchange zahnzeit", other)
    resting.wait_for(1)
    other.wait_for(1)
    clockwork.put_off("exchange dentport", HOUR)
    for name in ("exchange dentport", "exchange zahnzeit"):
        clockwork.soon(name)
        clockwork.retry(name)
    other.wait_for(2)
    assert resting.turns == 1
    clockwork.put_off("exchange dentport", timedelta(seconds=SOON))
    resting.wait_for(2)


def test_job_that_put_itself_off_and_failed_is_not_retried_before_its_time(clockwork: Clockwork) -> None:
    down = DatabaseUnavailableError("down")
    other = Job(down)
    job = Job(down, down, each=lambda: clockwork.put_off("exchange dentport", HOUR))
    clockwork.every(HOUR, "exchange dentport", job)
    clockwork.every(HOUR, "exchange zahnzeit", other)
    other.wait_for(2)
    assert job.turns == 1
    clockwork.forget_all()
    clockwork.every(HOUR, "exchange dentport", job)
    job.wait_for(2)


def test_stop_waits_for_what_runs_and_lets_nothing_begin(clockwork: Clockwork) -> None:
    ended = threading.Event()

    def take_a_while() -> None:
        time.sleep(4 * SOON)
        ended.set()

    job = Job(each=take_a_while)
    clockwork.every(HOUR, "exchange dentport", job)
    job.wait_for(1)
    assert clockwork.stop(PATIENCE)
    assert ended.is_set()
    clockwork.soon("exchange dentport")
    time.sleep(2 * SOON)
    assert job.turns == 1


def test_stop_does_not_wait_for_ever_and_breaks_off_what_tells_its_progress(
    clockwork: Clockwork, caplog: pytest.LogCaptureFixture
) -> None:
    released = threading.Event()

    def hang() -> None:
        released.wait(PATIENCE)

    def long_export() -> None:
        while True:
            clockwork.break_off_if_stopping(1000)
            time.sleep(0.01)

    hanging, exporting = Job(each=hang), Job(each=long_export)
    clockwork.every(HOUR, "exchange dentport", hanging)
    clockwork.every(HOUR, "export patients zahnzeit", exporting)
    hanging.wait_for(1)
    exporting.wait_for(1)
    assert not clockwork.stop(4 * SOON)
    assert told(caplog) == ["export patients zahnzeit: broken off, the service stops"]
    released.set()


def test_jobs_have_their_turn_at_once_when_the_clock_was_set(clockwork: Clockwork) -> None:
    """Set back by a year, the clock would come to their planned turns in a year."""
    job, other = Job(), Job()
    clockwork.every(365 * 24 * HOUR, "export patients dentport", job)
    clockwork.every(HOUR, "licence", other)
    job.wait_for(1)
    other.wait_for(1)
    clockwork.all_now()
    job.wait_for(2)
    other.wait_for(2)


def test_job_that_lost_a_write_says_that_the_process_must_end() -> None:
    ends: list[AgentError] = []
    clockwork = Clockwork(Troubles(), SOON, broken=ends.append)
    lost = WriteLostError("the disk did not confirm what was written in /data")
    job = Job(DatabaseUnavailableError("postgresql localhost/practice: no connection"), lost)
    clockwork.start()
    clockwork.every(HOUR, "sweep", job)
    job.wait_for(2)
    wait_until(lambda: ends == [lost])
    clockwork.stop(PATIENCE)
