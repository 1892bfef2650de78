"""Visits to a partner's server, as the tests of the transport make them."""

import os
from dataclasses import replace
from pathlib import Path

from agent.adapters.sftp_transport import SftpSettings, SftpTransport
from agent.adapters.ssh_account import SshAccount
from agent.ports import RemoteFile, TransferSession, Transport
from tests.kit.sftp_servers import (
    SftpServer,
    SshKey,
)

NAME = "receipts-20270104t063000z-00000017-3f9c2b1a.pgp"
CONTENT = os.urandom(1_000_000)
SHORT_SECONDS = 0.4


def emptied(root: Path) -> None:
    for path in [*(root / "inbox").iterdir(), *(root / "outgoing").iterdir()]:
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def settings_for(server: SftpServer, key: SshKey) -> SftpSettings:
    account = SshAccount(
        "127.0.0.1", server.port, server.user_name, key.private_key, lambda: None, (server.host_key,)
    )
    return SftpSettings(account, inbox="inbox", outgoing="outgoing")


def transport_to(server: SftpServer, key: SshKey) -> Transport:
    return SftpTransport(settings_for(server, key))


def impatient(server: SftpServer, key: SshKey) -> Transport:
    settings = settings_for(server, key)
    return SftpTransport(replace(settings, operation_seconds=SHORT_SECONDS, min_bytes_per_second=10**9))


def log_in(transport: Transport) -> None:
    with transport.connect():
        pass


def listed(session: TransferSession) -> list[RemoteFile]:
    return session.list_inbound(lambda remote: False).new


def inbox(server: SftpServer) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (server.root / "inbox").iterdir()}
