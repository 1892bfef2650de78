"""After each test: no planted patient in watched folders, left-over files, log lines and output (P11).

Imported by the conftest of every package whose tests let the agent work.
"""

import logging
from collections.abc import Generator, Iterable, Iterator

import pytest

from tests.kit.leak_watch import LooseFiles, require_none_in, require_none_in_folders


@pytest.fixture(autouse=True)
def watch_after_each_test(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The agent logs all it can during the test, and everything is looked through afterwards."""
    loose = LooseFiles()
    caplog.set_level(logging.DEBUG, "agent")
    yield
    require_none_in_folders()
    loose.require_none()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What pytest captured: standard output, standard error and the log with its tracebacks."""
    report = yield
    told = leaks_in(report.sections) if report.passed else None
    if told is not None:
        report.outcome, report.longrepr = "failed", told
    return report


def leaks_in(sections: Iterable[tuple[str, str]]) -> str | None:
    """What a passed test has said that it must not; None if nothing."""
    for where, text in sections:
        try:
            require_none_in(text, where)
        except AssertionError as leak:
            return str(leak)
    return None
