"""The service's own daily look at the whole audit log: remembered, told once, and not done more often."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select, update

from agent.adapters import tables
from agent.adapters.good_cycles import FILE_NAME, AuditCheck, read_good_cycles
from agent.adapters.watched_clock import WatchedClock
from agent.clock import utc_now
from agent.clockwork import Clockwork
from agent.errors import AuditBrokenError
from agent.job_names import AUDIT_LOG
from agent.metrics import metrics_text
from agent.oversight import audit_check_is_due, check_audit
from agent.practice_jobs import PracticeJobs
from agent.status import read_status
from agent.troubles import Troubles
from agent.watch import Watch
from tests.flows.stage import ON_SQLITE_ALONE, Stage
from tests.kit.command_line import otv

FIRST = tables.audit_entry.c.sequence == 1
VERIFIED = "otv_agent_audit_verified_timestamp_seconds"

pytestmark = ON_SQLITE_ALONE


@pytest.fixture(autouse=True)
def nothing_known(stage: Stage) -> Iterator[None]:
    """Every test begins as if the log had never been looked at; it holds an entry at least."""
    stage.send(stage.booking())
    (stage.house.data_folder / FILE_NAME).unlink(missing_ok=True)
    with stage.agent_with():
        yield
    (stage.house.data_folder / FILE_NAME).unlink(missing_ok=True)


@contextmanager
def tampered(stage: Stage) -> Iterator[None]:
    """As long as the block runs, the first entry tells of another partner."""
    partner_id = tables.audit_entry.c.partner_id
    with stage.agent.connector.reading() as connection:
        true = connection.scalar(select(partner_id).where(FIRST))
    _rename(stage, "somebody-else")
    try:
        yield
    finally:
        _rename(stage, true)


def _rename(stage: Stage, partner_id: str | None) -> None:
    with stage.agent.connector.writing() as connection:
        connection.execute(update(tables.audit_entry).where(FIRST).values(partner_id=partner_id))


def verified_at(stage: Stage) -> float | None:
    text = metrics_text(read_status(stage.agent))
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return next((sample.value for sample in samples if sample.name == VERIFIED), None)


def test_log_in_order_is_remembered_with_its_entries_and_shown(stage: Stage) -> None:
    assert audit_check_is_due(stage.agent)
    assert (read_status(stage.agent).audit_check, verified_at(stage)) == (None, None)
    report = check_audit(stage.agent)
    stage.agent.cycles.flush()
    kept = read_good_cycles(stage.house.data_folder / FILE_NAME).audit
    assert kept is not None
    assert (kept.entries, kept.problem) == (report.entries, None)
    assert verified_at(stage) == kept.at.timestamp()
    assert not audit_check_is_due(stage.agent)
    assert "entries, verified " in otv("status", config=stage.agent.config.path).out


def test_broken_log_is_remembered_with_its_sentence_and_is_no_verification(stage: Stage) -> None:
    with tampered(stage), pytest.raises(AuditBrokenError):
        check_audit(stage.agent)
    stage.agent.cycles.flush()
    check = read_status(stage.agent).audit_check
    assert check is not None
    assert check.entries is None
    assert "entry 1" in str(check.problem)
    assert verified_at(stage) is None
    assert "NOT in order" in otv("status", config=stage.agent.config.path).out
    assert audit_check_is_due(stage.agent), "somebody may have put the database right"


@pytest.mark.parametrize(("hours", "due"), [(-1, True), (0, False), (23, False), (25, True)])
def test_check_is_due_a_day_after_the_last_one_or_when_the_clock_was_ahead(
    stage: Stage, hours: int, due: bool
) -> None:
    checked_at = utc_now()
    stage.agent.cycles.audited(AuditCheck(checked_at, 17, None))
    stage.agent.cycles.flush()
    with stage.agent_with(lambda: checked_at + timedelta(hours=hours)):
        assert audit_check_is_due(stage.agent) is due


def test_broken_log_is_a_trouble_told_once_that_ends_when_the_log_is_right_again(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    troubles, clock = Troubles(), WatchedClock(utc_now)
    jobs = PracticeJobs(lambda: stage.agent, Clockwork(troubles), clock, Watch(troubles, clock), troubles)
    with tampered(stage):
        jobs.check_audit()
        jobs.check_audit()
        assert list(troubles.current()) == [AUDIT_LOG]
        assert troubles.since()[AUDIT_LOG] <= utc_now()
    assert len([one for one in caplog.records if one.levelname == "ERROR"]) == 1
    jobs.check_audit()
    assert troubles.current() == {}
    assert troubles.since() == {}
