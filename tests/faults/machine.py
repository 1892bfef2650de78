"""Faults of the machine: disk, handles, folders, gpg, its agent, its keys."""

import os
import resource
import shutil
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.faults.target import Fault, Target
from tests.kit.command_line import edited
from tests.kit.service import gpg_agents, wait_until

HANGS = "#!/bin/sh\nexec sleep 600\n"


def no_file_grows_beyond(size: int) -> Fault:
    """As on a full disk, every write beyond fails; what stands there already can be read and moved."""
    return lambda target: target.limited(resource.RLIMIT_FSIZE, size)


def no_more_handles(target: Target) -> AbstractContextManager[None]:
    """Nothing more can be opened or started."""
    return target.limited(resource.RLIMIT_NOFILE, max(3, target.handles() - 1))


def nearly_full(target: Target) -> AbstractContextManager[None]:
    """Less room than the settings ask for: the floor is raised, because no disk can be filled here."""
    return edited(target.house.config_path, lambda content: content.update(min_free_mebibytes=1024 * 1024))


@contextmanager
def drafts_are_a_file(target: Target) -> Iterator[None]:
    """Nothing can be written where files for the partner begin."""
    drafts = target.spool[0] / "drafts"
    shutil.rmtree(drafts)
    drafts.touch()
    try:
        yield
    finally:
        drafts.unlink()


@contextmanager
def spool_removed(target: Target) -> Iterator[None]:
    """Outbox and inbound folder are gone, and no new ones can be made."""
    for folder in target.spool:
        folder.rename(folder.with_name("away"))
        folder.touch()
    try:
        yield
    finally:
        for folder in target.spool:
            folder.unlink()
            # What waited in them comes back; of the outbox only that, its folders are to be made anew.
            shutil.rmtree(folder.with_name("away") / "drafts")
            folder.with_name("away").rename(folder)


def program(name: str, content: str | None) -> Fault:
    """gpg or gpgv is gone, or this script stands in its place."""

    @contextmanager
    def fault(target: Target) -> Iterator[None]:
        link = target.programs / name
        real = link.readlink()
        link.unlink()
        if content is not None:
            link.write_text(content)
            link.chmod(0o700)
        try:
            yield
        finally:
            link.unlink(missing_ok=True)
            link.symlink_to(real)

    return fault


@contextmanager
def agent_killed(target: Target) -> Iterator[None]:
    """gpg-agent is killed and leaves its sockets behind."""
    for process in _agents(target):
        os.kill(process, signal.SIGKILL)
    yield


@contextmanager
def agent_frozen(target: Target) -> Iterator[None]:
    """gpg-agent takes every call and answers none."""
    stopped = _agents(target)
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            os.kill(process, signal.SIGCONT)


@contextmanager
def secret_keys_away(target: Target) -> Iterator[None]:
    """The key folder is there, the secret keys are not, and the agent that knew them has died."""
    folder = _home(target) / "private-keys-v1.d"
    away = folder.rename(folder.with_name("away"))
    folder.touch()
    for process in _agents(target):
        os.kill(process, signal.SIGKILL)
    try:
        yield
    finally:
        folder.unlink()
        away.rename(folder)


def _agents(target: Target) -> list[int]:
    wait_until(lambda: bool(gpg_agents(_home(target))))
    return gpg_agents(_home(target))


def _home(target: Target) -> Path:
    return target.house.data_folder / "gpg"
