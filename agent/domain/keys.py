"""OpenPGP keys as the rules see them: what a key is, and whether it is good enough for a partner.

Facts are read by `agent.adapters.keyring`; this module decides. It sees no
secret, asks no clock and trusts no name in a user id: a key is known by its
full fingerprint alone.
"""

from dataclasses import dataclass
from datetime import datetime

MINIMUM_RSA_BITS = 3072
STRONG_CURVES = frozenset(
    {
        "ed25519",
        "cv25519",
        "nistp256",
        "nistp384",
        "nistp521",
        "brainpoolP256r1",
        "brainpoolP384r1",
        "brainpoolP512r1",
    }
)


@dataclass(frozen=True, slots=True)
class SubkeyFacts:
    """One subkey. Capabilities are what it was made for, also after it has expired."""

    fingerprint: str
    algorithm: str
    bits: int
    curve: str | None
    created_at: datetime
    expires_at: datetime | None
    can_sign: bool
    can_encrypt: bool
    revoked: bool

    def is_usable(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return not self.revoked and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """One key: its primary key, its names, its subkeys.

    `fingerprint` is 40 upper-case hex digits of the primary key; `curve` is
    None for RSA and DSA. `can_sign` and `can_encrypt` speak of the key as a
    whole at the moment it was looked at: an expired key can do neither.
    """

    fingerprint: str
    algorithm: str
    bits: int
    curve: str | None
    created_at: datetime
    expires_at: datetime | None
    user_ids: tuple[str, ...]
    can_sign: bool
    can_encrypt: bool
    revoked: bool
    subkeys: tuple[SubkeyFacts, ...]


def in_groups(fingerprint: str) -> str:
    """As people read it to each other: ten groups of four digits."""
    return " ".join(fingerprint[start : start + 4] for start in range(0, len(fingerprint), 4))


def key_problem(key: KeyFacts, now: datetime) -> str | None:
    """Why this key is not good enough to sign for a partner and be encrypted to; None if it is."""
    return _date_problem(key, now) or _strength_problem(key, now) or _capability_problem(key, now)


def _date_problem(key: KeyFacts, now: datetime) -> str | None:
    if key.revoked:
        return "the key is revoked"
    if key.expires_at is None:
        return "the key has no expiry date; give it one of at most a few years"
    if now >= key.expires_at:
        return f"the key expired on {key.expires_at.date().isoformat()}"
    return None


def _strength_problem(key: KeyFacts, now: datetime) -> str | None:
    """A key is as strong as the weakest part that gpg would take a signature or a message for."""
    weakness = _weakness(key)
    if weakness is not None:
        return f"the primary key is {weakness}"
    for subkey in key.subkeys:
        weakness = _weakness(subkey)
        if weakness is not None and subkey.is_usable(now):
            return f"the subkey {subkey.fingerprint} is {weakness}"
    return None


def _capability_problem(key: KeyFacts, now: datetime) -> str | None:
    if not key.can_sign:
        return "the key cannot sign"
    if not any(subkey.can_encrypt and subkey.is_usable(now) for subkey in key.subkeys):
        return "the key has no usable subkey for encryption"
    return None


def _weakness(part: KeyFacts | SubkeyFacts) -> str | None:
    if part.algorithm == "RSA":
        short = part.bits < MINIMUM_RSA_BITS
        return f"RSA with {part.bits} bits, at least {MINIMUM_RSA_BITS} are needed" if short else None
    if part.curve in STRONG_CURVES:
        return None
    return f"{part.algorithm} {part.curve or part.bits}, which is not accepted; use Ed25519 with Cv25519"
