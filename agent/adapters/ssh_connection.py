"""Opens one SSH connection to a partner: pinned host key, our own key, paramiko's SFTP client over it.

The only module that imports paramiko, so it also says in our words what
paramiko raises; `sftp_transport` uses the client. It never accepts a host key
that is not pinned, never falls back to passwords, and repeats nothing that
the server says. paramiko believes the lengths and counts that a server
announces; the three guards below bound them, so that a hostile partner costs
neither memory nor a thread that no deadline ends.
"""

import base64
import binascii
import logging
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import paramiko
from paramiko.packet import Packetizer
from paramiko.pkey import UnknownKeyType

from agent.adapters.sftp_answers import MAX_ANSWER_BYTES, MalformedAnswerError, plain_answer
from agent.adapters.ssh_account import SshAccount
from agent.errors import HostKeyRefusedError, RefusedByServerError, TransferError
from agent.ports import ConnectStep, Reached, unheard

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

# RFC 4253 section 6.1 asks for 35,000 bytes; without a limit paramiko collects up to 4 GiB.
_MAX_SSH_PACKET_BYTES = 1024 * 1024
_MAX_BANNER_BYTES = 64 * 1024

# What paramiko's client raises when the line or the server fails, and what some of it means.
_FAILURES = (
    OSError,
    EOFError,
    paramiko.SSHException,
    paramiko.SFTPError,
    struct.error,
    MalformedAnswerError,
    UnicodeError,
)
_BROKEN_PROTOCOL = "the server does not keep to the SFTP protocol"
_UNKNOWN_NAME = "the name of the server cannot be found"
_REASONS = {
    FileNotFoundError: "no such file or folder",
    PermissionError: "permission denied",
    MalformedAnswerError: _BROKEN_PROTOCOL,
    UnicodeDecodeError: _BROKEN_PROTOCOL,
    struct.error: _BROKEN_PROTOCOL,
    paramiko.SFTPError: _BROKEN_PROTOCOL,
    socket.gaierror: _UNKNOWN_NAME,
    UnicodeError: _UNKNOWN_NAME,  # of a host name that no name can be
    paramiko.AuthenticationException: "the server does not accept the user name with our key",
}


class GuardedClient(paramiko.SFTPClient):
    """paramiko's client, which sees only answers that `sftp_answers` has made plain.

    This and the two guards below step in where paramiko offers no hook; the
    tests with a hostile server fail if a new version goes another way.
    """

    unreadable = 0
    """Names left out of all listings so far, because they are not UTF-8."""

    def _read_packet(self) -> tuple[int, bytes]:
        size = int.from_bytes(self._read_all(4), "big")  # type: ignore[attr-defined]
        if not 0 < size <= MAX_ANSWER_BYTES:
            raise MalformedAnswerError("an answer has an impossible length")
        packet: bytes = self._read_all(size)  # type: ignore[attr-defined]
        answer = plain_answer(packet[0], packet[1:])
        self.unreadable += answer.unreadable
        return packet[0], answer.body


class _GuardedPacketizer(Packetizer):
    """Bounds what is collected before anybody is authenticated."""

    _banner_bytes = 0

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        if n > _MAX_SSH_PACKET_BYTES:
            raise paramiko.SSHException("a packet has an impossible length")
        content: bytes = super().read_all(n, check_rekey)
        return content

    def _read_timeout(self, timeout: float) -> bytes:
        """Called for the lines of the banner alone, which paramiko collects until one ends."""
        content: bytes = super()._read_timeout(timeout)  # type: ignore[misc]
        self._banner_bytes += len(content)
        if self._banner_bytes > _MAX_BANNER_BYTES:
            raise paramiko.SSHException("the banner does not end")
        return content


class _GuardedTransport(paramiko.Transport):
    """Believes no more extensions than the message has bytes for: each is two texts with their lengths."""

    def _parse_ext_info(self, msg: paramiko.Message) -> None:
        content = msg.get_remainder()
        if 8 * int.from_bytes(content[:4], "big") > len(content) - 4:
            raise paramiko.SSHException("more extensions are announced than there are")
        super()._parse_ext_info(msg)  # type: ignore[misc]


