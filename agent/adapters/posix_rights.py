"""Says what an account may do with a file, by owner, mode bits and access list (POSIX 1003.1e, draft 17).

The account may be another one than this process runs as: what counts is
whether the service can work, not whether the operator can. Nothing is opened
or changed. `agent.adapters.windows_rights` answers the same on Windows.
"""

import os
import pwd
import shlex
import stat
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.errors import SpoolError, UsageError

assert sys.platform != "win32"  # noqa: S101 - for mypy: none of this exists there

READ, WRITE, ENTER = 4, 2, 1
USE = READ | WRITE | ENTER
"""What a folder of the agent's own needs."""

_ACCESS_LIST = "system.posix_acl_access"
_USER, _OWNING_GROUP, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10


@dataclass(frozen=True, slots=True)
class Account:
    """An account of this machine with all its groups."""

    name: str
    uid: int
    gid: int
    gids: frozenset[int]

    def is_ours(self) -> bool:
        """Whether this process runs as it."""
        return os.geteuid() == self.uid


def named_account(name: str) -> Account:
    """Raises UsageError if there is none of that name."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise UsageError(f"this machine has no account {name}") from None
    groups = frozenset(os.getgrouplist(name, entry.pw_gid))
    return Account(name, entry.pw_uid, entry.pw_gid, groups)


def own_account() -> Account:
    """The one this process runs as."""
    return _numbered_account(os.geteuid(), os.getegid())


def owner_of(path: Path) -> Account:
    """Raises SpoolError for what is not there, or may not be looked at."""
    status = _status(path)
    return _numbered_account(status.st_uid, status.st_gid)


def _numbered_account(uid: int, gid: int) -> Account:
    try:
        return named_account(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return Account(str(uid), uid, gid, frozenset({gid}))


def become(account: Account) -> bool:
    """Let this process be that account from now on, if it may (root alone); there is no way back."""
    if account.is_ours() or os.geteuid() != 0:
        return False
    os.setgroups(sorted(account.gids))
    os.setgid(account.gid)
    os.setuid(account.uid)
    return True


def obstacle(account: Account, path: Path, need: int) -> Path | None:
    """What refuses: `path` itself, or the first folder on the way to it; None if the account may.

    Raises SpoolError for what is not there, or may not be looked at by this process.
    """
    path = path.resolve()
    for folder in reversed(path.parents):
        if not _may(account, folder, ENTER):
            return folder
    return None if _may(account, path, need) else path


def may_directly(account: Account, path: Path, need: int) -> bool:
    """As `obstacle`, where the way to it was looked at already."""
    return _may(account, path, need)


def open_to_others(path: Path, bits: int = READ | WRITE) -> bool:
    """Whether anybody but its owner may do one of these with it; of a group, the mask of a list counts."""
    mode = stat.S_IMODE(_status(path).st_mode)
    return bool(mode & (bits << 3 | bits))


def command_to_give(account: Account, path: Path) -> str:
    """What an administrator types so that all of it belongs to the account."""
    return f"chown -R {shlex.quote(account.name)} {shlex.quote(str(path))}"


def command_to_show(account: Account, path: Path) -> str:
    """What an administrator types so that the account may read a file that is not its own."""
    place = shlex.quote(str(path))
    return f"chgrp {account.gid} {place} && chmod g+r {place}"


def command_to_close(account: Account, path: Path, bits: int = READ | WRITE) -> str:
    """What an administrator types so that nobody else may do this with it."""
    rights = "rwx" if bits & READ else "w"
    return f"chmod -R go-{rights} {shlex.quote(str(path))}"


def command_to_run_as(account: Account, command: str) -> str:
    """How an administrator runs something as that account."""
    return f"sudo -u {shlex.quote(account.name)} {command}"


def _may(account: Account, path: Path, need: int) -> bool:
    status = _status(path)
    return granted(account, status, need, _access_list(path))


def granted(account: Account, status: os.stat_result, need: int, access_list: bytes = b"") -> bool:
    """The rule of acl(5), "Access check algorithm", for a file of that status."""
    mode = stat.S_IMODE(status.st_mode)
    if account.uid == 0:
        return True
    if account.uid == status.st_uid:
        return mode >> 6 & need == need
    entries = list(_entries(access_list))
    mask = next((bits for tag, bits, _ in entries if tag == _MASK), 7)
    for tag, bits, number in entries:
        if tag == _USER and number == account.uid:
            return bits & mask & need == need
    groups = [bits & mask for tag, bits, number in entries if tag == _GROUP and number in account.gids]
    if status.st_gid in account.gids:
        own = next((bits & mask for tag, bits, _ in entries if tag == _OWNING_GROUP), mode >> 3)
        groups.append(own)
    if groups:
        return any(bits & need == need for bits in groups)
    return mode & need == need


def _entries(access_list: bytes) -> Iterator[tuple[int, int, int]]:
    """Tag, bits and number, after a version of four bytes (linux/posix_acl_xattr.h)."""
    return struct.iter_unpack("<HHI", access_list[4:])


def _access_list(path: Path) -> bytes:
    if sys.platform != "linux":
        return b""
    try:
        return os.getxattr(path, _ACCESS_LIST)
    except OSError:  # it has none, or its file system knows none
        return b""


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except FileNotFoundError as error:
        raise SpoolError(f"{path} does not exist") from error
    except OSError as error:
        raise SpoolError(f"cannot look at {path}: {error.strerror}") from error
