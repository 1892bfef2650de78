"""Who is who: host keys, our key, and what is said when a connection does not come about."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.adapters.host_keys import host_key_fingerprint
from agent.adapters.sftp_transport import SftpTransport
from agent.errors import (
    HostKeyRefusedError,
    TransferError,
)
from agent.ports import ConnectStep
from tests.contract.sftp.visits import listed, log_in, settings_for, transport_to
from tests.kit.sftp_servers import (
    MuteServer,
    PartnerSftpServer,
    SftpServer,
    SshKey,
    make_ssh_key,
)


def test_connect_to_a_server_with_another_host_key_is_refused_with_its_fingerprint(
    server: SftpServer, client_key: SshKey, tmp_path: Path
) -> None:
    other = make_ssh_key(tmp_path / "other").public_line
    settings = settings_for(server, client_key)
    wrong = SftpTransport(replace(settings, account=replace(settings.account, host_keys=(other,))))
    with pytest.raises(HostKeyRefusedError, match=rf"127\.0\.0\.1:{server.port}.*SHA256:[\w+/]{{43}}"):
        log_in(wrong)


@pytest.mark.parametrize("pins", [(), ("",), ("ssh-ed25519",), ("ssh-ed25519 not*base64",)])
def test_connect_without_a_usable_pin_is_refused(
    partner: PartnerSftpServer, client_key: SshKey, pins: tuple[str, ...]
) -> None:
    settings = settings_for(partner, client_key)
    with pytest.raises(HostKeyRefusedError):
        log_in(SftpTransport(replace(settings, account=replace(settings.account, host_keys=pins))))


def test_connect_tells_each_step_with_what_was_found(server: SftpServer, client_key: SshKey) -> None:
    told: list[tuple[ConnectStep, str]] = []
    with transport_to(server, client_key).connect(lambda *step: told.append(step)):
        pass
    shown = f"ssh-ed25519 {host_key_fingerprint(server.host_key)}"
    found = [str(client_key.private_key), "127.0.0.1", shown, server.user_name, ""]
    assert told == list(zip(ConnectStep, found, strict=True))


def test_connect_tells_no_step_that_was_not_reached(
    server: SftpServer, client_key: SshKey, tmp_path: Path
) -> None:
    told: list[ConnectStep] = []
    stranger = make_ssh_key(tmp_path / "stranger")
    settings = settings_for(server, client_key)
    other = replace(settings, account=replace(settings.account, host_keys=(stranger.public_line,)))
    for transport, last in (
        (SftpTransport(other), ConnectStep.ANSWERS),
        (transport_to(server, stranger), ConnectStep.HOST_KEY),
    ):
        with pytest.raises(TransferError), transport.connect(lambda step, _: told.append(step)):
            pass
        assert told.pop() is last


def test_connect_to_a_name_that_nobody_knows_says_so(partner: PartnerSftpServer, client_key: SshKey) -> None:
    settings = settings_for(partner, client_key)
    lost = replace(settings, account=replace(settings.account, host="nobody.invalid"))
    with pytest.raises(TransferError, match="the name of the server cannot be found"):
        log_in(SftpTransport(lost))


def test_connect_with_two_pins_during_a_rotation_accepts_either(
    server: SftpServer, client_key: SshKey, tmp_path: Path
) -> None:
    settings = settings_for(server, client_key)
    pins = (make_ssh_key(tmp_path / "other").public_line, f"{server.host_key} a comment")
    with SftpTransport(
        replace(settings, account=replace(settings.account, host_keys=pins))
    ).connect() as session:
        assert listed(session) == []


def test_connect_with_a_key_the_server_does_not_know_is_refused(server: SftpServer, tmp_path: Path) -> None:
    stranger = make_ssh_key(tmp_path / "stranger")
    with pytest.raises(TransferError, match="does not accept the user name with our key"):
        log_in(transport_to(server, stranger))


def test_connect_with_a_private_key_that_is_missing_or_broken_names_the_file(
    partner: PartnerSftpServer, client_key: SshKey, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.write_text("no key")
    for path in (tmp_path / "missing", broken):
        with pytest.raises(TransferError, match=str(path)):
            log_in(transport_to(partner, replace(client_key, private_key=path)))


def test_connect_to_a_closed_port_says_that_nobody_listens(
    partner: PartnerSftpServer, client_key: SshKey
) -> None:
    settings = settings_for(partner, client_key)
    mute = MuteServer()
    mute.stop()
    nobody = replace(settings, account=replace(settings.account, port=mute.port))
    with pytest.raises(TransferError, match="Connection refused"):
        log_in(SftpTransport(nobody))
