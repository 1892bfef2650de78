"""What was fetched and stays at the partner's is remembered over restarts, and forgotten in time."""

from pathlib import Path

import pytest

from agent.adapters.fetched_files import FetchedFiles
from agent.ports import RemoteFile

FILE = RemoteFile("Meier-Anna.pgp", 812, 1798700000)
OTHERS = (RemoteFile("b.pgp", 812, 1798700000), RemoteFile("Meier-Anna.pgp", 813, 1798700000))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fetched.txt"


def opened(path: Path) -> FetchedFiles:
    """As after a restart."""
    return FetchedFiles(path, path.parent / "drafts")


def test_remembered_file_is_known_after_a_restart_and_no_other_one_is(path: Path) -> None:
    files = opened(path)
    assert FILE not in files
    files.add(FILE)
    files.add(FILE)
    for known in (files, opened(path)):
        assert FILE in known
        assert not any(other in known for other in OTHERS)
    assert len(path.read_text().splitlines()) == 1


def test_file_of_a_later_time_is_another_one(path: Path) -> None:
    files = opened(path)
    files.add(FILE)
    assert RemoteFile(FILE.name, FILE.size, 1798700001) not in files
    assert RemoteFile(FILE.name, FILE.size) not in files


def test_file_that_has_gone_at_the_partners_is_forgotten(path: Path) -> None:
    files = opened(path)
    for one in (FILE, *OTHERS):
        files.add(one)
    files.keep_only([FILE, RemoteFile("new.pgp", 1)])
    for known in (files, opened(path)):
        assert FILE in known
        assert not any(other in known for other in OTHERS)


def test_torn_line_of_a_power_cut_is_passed_over(path: Path) -> None:
    opened(path).add(FILE)
    with path.open("ab") as file:
        file.write(b"0123456789abcdef")
    files = opened(path)
    files.add(OTHERS[0])
    assert FILE in opened(path)


def test_memory_holds_no_name(path: Path) -> None:
    opened(path).add(FILE)
    assert "Meier" not in path.read_text()
