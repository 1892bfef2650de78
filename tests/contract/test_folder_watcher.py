"""The watcher on a real file system: it hints at arrivals, keeps quiet otherwise and survives its folders."""

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.adapters.folder_watcher import FolderWatcher

HINT_SECONDS = 5.0
QUIET_SECONDS = 0.2


class Bell:
    """Counts nothing but whether it rang since it was last asked."""

    def __init__(self) -> None:
        self._rang = threading.Event()

    def ring(self) -> None:
        self._rang.set()

    def rang(self, seconds: float = HINT_SECONDS) -> bool:
        rang = self._rang.wait(seconds)
        self._rang.clear()
        return rang


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "waiting"
    path.mkdir()
    return path


@pytest.fixture
def watcher(folder: Path, bell: Bell) -> Iterator[FolderWatcher]:
    watcher = FolderWatcher([folder], bell.ring)
    watcher.start()
    yield watcher
    watcher.stop()


@contextmanager
def no_more_open_files() -> Iterator[None]:
    """As if the account had used up its notifiers: the system refuses both with the same error."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    next_free = os.dup(0)
    os.close(next_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def quiet(bell: Bell) -> bool:
    while bell.rang(QUIET_SECONDS):
        pass
    return not bell.rang(QUIET_SECONDS)


@pytest.mark.usefixtures("watcher")
def test_wake_when_a_file_is_written_or_renamed_into_the_folder(folder: Path, bell: Bell) -> None:
    (folder / "a.pgp.part").write_bytes(b"sealed")
    assert bell.rang()
    assert quiet(bell)
    (folder / "a.pgp.part").rename(folder / "a.pgp")
    assert bell.rang()
    assert quiet(bell)
    outside = folder.parent / "b.pgp"
    outside.write_bytes(b"sealed")
    outside.rename(folder / "b.pgp")
    assert bell.rang()


@pytest.mark.usefixtures("watcher")
def test_no_wake_when_the_sweep_itself_reads_and_takes_files(folder: Path, bell: Bell) -> None:
    (folder / "a.pgp").write_bytes(b"sealed")
    assert quiet(bell)
    (folder / "a.pgp").read_bytes()
    list(folder.iterdir())
    (folder / "a.pgp").rename(folder.parent / "claimed.pgp")
    assert not bell.rang(QUIET_SECONDS)


def test_watch_other_folders_wakes_for_them_only(watcher: FolderWatcher, folder: Path, bell: Bell) -> None:
    other = folder.parent / "other"
    other.mkdir()
    watcher.watch([other])
    (folder / "a.pgp").write_bytes(b"sealed")
    assert not bell.rang(QUIET_SECONDS)
    (other / "a.pgp").write_bytes(b"sealed")
    assert bell.rang()


def test_ensure_alive_when_all_is_well_changes_nothing(watcher: FolderWatcher, bell: Bell) -> None:
    assert watcher.ensure_alive()
    assert (watcher.restarts, bell.rang(QUIET_SECONDS)) == (0, False)


def test_ensure_alive_after_the_folder_was_deleted_and_made_anew_watches_the_new_one(
    watcher: FolderWatcher, folder: Path, bell: Bell
) -> None:
    folder.rmdir()
    assert not watcher.ensure_alive()
    folder.mkdir()
    assert not watcher.ensure_alive()
    assert quiet(bell)
    (folder / "a.pgp").write_bytes(b"sealed")
    assert bell.rang()
    assert watcher.ensure_alive()


def test_ensure_alive_after_the_folder_was_exchanged_watches_the_new_one(
    watcher: FolderWatcher, folder: Path, bell: Bell
) -> None:
    folder.rename(folder.parent / "old")
    folder.mkdir()
    assert not watcher.ensure_alive()
    assert bell.rang()
    assert quiet(bell)
    (folder / "a.pgp").write_bytes(b"sealed")
    assert bell.rang()


def test_ensure_alive_after_the_observer_died_replaces_it_counts_and_wakes(
    watcher: FolderWatcher, folder: Path, bell: Bell
) -> None:
    [dying] = [thread for thread in threading.enumerate() if "Observer" in type(thread).__name__]
    dying.stop()  # type: ignore[attr-defined]
    dying.join(HINT_SECONDS)
    assert not watcher.ensure_alive()
    assert (watcher.restarts, bell.rang()) == (1, True)
    assert quiet(bell)
    (folder / "a.pgp").write_bytes(b"sealed")
    assert bell.rang()


def test_start_with_a_missing_folder_watches_it_once_it_is_there(tmp_path: Path, bell: Bell) -> None:
    late = tmp_path / "late"
    watcher = FolderWatcher([late], bell.ring)
    watcher.start()
    assert watcher.ensure_alive()
    late.mkdir()
    assert not watcher.ensure_alive()
    assert quiet(bell)
    (late / "a.pgp").write_bytes(b"sealed")
    assert bell.rang()
    watcher.stop()


def test_start_without_a_notifier_left_is_no_fault_and_watches_once_there_is_one(
    folder: Path, bell: Bell
) -> None:
    watcher = FolderWatcher([folder], bell.ring)
    with no_more_open_files():
        watcher.start()
        assert not watcher.ensure_alive()
    assert bell.rang()
    assert not watcher.ensure_alive()
    assert watcher.ensure_alive()
    assert quiet(bell)
    (folder / "a.pgp").write_bytes(b"sealed")
    assert bell.rang()
    assert watcher.restarts == 0
    watcher.stop()


def test_stop_ends_every_thread_and_may_come_twice(folder: Path, bell: Bell) -> None:
    before = set(threading.enumerate())
    watcher = FolderWatcher([folder], bell.ring)
    watcher.start()
    watcher.stop()
    watcher.stop()
    assert set(threading.enumerate()) <= before
    assert watcher.ensure_alive()
