"""What a Windows access list grants to somebody: the rule alone, on plain values.

Entries as `agent.adapters.windows_rights` reads them. The rule is that of the
system (Microsoft, "How AccessCheck works"): from the first entry to the last,
what is denied before it is granted stays denied.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

EVERYONE, USERS, AUTHENTICATED = "S-1-1-0", "S-1-5-32-545", "S-1-5-11"
ADMINISTRATORS, LOCAL_SYSTEM, SERVICES = "S-1-5-32-544", "S-1-5-18", "S-1-5-6"
WORLD = frozenset({EVERYONE, USERS, AUTHENTICATED})
"""Groups that anybody who logs in belongs to."""

READ_DATA, WRITE_DATA, TRAVERSE = 0x1, 0x2, 0x20
_ALL_OF_A_FILE = 0x1F01FF
_GENERIC = {
    0x8000_0000: 0x120089,  # GENERIC_READ
    0x4000_0000: 0x120116,  # GENERIC_WRITE
    0x2000_0000: 0x1200A0,  # GENERIC_EXECUTE
    0x1000_0000: _ALL_OF_A_FILE,
}


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One entry that holds for the file itself, not only for what is made below it."""

    allows: bool
    mask: int
    sid: str


def granted(entries: Iterable[AccessEntry] | None, sids: Collection[str]) -> int:
    """Every right that one who is all of `sids` has; without any list everything is allowed to everybody."""
    if entries is None:
        return _ALL_OF_A_FILE
    allowed = denied = 0
    for entry in entries:
        if entry.sid in sids:
            mask = _specific(entry.mask)
            if entry.allows:
                allowed |= mask & ~denied
            else:
                denied |= mask & ~allowed
    return allowed


def _specific(mask: int) -> int:
    for generic, rights in _GENERIC.items():
        # On some systems the highest bit makes the whole number negative.
        if mask & 0xFFFF_FFFF & generic:
            mask |= rights
    return mask & _ALL_OF_A_FILE
