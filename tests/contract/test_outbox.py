"""The outbox on a real file system: whole files only, states by folder, crashes mended."""

import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.adapters.outbox import FolderOutbox
from agent.errors import SpoolError
from agent.ports import WaitingFile

NAME = "receipts-20270104t063000z-00000017-3f9c2b1a.pgp"

LATER = datetime(2027, 1, 9, 6, 30, tzinfo=UTC)


@pytest.fixture
def outbox(tmp_path: Path) -> FolderOutbox:
    outbox = FolderOutbox(tmp_path / "outbox")
    outbox.prepare()
    return outbox


def put(outbox: FolderOutbox, name: str = NAME, content: bytes = b"sealed") -> None:
    with outbox.draft() as draft:
        draft.file.write(content)
        draft.publish(name)


def claimed(outbox: FolderOutbox, name: str = NAME) -> WaitingFile:
    file = outbox.claim(name)
    assert file is not None
    return file


def listing(tmp_path: Path) -> dict[str, list[str]]:
    folders = sorted((tmp_path / "outbox").iterdir())
    return {
        folder.name: sorted(f.name for f in folder.iterdir()) for folder in folders if any(folder.iterdir())
    }


def test_publish_a_draft_stands_in_waiting_with_its_bytes(outbox: FolderOutbox, tmp_path: Path) -> None:
    put(outbox, content=b"sealed bytes")
    [file] = outbox.waiting()
    assert (file.name, file.size, file.path.read_bytes()) == (NAME, 12, b"sealed bytes")
    assert listing(tmp_path) == {"waiting": [NAME]}


def test_draft_before_publish_is_not_waiting_and_only_ours_to_read(
    outbox: FolderOutbox, tmp_path: Path
) -> None:
    with outbox.draft() as draft:
        draft.file.write(b"half")
        draft.file.flush()
        [path] = (tmp_path / "outbox/drafts").iterdir()
        assert path.stat().st_mode & 0o777 == 0o600
        assert outbox.waiting() == []