class SshConnection:
    """One connection, one SFTP client; `close` may come from any thread, at any moment, without blocking."""

    def __init__(self, account: SshAccount) -> None:
        self._account = account
        self._socket: socket.socket | None = None
        self._transport: paramiko.Transport | None = None
        self._channel: paramiko.Channel | None = None
        self._closed = False
        self.client: GuardedClient
        """From `open` on; use it inside `translated`."""

    def open(self, seconds: float, reached: Reached = unheard) -> None:
        """Connect, check the host key, log in, start SFTP. Raises TransferError or HostKeyRefusedError.

        `seconds` is the caller's hard deadline. paramiko's own limits are set
        beyond it: they would only blur the message, and do not always hold.
        """
        key = _private_key(self._account)
        reached(ConnectStep.OWN_KEY, str(self._account.private_key))
        accepted = self._account.accepted_host_keys()
        with self.translated("connecting"):
            address = self._reach(2 * seconds)
            reached(ConnectStep.ANSWERS, address)
            transport = self._negotiate(2 * seconds, accepted)
            shown = transport.get_remote_server_key()
            self._check_host_key(shown, accepted)
            reached(ConnectStep.HOST_KEY, f"{shown.get_name()} {shown.fingerprint}")
            transport.auth_publickey(self._account.user_name, key)
            if not transport.is_authenticated():
                message = "the server wants more than a key to log in"
                raise TransferError(f"{self._account.address}: {message}")
            reached(ConnectStep.LOGIN, self._account.user_name)
            channel = transport.open_session()
            channel.invoke_subsystem("sftp")
            self.client = GuardedClient(channel)
            self._channel = channel
        reached(ConnectStep.SFTP, "")

    def shown_host_key(self, seconds: float) -> str:
        """Connect and say which host key the server shows, as `type base64`; nothing is believed, nobody
        logs in. Raises TransferError. `seconds` as in `open`."""
        with self.translated("connecting"):
            self._reach(2 * seconds)
            shown = self._negotiate(2 * seconds, ()).get_remote_server_key()
            return f"{shown.get_name()} {shown.get_base64()}"

    @contextmanager
    def translated(self, action: str) -> Iterator[None]:
        """What paramiko raises in the block becomes a TransferError about `action`, in our own words."""
        try:
            yield
        except _FAILURES as error:
            kind = RefusedByServerError if self._is_refusal(error) else TransferError
            # Without the cause: it repeats the server's words.
            raise kind(f"{self._account.address}: {action}: {self._reason(error)}") from None

    def _is_refusal(self, error: Exception) -> bool:
        """Whether the server said no, over a connection that is as good as before."""
        return isinstance(error, OSError) and self._channel is not None and not self._channel.closed

    def _reason(self, error: Exception) -> str:
        for kind, words in _REASONS.items():
            if isinstance(error, kind):
                return words
        if self._is_refusal(error):
            return "the server refused"
        if isinstance(error, OSError) and self._channel is None:  # the system's words, no server has spoken
            return error.strerror or type(error).__name__
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

    def _reach(self, seconds: float) -> str:
        """Find the name and connect; the address that answered."""
        self._socket = socket.create_connection((self._account.host, self._account.port), timeout=seconds)
        if self._closed:
            self._socket.close()
            raise EOFError
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return str(self._socket.getpeername()[0])

    def _negotiate(self, seconds: float, host_keys: tuple[str, ...]) -> paramiko.Transport:
        if self._socket is None:
            raise EOFError
        self._transport = transport = _GuardedTransport(self._socket, packetizer_class=_GuardedPacketizer)
        transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = seconds
        transport.channel_timeout = seconds
        options = transport.get_security_options()
        options.ciphers, options.digests = _CIPHERS, _DIGESTS
        options.key_types = _preferred_key_types(tuple(options.key_types), host_keys)
        transport.start_client(timeout=seconds)
        return transport

    def _check_host_key(self, presented: paramiko.PKey, accepted: tuple[str, ...]) -> None:
        if presented.asbytes() not in _pinned(accepted):
            message = f"the server shows the host key {presented.fingerprint}, which is not pinned"
            raise HostKeyRefusedError(f"{self._account.address}: {message}")


def _preferred_key_types(known: tuple[str, ...], host_keys: tuple[str, ...]) -> tuple[str, ...]:
    """Pinned types first, so that a server with several keys shows the one we know."""
    pinned = {line.partition(" ")[0].replace("ssh-rsa", "rsa-sha2") for line in host_keys}
    return tuple(sorted(known, key=lambda kind: not any(kind.startswith(p) for p in pinned)))


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
