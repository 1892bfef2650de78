"""Delivering and fetching against two independent SSH servers, and against servers that misbehave."""

import logging
import os
import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from agent.adapters.host_keys import host_key_fingerprint
from agent.adapters.sftp_transport import SftpSettings, SftpTransport
from agent.adapters.ssh_account import SshAccount
from agent.errors import (
    DeadlineExceededError,
    HostKeyRefusedError,
    RefusedByServerError,
    SpoolError,
    TransferError,
)
from agent.ports import ConnectStep, Delivery, RemoteFile, TransferSession, Transport
from tests.kit.sftp_servers import (
    Misbehaviour,
    MuteServer,
    OpenSshServer,
    PartnerSftpServer,
    ScriptedSftpServer,
    SftpServer,
    SshKey,
    make_ssh_key,
)

NAME = "receipts-20270104t063000z-00000017-3f9c2b1a.pgp"
CONTENT = os.urandom(1_000_000)
SHORT_SECONDS = 0.4


@pytest.fixture(scope="module")
def client_key(tmp_path_factory: pytest.TempPathFactory) -> SshKey:
    return make_ssh_key(tmp_path_factory.mktemp("client") / "key")


@pytest.fixture(scope="module")
def asyncssh_server(
    client_key: SshKey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PartnerSftpServer]:
    server = PartnerSftpServer(tmp_path_factory.mktemp("asyncssh"), client_key.public_line)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
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


# --- delivering --------------------------------------------------------------------------------


def test_upload_a_file_stands_in_the_inbox_whole_and_alone(
    server: SftpServer, client_key: SshKey, source: Path
) -> None:
    with transport_to(server, client_key).connect() as session:
        assert session.upload(source, NAME) is Delivery.CONFIRMED
    assert inbox(server) == {NAME: CONTENT}


def test_upload_over_an_equal_name_replaces_it(server: SftpServer, client_key: SshKey, source: Path) -> None:
    (server.root / "inbox" / NAME).write_bytes(b"sent before a crash")
    (server.root / "inbox" / f"{NAME}.part").write_bytes(b"x" * 2_000_000)
    with transport_to(server, client_key).connect() as session:
        assert session.upload(source, NAME) is Delivery.CONFIRMED
    assert inbox(server) == {NAME: CONTENT}


