"""Host keys as an operator pins and revokes them, against a real SSH server."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.adapters.host_keys import HostKeyFile, host_key_fingerprint
from agent.adapters.sftp_transport import SftpSettings, SftpTransport
from agent.adapters.ssh_account import SshAccount
from agent.errors import HostKeyRefusedError
from tests.kit.sftp_servers import PartnerSftpServer, SshKey, make_ssh_key

NOW = datetime(2027, 1, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def client_key(tmp_path_factory: pytest.TempPathFactory) -> SshKey:
    return make_ssh_key(tmp_path_factory.mktemp("client") / "key")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, client_key: SshKey) -> Iterator[PartnerSftpServer]:
    server = PartnerSftpServer(tmp_path_factory.mktemp("server"), client_key.public_line)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def file(tmp_path: Path) -> HostKeyFile:
    return HostKeyFile(tmp_path / "dentport.hosts")


def transport(
    server: PartnerSftpServer, client_key: SshKey, pinned: HostKeyFile | None, *named: str
) -> SftpTransport:
    account = SshAccount(
        "127.0.0.1", server.port, server.user_name, client_key.private_key, lambda: None, named, pinned
    )
    return SftpTransport(SftpSettings(account, "inbox", "outgoing"))


def log_in(transport: SftpTransport) -> None:
    with transport.connect() as session:
        session.list_inbound()


def test_shown_host_key_is_that_of_the_server_and_is_believed_only_once_it_is_pinned(
    server: PartnerSftpServer, client_key: SshKey, file: HostKeyFile
) -> None:
    unknown = transport(server, client_key, file)
    shown = unknown.shown_host_key()
    assert shown == " ".join(server.host_key.split()[:2])
    with pytest.raises(HostKeyRefusedError, match=host_key_fingerprint(shown).replace("+", r"\+")):
        log_in(unknown)
    file.pin(shown, NOW)
    log_in(unknown)


def test_revoked_host_key_is_refused_at_the_next_connection_also_where_the_settings_name_it(
    server: PartnerSftpServer, client_key: SshKey, file: HostKeyFile
) -> None:
    line = " ".join(server.host_key.split()[:2])
    known = transport(server, client_key, file, line)
    log_in(known)
    file.revoke(line, NOW)
    with pytest.raises(HostKeyRefusedError):
        log_in(known)
    with pytest.raises(HostKeyRefusedError, match="never comes back"):
        file.pin(line, NOW)


def test_two_pins_stand_side_by_side_while_a_host_key_is_replaced(
    server: PartnerSftpServer, client_key: SshKey, file: HostKeyFile, tmp_path: Path
) -> None:
    coming = make_ssh_key(tmp_path / "coming").public_line
    file.pin(coming, NOW)
    file.pin(" ".join(server.host_key.split()[:2]), NOW)
    log_in(transport(server, client_key, file))
    assert [key.line for key in file.in_play([coming])] == list(file.accepted())
    assert {key.since for key in file.in_play()} == {NOW}


def test_damaged_file_of_host_keys_lets_nobody_in(
    server: PartnerSftpServer, client_key: SshKey, file: HostKeyFile, tmp_path: Path
) -> None:
    line = " ".join(server.host_key.split()[:2])
    file.revoke(line, NOW)
    whole = (tmp_path / "dentport.hosts").read_text()
    for damaged in (whole.replace(" 2027", " "), "@revoked\n", whole[:20]):
        (tmp_path / "dentport.hosts").write_text(damaged)
        with pytest.raises(HostKeyRefusedError, match="damaged"):
            log_in(transport(server, client_key, file, line))
