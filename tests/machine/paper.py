"""How contents travel between the machine's agent and its partners: open, or sealed with real keys.

Most lives leave OpenPGP out: `OpenPaper` plays the port and passes contents on
as they are, because sealing and opening are proven elsewhere and cost a hundred
times the rest. `SealedPaper` is the real thing.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Protocol

from agent.adapters.gpg_sealer import GpgSealer, OpeningLimits, PartnerKey
from agent.adapters.own_key import OwnKey
from agent.ports import OpenedFile, SealedFile, Sealer
from tests.kit.openpgp import KeyWorld, PartnerGpg
from tests.machine.practice import DENTPORT, ZAHNZEIT

INVENTED_FINGERPRINTS = {DENTPORT: "D" * 40, ZAHNZEIT: "E" * 40}


class Paper(Protocol):
    """How files are sealed and opened, on both sides."""

    def sealer(self, partner_id: str) -> Sealer:
        """The agent's side."""
        ...

    def write(self, partner_id: str, content: bytes) -> bytes:
        """A file as the partner seals it."""
        ...

    def read(self, partner_id: str, sealed: bytes) -> bytes:
        """A file of the agent as the partner opens it."""
        ...


class OpenSealer:
    """`Sealer` without a seal."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint

    def seal(self, plaintext: Iterable[bytes], sealed: BinaryIO, signer: str | None = None) -> SealedFile:
        content = b"".join(plaintext)
        sealed.write(content)
        return SealedFile(sha256(content).hexdigest(), len(content))

    def recipient(self) -> str:
        return self._fingerprint

    def is_sealed_for(self, sealed: Path, fingerprints: Collection[str]) -> bool:
        return False

    def open(self, sealed: bytes, now: datetime) -> OpenedFile:
        return OpenedFile(sealed, sha256(sealed).hexdigest(), self._fingerprint, now)


class OpenPaper:
    """Contents as they are."""

    def sealer(self, partner_id: str) -> Sealer:
        return OpenSealer(INVENTED_FINGERPRINTS[partner_id])

    def write(self, partner_id: str, content: bytes) -> bytes:
        return content

    def read(self, partner_id: str, sealed: bytes) -> bytes:
        return sealed


class SealedPaper:
    """Signed and encrypted with real keys; the machine's clock must stay within the age that is accepted."""

    def __init__(self, keys: KeyWorld) -> None:
        self._keys = keys
        self._partners: dict[str, PartnerGpg] = {DENTPORT: keys.dentport, ZAHNZEIT: keys.zahnzeit}

    def sealer(self, partner_id: str) -> Sealer:
        partner = self._partners[partner_id]
        own = OwnKey(
            gpg_program="gpg",
            gpgv_program="gpgv",
            home=self._keys.practice.folder,
            fingerprint=self._keys.practice_fingerprint,
            passphrase=None,
        )
        ring = self._keys.folder / f"machine-{partner_id}.ring"
        ring.write_bytes(partner.public_key)
        limits = OpeningLimits(max_sealed_bytes=5 * 1024 * 1024, max_age=timedelta(days=14))
        return GpgSealer(own, PartnerKey(ring, (partner.fingerprint,)), limits)

    def write(self, partner_id: str, content: bytes) -> bytes:
        return self._partners[partner_id].seal(content)

    def read(self, partner_id: str, sealed: bytes) -> bytes:
        return self._partners[partner_id].open(sealed)