def test_upload_an_empty_file_is_confirmed(server: SftpServer, client_key: SshKey, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with transport_to(server, client_key).connect() as session:
        assert session.upload(tmp_path / "empty", NAME) is Delivery.CONFIRMED
    assert inbox(server) == {NAME: b""}


def test_upload_into_a_missing_folder_fails_and_the_session_goes_on(
    server: SftpServer, client_key: SshKey, source: Path
) -> None:
    settings = replace(settings_for(server, client_key), inbox="nowhere")
    with SftpTransport(settings).connect() as session:
        with pytest.raises(TransferError, match="no such file or folder"):
            session.upload(source, NAME)
        assert listed(session) == []


def test_upload_many_files_needs_one_connection(
    partner: PartnerSftpServer, client_key: SshKey, source: Path
) -> None:
    before = partner.logins
    with transport_to(partner, client_key).connect() as session:
        for number in range(20):
            session.upload(source, f"{number}-{NAME}")
    assert (len(inbox(partner)), partner.logins - before) == (20, 1)


def test_upload_to_a_server_without_atomic_rename_replaces_the_name_all_the_same(
    partner: PartnerSftpServer, client_key: SshKey, source: Path
) -> None:
    partner.misbehaviour = Misbehaviour(refuse_posix_rename=True)
    (partner.root / "inbox" / NAME).write_bytes(b"sent before a crash")
    with transport_to(partner, client_key).connect() as session:
        assert session.upload(source, NAME) is Delivery.CONFIRMED
    assert inbox(partner) == {NAME: CONTENT}


def test_upload_to_a_server_that_takes_files_at_once_is_unconfirmed(
    partner: PartnerSftpServer, client_key: SshKey, source: Path
) -> None:
    partner.misbehaviour = Misbehaviour(take_on_close=True)
    with transport_to(partner, client_key).connect() as session:
        assert session.upload(source, NAME) is Delivery.UNCONFIRMED


def test_upload_taken_between_size_check_and_rename_is_unconfirmed(
    partner: PartnerSftpServer, client_key: SshKey, source: Path
) -> None:
    partner.misbehaviour = Misbehaviour(take_before_rename=True)
    with transport_to(partner, client_key).connect() as session:
        assert session.upload(source, NAME) is Delivery.UNCONFIRMED


def test_upload_over_a_name_that_may_not_be_replaced_is_confirmed_if_the_file_stands_there_whole(
    partner: PartnerSftpServer, client_key: SshKey, source: Path
) -> None:
    partner.misbehaviour = Misbehaviour(refuse_rename_over=True)
    with transport_to(partner, client_key).connect() as session:
        assert session.upload(source, NAME) is Delivery.CONFIRMED
        assert session.upload(source, NAME) is Delivery.CONFIRMED
        assert inbox(partner) == {NAME: CONTENT}
        (partner.root / "inbox" / NAME).write_bytes(b"something else")
        with pytest.raises(RefusedByServerError, match="permission denied"):
            session.upload(source, NAME)
    assert inbox(partner) == {NAME: b"something else"}


def test_upload_with_another_size_on_the_server_fails_and_leaves_nothing(
    partner: PartnerSftpServer, client_key: SshKey, source: Path
) -> None:
    partner.misbehaviour = Misbehaviour(lie_about_size=1)
    wrong_size = pytest.raises(TransferError, match="1000000 bytes were sent, but the server has 1000001")
    with transport_to(partner, client_key).connect() as session, wrong_size:
        session.upload(source, NAME)
    assert inbox(partner) == {}


@pytest.mark.parametrize("refused", [1, 2, 8, 9, 19, 20])
def test_upload_with_one_refused_write_fails_although_the_size_may_match(
    partner: PartnerSftpServer, client_key: SshKey, tmp_path: Path, refused: int
) -> None:
    (source := tmp_path / "sealed").write_bytes(CONTENT * 5)
    partner.misbehaviour = Misbehaviour(refuse_write=refused)
    with transport_to(partner, client_key).connect() as session:
        with pytest.raises(TransferError, match="the server refused") as caught:
            session.upload(source, NAME)
        assert inbox(partner) == {}
        partner.misbehaviour = Misbehaviour()
        assert session.upload(source, NAME) is Delivery.CONFIRMED
    assert "foreign text" not in str(caught.value)
    assert inbox(partner) == {NAME: CONTENT * 5}


@pytest.mark.parametrize("dropped_after", [0, 400_000, 999_999])
def test_upload_dropped_in_the_middle_leaves_no_final_name_and_can_be_repeated(
    partner: PartnerSftpServer, client_key: SshKey, source: Path, dropped_after: int
) -> None:
    partner.misbehaviour = Misbehaviour(drop_after_bytes=dropped_after)
    with transport_to(partner, client_key).connect() as session:
        with pytest.raises(TransferError, match="the connection was lost"):
            session.upload(source, NAME)
        with pytest.raises(TransferError):
            listed(session)
    assert NAME not in inbox(partner)
    partner.misbehaviour = Misbehaviour()
    with transport_to(partner, client_key).connect() as session:
        session.upload(source, NAME)
    assert inbox(partner) == {NAME: CONTENT}


def test_upload_of_a_file_that_is_gone_is_a_fault_of_ours(
    partner: PartnerSftpServer, client_key: SshKey, tmp_path: Path
) -> None:
    with transport_to(partner, client_key).connect() as session, pytest.raises(SpoolError):
        session.upload(tmp_path / "gone", NAME)


# --- probing -----------------------------------------------------------------------------------


def test_probe_is_written_renamed_and_removed_under_names_that_partners_ignore(
    server: SftpServer, client_key: SshKey
) -> None:
    with transport_to(server, client_key).connect() as session:
        assert session.put_probe() is Delivery.CONFIRMED
        (written,) = inbox(server)
        assert session.rename_probe() is Delivery.CONFIRMED
        (renamed,) = inbox(server)
        assert {written, renamed} == {"otv-agent-probe.part", "otv-agent-probe-renamed.part"}
        for _ in range(2):
            session.remove_probe()
            assert inbox(server) == {}


def test_probe_that_an_earlier_run_left_is_replaced_and_goes_too(
    server: SftpServer, client_key: SshKey
) -> None:
    for name in ("otv-agent-probe.part", "otv-agent-probe-renamed.part"):
        (server.root / "inbox" / name).write_bytes(b"x" * 1000)
    (server.root / "inbox" / "theirs.part").touch()
    with transport_to(server, client_key).connect() as session:
        assert (session.put_probe(), session.rename_probe()) == (Delivery.CONFIRMED,) * 2
        session.remove_probe()
    assert inbox(server) == {"theirs.part": b""}


def test_probe_that_is_not_taken_whole_or_may_not_go_is_refused_and_the_session_goes_on(
    partner: PartnerSftpServer, client_key: SshKey
) -> None:
    with transport_to(partner, client_key).connect() as session:
        partner.misbehaviour = Misbehaviour(lie_about_size=1)
        with pytest.raises(RefusedByServerError, match="bytes were sent, but the server has"):
            session.put_probe()
        partner.misbehaviour = Misbehaviour(refuse_write=2)
        with pytest.raises(RefusedByServerError, match="writing a probe: the server refused"):
            session.put_probe()
        partner.misbehaviour = Misbehaviour(refuse_remove=True)
        with pytest.raises(RefusedByServerError, match="removing a probe: permission denied"):
            session.remove_probe()
        partner.misbehaviour = Misbehaviour()
        session.remove_probe()
    assert inbox(partner) == {}


def test_probe_on_a_server_that_takes_files_at_once_is_unconfirmed(
    partner: PartnerSftpServer, client_key: SshKey
) -> None:
    with transport_to(partner, client_key).connect() as session:
        partner.misbehaviour = Misbehaviour(take_on_close=True)
        assert session.put_probe() is Delivery.UNCONFIRMED
        assert session.rename_probe() is Delivery.UNCONFIRMED
        session.remove_probe()


def test_probe_in_a_missing_folder_says_so(server: SftpServer, client_key: SshKey) -> None:
    settings = replace(settings_for(server, client_key), inbox="nowhere")
    with SftpTransport(settings).connect() as session:
        with pytest.raises(RefusedByServerError, match="no such file or folder"):
            session.put_probe()
        session.remove_probe()


# --- fetching ----------------------------------------------------------------------------------


def test_fetch_a_listed_file_brings_every_byte_and_remove_takes_it_away(
    server: SftpServer, client_key: SshKey
) -> None:
    (server.root / "outgoing/booking.pgp").write_bytes(CONTENT)
    with transport_to(server, client_key).connect() as session:
        [remote] = listed(session)
        session.fetch(remote, into := BytesIO())
        assert (remote.name, remote.size, into.getvalue()) == ("booking.pgp", len(CONTENT), CONTENT)
        session.remove(remote)
        assert listed(session) == []


def test_list_names_only_plain_files_that_match_the_pattern(server: SftpServer, client_key: SshKey) -> None:
    outgoing = server.root / "outgoing"
    for name in ("b.pgp", "a.pgp", "a.pgp.part", ".hidden.pgp", "notes.txt", "umlaut-ä.pgp", "new\nline.pgp"):
        (outgoing / name).write_bytes(b"sealed")
    (outgoing / "folder.pgp").mkdir()
    (outgoing / "link.pgp").symlink_to(outgoing / "a.pgp")
    with transport_to(server, client_key).connect() as session:
        assert [(remote.name, remote.size) for remote in listed(session)] == [("a.pgp", 6), ("b.pgp", 6)]


def test_list_of_a_flooded_folder_stops_at_the_cap_and_the_session_goes_on(
    server: SftpServer, client_key: SshKey
) -> None:
    for number in range(300):
        (server.root / f"outgoing/{number:03}.pgp").touch()
    settings = replace(settings_for(server, client_key), max_listed=120)
    with SftpTransport(settings).connect() as session:
        assert len(listed(session)) == 120
        assert len(listed(session)) == 120


def test_list_of_a_folder_full_of_junk_gives_up_looking_and_says_so(
    server: SftpServer, client_key: SshKey
) -> None:
    for number in range(300):
        (server.root / f"outgoing/{number:03}.txt").touch()
    settings = replace(settings_for(server, client_key), max_looked_at=100)
    with SftpTransport(settings).connect() as session:
        listing = session.list_inbound(lambda remote: False)
    assert (listing.new, listing.complete, listing.overfull) == ([], False, True)


def test_list_is_not_cut_short_by_files_that_are_known(server: SftpServer, client_key: SshKey) -> None:
    for number in range(200):
        (server.root / f"outgoing/{number:03}.pgp").touch()
    settings = replace(settings_for(server, client_key), max_listed=10)
    with SftpTransport(settings).connect() as session:
        listing = session.list_inbound(lambda remote: remote.name != "199.pgp")
    assert [remote.name for remote in listing.new] == ["199.pgp"]
    assert (len(listing.known), listing.complete, listing.overfull) == (199, True, False)


@pytest.mark.parametrize("listed_size", [len(CONTENT) - 1, len(CONTENT) + 1, 0])
def test_fetch_a_file_of_another_size_than_listed_fails_and_the_session_goes_on(
    server: SftpServer, client_key: SshKey, listed_size: int
) -> None:
    (server.root / "outgoing/booking.pgp").write_bytes(CONTENT)
    with transport_to(server, client_key).connect() as session:
        with pytest.raises(TransferError, match="has not the size"):
            session.fetch(RemoteFile("booking.pgp", listed_size), BytesIO())
        [remote] = listed(session)
        session.fetch(remote, into := BytesIO())
    assert into.getvalue() == CONTENT


def test_fetch_a_file_above_the_cap_is_refused_before_a_byte_is_asked_for(
    server: SftpServer, client_key: SshKey
) -> None:
    settings = replace(settings_for(server, client_key), max_fetch_bytes=999_999)
    too_large = pytest.raises(TransferError, match="more than 999999")
    with SftpTransport(settings).connect() as session, too_large:
        session.fetch(RemoteFile("booking.pgp", 1_000_000), BytesIO())


@pytest.mark.parametrize("name", ["../secret.pgp", "a/b.pgp", "booking.txt", ""])
def test_fetch_a_name_that_no_listing_gives_is_refused(
    partner: PartnerSftpServer, client_key: SshKey, name: str
) -> None:
    with transport_to(partner, client_key).connect() as session:
        with pytest.raises(TransferError, match="not listed"):
            session.fetch(RemoteFile(name, 1), BytesIO())
        with pytest.raises(TransferError, match="not listed"):
            session.remove(RemoteFile(name, 1))


def test_fetch_from_a_server_that_sends_less_than_asked_for_is_whole(
    partner: PartnerSftpServer, client_key: SshKey
) -> None:
    (partner.root / "outgoing/booking.pgp").write_bytes(CONTENT)
    partner.misbehaviour = Misbehaviour(short_reads=True)
    with transport_to(partner, client_key).connect() as session:
        session.fetch(listed(session)[0], into := BytesIO())
    assert into.getvalue() == CONTENT


def test_fetch_onto_a_full_disk_is_a_fault_of_ours(partner: PartnerSftpServer, client_key: SshKey) -> None:
    (partner.root / "outgoing/booking.pgp").write_bytes(CONTENT)
    with transport_to(partner, client_key).connect() as session, Path("/dev/full").open("wb", 0) as into:
        with pytest.raises(SpoolError, match="No space left"):
            session.fetch(listed(session)[0], into)
        assert len(listed(session)) == 1


def test_list_without_a_folder_to_fetch_from_is_empty(partner: PartnerSftpServer, client_key: SshKey) -> None:
    (partner.root / "outgoing/booking.pgp").write_bytes(b"sealed")
    settings = replace(settings_for(partner, client_key), outgoing=None)
    with SftpTransport(settings).connect() as session:
        assert listed(session) == []
        with pytest.raises(TransferError, match="not listed"):
            session.remove(RemoteFile("booking.pgp", 6))


def test_list_leaves_out_and_counts_a_name_that_is_not_utf8(server: SftpServer, client_key: SshKey) -> None:
    for name in (b"m\xfcller.pgp", b"\xff\xfe", b"a.pgp"):
        (server.root / "outgoing" / os.fsdecode(name)).touch()
    with transport_to(server, client_key).connect() as session:
        for _ in range(2):
            listing = session.list_inbound(lambda remote: False)
            assert ([remote.name for remote in listing.new], listing.unreadable) == (["a.pgp"], 2)


# --- a server that is no honest program --------------------------------------------------------


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


# --- who is who --------------------------------------------------------------------------------


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
