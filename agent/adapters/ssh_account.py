"""Where to log in at a partner's server and as whom; known without paramiko, which takes long to load."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.adapters.host_keys import HostKeyFile


@dataclass(frozen=True, slots=True)
class SshAccount:
    """Where to log in and as whom; `host_keys` are public key lines such as `ssh-ed25519 AAAA...`.

    `pinned` are those that an operator has pinned or revoked; it is asked at every connection.
    """

    host: str
    port: int
    user_name: str
    private_key: Path
    passphrase: Callable[[], str | None]
    host_keys: tuple[str, ...]
    pinned: HostKeyFile | None = None

    def accepted_host_keys(self) -> tuple[str, ...]:
        """Raises HostKeyRefusedError if the pinned ones cannot be read."""
        return self.pinned.accepted(self.host_keys) if self.pinned else self.host_keys

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"
