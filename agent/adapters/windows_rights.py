"""Says what an account may do with a file on Windows, by the access list that holds for it.

Answers the same as `agent.adapters.posix_rights`. The account may be another
one than this process runs as; folders on the way are not asked, because
Windows lets everybody pass them (SeChangeNotifyPrivilege). Nothing is opened
or changed.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pywintypes
import win32api
import win32security

from agent.adapters.access_entries import (
    ADMINISTRATORS,
    AUTHENTICATED,
    EVERYONE,
    LOCAL_SYSTEM,
    READ_DATA,
    SERVICES,
    TRAVERSE,
    USERS,
    WORLD,
    WRITE_DATA,
    AccessEntry,
    granted,
)
from agent.errors import SpoolError, UsageError

assert sys.platform == "win32"  # noqa: S101 - for mypy: pywin32 is there only

if TYPE_CHECKING:
    from _win32typing import PySECURITY_DESCRIPTOR

READ, WRITE, ENTER = 4, 2, 1
USE = READ | WRITE | ENTER
_RIGHTS = {READ: READ_DATA, WRITE: WRITE_DATA, ENTER: TRAVERSE}
_ALLOWS, _DENIES = 0, 1
_INHERIT_ONLY = 0x8


@dataclass(frozen=True, slots=True)
class Account:
    """An account of this machine, with the groups that every service belongs to."""

    name: str
    sids: frozenset[str]

    def is_ours(self) -> bool:
        """Whether this process runs as it."""
        return _sid(win32api.GetUserNameEx(win32api.NameSamCompatible)) in self.sids


def named_account(name: str) -> Account:
    """Raises UsageError if there is none of that name."""
    try:
        own = _sid(name)
    except pywintypes.error:
        raise UsageError(f"this machine has no account {name}") from None
    groups = {EVERYONE, USERS, AUTHENTICATED, SERVICES}
    if own == LOCAL_SYSTEM:
        groups.add(ADMINISTRATORS)
    return Account(name, frozenset({own, *groups}))


def own_account() -> Account:
    """The one this process runs as."""
    return named_account(win32api.GetUserNameEx(win32api.NameSamCompatible))


def owner_of(path: Path) -> Account:
    """Raises SpoolError for what is not there, or may not be looked at."""
    sid = _security(path).GetSecurityDescriptorOwner()
    try:
        name, domain, _ = win32security.LookupAccountSid(None, sid)
    except pywintypes.error as error:
        raise SpoolError(f"nobody knows who owns {path}") from error
    return named_account(f"{domain}\\{name}")


def become(account: Account) -> bool:
    """Windows lets no process change its account."""
    return False


def obstacle(account: Account, path: Path, need: int) -> Path | None:
    """`path` if it refuses; None if the account may. Raises SpoolError for what may not be looked at."""
    return None if may_directly(account, path, need) else path


def may_directly(account: Account, path: Path, need: int) -> bool:
    """Whether the account may do all of these with it."""
    wanted = sum(mask for bit, mask in _RIGHTS.items() if need & bit)
    return granted(_entries(path), account.sids) & wanted == wanted


def open_to_others(path: Path, bits: int = READ | WRITE) -> bool:
    """Whether anybody who can log in may do one of these with it."""
    wanted = sum(mask for bit, mask in _RIGHTS.items() if bits & bit)
    return bool(granted(_entries(path), WORLD) & wanted)


def command_to_give(account: Account, path: Path) -> str:
    """What an administrator types so that the account may use all of it."""
    return f'icacls "{path}" /grant "{account.name}:(OI)(CI)F" /T'


def command_to_show(account: Account, path: Path) -> str:
    """What an administrator types so that the account may read a file that is not its own."""
    return f'icacls "{path}" /grant "{account.name}:R"'


def command_to_close(account: Account, path: Path, bits: int = READ | WRITE) -> str:
    """What an administrator types so that nobody else may do this with it."""
    if not bits & READ:
        readers = " ".join(f'"*{sid}:(OI)(CI)RX"' for sid in (USERS, AUTHENTICATED))
        return f'icacls "{path}" /inheritance:d /grant:r {readers}'
    return (
        f'icacls "{path}" /inheritance:r /grant:r "{account.name}:(OI)(CI)F" '
        f'"*{LOCAL_SYSTEM}:(OI)(CI)F" "*{ADMINISTRATORS}:(OI)(CI)F"'
    )


def command_to_run_as(account: Account, command: str) -> str:
    """How an administrator runs something as that account."""
    return f'runas /user:"{account.name}" "{command}"'


def _sid(name: str) -> str:
    sid, _, _ = win32security.LookupAccountName(None, name)
    return win32security.ConvertSidToStringSid(sid)


def _entries(path: Path) -> list[AccessEntry] | None:
    listed = _security(path).GetSecurityDescriptorDacl()
    # A descriptor may have no list at all, and then everybody may do everything.
    if listed is None:
        return None
    entries = []
    for index in range(listed.GetAceCount()):
        (kind, flags), mask, sid = listed.GetAce(index)
        if kind in (_ALLOWS, _DENIES) and not flags & _INHERIT_ONLY:
            entries.append(AccessEntry(kind == _ALLOWS, mask, win32security.ConvertSidToStringSid(sid)))
    return entries


def _security(path: Path) -> "PySECURITY_DESCRIPTOR":
    wanted = win32security.OWNER_SECURITY_INFORMATION | win32security.DACL_SECURITY_INFORMATION
    try:
        return win32security.GetFileSecurity(str(path), wanted)
    except pywintypes.error as error:
        raise SpoolError(f"cannot look at the rights of {path}: {error.strerror}") from error
