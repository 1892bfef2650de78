"""A server that falls silent at any step, floods or lies costs its own lane some seconds, and no thread."""

import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import get_args

import pytest

from agent.adapters.sftp_transport import SftpSettings, SftpTransport
from agent.adapters.ssh_account import SshAccount
from agent.errors import DeadlineExceededError, RefusedByServerError, TransferError
from agent.ports import Listing, RemoteFile, TransferSession
from tests.kit.service import wait_until
from tests.kit.sftp_servers import (
    FullServer,
    Misbehaviour,
    MuteServer,
    PartnerSftpServer,
    ScriptedSftpServer,
    SshKey,
    Step,
    make_ssh_key,
)

NAME = "receipts-20270104t063000z-00000017-3f9c2b1a.pgp"
CONTENT = bytes(range(256)) * 400
SECONDS = 0.4
PATIENCE_SECONDS = 20.0
INIT, OPENDIR, READ_FOLDER, STAT = 1, 11, 12, 17
VERSION, STATUS, HANDLE, NAMES, ATTRIBUTES = 2, 101, 102, 104, 105
EXTENDED = 0x80000000
BANNER = b"SSH-2.0-partner\r\n"


@pytest.fixture(scope="module")
def client_key(tmp_path_factory: pytest.TempPathFactory) -> SshKey:
    return make_ssh_key(tmp_path_factory.mktemp("client") / "key")


@pytest.fixture(scope="module")
def one_server(client_key: SshKey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PartnerSftpServer]:
    server = PartnerSftpServer(tmp_path_factory.mktemp("partner"), client_key.public_line)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def partner(one_server: PartnerSftpServer) -> Iterator[PartnerSftpServer]:
    (one_server.root / "outgoing" / "a.pgp").write_bytes(CONTENT)
    yield one_server
    one_server.misbehaviour = Misbehaviour()
    for folder in ("inbox", "outgoing"):
        for path in (one_server.root / folder).iterdir():
            path.unlink()


@pytest.fixture
def scripted(client_key: SshKey, tmp_path: Path) -> Iterator[ScriptedSftpServer]:
    server = ScriptedSftpServer(tmp_path / "scripted", client_key.public_line)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (path := tmp_path / "sealed").write_bytes(CONTENT)
    return path


@pytest.fixture(autouse=True)
def no_thread_stays_behind() -> Iterator[None]:
    """Whatever a server does, what worked for it has ended soon after: also what paramiko started."""
    before = set(threading.enumerate())
    yield

    def left() -> list[str]:
        new = set(threading.enumerate()) - before
        return [one.name for one in new if one.name == "deadline" or "paramiko" in type(one).__module__]

    wait_until(lambda: not left(), lambda: f"still busy: {left()}")


def settings_for(server: PartnerSftpServer, key: SshKey) -> SftpSettings:
    account = SshAccount(
        "127.0.0.1", server.port, server.user_name, key.private_key, lambda: None, (server.host_key,)
    )
    return SftpSettings(account, "inbox", "outgoing", operation_seconds=SECONDS, min_bytes_per_second=10**9)


def listed(session: TransferSession) -> Listing:
    return session.list_inbound(lambda remote: False)


def ends_in_time(work: Callable[[], object], *, says: str) -> None:
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError, match=says):
        work()
    assert time.monotonic() - began < PATIENCE_SECONDS


# --- silence ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        FullServer,
        MuteServer,
        lambda: MuteServer(b"SSH-2.0-partner"),
        lambda: MuteServer(BANNER),
        lambda: MuteServer(BANNER + struct.pack(">IBB", 1000, 10, 20)),
    ],
    ids=["connect", "banner", "half-a-banner", "key-exchange", "half-a-key-exchange"],
)
def test_connecting_to_a_server_that_falls_silent_ends_at_the_deadline(
    make: Callable[[], MuteServer | FullServer], one_server: PartnerSftpServer, client_key: SshKey
) -> None:
    server = make()
    settings = settings_for(one_server, client_key)
    account = replace(settings.account, port=server.port)
    transport = SftpTransport(replace(settings, account=account, connect_seconds=SECONDS))
    try:
        ends_in_time(lambda: transport.connect().__enter__(), says="connecting")
    finally:
        server.stop()