def test_draft_left_by_an_error_leaves_nothing(outbox: FolderOutbox, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sealing broke"), outbox.draft() as draft:
        draft.file.write(b"half")
        raise ValueError("sealing broke")
    assert listing(tmp_path) == {}


def test_publish_a_name_that_waits_already_keeps_the_first(outbox: FolderOutbox, tmp_path: Path) -> None:
    put(outbox, content=b"first")
    put(outbox, content=b"second")
    assert [file.path.read_bytes() for file in outbox.waiting()] == [b"first"]
    assert listing(tmp_path) == {"waiting": [NAME]}


def test_publish_a_name_that_was_sent_before_waits_again(outbox: FolderOutbox, tmp_path: Path) -> None:
    put(outbox, content=b"first")
    outbox.finish(claimed(outbox))
    put(outbox, content=b"again")
    assert listing(tmp_path) == {"sent": [NAME], "waiting": [NAME]}
    outbox.finish(claimed(outbox))
    assert listing(tmp_path) == {"sent": [NAME]}


@pytest.mark.parametrize(
    "name", ["../escape.pgp", "Upper.pgp", "a.txt", ".hidden.pgp", "a/b.pgp", "", "a.pgp\n"]
)
def test_publish_a_name_we_do_not_give_is_refused(outbox: FolderOutbox, tmp_path: Path, name: str) -> None:
    with pytest.raises(SpoolError):
        put(outbox, name)
    assert listing(tmp_path) == {}


def test_waiting_lists_oldest_name_first_and_nothing_foreign(outbox: FolderOutbox, tmp_path: Path) -> None:
    names = [f"receipts-2027010{day}t063000z-0000000{day}-3f9c2b1a.pgp" for day in (3, 1, 2)]
    for name in names:
        put(outbox, name)
    (tmp_path / "outbox/waiting/notes.txt").write_text("an operator's note")
    (tmp_path / "outbox/waiting/folder.pgp").mkdir()
    assert [file.name for file in outbox.waiting()] == sorted(names)


def test_claim_a_waiting_file_can_succeed_once(outbox: FolderOutbox) -> None:
    put(outbox)
    file = claimed(outbox)
    assert (file.path.read_bytes(), file.size) == (b"sealed", 6)
    assert outbox.claim(NAME) is None
    assert outbox.waiting() == []


def test_release_a_claimed_file_waits_again(outbox: FolderOutbox, tmp_path: Path) -> None:
    put(outbox)
    outbox.release(claimed(outbox))
    assert listing(tmp_path) == {"waiting": [NAME]}


def test_finish_a_claimed_file_stands_in_sent(outbox: FolderOutbox, tmp_path: Path) -> None:
    put(outbox)
    outbox.finish(claimed(outbox))
    assert listing(tmp_path) == {"sent": [NAME]}


def test_finish_a_claim_that_vanished_says_so(outbox: FolderOutbox) -> None:
    put(outbox)
    file = claimed(outbox)
    file.path.unlink()
    with pytest.raises(SpoolError, match="vanished"):
        outbox.finish(file)


def test_released_file_carries_the_moment_before_which_it_is_to_be_left_alone(outbox: FolderOutbox) -> None:
    put(outbox)
    outbox.release(claimed(outbox), not_before=LATER)
    assert [file.not_before for file in outbox.waiting()] == [LATER]
    outbox.finish(claimed(outbox))
    put(outbox)
    assert [file.not_before for file in outbox.waiting()] == [None]


def test_age_of_a_file_is_that_of_its_last_byte_through_claim_and_release(outbox: FolderOutbox) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    put(outbox)
    [waiting] = outbox.waiting()
    assert before <= waiting.since <= datetime.now(UTC) + timedelta(seconds=1)
    file = claimed(outbox)
    outbox.release(file)
    assert {file.since, outbox.waiting()[0].since} == {waiting.since}


def test_file_given_up_stands_in_failed_with_its_reason_beside_it(
    outbox: FolderOutbox, tmp_path: Path
) -> None:
    put(outbox)
    outbox.give_up(claimed(outbox), "sftp.example:22: connecting: timed out", LATER)
    assert listing(tmp_path) == {"failed": [NAME, f"{NAME}.reason.json"]}
    told = json.loads((tmp_path / f"outbox/failed/{NAME}.reason.json").read_text())
    assert told["reason"] == "sftp.example:22: connecting: timed out"
    assert told["given_up_at"] == "2027-01-09T06:30:00+00:00"
    assert (told["file"], [file.name for file in outbox.failed()]) == (NAME, [NAME])
    assert outbox.waiting() == []
    assert outbox.recover() == 0


def test_file_sent_again_waits_as_if_it_came_now_and_leaves_no_reason(
    outbox: FolderOutbox, tmp_path: Path
) -> None:
    put(outbox)
    outbox.give_up(claimed(outbox), "no reason", LATER)
    assert outbox.send_again(NAME, LATER)
    assert listing(tmp_path) == {"waiting": [NAME]}
    assert [file.since for file in outbox.waiting()] == [LATER]
    assert not outbox.send_again(NAME, LATER)


def test_delivery_of_the_same_document_settles_what_was_given_up(
    outbox: FolderOutbox, tmp_path: Path
) -> None:
    put(outbox)
    outbox.give_up(claimed(outbox), "no reason", LATER)
    put(outbox, content=b"the receipt, asked for again")
    outbox.finish(claimed(outbox))
    assert listing(tmp_path) == {"sent": [NAME]}


def test_discard_what_was_given_up_works_once(outbox: FolderOutbox, tmp_path: Path) -> None:
    put(outbox)
    outbox.give_up(claimed(outbox), "no reason", LATER)
    assert outbox.discard_failed(NAME)
    assert not outbox.discard_failed(NAME)
    assert listing(tmp_path) == {}


def test_supersede_a_waiting_file_works_once(outbox: FolderOutbox) -> None:
    put(outbox)
    assert outbox.supersede(NAME)
    assert not outbox.supersede(NAME)


def test_recover_after_a_crash_puts_claims_back_and_drops_drafts(
    outbox: FolderOutbox, tmp_path: Path
) -> None:
    put(outbox)
    claimed(outbox)
    (tmp_path / "outbox/drafts/0123456789abcdef.draft").write_bytes(b"half a file")
    after = FolderOutbox(tmp_path / "outbox")
    assert after.recover() == 1
    assert listing(tmp_path) == {"waiting": [NAME]}
    assert after.recover() == 0


@pytest.fixture
def full_disk() -> Iterator[int]:
    """Linux's device that answers every write with "no space left"."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


def test_publish_on_a_full_disk_says_so_and_leaves_nothing(
    outbox: FolderOutbox, tmp_path: Path, full_disk: int
) -> None:
    with pytest.raises(SpoolError, match=rf"{tmp_path}.*the disk is full") as caught, outbox.draft() as draft:
        os.dup2(full_disk, draft.file.fileno())
        draft.file.write(b"sealed")
        draft.publish(NAME)
    assert NAME not in str(caught.value)
    assert listing(tmp_path) == {}


def test_write_on_a_full_disk_says_so_and_leaves_nothing(
    outbox: FolderOutbox, tmp_path: Path, full_disk: int
) -> None:
    with pytest.raises(SpoolError, match="the disk is full"), outbox.draft() as draft:
        os.dup2(full_disk, draft.file.fileno())
        draft.file.write(b"x" * 1_000_000)
    assert listing(tmp_path) == {}


def test_publish_when_fsync_fails_raises_and_leaves_nothing(outbox: FolderOutbox, tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="cannot write"), outbox.draft() as draft:
        draft.file.flush()
        # A pipe takes the bytes but cannot be synchronised: the kernel refuses fsync.
        receiving, sending = os.pipe()
        os.dup2(sending, draft.file.fileno())
        try:
            draft.file.write(b"sealed")
            draft.publish(NAME)
        finally:
            os.close(receiving)
            os.close(sending)
    assert listing(tmp_path) == {}


def test_outbox_in_a_place_that_cannot_be_a_folder_raises_a_spool_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SpoolError, match="cannot create the folder"):
        FolderOutbox(tmp_path / "file/outbox").prepare()


def test_outbox_that_is_only_looked_at_is_empty_and_makes_no_folder(tmp_path: Path) -> None:
    outbox = FolderOutbox(tmp_path / "outbox")
    assert outbox.waiting() == []
    assert outbox.recover() == 0
    assert list(tmp_path.iterdir()) == []


def test_outbox_whose_folders_were_removed_makes_them_anew(outbox: FolderOutbox, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "outbox")
    assert outbox.claim(NAME) is None
    shutil.rmtree(tmp_path / "outbox")
    put(outbox)
    outbox.finish(claimed(outbox))
    assert listing(tmp_path) == {"sent": [NAME]}
