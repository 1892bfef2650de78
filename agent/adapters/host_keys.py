"""The host keys that an operator has pinned or withdrawn for one partner: a small file beside its key ring.

One line a key, `type base64 since`, and `@revoked type base64 since` for one
that must never be accepted again, also where the partner's YAML file still
names it. Read at every connection, so that a change counts at once.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agent.adapters.durable_files import write_durably
from agent.errors import HostKeyRefusedError

REVOKED = "@revoked"


@dataclass(frozen=True, slots=True)
class HostKey:
    """A public host key as `type base64`; `since` is None where the YAML file names it."""

    line: str
    since: datetime | None = None
    revoked: bool = False

    @property
    def fingerprint(self) -> str:
        """`SHA256:...`, as `ssh-keygen -l` shows it."""
        return host_key_fingerprint(self.line)


def host_key_fingerprint(line: str) -> str:
    """`SHA256:...` of `type base64`; of a line that is no key a word that equals no fingerprint."""
    try:
        blob = base64.b64decode(line.split()[1], validate=True)
    except (IndexError, binascii.Error):
        return "no host key"
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


class HostKeyFile:
    """One partner's file; it need not exist."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keys(self) -> tuple[HostKey, ...]:
        """All, the revoked ones included. Raises HostKeyRefusedError for a file that cannot be understood."""
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
            return tuple(_host_key(line) for line in lines if line.strip())
        except FileNotFoundError:
            return ()
        except (OSError, ValueError) as error:
            # Nothing is accepted: a revocation may stand in it.
            raise HostKeyRefusedError(
                f"the file of host keys {self._path} is damaged: remove it and pin again"
            ) from error

    def accepted(self, named: Sequence[str] = ()) -> tuple[str, ...]:
        """What a connection may believe: these keys and the pinned ones, without the revoked."""
        return tuple(key.line for key in self.in_play(named) if not key.revoked)

    def in_play(self, named: Sequence[str] = ()) -> tuple[HostKey, ...]:
        """Each key once; what the file says of one counts more than that it is named."""
        known = {key.line: key for key in self.keys()}
        return tuple({**{line: HostKey(line) for line in named}, **known}.values())

    def pin(self, line: str, now: datetime) -> None:
        """Accept this key from now on. Raises HostKeyRefusedError for a revoked one, SpoolError."""
        keys = {key.line: key for key in self.keys()}
        if line in keys and keys[line].revoked:
            raise HostKeyRefusedError(
                f"the host key {host_key_fingerprint(line)} was revoked: it never comes back"
            )
        self._write({**keys, line: keys.get(line, HostKey(line, now))})

    def revoke(self, line: str, now: datetime) -> None:
        """Never accept this key again. Raises SpoolError."""
        keys = {key.line: key for key in self.keys()}
        self._write({**keys, line: HostKey(line, now, revoked=True)})

    def _write(self, keys: dict[str, HostKey]) -> None:
        text = "".join(_written(key) + "\n" for key in keys.values())
        write_durably(text.encode(), self._path.parent, self._path)


def _host_key(line: str) -> HostKey:
    """Raises ValueError."""
    words = line.split()
    revoked = words[0] == REVOKED
    kind, blob, since = words[revoked:]
    return HostKey(f"{kind} {blob}", datetime.fromisoformat(since), revoked)


def _written(key: HostKey) -> str:
    since = key.since.isoformat() if key.since else ""
    return f"{REVOKED} {key.line} {since}" if key.revoked else f"{key.line} {since}"