def test_login_that_is_never_answered_ends_at_the_deadline(
    partner: PartnerSftpServer, client_key: SshKey
) -> None:
    partner.misbehaviour = Misbehaviour(hang_at="login")
    transport = SftpTransport(replace(settings_for(partner, client_key), connect_seconds=SECONDS))
    ends_in_time(lambda: transport.connect().__enter__(), says="connecting")


def test_subsystem_that_never_answers_ends_at_the_deadline(
    scripted: ScriptedSftpServer, client_key: SshKey
) -> None:
    transport = SftpTransport(replace(settings_for(scripted, client_key), connect_seconds=SECONDS))
    ends_in_time(lambda: transport.connect().__enter__(), says="connecting")


Operation = Callable[[TransferSession, Path], object]
REMOTE = RemoteFile("a.pgp", len(CONTENT))
OPERATIONS: dict[Step, tuple[Operation, str]] = {
    "open": (lambda session, source: session.upload(source, NAME), "uploading"),
    "write": (lambda session, source: session.upload(source, NAME), "uploading"),
    "close": (lambda session, source: session.upload(source, NAME), "uploading"),
    "stat": (lambda session, source: session.upload(source, NAME), "uploading"),
    "rename": (lambda session, source: session.upload(source, NAME), "uploading"),
    "read": (lambda session, source: session.fetch(REMOTE, BytesIO()), "fetching"),
    "readdir": (lambda session, source: listed(session), "listing"),
    "remove": (lambda session, source: session.remove(REMOTE), "removing"),
}


def test_every_step_at_which_a_server_can_fall_silent_is_tested() -> None:
    assert OPERATIONS.keys() | {"login"} == set(get_args(Step))


@pytest.mark.parametrize("step", OPERATIONS)
def test_operation_that_is_never_answered_ends_at_the_deadline_without_a_final_name(
    step: Step, partner: PartnerSftpServer, client_key: SshKey, source: Path
) -> None:
    work, says = OPERATIONS[step]
    with SftpTransport(settings_for(partner, client_key)).connect() as session:
        partner.misbehaviour = Misbehaviour(hang_at=step)
        ends_in_time(lambda: work(session, source), says=says)
    assert not (partner.root / "inbox" / NAME).exists()


@pytest.mark.parametrize(
    ("step", "says"),
    [("write", "writing"), ("stat", "writing"), ("rename", "renaming"), ("remove", "removing")],
)
def test_probe_that_is_never_answered_ends_at_the_deadline(
    step: Step, says: str, partner: PartnerSftpServer, client_key: SshKey
) -> None:
    with SftpTransport(settings_for(partner, client_key)).connect() as session:
        if says != "writing":
            session.put_probe()
        work = {
            "writing": session.put_probe, "renaming": session.rename_probe, "removing": session.remove_probe
        }[says]  # fmt: skip
        partner.misbehaviour = Misbehaviour(hang_at=step)
        ends_in_time(work, says=f"{says} a probe")


# --- floods and lies -------------------------------------------------------------------------------


def honest(kind: int, number: int) -> bytes:
    if kind == INIT:
        return struct.pack(">BI", VERSION, 3)
    return struct.pack(">BII", HANDLE, number, 1) + b"h" if kind == OPENDIR else status(number)


def status(number: int) -> bytes:
    return struct.pack(">BIIII", STATUS, number, 0, 0, 0)


def test_folder_that_never_opens_ends_at_the_deadline(
    scripted: ScriptedSftpServer, client_key: SshKey
) -> None:
    scripted.answers = lambda kind, number: [honest(kind, number)] if kind != OPENDIR else []
    with SftpTransport(settings_for(scripted, client_key)).connect() as session:
        ends_in_time(lambda: listed(session), says="listing")


@pytest.mark.parametrize("entries", [0, 100], ids=["of-nothing", "of-names-that-are-not-utf8"])
def test_listing_without_an_end_ends_at_the_deadline(
    scripted: ScriptedSftpServer, client_key: SshKey, entries: int
) -> None:
    entry = struct.pack(">I", 2) + b"\xff\xfe" + struct.pack(">IIQ", 0, 1, 6)

    def answers(kind: int, number: int) -> list[bytes]:
        names = struct.pack(">BII", NAMES, number, entries) + entry * entries
        return [names if kind == READ_FOLDER else honest(kind, number)]

    scripted.answers = answers
    with SftpTransport(settings_for(scripted, client_key)).connect() as session:
        ends_in_time(lambda: listed(session), says="listing")


