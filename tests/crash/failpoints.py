"""Wraps every side effect of this process from outside, so that it can be ended right before or after one.

Installed by the start program of the crash tests (`tests.crash.cradle`) in the
process that is to die, and nowhere else: the agent's code holds no failpoint,
so a normal run cannot reach one. An effect is caught at the few funnels that
all code of the agent must pass: the calls of `os` that change a folder or make
bytes durable, programs started and ended, statements that write, commits, new
connections and requests to an SFTP server. `watch` asks the interpreter
whether anything went past them.
"""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import paramiko
import paramiko.sftp
from sqlalchemy.engine.default import DefaultDialect

AGENT = f"{os.sep}agent{os.sep}"
WRITING_VERBS = {"INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER"}
WRITING_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

Side = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Failpoint:
    """The `occurrence`-th time (from 1) that the process stands `side` of the effect `name`."""

    name: str
    side: Side
    occurrence: int = 1


class Failpoints:
    """Counts effects by name, writes them down on request, and ends the process at the wanted one."""

    def __init__(self, wanted: Failpoint | None = None, record: Path | None = None) -> None:
        self._wanted = wanted
        self._record = None if record is None else os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._inside = threading.local()

    @property
    def inside(self) -> bool:
        """Whether this thread is between the two sides of an effect."""
        return getattr(self._inside, "depth", 0) > 0

    @contextmanager
    def effect(self, what: str) -> Iterator[None]:
        place = _place()
        if place is None or self.inside:
            yield
            return
        name = f"{what}: {place}"
        with self._lock:
            self._seen[name] += 1
            occurrence = self._seen[name]
        self._pass(Failpoint(name, "before", occurrence))
        self._inside.depth = 1
        try:
            yield
        finally:
            self._inside.depth = 0
            # Also where it failed: a folder that is there already is none the less a place to die at.
            self._pass(Failpoint(name, "after", occurrence))

    def note(self, what: str) -> None:
        """Of `watch`: an effect that went past every failpoint."""
        if self._record is not None:
            os.write(self._record, f"PAST\t{what}\t{_place()}\n".encode())

    def _pass(self, here: Failpoint) -> None:
        if self._record is not None and here.side == "before":
            os.write(self._record, f"{here.name}\n".encode())
        if here == self._wanted:
            os.kill(os.getpid(), signal.SIGKILL)


def install(points: Failpoints) -> None:
    """From now on every effect of this process passes `points`."""
    for name in (
        "replace",
        "rename",
        "unlink",
        "remove",
        "mkdir",
        "rmdir",
        "link",
        "symlink",
        "truncate",
        "fsync",
    ):
        _wrap(points, os, name, lambda *_, name=name: f"os.{name}")
    _wrap(points, os, "open", lambda _, flags, *__: "os.open" if flags & WRITING_FLAGS else None)
    _wrap(points, subprocess.Popen, "__init__", lambda _, command, *__: f"start {_program(command)}")
    _wrap(points, subprocess.Popen, "wait", lambda process, *_: f"end {_program(process.args)}")
    _wrap(points, DefaultDialect, "do_execute", lambda *arguments: _statement(arguments[2]))
    _wrap(points, DefaultDialect, "do_executemany", lambda *arguments: _statement(arguments[2]))
    _wrap(points, DefaultDialect, "do_execute_no_params", lambda *arguments: _statement(arguments[2]))
    _wrap(points, DefaultDialect, "do_commit", lambda *_: "commit")
    _wrap(points, socket, "create_connection", lambda *_: "connect")
    _wrap(points, paramiko.SFTPClient, "_async_request", lambda _, __, kind, *___: f"sftp {_request(kind)}")


def watch(points: Failpoints) -> None:
    """Write down every effect that the interpreter reports outside of a failpoint; cannot be undone."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        # Judged by its name first: looking at the stack is an event of its own.
        if _changes_something(event, arguments) and not points.inside and _place() is not None:
            points.note(event)

    real = sqlite3.dbapi2.connect

    def connect(*arguments: Any, **named: Any) -> Any:
        connection = real(*arguments, **named)
        connection.set_trace_callback(lambda sql: _trace(points, sql))
        return connection

    sqlite3.dbapi2.connect = connect
    sys.addaudithook(hook)


def _wrap(points: Failpoints, owner: Any, name: str, told: Callable[..., str | None]) -> None:
    real = getattr(owner, name)

    def step(*arguments: Any, **named: Any) -> Any:
        what = told(*arguments)
        if what is None:
            return real(*arguments, **named)
        with points.effect(what):
            return real(*arguments, **named)

    setattr(owner, name, step)


def _place() -> str | None:
    """The agent's functions on the stack, from the story down; None if the agent has no part in it."""
    frame: FrameType | None = sys._getframe(1)
    found: list[str] = []
    while frame is not None:
        code = frame.f_code
        if AGENT in code.co_filename and f"{AGENT}cli{os.sep}" not in code.co_filename:
            found.append(code.co_name)
        frame = frame.f_back
    return " > ".join(reversed(found)) or None


def _program(command: Any) -> str:
    return Path(os.fspath(command if isinstance(command, str) else command[0])).name


def _statement(sql: str) -> str | None:
    verb, *words = sql.split(None, 3)
    if verb.upper() not in WRITING_VERBS:
        return None
    table = words[0] if verb == "UPDATE" else words[1]
    return f"{verb} {table.rpartition('.')[2]}"


def _request(kind: int) -> str:
    return str(paramiko.sftp.CMD_NAMES.get(kind, kind))


_CHANGING = {
    "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
    "os.chown", "os.utime", "os.setxattr", "os.removexattr", "subprocess.Popen", "os.system", "os.exec",
    "os.posix_spawn", "os.fork", "os.forkpty", "os.spawn", "os.startfile", "socket.connect", "socket.sendto",
    "socket.bind", "shutil.copyfile", "shutil.move", "shutil.rmtree", "tempfile.mkstemp", "tempfile.mkdtemp",
}  # fmt: skip


def _changes_something(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open":
        path, mode, flags = arguments
        if isinstance(path, int):  # a descriptor that was opened before
            return False
        return bool(flags & WRITING_FLAGS) or (isinstance(mode, str) and set(mode) & set("wax+") != set())
    return event in _CHANGING


def _trace(points: Failpoints, sql: str) -> None:
    """What SQLite is told; savepoints and pragmas leave nothing behind."""
    verb = sql.split(None, 1)[0].upper()
    if (verb in WRITING_VERBS or verb == "COMMIT") and not points.inside:
        points.note(f"sqlite {verb}")
