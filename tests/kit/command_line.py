"""The command `otv-agent` for tests: inside this process, because it is run often, or as one of its own."""

import contextlib
import io
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.cli.advice import with_advice
from agent.cli.main import app
from tests.kit.leak_watch import require_none_in

COMMAND = [sys.executable, "-m", "agent"]


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has run: exit code, standard output, standard error. It may name no patient."""

    code: int
    out: str
    err: str

    def __post_init__(self) -> None:
        require_none_in(self.text, "what a command printed")

    @property
    def text(self) -> str:
        return self.out + self.err


def otv(*arguments: str | Path, config: Path | None = None, answer: str = "") -> Finished:
    """Run a command in this process, by the same door as `main`, and leave logging as it was."""
    out, err = io.StringIO(), io.StringIO()
    words = [str(argument) for argument in arguments] + (["--config", str(config)] if config else [])
    with _logging_kept(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        stdin, sys.stdin = sys.stdin, io.StringIO(answer)
        try:
            code = with_advice(lambda: app(words, prog_name="otv-agent"))
        finally:
            sys.stdin = stdin
    return Finished(code, out.getvalue(), err.getvalue())


def otv_process(*arguments: str | Path, **options: Any) -> Finished:
    """Run a command as a process of its own; `options` as of subprocess.run."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], check=False, capture_output=True, text=True, timeout=60, **options
    )
    return Finished(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def edited(file: Path, change: Callable[[Any], object]) -> Iterator[None]:
    """A YAML file with something else in it, for the length of a block."""
    before = file.read_text()
    content = yaml.safe_load(before)
    change(content)
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    try:
        yield
    finally:
        file.write_text(before)


def tree(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a folder: rights and content, and of files the time of change.

    Not of folders: to read its database SQLite puts a file beside it, and takes it away again.
    """
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted((folder, *folder.rglob("*"))):
        status = path.lstat()
        content = (status.st_mtime_ns, path.read_bytes()) if path.is_file() else ()
        found[str(path)] = (status.st_mode, *content)
    return found


def patients_named_in(text: str, connector: Connector) -> list[str]:
    """Names and contact points of patients that a text quotes; nothing that is printed may hold any."""
    patient, contact = tables.patient.c, tables.contact_point.c
    with connector.reading() as connection:
        people = connection.execute(select(patient.given_name, patient.family_name)).all()
        quoted = {f"{given} {family}" for given, family in people} | {family for _, family in people}
        quoted |= set(connection.scalars(select(contact.value)))
    words = text.replace(":", " ").replace(",", " ").replace("`", " ").split()
    return [name for name in quoted if name in words or (" " in name and name in text)]


@contextlib.contextmanager
def _logging_kept() -> Iterator[None]:
    # The partners' servers live in this process too, and would tell their side.
    logging.getLogger("asyncssh").setLevel(logging.CRITICAL)
    root, hook = logging.getLogger(), threading.excepthook
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:], root.level, threading.excepthook = handlers, level, hook
