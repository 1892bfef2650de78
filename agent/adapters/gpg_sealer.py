"""Seal documents for one partner and open what that partner sends, with gpg and gpgv (promise P1).

Sealing signs and encrypts in one pass through pipes, so that plaintext never
touches the disk. Opening believes no single program: `encrypted_message`
judges the outer packets, gpg only decrypts, `signed_message` judges the inner
packets and lets gpgv verify them. A file is blamed only when our own key has
been shown to work; whatever is wrong on our side makes it wait.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Literal

from agent.adapters.encrypted_message import EncryptedMessage, encrypted_message
from agent.adapters.gpg_process import GpgRun
from agent.adapters.key_listing import list_keys
from agent.adapters.own_key import OwnKey, sealing_fault
from agent.adapters.signed_message import (
    DEFAULT_MAX_CONTENT_BYTES,
    DEFAULT_TOLERANCE,
    STRONG_HASHES,
    require_pinned_key,
    verify_signed_message,
)
from agent.errors import KeyUnusableError, QuarantineReason, SealingFailedError, UnauthenticatedFileError
from agent.ports import OpenedFile, SealedFile

Compression = Literal["none", "zip1", "zlib6"]
COMPRESSION_OPTIONS: dict[Compression, tuple[str, ...]] = {
    "none": ("--compress-algo", "none"),
    "zip1": ("--compress-algo", "zip", "--compress-level", "1"),
    "zlib6": ("--compress-algo", "zlib", "--compress-level", "6"),
}


@dataclass(frozen=True, slots=True)
class PartnerKey:
    """One partner: the key ring file that holds its keys alone, and one or two pinned primary fingerprints.

    The ring file is a plain row of binary public keys (RFC 4880, 11.1). Of two
    pins the first that is present and can encrypt today becomes the recipient.
    """

    key_ring: Path
    fingerprints: tuple[str, ...]
    compression: Compression = "none"


@dataclass(frozen=True, slots=True)
class OpeningLimits:
    """How big and how old a partner's file may be, and how far its clock may run ahead."""

    max_sealed_bytes: int = 5 * 1024 * 1024
    max_content_bytes: int = DEFAULT_MAX_CONTENT_BYTES
    max_age: timedelta = timedelta(days=30)
    tolerance: timedelta = DEFAULT_TOLERANCE


class GpgSealer:
    """`agent.ports.Sealer` for one partner; several threads may use it at once."""

    def __init__(self, own: OwnKey, partner: PartnerKey, limits: OpeningLimits | None = None) -> None:
        self._own = own
        self._partner = partner
        self._limits = limits or OpeningLimits()
        self._own_key_ids: frozenset[str] = frozenset()

    def seal(self, plaintext: Iterable[bytes], sealed: BinaryIO) -> SealedFile:
        output = _HashingWriter(sealed)
        run = self._own.run(self._sealing_arguments(self._recipient()), plaintext, output.write)
        self._require_sealed(run, output.size)
        return SealedFile(output.digest.hexdigest(), output.size)

    def open(self, sealed: bytes, now: datetime) -> OpenedFile:
        message = encrypted_message(sealed, self._limits.max_sealed_bytes)
        self._require_named_recipient(message)
        verified = verify_signed_message(
            self._decrypted(message),
            gpgv_program=self._own.gpgv_program,
            key_ring=self._partner.key_ring,
            fingerprints=self._partner.fingerprints,
            now=now,
            max_age=self._limits.max_age,
            tolerance=self._limits.tolerance,
            max_content_bytes=self._limits.max_content_bytes,
        )
        digest = hashlib.sha256(sealed).hexdigest()
        return OpenedFile(verified.content, digest, verified.signer_fingerprint, verified.signed_at)

    def _recipient(self) -> str:
        """The first pin that is in the ring file and can encrypt today."""
        require_pinned_key(self._partner.key_ring, self._partner.fingerprints)
        listed = list_keys(self._own.gpg_program, self._own.home, self._partner.key_ring)
        usable = {key.fingerprint for key in listed if key.can_encrypt}
        for fingerprint in self._partner.fingerprints:
            if fingerprint in usable:
                return fingerprint
        raise KeyUnusableError("every pinned key of the partner is expired, revoked or unable to encrypt")

    def _sealing_arguments(self, recipient: str) -> list[str]:
        return [
            # The partner's file comes first: a copy of its key in our own home would be the older one.
            "--no-default-keyring", "--keyring", str(self._partner.key_ring.absolute()),
            "--keyring", str(self._own.key_ring()),
            "--trust-model", "always", "--cipher-algo", "AES256", "--digest-algo", "SHA512",
            *COMPRESSION_OPTIONS[self._partner.compression],
            "--local-user", self._own.fingerprint, "--recipient", recipient, "--sign", "--encrypt",
        ]  # fmt: skip

    def _require_sealed(self, run: GpgRun, size: int) -> None:
        created = run.first("SIG_CREATED")
        counts = [run.count(keyword) for keyword in ("SIG_CREATED", "BEGIN_ENCRYPTION", "END_ENCRYPTION")]
        if run.exit_code != 0 or counts != [1, 1, 1] or created is None or size == 0:
            raise sealing_fault(run)
        kind, _, digest, signature_class, _, signer = created.arguments[:6]
        if (kind, signature_class) != ("S", "00") or int(digest) not in STRONG_HASHES:
            raise SealingFailedError("gpg made another kind of signature than it was told to")
        if signer != self._own.fingerprint and signer not in self._own.listed().fingerprints:
            raise SealingFailedError("gpg signed with another key than ours")

    def _require_named_recipient(self, message: EncryptedMessage) -> None:
        if message.key_id not in self._own_key_ids:
            self._own_key_ids = self._own.listed().encryption_key_ids  # it may be a new subkey
        if message.key_id not in self._own_key_ids:
            raise UnauthenticatedFileError(QuarantineReason.WRONG_RECIPIENT)

    def _decrypted(self, message: EncryptedMessage) -> bytes:
        """The packets inside, still compressed; only after gpg has checked their integrity."""
        run, content = self._decryption(message)
        # gpg says "no secret key" also when its agent is down, and "bad key" also when it is locked.
        if content is None and not run.count("DECRYPTION_KEY"):
            self._own.prove()
            # The agent may have died in between and been started again by the proof.
            run, content = self._decryption(message)
        if content is None:
            raise UnauthenticatedFileError(QuarantineReason.DAMAGED)
        return content

    def _decryption(self, message: EncryptedMessage) -> tuple[GpgRun, bytes | None]:
        inner = _BoundedBuffer(len(message.packets))
        run = self._own.run(["--unwrap", "--decrypt"], (message.packets,), inner.write)
        good = run.exit_code == 0 and run.count("DECRYPTION_OKAY") == run.count("GOODMDC") == 1
        return run, bytes(inner.data) if good else None


class _HashingWriter:
    """Passes on what gpg sealed, counting and hashing it."""

    def __init__(self, file: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self._file = file

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self.digest.update(chunk)
        self.size += len(chunk)


class _BoundedBuffer:
    """Collects what gpg decrypts; it cannot be more than what was encrypted unless gpg decompresses."""

    def __init__(self, max_bytes: int) -> None:
        self.data = bytearray()
        self._max_bytes = max_bytes

    def write(self, chunk: bytes) -> None:
        if len(self.data) + len(chunk) > self._max_bytes:
            raise UnauthenticatedFileError(QuarantineReason.BOMB)
        self.data += chunk
