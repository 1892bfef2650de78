"""Watches the folders of houses, and what processes say, for planted patients (promise P11).

Every house plants canaries and is watched from its first file to its end; `watch_after_each_test`
looks through what has changed after each test, and a house looks once more when it closes.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit.canaries import found_in

DATABASE = "practice.db"
"""The practice database and its companions: where patients belong."""
NOT_OURS = {"pg", "opened"}
"""A database server's data; where a partner opens files, as docs/exchange-formats.md tells it to."""


class LeakError(AssertionError):
    """Patient data stands where it must not."""


class LeakWatch:
    """Looks through a folder again and again, each state of a file once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, tuple[int, int, int]] = {}

    def leaks(self) -> dict[str, list[str]]:
        """New or changed files whose name or bytes hold what is known of a canary, and what they hold."""
        found = {path: _looked_at(path) for path in self._changed(str(self._folder))}
        return {path: leaks for path, leaks in found.items() if leaks}

    def _changed(self, folder: str) -> Iterator[str]:
        for entry in _entries(folder):
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in NOT_OURS:
                    yield from self._changed(entry.path)
            elif not entry.name.startswith(DATABASE):
                status = entry.stat(follow_symlinks=False)
                state = (status.st_ino, status.st_size, status.st_mtime_ns)
                if self._seen.get(entry.path) != state:
                    self._seen[entry.path] = state
                    yield entry.path


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:  # gone meanwhile, or closed to us by the test
        return []


def _looked_at(path: str) -> list[str]:
    file = Path(path)
    try:
        # A pipe or a socket would keep us waiting, and holds nothing.
        content = file.read_bytes() if file.is_file() and not file.is_symlink() else b""
    except OSError:
        content = b""
    return found_in(os.fsencode(path)) + found_in(content)


_watches: dict[Path, LeakWatch] = {}


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """A folder under watch; raises LeakError at its end."""
    _watches[folder] = LeakWatch(folder)
    try:
        yield
        require_none_in_folders()
    finally:
        del _watches[folder]


def require_none_in_folders() -> None:
    """Raises LeakError if a watched folder holds patient data that was not told before."""
    leaks = {path: found for watch in _watches.values() for path, found in watch.leaks().items()}
    if leaks:
        raise LeakError(f"patient data outside the database: {leaks}")


def require_none_in(text: str | bytes, where: str) -> None:
    """Raises LeakError if somebody said what is known of a canary."""
    found = found_in(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    if found:
        raise LeakError(f"patient data in {where}: {found}")


class LooseFiles:
    """Files that come into being beside all folders: crash dumps, forgotten temporary files."""

    def __init__(self) -> None:
        self._places = (Path(tempfile.gettempdir()), Path.cwd())
        self._before = set(self._files())

    def _files(self) -> Iterator[str]:
        for place in self._places:
            yield from (entry.path for entry in _entries(str(place)) if entry.is_file(follow_symlinks=False))

    def require_none(self) -> None:
        """Raises LeakError if one that is new holds patient data."""
        leaks = {path: _looked_at(path) for path in self._files() if path not in self._before}
        if any(leaks.values()):
            raise LeakError(f"patient data in a file that was left behind: {leaks}")
