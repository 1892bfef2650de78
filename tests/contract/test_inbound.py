"""The inbound folder on a real file system: nothing lost, nothing read twice, nothing foreign believed."""

import json
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import pytest

from agent.adapters.inbound import FolderInbound
from agent.errors import GpgUnavailableError, QuarantineReason, SpoolError, UnauthenticatedFileError
from agent.ports import ClaimedFile

MAX_BYTES = 1000
SETTLE_SECONDS = 10.0
STRAY_SECONDS = 3600.0


def turned_around(content: bytes, file: BinaryIO) -> None:
    """In place of encryption: the plain bytes cannot be found any more."""
    file.write(content[::-1])


class MovableClock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Folder:
    """An inbound folder, its clock, and what a partner does to it."""

    def __init__(self, root: Path, settle_seconds: float) -> None:
        self.root = root
        self.clock = MovableClock()
        self.settle_seconds = settle_seconds
        self.tried: list[bytes] = []
        self.outlives_trials = False
        self.inbound = self.reopened()
        self.inbound.prepare()

    def reopened(self) -> FolderInbound:
        """As after a restart of the agent."""
        return FolderInbound(
            self.root,
            settle_seconds=self.settle_seconds,
            max_bytes=MAX_BYTES,
            stray_after_seconds=STRAY_SECONDS,
            clock=self.clock,
            protect=turned_around,
            trial=self.trial,
        )

    def trial(self, content: bytes) -> bool:
        self.tried.append(content)
        return self.outlives_trials

    def drop(self, name: str = "booking.pgp", content: bytes = b"sealed", age_seconds: float = 0) -> Path:
        path = self.root / "waiting" / name
        path.write_bytes(content)
        changed = self.clock.now.timestamp() - age_seconds
        os.utime(path, (changed, changed))
        return path

    def one(self) -> ClaimedFile:
        [claimed] = self.inbound.claim()
        return claimed

    def set_aside(self, claimed: ClaimedFile, reason: str) -> None:
        """As the story does with what nobody signed."""
        with self.inbound.quarantine_unauthenticated(claimed, reason):
            pass

    def names(self, state: str) -> list[str]:
        return sorted(path.name for path in (self.root / state).iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Everything may be taken at once."""
    return Folder(tmp_path / "inbound", settle_seconds=0)


@pytest.fixture
def settling(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "inbound", settle_seconds=SETTLE_SECONDS)


def reason_of(claimed: ClaimedFile) -> QuarantineReason:
    with pytest.raises(UnauthenticatedFileError) as caught:
        claimed.read()
    return caught.value.reason


# --- claiming ----------------------------------------------------------------------------------


def test_claim_a_waiting_file_gets_a_name_of_ours_and_all_its_bytes(folder: Folder) -> None:
    folder.drop("Meier-Anna.pgp", b"sealed bytes")
    claimed = folder.one()
    assert (claimed.read(), claimed.attempts) == (b"sealed bytes", 1)
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{12}", claimed.file_id)
    assert folder.names("claimed") == [f"{claimed.file_id}.1.pgp"]
    assert folder.names("waiting") == []


def test_claim_several_files_comes_one_at_a_time_longest_unchanged_first(folder: Folder) -> None:
    for age, name in ((1, "c.pgp"), (3, "a.pgp"), (2, "b.pgp")):
        folder.drop(name, name.encode(), age_seconds=age)
    sweep = folder.inbound.claim()
    assert next(sweep).read() == b"a.pgp"
    assert folder.inbound.counts() == {"waiting": 2, "claimed": 1, "archive": 0, "quarantine": 0}
    assert [claimed.read() for claimed in sweep] == [b"b.pgp", b"c.pgp"]


def test_claim_when_files_vanish_during_the_sweep_goes_on(folder: Folder) -> None:
    paths = [folder.drop(f"{number}.pgp", age_seconds=9 - number) for number in range(4)]
    sweep = folder.inbound.claim()
    next(sweep)
    paths[1].unlink()
    paths[2].unlink()
    assert len(list(sweep)) == 1


def test_claim_when_the_waiting_folder_is_missing_makes_it_anew(folder: Folder) -> None:
    (folder.root / "waiting").rmdir()
    assert list(folder.inbound.claim()) == []
    folder.drop()
    assert folder.one().read() == b"sealed"


def test_claim_a_thousand_waiting_files_hands_out_the_first_without_touching_the_rest(
    folder: Folder,
) -> None:
    for number in range(1_000):
        (folder.root / f"waiting/{number}.pgp").touch()
    next(folder.inbound.claim())
    assert folder.inbound.counts()["waiting"] == 999


def test_draft_published_under_a_new_name_is_claimed(folder: Folder) -> None:
    with folder.inbound.draft() as draft:
        draft.file.write(b"fetched")
        draft.publish(folder.inbound.new_name())
    assert folder.one().read() == b"fetched"
    assert folder.names("drafts") == []


def test_claim_from_another_file_system_says_where_the_folder_belongs(tmp_path: Path) -> None:
    shared_memory = Path("/dev/shm") / f"otv-inbound-{secrets.token_hex(8)}"
    shared_memory.mkdir()
    try:
        assert shared_memory.stat().st_dev != tmp_path.stat().st_dev
        (shared_memory / "booking.pgp").write_bytes(b"sealed")
        inbound = FolderInbound(
            tmp_path,
            shared_memory,
            settle_seconds=0,
            max_bytes=MAX_BYTES,
            stray_after_seconds=STRAY_SECONDS,
            clock=MovableClock(),
            protect=turned_around,
            trial=lambda _: False,
        )
        with pytest.raises(SpoolError, match="file system of the data folder"):
            list(inbound.claim())
        assert inbound.counts()["waiting"] == 1
    finally:
        (shared_memory / "booking.pgp").unlink(missing_ok=True)
        shared_memory.rmdir()


# --- holding still -----------------------------------------------------------------------------


def test_claim_a_fresh_file_waits_until_two_looks_agree(settling: Folder) -> None:
    settling.drop()
    assert list(settling.inbound.claim()) == []
    settling.clock.advance(SETTLE_SECONDS / 2)
    assert list(settling.inbound.claim()) == []
    settling.clock.advance(SETTLE_SECONDS / 2)
    assert settling.one().read() == b"sealed"


def test_claim_a_growing_file_starts_waiting_anew(settling: Folder) -> None:
    settling.drop()
    assert list(settling.inbound.claim()) == []
    settling.clock.advance(SETTLE_SECONDS + 1)
    settling.drop(content=b"sealed and longer")
    assert list(settling.inbound.claim()) == []
    settling.clock.advance(SETTLE_SECONDS + 1)
    assert settling.one().read() == b"sealed and longer"


def test_claim_a_file_unchanged_for_long_takes_it_at_first_look(settling: Folder) -> None:
    settling.drop(age_seconds=SETTLE_SECONDS + 1)  # seconds as floats do not subtract exactly
    assert settling.one().read() == b"sealed"


def test_claim_a_file_from_the_future_relies_on_two_looks(settling: Folder) -> None:
    settling.drop(age_seconds=-86_400)
    assert list(settling.inbound.claim()) == []
    settling.clock.advance(SETTLE_SECONDS + 1)
    assert settling.one().read() == b"sealed"


def test_claim_after_the_clock_was_set_back_counts_the_time_from_there(settling: Folder) -> None:
    """The file's own time and the first look at it lie a year ahead by then."""
    settling.clock.advance(365 * 86_400)
    settling.drop()
    assert list(settling.inbound.claim()) == []
    settling.clock.advance(-365 * 86_400)
    assert list(settling.inbound.claim()) == []
    settling.clock.advance(SETTLE_SECONDS)
    assert settling.one().read() == b"sealed"


# --- names -------------------------------------------------------------------------------------

FOREIGN_NAMES = [
    "booking.pgp.part",
    "booking.txt",
    ".hidden.pgp",
    "with space.pgp",
    "a" * 130 + ".pgp",
    "umlaut-ä.pgp",
]


@pytest.mark.parametrize("name", FOREIGN_NAMES)
def test_claim_an_unexpected_name_is_left_alone_at_first_and_set_aside_later(
    folder: Folder, name: str
) -> None:
    folder.drop(name)
    assert list(folder.inbound.claim()) == []
    folder.clock.advance(STRAY_SECONDS + 1)
    claimed = folder.one()
    assert reason_of(claimed) is QuarantineReason.UNEXPECTED_NAME
    folder.set_aside(claimed, "unexpected_name")
    assert folder.names("quarantine") == [f"{claimed.file_id}.reason.json", f"{claimed.file_id}.sealed.pgp"]


def test_claim_an_unexpected_name_again_after_a_crash_is_still_unexpected(folder: Folder) -> None:
    folder.drop("booking.txt", age_seconds=STRAY_SECONDS + 1)
    folder.one()
    assert reason_of(folder.one()) is QuarantineReason.UNEXPECTED_NAME


def test_claim_a_name_like_our_own_claims_gives_a_new_id_and_a_first_attempt(folder: Folder) -> None:
    folder.drop("20270104T063000Z-0123456789ab.3.pgp")
    claimed = folder.one()
    assert claimed.attempts == 1
    assert not claimed.file_id.startswith("20270104")


# --- what is no plain readable file ------------------------------------------------------------


def test_read_an_empty_file_is_refused(folder: Folder) -> None:
    folder.drop(content=b"")
    assert reason_of(folder.one()) is QuarantineReason.EMPTY


def test_read_a_file_at_the_size_limit_is_whole_and_one_byte_more_is_refused(folder: Folder) -> None:
    folder.drop("a.pgp", b"x" * MAX_BYTES, age_seconds=2)
    folder.drop("b.pgp", b"x" * (MAX_BYTES + 1), age_seconds=1)
    largest, larger = folder.inbound.claim()
    assert len(largest.read()) == MAX_BYTES
    assert reason_of(larger) is QuarantineReason.TOO_LARGE


def make_link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def make_dangling_link(path: Path) -> None:
    path.symlink_to("/nowhere")


def make_hard_link(path: Path) -> None:
    other = path.parent.parent / "other"
    other.write_bytes(b"sealed")
    path.hardlink_to(other)


def make_folder(path: Path) -> None:
    path.mkdir()
    (path / "inside.pgp").write_bytes(b"sealed")


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(path))


