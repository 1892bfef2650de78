"""Where the service's lines go, with real files, a real socket in the journal's place, and a full disk."""

import json
import logging
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.journal import is_journal, marked
from agent.log_file import LogFile

SAY = "import logging, sys; from agent.log_setup import set_up_logging; set_up_logging('debug', sys.argv[1]);"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log" / "agent.log"


@pytest.fixture
def handler(file: Path) -> Iterator[LogFile]:
    handler = LogFile(file, max_bytes=1000, keep=2)
    yield handler
    handler.close()


def say(handler: logging.Handler, text: str) -> None:
    handler.handle(logging.LogRecord("agent", logging.INFO, "", 0, text, None, None))


# --- the journal -------------------------------------------------------------------------------


def said_by_a_process(program: str, *words: str, journal: bool = True) -> list[str]:
    """What a process writes into the stream socket that systemd would have given it as standard error."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    status = os.fstat(its.fileno())
    named = f"{status.st_dev}:{status.st_ino if journal else 1}"
    command = [sys.executable, "-c", program, *words]
    environment = {**os.environ, "JOURNAL_STREAM": named}
    subprocess.run(command, check=False, stderr=its, env=environment, timeout=60)
    its.close()
    with ours, ours.makefile() as lines:
        return lines.read().splitlines()


def test_lines_into_the_journal_carry_their_priority_and_no_time_of_their_own() -> None:
    words = (
        "log = logging.getLogger('agent'); log.debug('a'); log.info('b'); log.warning('c'); log.error('d')"
    )
    more = "; log.critical('e'); from agent.cli.advice import tell; tell(ValueError('x'))"
    said = said_by_a_process(SAY + words + more, "human")
    assert said[:5] == ["<7>a", "<6>b", "<4>c", "<3>d", "<2>e"]
    assert said[5] == "<3>error: a defect, ValueError"
    assert all(line.startswith("<3>") for line in said[5:])


def test_json_lines_into_the_journal_are_marked_too() -> None:
    (line,) = said_by_a_process(SAY + "logging.getLogger('agent').error('d')", "json")
    assert (line[:3], json.loads(line[3:])["message"]) == ("<3>", "d")


def test_standard_error_that_leads_elsewhere_is_not_marked() -> None:
    (line,) = said_by_a_process(SAY + "logging.getLogger('agent').error('d')", "human", journal=False)
    assert line.endswith("ERROR   d")
    assert not is_journal(None, {"JOURNAL_STREAM": "1:1"})
    assert not is_journal(sys.stderr, {"JOURNAL_STREAM": "nonsense"})


def test_every_line_of_a_text_is_an_entry_of_its_own() -> None:
    assert marked("a\nb", logging.ERROR) == "<3>a\n<3>b"


# --- the file ----------------------------------------------------------------------------------


def test_full_file_is_put_aside_and_only_so_many_are_kept(handler: LogFile, file: Path) -> None:
    for number in range(100):
        say(handler, f"{number:099}")
    assert sorted(path.name for path in file.parent.iterdir()) == ["agent.log", "agent.log.1", "agent.log.2"]
    lines = [line for name in (".2", ".1", "") for line in Path(f"{file}{name}").read_text().splitlines()]
    assert lines == [f"{number:099}" for number in range(100 - len(lines), 100)]
    assert all(path.stat().st_size <= 1000 for path in file.parent.iterdir())


def test_file_and_a_folder_made_for_it_are_for_this_account_alone(handler: LogFile, file: Path) -> None:
    before = os.umask(0)
    try:
        for _ in range(30):
            say(handler, "x" * 99)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()} == {0o600}


@pytest.mark.parametrize("loss", ["deleted", "moved", "folder"])
def test_file_that_goes_away_is_begun_anew(handler: LogFile, file: Path, loss: str) -> None:
    say(handler, "before")
    if loss == "deleted":
        file.unlink()
    elif loss == "moved":
        file.rename(file.with_name("elsewhere"))
    else:
        file.parent.rename(file.parent.with_name("elsewhere"))
    say(handler, "after")
    assert file.read_text() == "after\n"


def test_file_that_cannot_be_written_loses_lines_and_nothing_else(
    handler: LogFile, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    say(handler, "before")
    file.unlink()
    file.mkdir()
    say(handler, "lost")
    file.rmdir()
    say(handler, "after")
    assert file.read_text() == "after\n"
    assert capfd.readouterr() == ("", "")


def test_full_disk_loses_lines_and_the_log_goes_on_once_there_is_room(tmp_path: Path) -> None:
    file = tmp_path / "agent.log"
    program = (
        "import logging, resource, signal, sys; from pathlib import Path; from agent.log_file import LogFile;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "log = LogFile(Path(sys.argv[1]), 10**6, 2);"
        "say = lambda text: log.handle(logging.LogRecord('a', 20, '', 0, text, None, None));"
        "say('first');"
        "limit = lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY));"
        "limit(20); say('x' * 100); say('y' * 100); limit(resource.RLIM_INFINITY); say('last')"
    )
    done = subprocess.run([sys.executable, "-c", program, file], check=False, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = file.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("first", "last")
    assert set("".join(lines[1:-1])) <= {"x", "y"}


def test_file_that_cannot_be_put_aside_is_written_on(handler: LogFile, file: Path) -> None:
    file.parent.mkdir()
    # A folder with something in it cannot be removed or replaced: as a file that somebody holds on Windows.
    for name in (".1", ".2"):
        (Path(f"{file}{name}") / "held").mkdir(parents=True)
    for number in range(30):
        say(handler, f"{number:099}")
    assert file.read_text().splitlines() == [f"{number:099}" for number in range(30)]


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_no_plain_file_is_not_written_into(handler: LogFile, file: Path, kind: str) -> None:
    file.parent.mkdir()
    other = file.with_name("other")
    other.touch()
    if kind == "link":
        file.symlink_to(other)
    else:
        os.mkfifo(file)
    say(handler, "lost")
    assert other.read_bytes() == b""
