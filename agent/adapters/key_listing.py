"""Read gpg's colon listing of public keys: which keys there are and what they can still do.

Sealing asks it for a recipient that is neither expired nor revoked, opening
asks it which key ids are ours. It never decides whom to trust: that is what
full fingerprints pinned by the practice are for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.adapters.gpg_process import run_gpg

KEY_ID_FIELD, CAPABILITIES_FIELD, FINGERPRINT_FIELD = 4, 11, 9


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A primary key with its subkeys (doc/DETAILS of GnuPG, "Format of the colon listings").

    `fingerprints` begins with the primary's; `encryption_key_ids` holds every
    encryption key, the expired ones too; `can_encrypt` is gpg's judgement for now.
    """

    fingerprints: tuple[str, ...]
    encryption_key_ids: frozenset[str]
    can_encrypt: bool

    @property
    def fingerprint(self) -> str:
        return self.fingerprints[0]


def list_keys(program: str, home: Path, key_ring: Path | None = None) -> tuple[ListedKey, ...]:
    """The public keys in `key_ring`, or in the home's own ring. Raises GpgUnavailableError."""
    rings = ["--no-default-keyring", "--keyring", str(key_ring)] if key_ring else []
    listing = bytearray()
    arguments = [*rings, "--trust-model", "always", "--with-colons", "--list-keys"]
    run_gpg(program, home, arguments, (), listing.extend)
    return parse_listing(listing.decode("utf-8", "replace").split("\n"))


def parse_listing(lines: Sequence[str]) -> tuple[ListedKey, ...]:
    """One entry for each `pub` record and the records that follow it."""
    blocks: list[list[list[str]]] = []
    for line in lines:
        record = line.split(":")
        if record[0] == "pub":
            blocks.append([])
        if blocks and record[0] in ("pub", "sub", "fpr"):
            blocks[-1].append(record)
    return tuple(_listed_key(block) for block in blocks)


def _listed_key(block: Sequence[Sequence[str]]) -> ListedKey:
    keys = [record for record in block if record[0] != "fpr"]
    return ListedKey(
        fingerprints=tuple(record[FINGERPRINT_FIELD] for record in block if record[0] == "fpr"),
        encryption_key_ids=frozenset(key[KEY_ID_FIELD] for key in keys if "e" in key[CAPABILITIES_FIELD]),
        # Upper case letters say what the whole key is good for today; D is a disabled key.
        can_encrypt="E" in keys[0][CAPABILITIES_FIELD] and "D" not in keys[0][CAPABILITIES_FIELD],
    )