def test_listing_of_a_million_names_is_cut_off_and_says_so(
    scripted: ScriptedSftpServer, client_key: SshKey
) -> None:
    numbers = iter(range(10**6))

    def entry(number: int) -> bytes:
        name = f"{number:07}.txt".encode()
        return struct.pack(">I", len(name)) + name + struct.pack(">IIQ", 0, 1, 6)

    def answers(kind: int, number: int) -> list[bytes]:
        if kind != READ_FOLDER:
            return [honest(kind, number)]
        return [
            struct.pack(">BII", NAMES, number, 1000) + b"".join(entry(next(numbers)) for _ in range(1000))
        ]

    scripted.answers = answers
    settings = replace(settings_for(scripted, client_key), operation_seconds=PATIENCE_SECONDS)
    with SftpTransport(settings).connect() as session:
        listing = listed(session)
    assert (listing.new, listing.complete, listing.overfull) == ([], False, True)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.pgp", "/etc/x.pgp", "..", "a/b.pgp", "a\\b.pgp", "a.pgp\0"]
)
def test_names_that_lead_elsewhere_are_not_listed(
    scripted: ScriptedSftpServer, client_key: SshKey, name: str
) -> None:
    foreign = name.encode()
    entry = struct.pack(">I", len(foreign)) + foreign + struct.pack(">IIQ", 0, 1, 6)
    folder = iter([struct.pack(">I", 1) + entry])

    def answers(kind: int, number: int) -> list[bytes]:
        if kind != READ_FOLDER:
            return [honest(kind, number)]
        content = next(folder, None)
        if content is None:
            return [struct.pack(">BIIII", STATUS, number, 1, 0, 0)]
        return [struct.pack(">BI", NAMES, number) + content]

    scripted.answers = answers
    with SftpTransport(settings_for(scripted, client_key)).connect() as session:
        assert listed(session) == Listing([], [])


def test_size_with_billions_of_attributes_is_refused_and_leaves_no_thread_busy(
    scripted: ScriptedSftpServer, client_key: SshKey, source: Path
) -> None:
    def answers(kind: int, number: int) -> list[bytes]:
        if kind == STAT:
            return [struct.pack(">BIIQI", ATTRIBUTES, number, 1 | EXTENDED, len(CONTENT), 2**32 - 1)]
        return [struct.pack(">BII", HANDLE, number, 1) + b"h" if kind == 3 else honest(kind, number)]

    scripted.answers = answers
    settings = replace(settings_for(scripted, client_key), operation_seconds=PATIENCE_SECONDS)
    broken = pytest.raises(TransferError, match="does not keep to the SFTP protocol")
    with SftpTransport(settings).connect() as session, broken:
        session.upload(source, NAME)


@pytest.mark.parametrize(
    "words", [b"x" * 10_000, b"x\r\n" * 1000, BANNER + struct.pack(">I", 2**31) + bytes(10_000)]
)
def test_server_that_talks_without_end_is_left_before_it_fills_the_memory(
    one_server: PartnerSftpServer, client_key: SshKey, words: bytes
) -> None:
    server = MuteServer(words, endless=True)
    settings = settings_for(one_server, client_key)
    account = replace(settings.account, port=server.port)
    with pytest.raises(TransferError) as caught:
        SftpTransport(
            replace(settings, account=account, connect_seconds=PATIENCE_SECONDS)
        ).connect().__enter__()
    server.stop()
    assert not isinstance(caught.value, DeadlineExceededError)


def test_login_with_billions_of_extensions_is_given_up_and_leaves_no_thread_busy(
    partner: PartnerSftpServer, client_key: SshKey
) -> None:
    partner.misbehaviour = Misbehaviour(announce_extensions=True)
    settings = replace(settings_for(partner, client_key), connect_seconds=PATIENCE_SECONDS)
    with pytest.raises(TransferError) as caught:
        SftpTransport(settings).connect().__enter__()
    assert not isinstance(caught.value, DeadlineExceededError)


def test_file_without_an_end_is_left_after_one_byte_too_many(
    partner: PartnerSftpServer, client_key: SshKey
) -> None:
    partner.misbehaviour = Misbehaviour(endless_files=True)
    settings = replace(settings_for(partner, client_key), operation_seconds=PATIENCE_SECONDS)
    with SftpTransport(settings).connect() as session:
        [remote] = listed(session).new
        with pytest.raises(RefusedByServerError, match="has not the size"):
            session.fetch(remote, into := BytesIO())
    assert len(into.getvalue()) == len(CONTENT) + 1
