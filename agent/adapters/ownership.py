"""Hands folders and files over to the service's account, closed to everybody else.

Run by root over folders in which that account may write: nothing is followed
out of them. A link, or a file with a second name, could be somebody's trap to
get /etc/shadow handed over; it is refused, by its descriptor and not by its name.
"""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import SpoolError, UsageError

if sys.platform == "win32":
    raise ImportError("on Windows access lists decide")

FOLDER_MODE, FILE_MODE = 0o700, 0o600
_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_PASSED_OVER = (stat.S_ISSOCK, stat.S_ISFIFO)
"""gpg-agent's sockets: they come and go with it."""


def hand_over_folder(folder: Path, user: int, group: int) -> None:
    """With all that is in it; made if it is missing.

    Raises UsageError for what is no plain file or folder, SpoolError.
    """
    with _told(folder):
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        for place, folders, files, descriptor in os.fwalk(folder, follow_symlinks=False):
            os.fchown(descriptor, user, group)
            os.fchmod(descriptor, FOLDER_MODE)
            links = [name for name in folders if (Path(place) / name).is_symlink()]
            for name in (*files, *links):
                _hand_over_entry(name, Path(place), descriptor, user, group)


def hand_over_file(file: Path, user: int, group: int) -> None:
    """One file, such as a secret. Raises as above."""
    with _told(file.parent):
        descriptor = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _hand_over_entry(file.name, file.parent, descriptor, user, group)
        finally:
            os.close(descriptor)


def _hand_over_entry(name: str, folder: Path, parent: int, user: int, group: int) -> None:
    status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if any(passed_over(status.st_mode) for passed_over in _PASSED_OVER):
        return
    if stat.S_ISLNK(status.st_mode):
        raise UsageError(f"{folder} holds a link, which is not handed over: put the file itself there")
    descriptor = os.open(name, _OPEN, dir_fd=parent)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise UsageError(f"{folder} holds what is no plain file, or has a second name elsewhere")
        os.fchown(descriptor, user, group)
        os.fchmod(descriptor, FILE_MODE)
    finally:
        os.close(descriptor)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SpoolError(f"cannot hand {folder} over: {error.strerror}") from error
