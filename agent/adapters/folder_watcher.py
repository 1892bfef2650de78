"""Wakes the sweep when something happens in a watched folder; a hint, never the truth.

Events get lost in bursts and on network shares, and an observer can die
silently (watchdog #391, #663), so the daemon sweeps on a schedule too and
calls `ensure_alive` each time. Nothing here looks at files or reports names.
"""

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

_STOP_SECONDS = 3.0
# Not "opened", "closed without writing", "deleted": the sweep causes those itself and would never rest.
_ARRIVALS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileClosedEvent,
]


class FolderWatcher:
    """Calls `wake` from a thread of its own, often more than once per file; `wake` must return at once.

    Folders may be missing, may vanish and come back: `ensure_alive` notices.
    """

    def __init__(self, folders: Iterable[Path], wake: Callable[[], None]) -> None:
        self.restarts = 0
        """How often a dead observer was replaced."""
        self._folders = frozenset(folders)
        self._handler = _WakingHandler(wake)
        self._wake = wake
        self._lock = threading.Lock()
        self._wanted = False
        self._observer: BaseObserver | None = None
        self._watched: dict[Path, tuple[int, int]] = {}

    def start(self) -> None:
        """Where the machine has no notifier left, the sweep does without until `ensure_alive` finds one."""
        with self._lock:
            self._wanted = True
            self._begin()

    def stop(self) -> None:
        """Returns within a few seconds, whatever the observer does."""
        with self._lock:
            self._wanted = False
            self._end()

    def watch(self, folders: Iterable[Path]) -> None:
        """Watch exactly these folders from now on."""
        with self._lock:
            self._folders = frozenset(folders)
            if self._wanted and set(self._watched) != self._folders:
                self._renew()

    def ensure_alive(self) -> bool:
        """True if all was well; else the observer is replaced and the sweep woken, for events were lost."""
        with self._lock:
            if not self._wanted or self._is_well():
                return True
            self._renew()
        self._wake()
        return False

    def _is_well(self) -> bool:
        if self._observer is None:
            return False
        alive = self._observer.is_alive() and all(e.is_alive() for e in self._observer.emitters)
        self.restarts += not alive
        return alive and self._watched == _identities(self._folders)

    def _renew(self) -> None:
        self._end()
        self._begin()

    def _begin(self) -> None:
        try:
            observer = Observer()
            # Running first: then a folder that vanishes meanwhile fails alone, not the whole start.
            observer.start()
        except OSError:  # Linux hands out 128 inotify instances to an account.
            return
        self._watched = _identities(self._folders)
        for folder in list(self._watched):
            try:
                observer.schedule(self._handler, str(folder), event_filter=_ARRIVALS)
            except OSError:
                del self._watched[folder]
        self._observer = observer

    def _end(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(_STOP_SECONDS)
            self._observer = None
            self._watched = {}


class _WakingHandler(FileSystemEventHandler):
    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._wake()


def _identities(folders: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """Which folders are there, and whether they are still the same ones."""
    found: dict[Path, tuple[int, int]] = {}
    for folder in folders:
        try:
            status = folder.stat()
        except OSError:
            continue
        found[folder] = status.st_dev, status.st_ino
    return found
