"""Reads which folders Microsoft Defender leaves out of its scans, from the registry.

For the doctor alone; changes nothing. Other scanners keep their lists
elsewhere, and nobody but an administrator may read this one.
"""

import sys
import winreg
from pathlib import Path

assert sys.platform == "win32"  # noqa: S101 - for mypy: there is no registry elsewhere

_LISTS = (
    r"SOFTWARE\Microsoft\Windows Defender\Exclusions\Paths",
    r"SOFTWARE\Policies\Microsoft\Windows Defender\Exclusions\Paths",
)


def excluded_paths() -> list[Path]:
    """Empty if the lists may not be read, too."""
    found = []
    for name in _LISTS:
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, name) as key:
                count = winreg.QueryInfoKey(key)[1]
                found += [Path(winreg.EnumValue(key, index)[0]) for index in range(count)]
        except OSError:
            continue
    return found
