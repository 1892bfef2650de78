"""What a Windows access list grants, on the lists that administrators make."""

import pytest

from agent.adapters.access_entries import (
    EVERYONE,
    LOCAL_SYSTEM,
    READ_DATA,
    TRAVERSE,
    USERS,
    WORLD,
    WRITE_DATA,
    AccessEntry,
    granted,
)

SERVICE = "S-1-5-80-1"
FULL, READ, GENERIC_ALL, GENERIC_READ = 0x1F01FF, 0x120089, 0x1000_0000, -0x8000_0000
USE = READ_DATA | WRITE_DATA | TRAVERSE


def allow(mask: int, sid: str) -> AccessEntry:
    return AccessEntry(True, mask, sid)


def deny(mask: int, sid: str) -> AccessEntry:
    return AccessEntry(False, mask, sid)


@pytest.mark.parametrize(
    ("entries", "may"),
    [
        ([allow(FULL, SERVICE)], USE),
        ([allow(GENERIC_ALL, SERVICE)], USE),
        ([allow(FULL, LOCAL_SYSTEM)], 0),
        ([allow(READ, USERS)], READ_DATA),
        ([allow(GENERIC_READ, EVERYONE)], READ_DATA),
        ([allow(READ, USERS), allow(WRITE_DATA, SERVICE)], READ_DATA | WRITE_DATA),
        ([deny(WRITE_DATA, USERS), allow(FULL, SERVICE)], READ_DATA | TRAVERSE),
        ([allow(FULL, SERVICE), deny(WRITE_DATA, USERS)], USE),
        ([], 0),
        (None, USE),
    ],
    ids=str,
)
def test_service_may_do_what_the_entries_grant_in_their_order(
    entries: list[AccessEntry] | None, may: int
) -> None:
    assert granted(entries, {SERVICE, USERS, EVERYONE}) & USE == may


def test_folder_that_users_may_read_is_open_to_the_world() -> None:
    assert granted([allow(FULL, SERVICE), allow(READ, USERS)], WORLD) & READ_DATA
    assert not granted([allow(FULL, SERVICE), allow(FULL, LOCAL_SYSTEM)], WORLD)
