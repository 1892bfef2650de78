"""What paramiko gets to see of a server's answer: exact, plain, without a foreign word, or nothing."""

import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko import Message
from paramiko.sftp_attr import SFTPAttributes

from agent.adapters.sftp_answers import MalformedAnswerError, plain_answer

STATUS, DATA, NAMES, ATTRIBUTES = 101, 103, 104, 105
SIZE, OWNER, MODE, TIMES, EXTENDED = 1, 2, 4, 8, 0x80000000
LATIN1 = "Müller.pgp".encode("latin-1")


def text(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def attributes(extended: int = 0, announced: int | None = None) -> bytes:
    flags = SIZE | OWNER | MODE | TIMES | (EXTENDED if extended or announced else 0)
    plain = struct.pack(">IQIIIII", flags, 6, 1000, 1000, 0o100600, 1, 2)
    if not extended and announced is None:
        return plain
    return plain + struct.pack(">I", announced or extended) + (text(b"acl@x") + text(b"Meier")) * extended


def names(*entries: bytes, announced: int | None = None) -> bytes:
    listed = b"".join(text(name) + text(b"-rw Meier " + name) + attributes(2) for name in entries)
    return struct.pack(">II", 7, len(entries) if announced is None else announced) + listed


def read(body: bytes) -> list[tuple[str, str, int, int, int]]:
    """As paramiko reads a listing."""
    message = Message(body)
    assert message.get_int() == 7
    found = []
    for _ in range(message.get_int()):
        name, long_name = message.get_text(), message.get_text()
        entry = SFTPAttributes._from_msg(message, name, long_name)  # type: ignore[attr-defined]
        assert (entry.attr, entry.st_uid) == ({}, None)
        found.append((name, long_name, entry.st_size, entry.st_mode, entry.st_mtime))
    assert message.get_remainder() == b""
    return found


def test_listing_keeps_name_size_mode_and_time_and_nothing_else() -> None:
    answer = plain_answer(NAMES, names(b"a.pgp", "ä.pgp".encode()))
    assert read(answer.body) == [("a.pgp", "", 6, 0o100600, 2), ("ä.pgp", "", 6, 0o100600, 2)]
    assert answer.unreadable == 0


def test_listing_leaves_out_and_counts_names_that_are_not_utf8() -> None:
    answer = plain_answer(NAMES, names(b"a.pgp", LATIN1, b"\xff", b"b.pgp"))
    assert [name for name, *_ in read(answer.body)] == ["a.pgp", "b.pgp"]
    assert answer.unreadable == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        names(b"a.pgp", announced=2),
        names(b"a.pgp", announced=2**32 - 1),
        names(b"a.pgp")[:-1],
        struct.pack(">II", 7, 1) + struct.pack(">I", 2**32 - 1),
        struct.pack(">II", 7, 1) + text(b"a.pgp") + text(b"") + attributes(announced=2**32 - 1),
    ],
)
def test_listing_that_announces_more_than_it_holds_is_refused_at_once(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(MalformedAnswerError):
        plain_answer(NAMES, body)
    assert time.process_time() - began < 1


def test_attributes_with_billions_of_extensions_are_refused_at_once() -> None:
    began = time.process_time()
    with pytest.raises(MalformedAnswerError):
        plain_answer(ATTRIBUTES, struct.pack(">I", 7) + attributes(announced=2**32 - 1))
    assert time.process_time() - began < 1


def test_largest_answer_of_empty_extensions_costs_little() -> None:
    pairs = 131_000
    began = time.process_time()
    answer = plain_answer(ATTRIBUTES, struct.pack(">III", 7, EXTENDED, pairs) + bytes(8 * pairs))
    assert answer.body == struct.pack(">II", 7, 0)
    assert time.process_time() - began < 2


def test_status_keeps_its_code_and_loses_the_servers_words() -> None:
    body = struct.pack(">II", 7, 4) + text(b"no space left for Anna Meier") + text(b"de")
    assert plain_answer(STATUS, body).body == struct.pack(">II", 7, 4) + text(b"") + text(b"")


def test_status_of_an_old_server_without_words_is_completed() -> None:
    assert plain_answer(STATUS, struct.pack(">II", 7, 0)).body == struct.pack(">II", 7, 0) + bytes(8)


def test_data_passes_as_it_is() -> None:
    body = struct.pack(">I", 7) + text(b"sealed")
    assert plain_answer(DATA, body).body == body


@given(st.integers(0, 255), st.binary(max_size=400))
def test_any_bytes_are_made_plain_or_refused_and_never_grow(kind: int, body: bytes) -> None:
    try:
        answer = plain_answer(kind, body)
    except MalformedAnswerError:
        return
    assert len(answer.body) <= max(len(body), 16)
    assert plain_answer(kind, answer.body).body == answer.body
