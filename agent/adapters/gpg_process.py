"""Run one gpg program: bytes in, bytes out, its verdict on a channel of its own, and a limit on its time.

Whoever seals, opens or manages keys starts gpg here. No shell, no option
file, no terminal, no network. Only status lines count as a verdict; they are
split at line feeds alone, because everything else may stand in a user id.
This module never judges a status line.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, cast

from agent.errors import GpgUnavailableError

STATUS_PREFIX = b"[GNUPG:] "
WRITE_BYTES = 256 * 1024
"""Small chunks are joined before they are written; a write for every line costs more than gpg does."""

OLDEST_VERSION = (2, 2)
VERSION_SECONDS = 10
_VERSION = re.compile(rb"gpgv? \(GnuPG[^)]*\) ([0-9]+)\.([0-9]+)(?:\.([0-9]+))?")

Sink = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class StatusLine:
    """One line of the status channel (doc/DETAILS of GnuPG)."""

    keyword: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GpgRun:
    """How a gpg program ended and what it said about it."""

    exit_code: int
    status: tuple[StatusLine, ...]

    def count(self, keyword: str) -> int:
        return sum(line.keyword == keyword for line in self.status)

    def first(self, keyword: str) -> StatusLine | None:
        return next((line for line in self.status if line.keyword == keyword), None)


def run_gpg(
    program: str,
    home: Path,
    arguments: Sequence[str],
    stdin: Iterable[bytes],
    stdout: Sink,
    *,
    limit_seconds: float = 30,
) -> GpgRun:
    """Run gpg in `home`, feeding `stdin` from the calling thread; `stdout` is called from another thread.

    `limit_seconds` is the longest that gpg may take to accept a write, and to
    finish after the last one; the time that `stdin` takes to produce is not
    counted. If `stdin` or `stdout` raises, gpg is killed, never given a normal
    end of input (it would sign the torn text), and the exception comes through.
    Raises GpgUnavailableError when gpg is missing, hangs or is killed.
    """
    gnupg_version(program)
    command = [
        program, "--no-options", "--batch", "--no-tty", "--homedir", str(home),
        # The only free channel that exists on Windows too; the log goes nowhere.
        "--status-fd", "2", "--logger-file", os.devnull,
        "--disable-dirmngr", "--no-auto-key-locate", "--no-auto-key-retrieve", "--no-auto-check-trustdb",
        # Processes would otherwise wait for each other at the lock of the seed file.
        "--no-random-seed-file",
        # A key held together by SHA-1 could have been given another expiry by a stranger.
        "--weak-digest", "SHA1",
        *arguments,
    ]  # fmt: skip
    status = bytearray()
    exit_code = _run(command, stdin, stdout, status.extend, limit_seconds)
    return GpgRun(exit_code, parse_status(bytes(status)))


def run_gpgv(program: str, arguments: Sequence[str], stdin: bytes, *, limit_seconds: float = 30) -> GpgRun:
    """Run gpgv on `stdin`; it writes no data, so its status lines have standard output for themselves.

    Raises GpgUnavailableError when gpgv is missing, hangs or is killed.
    """
    gnupg_version(program)
    command = [program, "--status-fd", "1", "--log-file", os.devnull, *arguments]
    status = bytearray()
    exit_code = _run(command, (stdin,), status.extend, None, limit_seconds)
    return GpgRun(exit_code, parse_status(bytes(status)))


def parse_status(raw: bytes) -> tuple[StatusLine, ...]:
    """The complete status lines in `raw`; anything else on the channel is ignored."""
    lines = []
    for line in raw.split(b"\n")[:-1]:
        if line.startswith(STATUS_PREFIX):
            keyword, *arguments = (
                line[len(STATUS_PREFIX) :].rstrip(b"\r").decode("utf-8", "replace").split(" ")
            )
            lines.append(StatusLine(keyword, tuple(arguments)))
    return tuple(lines)


def gnupg_version(program: str) -> str:
    """For example 2.4.5. Another program's silence would make good keys and good files look bad.

    Asked again whenever another file stands there: an update may go wrong while the agent runs.
    Raises GpgUnavailableError for what is missing, or no GnuPG from 2.2 on.
    """
    found = shutil.which(program)
    try:
        status = Path(found or program).stat()
    except OSError as error:
        raise GpgUnavailableError(f"{program} cannot be started: {error.strerror}") from error
    return _version(program, (status.st_ino, status.st_mtime_ns, status.st_size))


@cache
def _version(program: str, _file: tuple[int, int, int]) -> str:
    try:
        told = subprocess.run(
            [program, "--version"],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=VERSION_SECONDS,
            env=_environment(),
            creationflags=_creation_flags(),
        ).stdout
    except OSError as error:
        raise GpgUnavailableError(f"{program} cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise GpgUnavailableError(f"{program} does not even tell its version") from error
    version = _VERSION.match(told)
    if version is None or (int(version[1]), int(version[2])) < OLDEST_VERSION:
        raise GpgUnavailableError(f"{program} is not GnuPG {OLDEST_VERSION[0]}.{OLDEST_VERSION[1]} or later")
    return b".".join(part for part in version.groups() if part).decode()


def _creation_flags() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW  # a service has no console to open one on
    return 0


def _run(
    command: Sequence[str], stdin: Iterable[bytes], stdout: Sink, stderr: Sink | None, limit_seconds: float
) -> int:
    process = _start(command, subprocess.DEVNULL if stderr is None else subprocess.PIPE)
    drains = [
        _Drain(process, pipe, sink)
        for pipe, sink in ((process.stdout, stdout), (process.stderr, stderr))
        if pipe is not None and sink is not None
    ]
    with _Watchdog(process, limit_seconds) as watchdog:
        try:
            whole = _feed(cast(IO[bytes], process.stdin), stdin, watchdog)
            with watchdog.gpg_at_work():
                exit_code = process.wait()
        except BaseException:
            _kill(process)
            raise
        finally:
            process.wait()
            for drain in drains:
                drain.join(limit_seconds)
            _close(process)
    for drain in drains:
        drain.raise_error()
    if watchdog.killed:
        raise GpgUnavailableError(f"{Path(command[0]).name} did not finish within {limit_seconds:g} seconds")
    if exit_code < 0:
        raise GpgUnavailableError(f"{Path(command[0]).name} was ended by signal {-exit_code}")
    if exit_code == 0 and not whole:
        raise GpgUnavailableError(f"{Path(command[0]).name} did not take all that it was given")
    return exit_code


def _start(command: Sequence[str], stderr: int) -> "subprocess.Popen[bytes]":
    # In a group of its own, so that a wrapper script dies together with what it started.
    group = None if sys.platform == "win32" else 0
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=_environment(),
            creationflags=_creation_flags(),
            process_group=group,
        )
    except OSError as error:
        raise GpgUnavailableError(f"{command[0]} cannot be started: {error.strerror}") from error


def _begin(thread: threading.Thread, process: "subprocess.Popen[bytes]") -> None:
    """Raises GpgUnavailableError where the system hands out no more threads; no file is to blame for that."""
    try:
        thread.start()
    except RuntimeError as error:
        _kill(process)
        process.wait()
        _close(process)
        raise GpgUnavailableError("the system lets the agent start no further thread") from error


def _kill(process: "subprocess.Popen[bytes]") -> None:
    if process.returncode is not None:
        return
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _environment() -> dict[str, str]:
    """Ours, without what would lead gpg to another home, agent, terminal or language."""
    unwanted = {"GNUPGHOME", "GPG_AGENT_INFO", "GPG_TTY", "LANGUAGE"}
    return {name: value for name, value in os.environ.items() if name not in unwanted} | {"LC_ALL": "C"}


def _feed(pipe: IO[bytes], chunks: Iterable[bytes], watchdog: "_Watchdog") -> bool:
    """Whether all of it went into the pipe; if not, gpg is at its end, and what it made is none of ours."""
    for block in _joined(chunks):
        with watchdog.gpg_at_work():
            try:
                pipe.write(block)
            except OSError:  # gpg has ended already; its status lines and exit code say why
                return False
    with watchdog.gpg_at_work(), suppress(OSError):
        pipe.close()
    return True


def _joined(chunks: Iterable[bytes]) -> Iterator[bytes]:
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size >= WRITE_BYTES:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)


def _close(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


class _Drain:
    """Carries one pipe of gpg into a sink on a thread of its own; if the sink fails, gpg is killed."""

    def __init__(self, process: "subprocess.Popen[bytes]", pipe: IO[bytes], sink: Sink) -> None:
        self._process = process
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._carry, args=(pipe, sink), daemon=True)
        _begin(self._thread, process)

    def _carry(self, pipe: IO[bytes], sink: Sink) -> None:
        try:
            while chunk := os.read(pipe.fileno(), WRITE_BYTES):
                sink(chunk)
        except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
            self._error = error
            _kill(self._process)

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._error = GpgUnavailableError("a process started by gpg keeps its output open")

    def raise_error(self) -> None:
        if self._error is not None:
            raise self._error


class _Watchdog:
    """Kills gpg when it has been at work, uninterrupted by its caller, for longer than the limit."""

    def __init__(self, process: "subprocess.Popen[bytes]", limit_seconds: float) -> None:
        self.killed = False
        self._process = process
        self._limit_seconds = limit_seconds
        self._busy_since: float | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_Watchdog":
        _begin(self._thread, self._process)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @contextmanager
    def gpg_at_work(self) -> Iterator[None]:
        self._busy_since = time.monotonic()
        try:
            yield
        finally:
            self._busy_since = None

    def _watch(self) -> None:
        while not self._over.wait(min(1.0, self._limit_seconds / 4)):
            busy_since = self._busy_since
            if busy_since is not None and time.monotonic() - busy_since > self._limit_seconds:
                self.killed = True
                _kill(self._process)
                return
