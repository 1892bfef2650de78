"""Servers that lie, hang or answer out of turn: nothing is believed, and every wait has its end."""

import logging
import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from agent.adapters.sftp_transport import SftpTransport
from agent.errors import (
    DeadlineExceededError,
    TransferError,
)
from agent.ports import RemoteFile
from tests.contract.sftp.visits import (
    NAME,
    SHORT_SECONDS,
    impatient,
    inbox,
    listed,
    log_in,
    settings_for,
    transport_to,
)
from tests.kit.sftp_servers import (
    Misbehaviour,
    MuteServer,
    PartnerSftpServer,
    ScriptedSftpServer,
    SshKey,
)

VERSION, STATUS, HANDLE, DATA, NAMES = 2, 101, 102, 103, 104
INIT, CLOSE, READ, WRITE, READ_FOLDER = 1, 4, 5, 6, 12


def text(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def status(number: int, code: int = 0) -> bytes:
    return struct.pack(">BII", STATUS, number, code) + text(b"Meier, Anna") + text(b"de")


def handle(number: int) -> bytes:
    return struct.pack(">BI", HANDLE, number) + text(b"h")


def opening(kind: int, number: int) -> bytes:
    """What an honest server says to everything that a test has no other answer for."""
    if kind == INIT:
        return struct.pack(">BI", VERSION, 3)
    return status(number) if kind in (CLOSE, WRITE) else handle(number)


@pytest.fixture
def scripted(client_key: SshKey, tmp_path: Path) -> Iterator[ScriptedSftpServer]:
    server = ScriptedSftpServer(tmp_path / "scripted", client_key.public_line)
    server.start()
    yield server
    server.stop()


def test_list_that_counts_billions_of_names_is_given_up(
    scripted: ScriptedSftpServer, client_key: SshKey
) -> None:
    def answers(kind: int, number: int) -> Iterator[bytes]:
        entry = text(b"a.pgp") + text(b"") + struct.pack(">IQ", 1, 6)
        names = struct.pack(">BII", NAMES, number, 2**32 - 1) + entry
        yield names if kind == READ_FOLDER else opening(kind, number)

    scripted.answers = answers
    broken = pytest.raises(TransferError, match="does not keep to the SFTP protocol")
    with transport_to(scripted, client_key).connect() as session, broken:
        listed(session)


def test_fetch_from_a_server_that_sends_more_than_was_asked_for_fails_at_once(
    scripted: ScriptedSftpServer, client_key: SshKey
) -> None:
    def answers(kind: int, number: int) -> Iterator[bytes]:
        flood = struct.pack(">BI", DATA, number) + text(bytes(1_000_000))
        yield flood if kind == READ else opening(kind, number)

    scripted.answers = answers
    wrong_size = pytest.raises(TransferError, match="has not the size")
    with transport_to(scripted, client_key).connect() as session, wrong_size:
        session.fetch(RemoteFile("a.pgp", 10), into := BytesIO())
    assert len(into.getvalue()) == 11


def test_fetch_from_a_server_that_answers_something_else_is_given_up(
    scripted: ScriptedSftpServer, client_key: SshKey
) -> None:
    scripted.answers = lambda kind, number: [status(number) if kind == READ else opening(kind, number)]
    broken = pytest.raises(TransferError, match="does not keep to the SFTP protocol")
    with transport_to(scripted, client_key).connect() as session, broken:
        session.fetch(RemoteFile("a.pgp", 10), BytesIO())


def test_connect_to_a_server_that_speaks_no_sftp_is_refused(
    scripted: ScriptedSftpServer, client_key: SshKey
) -> None:
    scripted.answers = lambda kind, number: [b"220 ready"]
    with pytest.raises(TransferError, match="does not keep to the SFTP protocol"):
        log_in(transport_to(scripted, client_key))


def test_upload_whose_refused_write_is_answered_out_of_turn_is_never_taken_for_delivered(
    scripted: ScriptedSftpServer, client_key: SshKey, source: Path
) -> None:
    writes: list[int] = []

    def answers(kind: int, number: int) -> Iterator[bytes]:
        if kind != WRITE:
            yield opening(kind, number)
            return
        writes.append(number)
        if len(writes) == 4:
            yield status(writes[1], code=4)
            yield from (status(write) for write in (writes[0], *writes[2:]))

    scripted.answers = answers
    with impatient(scripted, client_key).connect() as session, pytest.raises(TransferError) as caught:
        session.upload(source, NAME)
    assert len(writes) == 4
    assert "Meier" not in str(caught.value)


# --- deadlines ---------------------------------------------------------------------------------


def test_connect_to_a_mute_server_ends_at_the_deadline(
    partner: PartnerSftpServer, client_key: SshKey
) -> None:
    settings = settings_for(partner, client_key)
    mute = MuteServer()
    account = replace(settings.account, port=mute.port)
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError, match=f"{mute.port}: connecting"):
        log_in(SftpTransport(replace(settings, account=account, connect_seconds=SHORT_SECONDS)))
    mute.stop()
    assert time.monotonic() - began < SHORT_SECONDS + 1.5


def test_connect_to_a_server_that_hangs_at_login_ends_at_the_deadline(
    partner: PartnerSftpServer, client_key: SshKey
) -> None:
    partner.misbehaviour = Misbehaviour(hang_at="login")
    settings = replace(settings_for(partner, client_key), connect_seconds=SHORT_SECONDS)
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError):
        log_in(SftpTransport(settings))
    assert time.monotonic() - began < SHORT_SECONDS + 1.5


@pytest.mark.parametrize("misbehaviour", [Misbehaviour(hang_at="open"), Misbehaviour(hang_at="stat")])
def test_upload_to_a_server_that_hangs_ends_at_the_deadline_without_a_final_name(
    partner: PartnerSftpServer, client_key: SshKey, source: Path, misbehaviour: Misbehaviour
) -> None:
    partner.misbehaviour = misbehaviour
    with impatient(partner, client_key).connect() as session:
        began = time.monotonic()
        with pytest.raises(DeadlineExceededError, match="uploading receipts"):
            session.upload(source, NAME)
        assert time.monotonic() - began < SHORT_SECONDS + 1.5
        with pytest.raises(TransferError):
            listed(session)
    assert NAME not in inbox(partner)


def test_call_after_the_end_of_the_cycle_is_refused(partner: PartnerSftpServer, client_key: SshKey) -> None:
    settings = replace(settings_for(partner, client_key), cycle_seconds=0.3)
    with SftpTransport(settings).connect() as session:
        time.sleep(0.3)
        with pytest.raises(DeadlineExceededError, match="the cycle took longer"):
            listed(session)


def test_failure_logs_nothing_of_the_servers_words_or_file_names(
    partner: PartnerSftpServer, client_key: SshKey, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (partner.root / "outgoing/Meier-Anna.pgp").write_bytes(b"sealed")
    partner.misbehaviour = Misbehaviour(refuse_write=2)
    with transport_to(partner, client_key).connect() as session:
        session.fetch(listed(session)[0], BytesIO())
        with pytest.raises(TransferError):
            session.upload(source, NAME)
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("asyncssh")]
    assert not [line for line in ours if "Meier" in line or "foreign text" in line or NAME in line]
