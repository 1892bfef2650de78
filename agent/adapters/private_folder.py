"""Makes a folder outside the agent's own for what a person wants to look at, readable by that person alone.

For patients' data in the clear, so it refuses a folder in which others could
read, and one that the agent, a backup of it or a partner looks into.
"""

import os
import stat
import sys
from pathlib import Path

from agent.adapters.durable_files import spool_error
from agent.errors import UsageError

_NEW_FOLDERS_ARE_PRIVATE = (
    sys.platform != "win32" or (3, 11, 10) <= sys.version_info < (3, 12) or (sys.version_info >= (3, 12, 4))
)
"""On Windows older Pythons give a new folder the rights of the one around it (CVE-2024-4030)."""


def private_folder(folder: Path, *forbidden: Path) -> Path:
    """The folder, made if it is missing, with its links resolved; empty, and for this account alone.

    Raises UsageError where it is not that, or lies in or around a `forbidden` one; SpoolError.
    """
    folder = folder.resolve()
    for other in (one.resolve() for one in forbidden):
        if folder.is_relative_to(other) or other.is_relative_to(folder):
            raise UsageError(f"{folder} belongs to the agent: name a folder elsewhere")
    if not _NEW_FOLDERS_ARE_PRIVATE:
        raise UsageError("this version of Python cannot keep others out of a folder on Windows: update it")
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        _require_private(folder)
    except FileNotFoundError:
        raise UsageError(f"there is no folder {folder.parent}: make it first") from None
    except OSError as error:
        raise spool_error("make a folder", folder.parent, error) from error
    return folder


def create_private_file(file: Path) -> int:
    """A descriptor of a new file for this account alone. Raises SpoolError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        return os.open(file, flags, 0o600)
    except OSError as error:
        raise spool_error("create a file", file.parent, error) from error


def _require_private(folder: Path) -> None:
    if sys.platform == "win32":
        raise UsageError(f"{folder} is there already: name a new folder, which nobody else may read")
    try:
        status, used = folder.stat(), any(folder.iterdir()) if folder.is_dir() else True
    except OSError as error:
        raise spool_error("look", folder, error) from error
    if used:
        raise UsageError(f"{folder} is not an empty folder: name a new one")
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise UsageError(f"others may read {folder}: name a new folder, or `chmod 700` it as its owner")
