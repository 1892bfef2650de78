"""Seal documents for one partner and open what that partner sends, with gpg and gpgv (promise P1).

Sealing signs and encrypts in one pass through pipes, so that plaintext never
touches the disk. Opening believes no single program: `encrypted_message`
judges the outer packets, gpg only decrypts, `signed_message` judges the inner
packets and lets gpgv verify them. A file is blamed only when our own key has
been shown to work; whatever is wrong on our side makes it wait.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Literal

from agent.adapters.encrypted_message import EncryptedMessage, encrypted_message
from agent.adapters.gpg_process import GpgRun
from agent.adapters.key_listing import list_keys
from agent.adapters.openpgp_packets import read_packets
from agent.adapters.own_key import OwnKey, sealing_fault
from agent.adapters.signed_message import (
    DEFAULT_MAX_CONTENT_BYTES,
    DEFAULT_TOLERANCE,
    STRONG_HASHES,
    require_pinned_key,
    verify_signed_message,
)
from agent.domain.key_pins import ALWAYS, PinWindow, in_force
from agent.errors import (
    KeyUnusableError,
    QuarantineReason,
    SealingFailedError,
    SpoolError,
    UnauthenticatedFileError,
)
from agent.ports import OpenedFile, SealedFile

SESSION_KEY_BYTES = 8192
"""More than any first packet of ours has: it holds one number of the length of the recipient's key."""

Compression = Literal["none", "zip1", "zlib6"]
COMPRESSION_OPTIONS: dict[Compression, tuple[str, ...]] = {
    "none": ("--compress-algo", "none"),
    "zip1": ("--compress-algo", "zip", "--compress-level", "1"),
    "zlib6": ("--compress-algo", "zlib", "--compress-level", "6"),
}


