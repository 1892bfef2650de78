"""What is done on the status page is what the command line does, with an audit entry of its own."""

from dataclasses import replace

import pytest

from agent import holds, quarantine
from agent.clock import utc_now
from agent.domain.sudden_change import Change, Sign
from agent.errors import UsageError
from agent.ports import Hold
from agent.status_page.desk import OPERATOR, AgentDesk, hold_mark
from tests.flows.evidence import audit
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, Stage
from tests.status_page.boards import good_board

pytestmark = ON_SQLITE_ALONE


def desk_of(stage: Stage) -> AgentDesk:
    return AgentDesk(lambda: stage.agent, good_board, lambda: "")


@pytest.fixture
def hold(stage: Stage) -> Hold:
    """What waits for a look, put there as the guard does; gone after the test."""
    found = Hold(DENTPORT, "patients", utc_now(), (Change(Sign.PATIENTS_LOST, 40, 30),))
    with stage.agent.practice.database.write() as work:
        work.holds.put(found)
    return found


def end(stage: Stage) -> None:
    with stage.agent.practice.database.write() as work:
        work.holds.end(DENTPORT, "patients")


def test_release_on_the_page_lets_go_what_was_seen_and_the_audit_log_says_where(
    stage: Stage, hold: Hold
) -> None:
    desk_of(stage).release(hold_mark(hold))
    (found,) = [one for one in holds.held(stage.agent) if one.kind == "patients"]
    assert found.released_at is not None
    told = [entry for entry in audit(stage) if entry.event == "hold released"][-1]
    assert (told.partner_id, told.details["operator"]) == (DENTPORT, OPERATOR)
    with pytest.raises(UsageError):
        desk_of(stage).release(hold_mark(hold))
    end(stage)


def test_release_of_numbers_that_have_changed_since_lets_nothing_go(stage: Stage, hold: Hold) -> None:
    seen = hold_mark(hold)
    with stage.agent.practice.database.write() as work:
        work.holds.put(replace(hold, changes=(Change(Sign.PATIENTS_LOST, 40, 31),)))
    with pytest.raises(UsageError):
        desk_of(stage).release(seen)
    assert [one.released_at for one in holds.held(stage.agent) if one.kind == "patients"] == [None]
    end(stage)


def test_every_number_of_a_hold_is_part_of_its_mark(stage: Stage, hold: Hold) -> None:
    others = [
        replace(hold, partner_id="zahnzeit"),
        replace(hold, kind="availability"),
        replace(hold, held_at=hold.held_at.replace(year=2000)),
        replace(hold, changes=()),
        replace(hold, changes=(Change(Sign.PATIENTS_LOST, 41, 30),)),
        replace(hold, changes=(Change(Sign.PATIENTS_ADDED, 40, 30),)),
        replace(hold, released_at=hold.held_at),
    ]
    assert len({hold_mark(one) for one in (hold, *others)}) == len(others) + 1
    end(stage)


def test_retry_and_discard_on_the_page_say_so_in_the_audit_log(stage: Stage) -> None:
    desk, file_id = desk_of(stage), stage.send_sealed(b"junk").result.file_id
    desk.retry(file_id)
    (result,) = stage.receive()
    assert result.file_id == file_id
    desk.discard(file_id)
    told = [entry for entry in audit(stage) if entry.details.get("file_id") == file_id]
    assert [(entry.event, entry.details.get("operator")) for entry in told] == [
        ("file quarantined", None),
        ("file put back", OPERATOR),
        ("file quarantined", None),
        ("file discarded", OPERATOR),
    ]
    assert file_id not in [file.file_id for _, file in quarantine.in_quarantine(stage.agent, None)]
    for act in (desk.retry, desk.discard):
        with pytest.raises(UsageError):
            act(file_id)


def test_board_is_read_no_more_often_than_every_few_seconds_and_anew_after_an_act(stage: Stage) -> None:
    reads = []
    desk = AgentDesk(lambda: stage.agent, lambda: reads.append(1) or good_board(), lambda: "")  # type: ignore[func-returns-value]
    assert desk.board() is desk.board()
    assert len(reads) == 1
    desk.discard(stage.send_sealed(b"junk").result.file_id)
    desk.board()
    assert len(reads) == 2