@pytest.mark.parametrize(
    "make", [make_link, make_dangling_link, make_hard_link, make_folder, make_socket, os.mkfifo]
)
def test_read_what_is_no_plain_file_is_refused_and_quarantined(folder: Folder, make: object) -> None:
    assert callable(make)
    make(folder.root / "waiting/odd.pgp")
    folder.clock.advance(STRAY_SECONDS + 1)
    claimed = folder.one()
    assert reason_of(claimed) is QuarantineReason.NOT_A_REGULAR_FILE
    folder.set_aside(claimed, "not_a_regular_file")
    assert folder.names("waiting") == folder.names("claimed") == []
    kept = folder.names("quarantine")
    # A second link is a way to the bytes like any other.
    suffix = "sealed.pgp" if make is make_hard_link else "pgp"
    assert kept == sorted([f"{claimed.file_id}.{suffix}", f"{claimed.file_id}.reason.json"])
    assert folder.inbound.counts()["quarantine"] == 1


def test_claim_a_file_with_a_second_link_for_a_moment_is_taken_once_it_is_gone(folder: Folder) -> None:
    path = folder.drop("uploading.pgp.part")
    final = folder.root / "waiting/booking.pgp"
    final.hardlink_to(path)
    assert list(folder.inbound.claim()) == []
    path.unlink()
    assert folder.one().read() == b"sealed"


