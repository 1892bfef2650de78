"""What an account may do by owner, mode bits and access list; nobody else's account is needed for it."""

import os
import struct
from pathlib import Path

import pytest

from agent.adapters.posix_rights import (
    ENTER,
    READ,
    USE,
    WRITE,
    Account,
    become,
    command_to_give,
    granted,
    named_account,
    obstacle,
    open_to_others,
    own_account,
    owner_of,
)
from agent.errors import SpoolError, UsageError

STRANGER = Account("otv-agent", 54321, 54321, frozenset({54321}))
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
NONE = 0xFFFF_FFFF


def member_of(gid: int) -> Account:
    return Account("member", 54321, 54321, frozenset({54321, gid}))


def listed(*entries: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def status_with(path: Path, mode: int) -> os.stat_result:
    path.touch()
    path.chmod(mode)
    return path.stat()


@pytest.mark.parametrize(
    ("mode", "need", "may"),
    [
        (0o700, READ, False),
        (0o704, READ, True),
        (0o704, WRITE, False),
        (0o077, USE, True),
        (0o070, READ, False),
    ],
)
def test_stranger_has_the_rights_of_others(tmp_path: Path, mode: int, need: int, may: bool) -> None:
    assert granted(STRANGER, status_with(tmp_path / "f", mode), need) is may


def test_owner_has_the_owners_bits_even_where_others_have_more(tmp_path: Path) -> None:
    status = status_with(tmp_path / "f", 0o077)
    owner = Account("owner", status.st_uid or 1, 1, frozenset({1}))
    if status.st_uid == 0:
        os.chown(tmp_path / "f", 1, -1)
        status = (tmp_path / "f").stat()
    assert not granted(owner, status, READ)


def test_member_of_the_group_has_the_groups_bits_even_where_others_have_more(tmp_path: Path) -> None:
    status = status_with(tmp_path / "f", 0o647)
    assert granted(member_of(status.st_gid), status, READ)
    assert not granted(member_of(status.st_gid), status, WRITE)


def test_root_may_everything(tmp_path: Path) -> None:
    assert granted(Account("root", 0, 0, frozenset({0})), status_with(tmp_path / "f", 0), USE)


@pytest.mark.parametrize(
    ("entries", "need", "may"),
    [
        ([(USER, 6, 54321), (MASK, 7, NONE)], WRITE, True),
        ([(USER, 6, 54321), (MASK, 4, NONE)], WRITE, False),
        ([(USER, 6, 11111), (MASK, 7, NONE)], READ, False),
        ([(GROUP, 4, 54321), (MASK, 7, NONE)], READ, True),
        ([(GROUP, 4, 54321), (MASK, 3, NONE)], READ, False),
        ([(USER, 0, 54321), (GROUP, 7, 54321), (MASK, 7, NONE)], READ, False),
    ],
)
def test_entry_of_an_access_list_goes_before_the_bits_of_others(
    tmp_path: Path, entries: list[tuple[int, int, int]], need: int, may: bool
) -> None:
    usual = [(USER_OBJ, 7, NONE), (GROUP_OBJ, 0, NONE), (OTHER, 0, NONE)]
    status = status_with(tmp_path / "f", 0o770)
    assert granted(STRANGER, status, need, listed(*usual, *entries)) is may


def test_folder_on_the_way_that_refuses_is_named(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if any(part.startswith("pytest-of-") for part in folder.parts):  # pytest's own, which it closes
            folder.chmod(0o755)
    closed = tmp_path / "closed"
    (closed / "open").mkdir(parents=True)
    (closed / "open").chmod(0o777)
    closed.chmod(0o700)
    assert obstacle(STRANGER, closed / "open", USE) == closed
    closed.chmod(0o711)
    assert obstacle(STRANGER, closed / "open", USE) is None
    assert obstacle(STRANGER, closed, READ) == closed


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="does not exist"):
        obstacle(own_account(), tmp_path / "away", READ)
    with pytest.raises(SpoolError, match="does not exist"):
        owner_of(tmp_path / "away")


@pytest.mark.parametrize(("mode", "is_open"), [(0o700, False), (0o710, False), (0o740, True), (0o702, True)])
def test_folder_that_others_may_read_or_write_is_open(tmp_path: Path, mode: int, is_open: bool) -> None:
    tmp_path.chmod(mode)
    assert open_to_others(tmp_path) is is_open


def test_account_is_found_by_name_and_by_what_it_owns(tmp_path: Path) -> None:
    assert named_account("root").uid == 0
    assert owner_of(tmp_path) == own_account()
    assert own_account().is_ours()
    with pytest.raises(UsageError, match="no account nobody-of-that-name"):
        named_account("nobody-of-that-name")


def test_process_that_is_the_account_already_does_not_change() -> None:
    assert not become(own_account())


def test_command_quotes_what_a_shell_would_read() -> None:
    assert command_to_give(STRANGER, Path("/srv/otv data")) == "chown -R otv-agent '/srv/otv data'"


def test_entering_is_a_right_of_its_own(tmp_path: Path) -> None:
    assert granted(STRANGER, status_with(tmp_path / "f", 0o701), ENTER)
