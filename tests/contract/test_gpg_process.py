"""Running gpg: its limit on time, its status lines, and what happens when either end of a pipe fails."""

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.adapters.gpg_process import StatusLine, parse_status, run_gpg, run_gpgv
from agent.errors import GpgUnavailableError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home; storing data needs neither key nor agent."""
    tmp_path.chmod(0o700)
    return tmp_path


def program(folder: Path, source: str) -> str:
    """A stand-in for gpg that misbehaves; it receives gpg's arguments."""
    file = folder / "misbehaving"
    version = "if sys.argv[1] == '--version': os.execvp('gpg', sys.argv)"
    file.write_text(f"#!{sys.executable}\nimport os, sys, time\n{version}\n{source}\n")
    file.chmod(0o700)
    return str(file)


def test_status_is_split_at_line_feeds_only_and_ignores_what_is_no_status() -> None:
    good = b"[GNUPG:] GOODSIG 00 A\x0b[GNUPG:] VALIDSIG\x0c\x85 B\xff\r\n"
    raw = b"gpg: noise\n" + good + b"[GNUPG:] NEWSIG\n[GNUPG:] BADSIG cut"
    assert parse_status(raw) == (
        StatusLine("GOODSIG", ("00", "A\x0b[GNUPG:]", "VALIDSIG\x0c\ufffd", "B\ufffd")),
        StatusLine("NEWSIG", ()),
    )


def test_data_of_any_size_passes_through(home: Path) -> None:
    block, output = os.urandom(1 << 20), bytearray()
    run = run_gpg("gpg", home, ["--compress-algo", "none", "--store"], [block] * 20, output.extend)
    assert run.exit_code == 0
    assert len(output) > 20 << 20
    assert block[:4000] in output


def test_program_that_hangs_is_killed_after_the_limit(home: Path) -> None:
    hanging = program(home, "time.sleep(60)")
    started = time.monotonic()
    with pytest.raises(GpgUnavailableError, match="did not finish within"):
        run_gpg(hanging, home, [], [b"x" * 1_000_000], len, limit_seconds=0.3)
    with pytest.raises(GpgUnavailableError, match="did not finish within"):
        run_gpgv(hanging, [], b"x" * 1_000_000, limit_seconds=0.3)
    assert time.monotonic() - started < 10


def test_program_that_leaves_a_hanging_child_is_killed_with_it(home: Path) -> None:
    parent = program(home, "os.fork() or time.sleep(60)\ntime.sleep(60)")
    started = time.monotonic()
    with pytest.raises(GpgUnavailableError, match="did not finish within"):
        run_gpg(parent, home, [], [b"x" * 1_000_000], len, limit_seconds=0.3)
    assert time.monotonic() - started < 10


def test_time_that_the_source_takes_is_not_counted(home: Path) -> None:
    def slow() -> Iterator[bytes]:
        yield b"x" * 300_000
        time.sleep(1.0)
        yield b"y" * 300_000

    output = bytearray()
    assert run_gpg("gpg", home, ["--store"], slow(), output.extend, limit_seconds=0.6).exit_code == 0


def test_program_that_ends_early_gives_its_exit_code_and_status(home: Path) -> None:
    early = program(home, "sys.stderr.write('[GNUPG:] FAILURE sign 17\\n'); sys.exit(2)")
    run = run_gpg(early, home, [], (b"x" * 100_000 for _ in range(100)), len)
    assert (run.exit_code, run.status) == (2, (StatusLine("FAILURE", ("sign", "17")),))


def test_source_that_fails_never_lets_gpg_see_a_normal_end(home: Path) -> None:
    witness = program(home, f"sys.stdin.buffer.read(); open({str(home / 'ended')!r}, 'w')")

    def source() -> Iterator[bytes]:
        yield b"x" * 300_000
        raise LookupError("the database went away")

    with pytest.raises(LookupError):
        run_gpg(witness, home, [], source(), len)
    assert not (home / "ended").exists()
    assert run_gpg(witness, home, [], [b"x"], len).exit_code == 0
    assert (home / "ended").exists()


def test_sink_that_fails_ends_everything_and_its_error_comes_through(home: Path) -> None:
    def sink(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        run_gpg("gpg", home, ["--store"], (os.urandom(100_000) for _ in range(100)), sink)


def test_no_thread_outlives_a_run(home: Path) -> None:
    before = threading.active_count()
    run_gpg("gpg", home, ["--store"], [b"x"], len)
    with pytest.raises(GpgUnavailableError):
        run_gpg("no-such-gpg", home, [], [b"x"], len)
    assert threading.active_count() == before


def test_option_file_and_surroundings_do_not_change_what_gpg_does(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "gpg.conf").write_text("armor\n")
    monkeypatch.setenv("GNUPGHOME", str(home / "elsewhere"))
    output = bytearray()
    assert run_gpg("gpg", home, ["--store"], [b"x"], output.extend).exit_code == 0
    assert not output.startswith(b"-----BEGIN")


@pytest.mark.parametrize(
    "answer", ["", "gpg (GnuPG) 2.1.20", "GPG Suite 2023.3"], ids=["silent", "too old", "another program"]
)
def test_program_that_is_not_gnupg_is_refused_before_its_silence_blames_anybody(
    home: Path, answer: str
) -> None:
    stranger = home / "stranger"
    stranger.write_text(f"#!/bin/sh\necho '{answer}'\n")
    stranger.chmod(0o700)
    with pytest.raises(GpgUnavailableError, match=r"is not GnuPG 2\.2 or later"):
        run_gpg(str(stranger), home, ["--list-keys"], [], len)
    with pytest.raises(GpgUnavailableError, match=r"is not GnuPG 2\.2 or later"):
        run_gpgv(str(stranger), [], b"")


def test_program_that_an_update_spoiled_is_refused_although_it_was_gnupg_before(home: Path) -> None:
    updated = home / "gpgv"
    updated.symlink_to(shutil.which("gpgv") or "")
    run_gpgv(str(updated), ["--version"], b"")
    updated.unlink()
    updated.symlink_to(shutil.which("true") or "")
    with pytest.raises(GpgUnavailableError, match=r"is not GnuPG 2\.2 or later"):
        run_gpgv(str(updated), [], b"")
    updated.unlink()
    with pytest.raises(GpgUnavailableError, match="cannot be started"):
        run_gpgv(str(updated), [], b"")
    updated.symlink_to(shutil.which("gpgv") or "")
    run_gpgv(str(updated), ["--version"], b"")


def test_system_without_a_further_thread_is_our_own_fault(home: Path) -> None:
    """What Python says then is no OSError: the file in hand would be blamed for a crash."""
    usual = threading.stack_size(1 << 46)  # more than there are addresses
    try:
        with pytest.raises(GpgUnavailableError, match="no further thread"):
            run_gpg("gpg", home, ["--store"], [b"x"], len)
    finally:
        threading.stack_size(usual)


def test_program_that_is_content_with_a_part_of_its_input_is_not_believed(home: Path) -> None:
    """Signed and sealed, a torn document would look whole."""
    hasty = program(home, "sys.stdin.buffer.read(10); sys.exit(0)")
    with pytest.raises(GpgUnavailableError, match="did not take all"):
        run_gpg(hasty, home, [], (b"x" * 100_000 for _ in range(100)), len)
