"""The SFTP client against servers that no honest program is: scripted answers over a real socket pair."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from agent.adapters.sftp_client import SftpClient
from agent.adapters.sftp_packets import ProtocolBrokenError, ServerRefusedError, string

VERSION = struct.pack(">BI", 2, 3)
PATIENCE_SECONDS = 5.0


def status(number: int, code: int) -> bytes:
    return struct.pack(">BII", 101, number, code) + string(b"Meier, Anna") + string(b"de")


def handle(number: int) -> bytes:
    return struct.pack(">BI", 102, number) + string(b"h")


def data(number: int, content: bytes) -> bytes:
    return struct.pack(">BI", 103, number) + string(content)


class Script:
    """The server's side: what the client sends is read and ignored, the answers are written as they stand."""

    def __init__(self, *answers: bytes) -> None:
        self._ours, self.channel = socket.socketpair()
        self.channel.settimeout(PATIENCE_SECONDS)
        self._answers = b"".join(string(answer) for answer in answers)
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def _play(self) -> None:
        with suppress(OSError):
            self._ours.sendall(self._answers)
            self._ours.shutdown(socket.SHUT_WR)
            while self._ours.recv(65536):
                pass

    def close(self) -> None:
        self.channel.close()
        self._thread.join(PATIENCE_SECONDS)
        self._ours.close()


@contextmanager
def client_of(*answers: bytes) -> Iterator[SftpClient]:
    with closing(Script(VERSION, *answers)) as script:
        yield SftpClient(script.channel, 1000)


def chunks(*parts: bytes) -> Iterator[bytes]:
    yield from parts
    while True:
        yield b""


def test_write_answered_out_of_order_is_confirmed() -> None:
    with client_of(handle(1), status(3, 0), status(4, 0), status(2, 0), status(5, 0)) as client:
        parts = chunks(b"a", b"b", b"c")
        assert client.write_file("x", lambda _: next(parts)) == 3


def test_write_with_one_part_refused_raises_whatever_the_others_say() -> None:
    with client_of(handle(1), status(2, 0), status(3, 4), status(4, 0), status(5, 0)) as client:
        parts = chunks(b"a", b"b", b"c")
        with pytest.raises(ServerRefusedError) as caught:
            client.write_file("x", lambda _: next(parts))
    assert "Meier" not in str(caught.value)


def test_write_whose_close_is_refused_raises() -> None:
    with client_of(handle(1), status(2, 0), status(3, 4)) as client:
        parts = chunks(b"a")
        with pytest.raises(ServerRefusedError):
            client.write_file("x", lambda _: next(parts))


def test_read_answered_out_of_order_is_put_in_order() -> None:
    with client_of(
        handle(1), data(3, b"b" * 500), data(2, b"a" * 1000), status(4, 1), status(5, 0)
    ) as client:
        got: list[bytes] = []
        assert client.read_file("x", 1500, got.append) == 1500
    assert b"".join(got) == b"a" * 1000 + b"b" * 500


HOSTILE = {
    "an answer to nothing": [status(77, 0)],
    "the same answer twice": [handle(1), data(2, b"x" * 10), data(2, b"x" * 10)],
    "more data than asked for": [handle(1), data(2, b"x" * 11)],
    "a length beyond the packet": [struct.pack(">BII", 102, 1, 2**32 - 1)],
    "an answer of another kind": [data(1, b"x")],
    "an empty packet": [b""],
    "a packet without a number": [b"\x66"],
    "a status that says all is well where a handle is due": [status(1, 0)],
}


@pytest.mark.parametrize("answers", HOSTILE.values(), ids=HOSTILE.keys())
def test_read_from_a_server_that_breaks_the_protocol_is_given_up(answers: list[bytes]) -> None:
    with client_of(*answers) as client, pytest.raises(ProtocolBrokenError):
        client.read_file("x", 10, len)


def test_packet_of_a_gigabyte_is_refused_before_it_is_read() -> None:
    ours, channel = socket.socketpair()
    with ours, channel:
        ours.sendall(struct.pack(">I", 2**30))
        with pytest.raises(ProtocolBrokenError, match="impossible size"):
            SftpClient(channel, 1000)


def test_attributes_with_billions_of_extensions_are_refused_at_once() -> None:
    endless = struct.pack(">BIII", 105, 1, 0x80000000, 2**32 - 1)
    with client_of(endless) as client, pytest.raises(ProtocolBrokenError):
        client.attributes("x")


def test_listing_that_counts_more_names_than_it_has_is_refused() -> None:
    names = struct.pack(">BII", 104, 2, 2**32 - 1) + string(b"a.pgp") + string(b"") + struct.pack(">I", 0)
    with client_of(handle(1), names, status(3, 0)) as client, pytest.raises(ProtocolBrokenError):
        list(client.entries("x"))


def test_server_that_speaks_another_version_is_refused() -> None:
    with (
        closing(Script(struct.pack(">BI", 2, 6))) as script,
        pytest.raises(ProtocolBrokenError, match="version 3"),
    ):
        SftpClient(script.channel, 1000)


def test_server_that_ends_in_the_middle_of_a_packet_is_noticed() -> None:
    with client_of(handle(1)) as client, pytest.raises(EOFError):
        client.read_file("x", 10, len)
