"""A clock that was ahead and is right again: what it has spoiled is mended by an operator's word, once."""

from datetime import timedelta

from agent.clock import utc_now
from agent.flows.file_result import FileState
from exchange_formats.envelope import Kind
from tests.flows.evidence import audit, quarantine_reasons
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, Stage
from tests.kit.command_line import Finished, otv

AHEAD = timedelta(days=40)


def accept_clock(stage: Stage, *options: str, answer: str = "") -> Finished:
    return otv("audit", "accept-clock", *options, config=stage.house.config_path, answer=answer)


@ON_SQLITE_ALONE
def test_files_that_only_our_wrong_clock_blamed_are_imported_once_an_operator_vouches_for_it(
    stage: Stage,
) -> None:
    aside = quarantine_reasons(stage, DENTPORT).keys()
    with stage.agent_with(clock=lambda: utc_now() + AHEAD):
        stage.drop(stage.sealed(stage.booking()))
        stage.drop(b"nobody signed this")
        assert {result.reason for result in stage.receive()} == {
            "signature_time_out_of_bounds",
            "not_openpgp",
        }
        late = stage.send(stage.booking(), created_at=utc_now() + AHEAD)
        assert late.result.reason == "signature_time_out_of_bounds"
        stage.export(Kind.AVAILABILITY)
    stage.drop(stage.sealed(stage.booking()))
    looked = otv("doctor", "--no-connect", "--lang", "en", config=stage.house.config_path)
    assert "FAILED   clock.audit          The audit log bears times still to come" in looked.out

    refused = accept_clock(stage, answer="n\n")
    assert (refused.code, "nothing was changed" in refused.err) == (2, True)
    told = accept_clock(stage, answer="y\n")
    assert told.code == 0
    assert "entries" in told.out and "bear later times" in told.out
    assert "2 file(s) set aside for their time only are judged again" in told.out

    states = sorted(result.state for result in stage.receive())
    # Its envelope says a time to come: the partner's own matter, and answered.
    assert states == [FileState.IMPORTED, FileState.IMPORTED, FileState.REFUSED]
    assert len(quarantine_reasons(stage, DENTPORT).keys() - aside) == 2
    looked = otv("doctor", "--no-connect", "--lang", "en", config=stage.house.config_path)
    assert looked.out.count("fine     clock.audit") == 1
    assert otv("audit", "verify", config=stage.house.config_path).code == 0


@ON_SQLITE_ALONE
def test_clock_that_is_accepted_without_need_changes_nothing_but_the_log(stage: Stage) -> None:
    before = len(audit(stage))
    told = accept_clock(stage, "--yes")
    assert (told.code, "bear later times" in told.out, "judged again" in told.out) == (0, False, False)
    assert [entry.event for entry in audit(stage)[before:]] == ["clock accepted"]
    answer = stage.send(stage.booking())
    assert answer.outcome.outcome == "accepted"