@contextmanager
def as_an_ordinary_user(root: Path) -> Iterator[None]:
    """Root may read everything: give the folder to nobody and become nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    nobody = 65534
    for path in [root, *root.rglob("*")]:
        os.chown(path, nobody, nobody)
    outer = [parent for parent in root.parents if not parent.stat().st_mode & 0o001]
    modes = [parent.stat().st_mode for parent in outer]
    for parent in outer:
        parent.chmod(0o711)
    os.seteuid(nobody)
    try:
        yield
    finally:
        os.seteuid(0)
        for parent, mode in zip(outer, modes, strict=True):
            parent.chmod(mode)


def test_claim_a_file_that_does_not_open_yet_waits_and_is_taken_when_it_does(folder: Folder) -> None:
    path = folder.drop()
    with as_an_ordinary_user(folder.root):
        path.chmod(0o000)
        assert list(folder.inbound.claim()) == []
        path.chmod(0o600)
        assert folder.one().read() == b"sealed"


def test_claim_a_file_that_never_opens_is_set_aside_at_last(folder: Folder) -> None:
    path = folder.drop()
    with as_an_ordinary_user(folder.root):
        path.chmod(0o000)
        folder.clock.advance(STRAY_SECONDS + 1)
        claimed = folder.one()
        assert reason_of(claimed) is QuarantineReason.UNREADABLE
        folder.set_aside(claimed, "unreadable")
        assert folder.inbound.counts()["quarantine"] == 1


def test_claim_when_one_file_cannot_be_moved_takes_the_others_and_then_says_so(folder: Folder) -> None:
    folder.drop("a.pgp", age_seconds=STRAY_SECONDS + 1)
    folder.drop("b.pgp")
    # A folder without write permission cannot change its parent.
    stuck = folder.root / "waiting/stuck.pgp"
    stuck.mkdir(mode=0o500)
    os.utime(stuck, (0, 0))
    taken: list[ClaimedFile] = []
    with as_an_ordinary_user(folder.root):
        with pytest.raises(SpoolError, match="cannot move a file"):
            taken.extend(folder.inbound.claim())
        assert len(folder.names("claimed")) == 2


def test_claim_tells_when_the_file_came_whatever_time_its_sender_gave_it(folder: Folder) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    folder.drop(age_seconds=86_400)
    after = datetime.now(UTC)
    folder.clock.advance(600)
    claimed = folder.one()
    assert before < claimed.arrived_at <= after
    folder.inbound.release(claimed)
    assert folder.one().arrived_at == folder.clock.now.replace(microsecond=0)


def test_claim_never_tells_a_time_to_come(folder: Folder) -> None:
    folder.drop()
    folder.clock.advance(-600)
    assert folder.one().arrived_at == folder.clock.now


# --- crashes -----------------------------------------------------------------------------------


def test_claim_after_a_crash_comes_first_with_the_attempt_counted_on_disk(folder: Folder) -> None:
    folder.drop("first.pgp", b"first")
    first = folder.one()
    folder.drop("second.pgp", b"second", age_seconds=5)
    recovered, other = folder.reopened().claim()
    assert (recovered.file_id, recovered.attempts, recovered.read()) == (first.file_id, 2, b"first")
    assert (other.attempts, other.read()) == (1, b"second")
    assert f"{first.file_id}.2.pgp" in folder.names("claimed")


def crash(folder: Folder, times: int) -> None:
    """Claim the one file and go on as after a crash, so often."""
    for _ in range(times):
        folder.inbound = folder.reopened()
        folder.one()


def test_claim_after_three_crashes_that_ends_a_trial_too_is_a_crash_loop(folder: Folder) -> None:
    folder.drop()
    for attempt in (1, 2, 3):
        folder.inbound = folder.reopened()
        claimed = folder.one()
        assert (claimed.attempts, claimed.read()) == (attempt, b"sealed")
    assert folder.tried == []
    claimed = folder.one()
    assert claimed.attempts == 4
    assert reason_of(claimed) is QuarantineReason.CRASH_LOOP
    assert folder.tried == [b"sealed"]


def test_claim_after_three_crashes_that_a_trial_outlives_is_read_like_any_other(folder: Folder) -> None:
    folder.drop()
    folder.outlives_trials = True
    crash(folder, times=5)
    claimed = folder.one()
    assert (claimed.attempts, claimed.read()) == (6, b"sealed")


def test_claim_with_which_even_trials_go_down_for_ever_is_a_crash_loop_in_the_end(folder: Folder) -> None:
    folder.drop()
    folder.outlives_trials = True
    crash(folder, times=20)
    assert reason_of(folder.one()) is QuarantineReason.CRASH_LOOP
    assert folder.tried == []


def test_claim_something_an_operator_put_among_the_claims_is_not_forgotten(folder: Folder) -> None:
    (folder.root / "claimed/by-hand.pgp").write_bytes(b"sealed")
    assert folder.one().read() == b"sealed"


def test_release_a_claim_waits_again_with_its_id_and_without_the_attempt(folder: Folder) -> None:
    folder.drop()
    claimed = folder.one()
    for _ in range(5):
        folder.inbound.release(claimed)
        assert folder.inbound.counts() == {"waiting": 1, "claimed": 0, "archive": 0, "quarantine": 0}
        again = folder.one()
        assert (again.file_id, again.attempts, again.read()) == (claimed.file_id, 1, b"sealed")


def test_release_several_claims_of_one_second_comes_again_in_their_order(folder: Folder) -> None:
    for number in range(12):
        folder.drop(f"b-{number}.pgp", f"bytes {number}".encode())
    taken = []
    for claimed in folder.inbound.claim():
        taken.append((claimed.file_id, claimed.read()))
        folder.inbound.release(claimed)
    again = [(claimed.file_id, claimed.read()) for claimed in folder.inbound.claim()]
    assert len(again) == 12
    assert again == taken


def test_claim_with_old_drafts_of_a_dead_process_removes_them(folder: Folder) -> None:
    dead, alive = folder.root / "drafts/dead.draft", folder.root / "drafts/alive.draft"
    for path in (dead, alive):
        path.write_bytes(b"half")
    os.utime(dead, (0, 0))
    list(folder.inbound.claim())
    assert folder.names("drafts") == ["alive.draft"]


# --- afterwards --------------------------------------------------------------------------------


def test_archive_a_claim_stands_there_under_its_id(folder: Folder) -> None:
    folder.drop()
    claimed = folder.one()
    folder.inbound.archive(claimed)
    assert folder.names("archive") == [f"{claimed.file_id}.pgp"]
    assert folder.inbound.counts() == {"waiting": 0, "claimed": 0, "archive": 1, "quarantine": 0}


def test_quarantine_a_claim_stands_there_with_its_reason(folder: Folder) -> None:
    folder.drop("Meier-Anna.pgp", b"sealed")
    claimed = folder.one()
    claimed.read()
    folder.inbound.quarantine(claimed, "wrong_practice")
    assert folder.names("quarantine") == [f"{claimed.file_id}.pgp", f"{claimed.file_id}.reason.json"]
    text = (folder.root / "quarantine" / f"{claimed.file_id}.reason.json").read_text()
    assert json.loads(text) == {
        "file_id": claimed.file_id,
        "reason": "wrong_practice",
        "authenticated": True,
        "at": folder.clock.now.isoformat(timespec="seconds"),
        "sha256": sha256(b"sealed").hexdigest(),
    }
    assert "Meier" not in text


def test_quarantine_what_nobody_signed_keeps_its_bytes_sealed_and_its_digest(folder: Folder) -> None:
    folder.drop("patients.txt", b"Anna Berg", age_seconds=STRAY_SECONDS + 1)
    claimed = folder.one()
    folder.set_aside(claimed, "unexpected_name")
    kept = folder.root / "quarantine" / claimed.file_id
    assert kept.with_suffix(".sealed.pgp").read_bytes() == b"Anna Berg"[::-1]
    reason = json.loads(kept.with_suffix(".reason.json").read_text())
    assert reason["sha256"] == claimed.sha256 == sha256(b"Anna Berg").hexdigest()
    assert (reason["authenticated"], reason["size_bytes"], reason["kept_bytes"]) == (False, 9, 9)
    assert folder.names("claimed") == folder.names("drafts") == []


def test_quarantine_a_file_beyond_the_limit_keeps_its_beginning_and_tells_its_size(folder: Folder) -> None:
    folder.drop(content=b"x" * MAX_BYTES + b"y" * 5000)
    claimed = folder.one()
    assert reason_of(claimed) is QuarantineReason.TOO_LARGE
    folder.set_aside(claimed, "too_large")
    kept = folder.root / "quarantine" / claimed.file_id
    assert kept.with_suffix(".sealed.pgp").read_bytes() == b"x" * MAX_BYTES
    reason = json.loads(kept.with_suffix(".reason.json").read_text())
    assert (reason["size_bytes"], reason["kept_bytes"], reason["sha256"]) == (
        MAX_BYTES + 5000,
        MAX_BYTES,
        None,
    )


def test_quarantine_that_cannot_be_sealed_or_told_leaves_the_claim_as_it_was(folder: Folder) -> None:
    folder.drop()
    claimed = folder.one()
    with pytest.raises(GpgUnavailableError), folder.inbound.quarantine_unauthenticated(claimed, "empty"):
        raise GpgUnavailableError("the audit could not be written")
    assert folder.names("quarantine") == folder.names("drafts") == []
    folder.inbound.release(claimed)
    assert folder.one().read() == b"sealed"


def test_quarantine_interrupted_before_the_claim_is_gone_counts_once_and_is_finished(folder: Folder) -> None:
    folder.drop()
    claimed = folder.one()
    (folder.root / "quarantine" / f"{claimed.file_id}.sealed.pgp").write_bytes(b"as it was stored")
    assert sum(folder.inbound.counts().values()) == 1
    recovered = folder.one()
    folder.set_aside(recovered, "not_openpgp")
    assert folder.inbound.counts() == {"waiting": 0, "claimed": 0, "archive": 0, "quarantine": 1}


def test_quarantine_interrupted_after_the_reason_was_written_ends_with_the_last_reason(
    folder: Folder,
) -> None:
    folder.drop()
    claimed = folder.one()
    (folder.root / "quarantine" / f"{claimed.file_id}.reason.json").write_text("{}")
    recovered = folder.one()
    folder.set_aside(recovered, "crash_loop")
    reason = json.loads((folder.root / "quarantine" / f"{claimed.file_id}.reason.json").read_text())
    assert reason["reason"] == "crash_loop"


def test_archive_a_claim_that_vanished_says_so(folder: Folder) -> None:
    folder.drop()
    claimed = folder.one()
    (folder.root / "claimed" / f"{claimed.file_id}.1.pgp").unlink()
    with pytest.raises(SpoolError, match="vanished"):
        folder.inbound.archive(claimed)


def test_inbound_that_is_only_looked_at_is_empty_and_makes_no_folder(tmp_path: Path) -> None:
    inbound = FolderInbound(
        tmp_path / "inbound",
        settle_seconds=0,
        max_bytes=MAX_BYTES,
        stray_after_seconds=STRAY_SECONDS,
        clock=MovableClock(),
        protect=turned_around,
        trial=lambda _: False,
    )
    assert inbound.counts() == {"waiting": 0, "claimed": 0, "archive": 0, "quarantine": 0}
    assert list(tmp_path.iterdir()) == []


def test_recover_removes_what_a_dead_process_was_fetching(tmp_path: Path) -> None:
    folder = FolderInbound(
        tmp_path,
        settle_seconds=0,
        max_bytes=1000,
        stray_after_seconds=60,
        clock=lambda: datetime.now(UTC),
        protect=turned_around,
        trial=lambda _: False,
    )
    folder.prepare()
    (tmp_path / "drafts" / "torn.draft").write_bytes(b"half")
    folder.recover()
    assert not any((tmp_path / "drafts").iterdir())


def test_release_where_the_folder_for_it_is_gone_counts_no_attempt(folder: Folder) -> None:
    """Or an outage of the disk would end as a crash loop of the file."""
    folder.drop()
    released = folder.root / "released"
    for _ in range(5):
        claimed = folder.one()
        assert claimed.attempts == 1
        released.rmdir()
        released.touch()
        folder.inbound.release(claimed)
        released.unlink()
    assert folder.one().read() == b"sealed"


def test_put_back_is_judged_again_under_the_same_id(folder: Folder) -> None:
    folder.drop(content=b"signed by a clock that was right")
    claimed = folder.one()
    folder.set_aside(claimed, "signature_time_out_of_bounds")
    assert folder.inbound.put_back(claimed.file_id, lambda sealed: sealed[::-1])
    assert folder.names("quarantine") == []
    again = folder.one()
    assert (again.file_id, again.attempts, again.read()) == (
        claimed.file_id, 1, b"signed by a clock that was right"
    )  # fmt: skip
    assert not folder.inbound.put_back(claimed.file_id, bytes)