@dataclass(frozen=True, slots=True)
class PartnerKey:
    """One partner: the key ring file that holds its keys alone, and one or two pinned primary fingerprints.

    The ring file is a plain row of binary public keys (RFC 4880, 11.1). A pin
    counts on the days of its window only; of those that count, the first (see
    `in_force`) that is present and can encrypt today becomes the recipient.
    `revoked` names keys that an operator has withdrawn; it is asked before
    every sealing. Whether their files are imported is for the import to judge.
    """

    key_ring: Path
    fingerprints: tuple[str, ...]
    compression: Compression = "none"
    windows: Mapping[str, PinWindow] = field(default_factory=dict)
    revoked: Callable[[], Collection[str]] = frozenset


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
        self._own_key_ids: dict[str, frozenset[str]] = {}

    def seal(self, plaintext: Iterable[bytes], sealed: BinaryIO, signer: str | None = None) -> SealedFile:
        signer = signer or self._own.signing()
        output = _HashingWriter(sealed)
        run = self._own.run(self._sealing_arguments(signer, self.recipient()), plaintext, output.write)
        self._require_sealed(run, signer, output.size)
        return SealedFile(output.digest.hexdigest(), output.size)

    def is_sealed_for(self, sealed: Path, fingerprints: Collection[str]) -> bool:
        try:
            with sealed.open("rb") as file:
                session_key = next(read_packets(file.read(SESSION_KEY_BYTES)), None)
        except OSError as error:
            raise SpoolError(f"a file in {sealed.parent} cannot be read: {error.strerror}") from error
        if session_key is None:
            return False
        key_id = session_key.body[1:9].hex().upper()
        listed = list_keys(self._own.gpg_program, self._own.home, self._partner.key_ring)
        named = {
            key_id for key in listed if key.fingerprint in fingerprints for key_id in key.encryption_key_ids
        }
        return key_id in named

    def open(self, sealed: bytes, now: datetime) -> OpenedFile:
        message = encrypted_message(sealed, self._limits.max_sealed_bytes)
        ours = self._named_recipient(message, now)
        verified = verify_signed_message(
            self._decrypted(message, ours),
            gpgv_program=self._own.gpgv_program,
            key_ring=self._partner.key_ring,
            fingerprints=self._partner.fingerprints,
            now=now,
            max_age=self._limits.max_age,
            tolerance=self._limits.tolerance,
            max_content_bytes=self._limits.max_content_bytes,
        )
        self._require_in_force(verified.signer_fingerprint, now)
        digest = hashlib.sha256(sealed).hexdigest()
        return OpenedFile(verified.content, digest, verified.signer_fingerprint, verified.signed_at)

    def recipient(self) -> str:
        """ports.Sealer.recipient: the first pin that counts today, is in the ring file, not revoked, and
        can encrypt."""
        require_pinned_key(self._partner.key_ring, self._partner.fingerprints)
        listed = list_keys(self._own.gpg_program, self._own.home, self._partner.key_ring)
        usable = {key.fingerprint for key in listed if key.can_encrypt} - set(self._partner.revoked())
        for fingerprint in in_force(self._partner.fingerprints, self._partner.windows, self._own.clock()):
            if fingerprint in usable:
                return fingerprint
        raise KeyUnusableError(
            "every pinned key of the partner is expired, revoked, outside its window or unable to encrypt"
        )

    def _require_in_force(self, signer: str, now: datetime) -> None:
        """On the days of its pin alone, whatever time the signature claims (see `agent.domain.key_pins`)."""
        window = self._partner.windows.get(signer, ALWAYS)
        if not window.has_begun(now):
            raise UnauthenticatedFileError(QuarantineReason.WRONG_SIGNER)
        if window.is_over(now):
            raise UnauthenticatedFileError(QuarantineReason.KEY_EXPIRED)

    def _sealing_arguments(self, signer: str, recipient: str) -> list[str]:
        return [
            # The partner's file comes first: a copy of its key in our own home would be the older one.
            "--no-default-keyring", "--keyring", str(self._partner.key_ring.absolute()),
            "--keyring", str(self._own.key_ring()),
            "--trust-model", "always", "--cipher-algo", "AES256", "--digest-algo", "SHA512",
            *COMPRESSION_OPTIONS[self._partner.compression],
            "--local-user", signer, "--recipient", recipient, "--sign", "--encrypt",
        ]  # fmt: skip

    def _require_sealed(self, run: GpgRun, own_key: str, size: int) -> None:
        created = run.first("SIG_CREATED")
        counts = [run.count(keyword) for keyword in ("SIG_CREATED", "BEGIN_ENCRYPTION", "END_ENCRYPTION")]
        if run.exit_code != 0 or counts != [1, 1, 1] or created is None or size == 0:
            raise sealing_fault(run)
        kind, _, digest, signature_class, _, signer = created.arguments[:6]
        if (kind, signature_class) != ("S", "00") or int(digest) not in STRONG_HASHES:
            raise SealingFailedError("gpg made another kind of signature than it was told to")
        if signer != own_key and signer not in self._own.listed(own_key)[0].fingerprints:
            raise SealingFailedError("gpg signed with another key than ours")

    def _named_recipient(self, message: EncryptedMessage, now: datetime) -> str:
        """Which of our keys the file is sealed for; one that a handover has ended is ours no more."""
        ours = self._own.opening(now)
        if not self._owners(message, ours):
            # It may be a new subkey.
            listed = self._own.listed(*ours)
            self._own_key_ids = {key.fingerprint: key.encryption_key_ids for key in listed}
        owners = self._owners(message, ours)
        if not owners:
            raise UnauthenticatedFileError(QuarantineReason.WRONG_RECIPIENT)
        return owners[0]

    def _owners(self, message: EncryptedMessage, ours: tuple[str, ...]) -> list[str]:
        return [key for key in ours if message.key_id in self._own_key_ids.get(key, ())]

    def _decrypted(self, message: EncryptedMessage, ours: str) -> bytes:
        """The packets inside, still compressed; only after gpg has checked their integrity."""
        run, content = self._decryption(message)
        # gpg says "no secret key" also when its agent is down, and "bad key" also when it is locked.
        if content is None and not run.count("DECRYPTION_KEY"):
            self._own.prove(ours)
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
