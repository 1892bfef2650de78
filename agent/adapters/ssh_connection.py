"""Opens one SSH connection to a partner: pinned host key, our own key, paramiko's SFTP client over it.

The only module that imports paramiko, so it also says in our words what
paramiko raises; `sftp_transport` uses the client. It never accepts a host key
that is not pinned, never falls back to passwords, and repeats nothing that
the server says. A limit to know: paramiko believes the counts in an answer,
so a hostile partner can leave a thread busy that no deadline ends.
"""

import base64
import binascii
import logging
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import paramiko
from paramiko.pkey import UnknownKeyType

from agent.errors import HostKeyRefusedError, TransferError

# paramiko logs file names and what servers say: foreign text that must not reach our log.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)

# AES-GCM needs no separate checksum and is the fastest by far; no CBC, no SHA-1, no MD5.
_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr")
_DIGESTS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)

# What paramiko's client raises when the line or the server fails, and what some of it means.
_FAILURES = (OSError, EOFError, paramiko.SSHException, paramiko.SFTPError, struct.error, UnicodeDecodeError)
_REASONS = {
    FileNotFoundError: "no such file or folder",
    PermissionError: "permission denied",
    UnicodeDecodeError: "the server sends a file name or message that is not UTF-8",
    struct.error: "the server does not keep to the SFTP protocol",
    paramiko.SFTPError: "the server does not keep to the SFTP protocol",
    paramiko.AuthenticationException: "the server does not accept the user name with our key",
}


@dataclass(frozen=True, slots=True)
class SshAccount:
    """Where to log in and as whom; `host_keys` are public key lines such as `ssh-ed25519 AAAA...`."""

    host: str
    port: int
    user_name: str
    private_key: Path
    passphrase: Callable[[], str | None]
    host_keys: tuple[str, ...]

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


class SshConnection:
    """One connection, one SFTP client; `close` may come from any thread, at any moment, without blocking."""

    def __init__(self, account: SshAccount) -> None:
        self._account = account
        self._socket: socket.socket | None = None
        self._transport: paramiko.Transport | None = None
        self._channel: paramiko.Channel | None = None
        self._closed = False
        self.client: paramiko.SFTPClient
        """From `open` on; use it inside `translated`."""

    def open(self, seconds: float) -> None:
        """Connect, check the host key, log in, start SFTP. Raises TransferError or HostKeyRefusedError.

        `seconds` is the caller's hard deadline. paramiko's own limits are set
        beyond it: they would only blur the message, and do not always hold.
        """
        key = _private_key(self._account)
        with self.translated("connecting"):
            transport = self._negotiate(2 * seconds)
            self._check_host_key(transport.get_remote_server_key())
            transport.auth_publickey(self._account.user_name, key)
            if not transport.is_authenticated():
                message = "the server wants more than a key to log in"
                raise TransferError(f"{self._account.address}: {message}")
            channel = transport.open_session()
            channel.invoke_subsystem("sftp")
            self.client = paramiko.SFTPClient(channel)
            self._channel = channel

    @contextmanager
    def translated(self, action: str) -> Iterator[None]:
        """What paramiko raises in the block becomes a TransferError about `action`, in our own words."""
        try:
            yield
        except _FAILURES as error:
            # Without the cause: it repeats the server's words.
            raise TransferError(f"{self._account.address}: {action}: {self._reason(error)}") from None

    def _reason(self, error: Exception) -> str:
        for kind, words in _REASONS.items():
            if isinstance(error, kind):
                return words
        if isinstance(error, OSError):
            if self._channel is None:  # no server has spoken yet: these are the system's words
                return error.strerror or type(error).__name__
            if not self._channel.closed:
                return "the server refused"
        return f"the connection was lost ({type(error).__name__})"

    def close(self) -> None:
        """Without a farewell: saying goodbye to a hanging server hangs."""
        self._closed = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
        if self._transport is not None:
            self._transport.close()

    def _negotiate(self, seconds: float) -> paramiko.Transport:
        self._socket = socket.create_connection((self._account.host, self._account.port), timeout=seconds)
        if self._closed:
            self._socket.close()
            raise EOFError
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = transport = paramiko.Transport(self._socket)
        transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = seconds
        transport.channel_timeout = seconds
        options = transport.get_security_options()
        options.ciphers, options.digests = _CIPHERS, _DIGESTS
        options.key_types = self._preferred_key_types(tuple(options.key_types))
        transport.start_client(timeout=seconds)
        return transport

    def _preferred_key_types(self, known: tuple[str, ...]) -> tuple[str, ...]:
        """Pinned types first, so that a server with several keys shows the one we know."""
        pinned = {line.partition(" ")[0].replace("ssh-rsa", "rsa-sha2") for line in self._account.host_keys}
        return tuple(sorted(known, key=lambda kind: not any(kind.startswith(p) for p in pinned)))

    def _check_host_key(self, presented: paramiko.PKey) -> None:
        if presented.asbytes() not in _pinned(self._account.host_keys):
            message = f"the server shows the host key {presented.fingerprint}, which is not pinned"
            raise HostKeyRefusedError(f"{self._account.address}: {message}")


def _pinned(lines: tuple[str, ...]) -> set[bytes]:
    keys: set[bytes] = set()
    for line in lines:
        with suppress(IndexError, binascii.Error):
            keys.add(base64.b64decode(line.split()[1], validate=True))
    return keys


def _private_key(account: SshAccount) -> paramiko.PKey:
    """cryptography reports a wrong passphrase as ValueError and a missing or needless one as TypeError."""
    try:
        return paramiko.PKey.from_path(account.private_key, account.passphrase())
    except OSError as error:
        raise TransferError(
            f"{account.address}: cannot read the private key {account.private_key}"
        ) from error
    except (ValueError, TypeError, paramiko.SSHException, UnknownKeyType) as error:
        raise TransferError(
            f"{account.address}: the private key {account.private_key} does not open with its passphrase"
        ) from error
