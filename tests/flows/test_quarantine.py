"""Files that were set aside, in an operator's hands: seen, judged again, discarded; nothing gets lost."""

import json

import pytest

from agent.domain.refusal_advice import ADVICE, DECLINED
from agent.errors import QuarantineReason
from agent.flows.file_result import FileState
from agent.operators import account_name
from exchange_formats.receipts import BookingReason, MessageReason
from tests.flows.card_index import FAMILY_NAME
from tests.flows.evidence import audit
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, ZAHNZEIT, Stage
from tests.kit.command_line import Finished, otv


def command(stage: Stage, *words: str, answer: str = "") -> Finished:
    return otv("quarantine", *words, config=stage.agent.config.path, answer=answer)


def listed(stage: Stage) -> dict[str, dict[str, object]]:
    lines = command(stage, "list", "--json").out.splitlines()
    return {str(told["file"]): told for told in map(json.loads, lines)}


def set_aside(stage: Stage, sealed: bytes) -> str:
    """The id under which the file stands in quarantine."""
    return stage.send_sealed(sealed).result.file_id


def not_yet_pinned(stage: Stage) -> bytes:
    """Signed by the other partner's key, as after a change of keys that nobody told."""
    content = stage.partner().bookings_file([stage.booking()])
    return stage.partner(ZAHNZEIT).gpg.seal(content)


def test_every_reason_is_explained_to_the_practice() -> None:
    assert list(ADVICE) == [*QuarantineReason, *MessageReason]
    assert list(DECLINED) == list(BookingReason)


@ON_SQLITE_ALONE
def test_file_is_listed_with_its_reason_and_shown_with_what_to_do(stage: Stage) -> None:
    file_id = set_aside(stage, not_yet_pinned(stage))
    told = listed(stage)[file_id]
    assert (told["partner"], told["reason"], told["signed"]) == (DENTPORT, "wrong_signer", False)
    assert file_id in command(stage, "list").out
    shown = command(stage, "show", file_id)
    assert "otv-agent keys pin" in shown.out
    assert "--decrypt" in shown.out
    assert FAMILY_NAME not in shown.text


@ON_SQLITE_ALONE
def test_list_of_one_partner_leaves_the_others_out(stage: Stage) -> None:
    file_id = set_aside(stage, not_yet_pinned(stage))
    assert file_id in command(stage, "list", "--partner", DENTPORT).out
    assert file_id not in command(stage, "list", "--partner", ZAHNZEIT).out


def test_file_whose_key_was_pinned_meanwhile_is_imported_after_a_retry(stage: Stage) -> None:
    file_id = set_aside(stage, not_yet_pinned(stage))
    ring = stage.agent.config.partners[DENTPORT].key_ring
    others = stage.agent.config.partners[ZAHNZEIT].key_ring
    before = ring.read_bytes()
    fingerprint = stage.agent.config.partners[ZAHNZEIT].settings.openpgp.pinned[0]
    assert command(stage, "retry", file_id).code == 0
    assert file_id not in listed(stage)
    try:
        ring.write_bytes(before + others.read_bytes())
        old = stage.agent.config.partners[DENTPORT].settings.openpgp.pinned[0]
        pins = {"openpgp": {"fingerprints": [old, fingerprint]}}
        # The other partner's file names the same key, which no two partners may share.
        with stage.agent_with(dentport=pins, zahnzeit={"openpgp": {"fingerprints": ["0" * 40]}}):
            (result,) = stage.receive()
    finally:
        ring.write_bytes(before)
    assert (result.file_id, result.state, result.accepted) == (file_id, FileState.IMPORTED, 1)
    assert len(stage.take_receipts()) == 1


@ON_SQLITE_ALONE
def test_retry_of_what_is_as_bad_as_before_sets_it_aside_again_under_its_id(stage: Stage) -> None:
    file_id = set_aside(stage, b"junk")
    assert command(stage, "retry", file_id).code == 0
    (result,) = stage.receive()
    assert (result.file_id, result.reason) == (file_id, "not_openpgp")
    assert [entry.event for entry in audit(stage) if entry.details.get("file_id") == file_id] == [
        "file quarantined", "file put back", "file quarantined"
    ]  # fmt: skip


@ON_SQLITE_ALONE
def test_signed_message_that_was_refused_has_its_answer_and_is_not_retried(stage: Stage) -> None:
    answer = stage.send(stage.booking(), practice_id="another-practice")
    done = command(stage, "retry", answer.result.file_id)
    assert (done.code, "has its answer" in done.err) == (2, True)
    assert listed(stage)[answer.result.file_id]["signed"] is True


@ON_SQLITE_ALONE
def test_discarded_file_is_gone_and_its_digest_stays_in_the_audit_log(stage: Stage) -> None:
    file_id = set_aside(stage, b"junk of nobody")
    digest = listed(stage)[file_id]["sha256"]
    assert command(stage, "discard", file_id).code == 2
    assert file_id in listed(stage)
    assert command(stage, "discard", file_id, "--yes").code == 0
    assert file_id not in listed(stage)
    assert list((stage.house.data_folder / "inbound" / DENTPORT).rglob(f"{file_id}*")) == []
    (entry,) = [one for one in audit(stage) if one.event == "file discarded"]
    assert (entry.details["file_id"], entry.details["sha256"]) == (file_id, digest)
    assert entry.details["operator"] == account_name()


@ON_SQLITE_ALONE
@pytest.mark.parametrize("word", ["show", "retry", "discard"])
def test_unknown_file_is_said_to_be_unknown(stage: Stage, word: str) -> None:
    done = command(stage, word, "20270101T000000Z-000000000000")
    assert (done.code, "quarantine list" in done.err) == (2, True)
