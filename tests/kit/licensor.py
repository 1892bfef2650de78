"""The licence issuer's side, with plain gpg: a key, and signed licences."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from tests.kit.openpgp import GpgHome

ISSUER = "Licences <licences@issuer.example>"


@dataclass(frozen=True, slots=True)
class Licensor:
    """One who may sign licences; `key_ring` is what the agent needs to verify them."""

    home: GpgHome
    fingerprint: str

    @property
    def key_ring(self) -> bytes:
        """The public key, binary: the content of the issuer's key ring file."""
        return self.home.public_key(self.fingerprint)

    def sign(self, content: bytes, *options: str) -> bytes:
        """A signed message, binary unless `options` say otherwise."""
        return self.home.run("--local-user", self.fingerprint, *options, "--sign", stdin=content)

    def licence(
        self, practice_id: str, partner_ids: Iterable[str], valid_from: date, expires_on: date
    ) -> bytes:
        """A licence file."""
        return self.sign(licence_text(practice_id, partner_ids, valid_from, expires_on))


def create_licensor(home: GpgHome, user_id: str = ISSUER, *options: str) -> Licensor:
    """An issuer with a fresh key in `home`; `options` go to gpg while it is made."""
    return Licensor(home, home.create_key(user_id, *options))


def licence_text(
    practice_id: str, partner_ids: Iterable[str], valid_from: date, expires_on: date, **changes: object
) -> bytes:
    """What is signed: one JSON object; `changes` make it another one."""
    fields: dict[str, object] = {
        "format": "otv-licence",
        "version": 1,
        "licence_id": "2026-0815",
        "practice_id": practice_id,
        "partner_ids": sorted(partner_ids),
        "valid_from": valid_from.isoformat(),
        "expires_on": expires_on.isoformat(),
    }
    return json.dumps(fields | changes, indent=2).encode() + b"\n"
