"""Who may read and who may act: the token, the sign-ins it opens, forms that are ours, and tries that failed.

Kept in memory alone: a new start of the service ends every sign-in, and so
does another token. Knows no request and no page.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from agent.errors import ConfigError

MIN_TOKEN_CHARACTERS = 16
SIGNED_IN_SECONDS = 8 * 3600.0
"""A working day; whoever leaves earlier signs out."""
MAX_SIGN_INS = 100
TRIES, TRIES_IN_ALL, TRIES_SECONDS = 5, 50, 300.0
"""Wrong tokens from one address, and from all, within this time; then nobody's is looked at from there."""

Seconds = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Token:
    """Where the token is kept; it is read anew each time, so that a changed one counts at once."""

    read: Callable[[], str]

    def digest(self) -> bytes:
        """Raises ConfigError for one that cannot be read, or is too short to protect anything."""
        token = self.read()
        if len(token) < MIN_TOKEN_CHARACTERS:
            what = f"is shorter than {MIN_TOKEN_CHARACTERS} characters: make one with `openssl rand -hex 16`"
            raise ConfigError([f"status_page.token: {what}"])
        return _digest(token)

    def fits(self, given: str) -> bool:
        """In a time that tells nothing of how much of it was right. Raises ConfigError as above."""
        return hmac.compare_digest(self.digest(), _digest(given.strip()))


class SignIns:
    """Browsers that have shown the token, by a random id of which only the digest is kept."""

    def __init__(self, seconds: Seconds = time.monotonic) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._open: dict[bytes, tuple[float, bytes]] = {}

    def open(self, token: bytes) -> str:
        """A new id, good for as long as the token has this digest, and not longer than a working day."""
        name = secrets.token_urlsafe(32)
        with self._lock:
            now = self._seconds()
            self._open = {key: one for key, one in self._open.items() if one[0] > now}
            while len(self._open) >= MAX_SIGN_INS:
                del self._open[next(iter(self._open))]
            self._open[_digest(name)] = now + SIGNED_IN_SECONDS, token
        return name

    def is_open(self, name: str, token: bytes) -> bool:
        with self._lock:
            ends_at, opened_with = self._open.get(_digest(name), (0.0, b""))
            return self._seconds() < ends_at and hmac.compare_digest(opened_with, token)

    def close(self, name: str) -> None:
        with self._lock:
            self._open.pop(_digest(name), None)


class FormMarks:
    """A value in each form that only we can make, and only for the browser whose cookie it belongs to."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def of(self, cookie: str) -> str:
        return hmac.new(self._secret, cookie.encode(), hashlib.sha256).hexdigest()

    def fits(self, cookie: str, mark: str) -> bool:
        return bool(cookie) and hmac.compare_digest(self.of(cookie).encode(), mark.encode())


class FailedTries:
    """Wrong tokens of the last minutes; who has tried too often waits."""

    def __init__(self, seconds: Seconds = time.monotonic) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._failed: deque[tuple[float, str]] = deque(maxlen=TRIES_IN_ALL)

    def add(self, address: str) -> None:
        with self._lock:
            self._failed.append((self._seconds(), address))

    def too_many(self, address: str) -> bool:
        since = self._seconds() - TRIES_SECONDS
        with self._lock:
            recent = [one for at, one in self._failed if at > since]
        return recent.count(address) >= TRIES or len(recent) >= TRIES_IN_ALL


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
