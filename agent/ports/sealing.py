"""What sealing and opening files promises: OpenPGP for one partner."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class SealedFile:
    """What came out of sealing: digest and size of the sealed bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """Bytes vouched for by exactly one valid signature of the lane's pinned key (promise P1).

    Only a sealer makes one; only the codec reads `content`.
    """

    content: bytes
    sealed_sha256: str
    signer_fingerprint: str
    signed_at: datetime


class Sealer(Protocol):
    """OpenPGP for one partner: its key ring file, its pinned fingerprints, our own key."""

    def seal(self, plaintext: Iterable[bytes], sealed: BinaryIO, signer: str | None = None) -> SealedFile:
        """Sign and encrypt the chunks in one pass into `sealed`; nothing is ever written in the clear.

        `signer` is the fingerprint of another own key than the one that signs today.

        If `plaintext` raises, gpg is killed and the exception comes through:
        what stands in `sealed` then is worthless and must not be published.
        Raises KeyUnusableError, GpgUnavailableError, SealingFailedError.
        """
        ...

    def recipient(self) -> str:
        """Fingerprint of the partner's key that files are sealed for now.

        Raises KeyUnusableError if there is none, GpgUnavailableError.
        """
        ...

    def is_sealed_for(self, sealed: Path, fingerprints: Collection[str]) -> bool:
        """Whether a file of ours is sealed for one of these keys of the partner.

        Raises SpoolError, GpgUnavailableError.
        """
        ...

    def open(self, sealed: bytes, now: datetime) -> OpenedFile:
        """Decrypt and verify, strictly; no byte is looked at before the verdict.

        Raises UnauthenticatedFileError with the reason when the file is at
        fault, GpgUnavailableError or KeyUnusableError when we are.
        """
        ...
