"""Opens one SSH connection to a partner: pinned host key, our own key, one SFTP channel.

The only module that knows paramiko. It is the byte channel under
`sftp_client`; it never accepts a host key that is not pinned, never falls
back to passwords, and repeats nothing that the server says.
"""

import base64
import binascii
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
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

# The largest SSH packet that every server takes; a longer copy would only be cut again.
_SEND_BYTES = 32 * 1024


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
    """One connection, one channel. `close` may come from any thread, at any moment, and does not block."""

    def __init__(self, account: SshAccount) -> None:
        self._account = account
        self._socket: socket.socket | None = None
        self._transport: paramiko.Transport | None = None
        self._channel: paramiko.Channel | None = None
        self._closed = False

    def open(self, seconds: float) -> None:
        """Connect, check the host key, log in, ask for SFTP. Raises TransferError or HostKeyRefusedError.

        `seconds` is the caller's hard deadline. paramiko's own limits are set
        beyond it: they would only blur the message, and do not always hold.
        """
        address = self._account.address
        key = _private_key(self._account)
        try:
            transport = self._negotiate(2 * seconds)
            self._check_host_key(transport.get_remote_server_key())
            transport.auth_publickey(self._account.user_name, key)
            if not transport.is_authenticated():
                raise TransferError(f"{address}: the server wants more than a key to log in")
            self._channel = transport.open_session()
            self._channel.invoke_subsystem("sftp")
        except paramiko.AuthenticationException:
            # Without the cause here and below: it repeats the server's words.
            raise TransferError(f"{address}: the server does not accept the user name with our key") from None
        except paramiko.SSHException as error:
            raise TransferError(f"{address}: no SSH session comes about ({type(error).__name__})") from None
        except (OSError, EOFError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise TransferError(f"{address}: cannot connect: {reason}") from error

    def send(self, data: memoryview) -> int:
        if self._channel is None:
            raise EOFError
        try:
            return self._channel.send(bytes(data[:_SEND_BYTES]))
        except paramiko.SSHException:
            raise ConnectionAbortedError from None

    def recv(self, size: int) -> bytes:
        if self._channel is None:
            raise EOFError
        return self._channel.recv(size)

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
