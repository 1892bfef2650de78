"""Delivering, probing and fetching against two independent SSH servers, and servers that misbehave."""

import os
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from agent.adapters.sftp_transport import SftpTransport
from agent.errors import (
    RefusedByServerError,
    SpoolError,
    TransferError,
)
from agent.ports import Delivery, RemoteFile
from tests.contract.sftp.visits import CONTENT, NAME, inbox, listed, settings_for, transport_to
from tests.kit.sftp_servers import (
    Misbehaviour,
    PartnerSftpServer,
    SftpServer,
    SshKey,
)

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
