"""Finished files leave their folder for a run's folder, are counted there, and are removed with it."""

import os
from datetime import UTC, datetime
from pathlib import Path

from agent.adapters.finished_files import count, names_before, remove, runs, set_aside

NOW = datetime(2027, 6, 1, 8, 0, tzinfo=UTC)
OLD = "20270401T080000Z-0123456789ab"


def folder_with(tmp_path: Path, *names: str) -> Path:
    folder = tmp_path / "dentport" / "quarantine"
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"x")
    return folder


def test_age_is_told_by_the_names_that_the_agent_gave_and_by_nothing_else(tmp_path: Path) -> None:
    sent = "availability-20270401t080000z-00000017-3f9c2b1a.pgp"
    folder = folder_with(
        tmp_path, f"{OLD}.pgp", f"{OLD}.reason.json", sent, "20270601T080000Z-0123456789ab.pgp",
        "99999999T999999Z-0123456789ab.pgp", "put-here-by-hand.pgp",
    )  # fmt: skip
    os.utime(folder / "put-here-by-hand.pgp", (0, 0))
    assert names_before(folder, NOW) == {f"{OLD}.pgp", sent}
    assert names_before(tmp_path / "missing", NOW) == set()


def test_run_holds_each_file_with_its_reason_and_is_removed_whole(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, f"{OLD}.pgp", f"{OLD}.reason.json", "other.pgp")
    run = set_aside(folder, [f"{OLD}.pgp"], NOW)
    assert run is not None
    assert [path.name for path in folder.iterdir()] == ["other.pgp"]
    assert sorted(path.name for path in run.iterdir()) == [f"{OLD}.pgp", f"{OLD}.reason.json"]
    assert (count(run), run.suffix, runs(folder.parent)) == (1, ".quarantine", [run])
    remove(run)
    remove(run)
    assert runs(folder.parent) == []
    assert set_aside(folder, [], NOW) is None


def test_strange_things_in_quarantine_are_removed_without_being_followed(tmp_path: Path) -> None:
    folder = folder_with(tmp_path)
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "precious").write_bytes(b"x")
    (folder / "link.stray").symlink_to(kept)
    (folder / "folder.stray").mkdir()
    (folder / "folder.stray" / "inside").symlink_to(kept)
    os.mkfifo(folder / "pipe.stray")
    run = set_aside(folder, ["link.stray", "folder.stray", "pipe.stray"], NOW)
    assert run is not None
    assert count(run) == 3
    remove(run)
    assert (kept / "precious").exists()
    assert not run.exists()
