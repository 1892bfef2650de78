"""Two independent SSH servers, started once, and a file to deliver."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.sftp.visits import CONTENT, emptied
from tests.kit.sftp_servers import (
    Misbehaviour,
    OpenSshServer,
    PartnerSftpServer,
    SftpServer,
    SshKey,
    make_ssh_key,
)


@pytest.fixture(scope="session")
def client_key(tmp_path_factory: pytest.TempPathFactory) -> SshKey:
    return make_ssh_key(tmp_path_factory.mktemp("client") / "key")


@pytest.fixture(scope="session")
def asyncssh_server(
    client_key: SshKey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PartnerSftpServer]:
    server = PartnerSftpServer(tmp_path_factory.mktemp("asyncssh"), client_key.public_line)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def openssh_server(client_key: SshKey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSshServer]:
    root, state = tmp_path_factory.mktemp("openssh"), tmp_path_factory.mktemp("sshd")
    server = OpenSshServer(root, client_key.public_line, state)
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["asyncssh_server", "openssh_server"])
def server(request: pytest.FixtureRequest) -> SftpServer:
    chosen: SftpServer = request.getfixturevalue(request.param)
    emptied(chosen.root)
    return chosen


@pytest.fixture
def partner(asyncssh_server: PartnerSftpServer) -> Iterator[PartnerSftpServer]:
    emptied(asyncssh_server.root)
    yield asyncssh_server
    asyncssh_server.misbehaviour = Misbehaviour()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "sealed"
    path.write_bytes(CONTENT)
    return path
