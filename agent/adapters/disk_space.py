"""Asks whether there is room for new work on the disks that it would be written to.

A floor, looked at before anything is begun: work that is broken off by a full
disk is taken up again too, but it leaves everybody else on the disk nothing.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from agent.errors import DiskNearlyFullError, SpoolError

MEBIBYTE = 1024 * 1024


def require_room(folders: Iterable[Path], min_free_bytes: int) -> None:
    """Raises DiskNearlyFullError if less is left where one of the folders lies, SpoolError if one is gone."""
    for folder in folders:
        if free_bytes(folder) < min_free_bytes:
            raise DiskNearlyFullError(
                f"less than {min_free_bytes // MEBIBYTE} MiB are free on the disk of {folder}: "
                "nothing new is begun"
            )


def free_bytes(folder: Path) -> int:
    """What is left for this account where the folder lies. Raises SpoolError if it is gone."""
    try:
        return shutil.disk_usage(folder).free
    except OSError as error:
        raise SpoolError(f"cannot look at the disk of {folder}: {error.strerror}") from error
