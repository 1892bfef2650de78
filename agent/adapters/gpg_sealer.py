"""Seal documents for one partner and open what that partner sends, with gpg and gpgv (promise P1).

Sealing signs and encrypts in one pass through pipes, so that plaintext never
touches the disk. Opening believes no single program: the outer packets are
judged here, gpg only decrypts, the inner packets are judged in
`signed_message`, and gpgv only verifies. A file is blamed only when our own
key has been shown to work; whatever is wrong on our side makes it wait.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal

from agent.adapters.encrypted_message import EncryptedMessage, encrypted_message
from agent.adapters.gpg_process import GpgRun, Sink, run_gpg
from agent.adapters.key_listing import ListedKey, list_keys
from agent.adapters.signed_message import (
    DEFAULT_MAX_CONTENT_BYTES,
    DEFAULT_TOLERANCE,
    require_pinned_key,
    verify_signed_message,
)
from agent.errors import (
    GpgUnavailableError,
    KeyUnusableError,
    QuarantineReason,
    SealingFailedError,
    TrustError,
    UnauthenticatedFileError,
)
from agent.ports import OpenedFile, SealedFile

MAX_HOME_PATH = 80
"""gpg-agent's socket lies in the home, and a socket's path ends at 108 bytes."""

Compression = Literal["none", "zip1", "zlib6"]
COMPRESSION_OPTIONS: dict[Compression, tuple[str, ...]] = {
    "none": ("--compress-algo", "none"),
    "zip1": ("--compress-algo", "zip", "--compress-level", "1"),
    "zlib6": ("--compress-algo", "zlib", "--compress-level", "6"),
}

STRONG_HASHES = frozenset({"8", "9", "10"})
ERROR_CODE_BITS = 0xFFFF
NO_AGENT = 77
OWN_KEY_ERRORS = frozenset({9, 11, 17, 53, 54, 85, 99, 177})
"""libgpg-error: no key, bad passphrase, no secret key, unusable public or secret key, no pinentry,
cancelled, no passphrase."""


@dataclass(frozen=True, slots=True)
class OwnKey:
    """Our side: the programs, the home that holds our secret key, and how to unlock it."""

    gpg_program: str
    gpgv_program: str
    home: Path
    fingerprint: str
    passphrase: Callable[[], str] | None = None


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
    """`agent.ports.Sealer` for one partner; safe to use from several threads at once."""

    def __init__(self, own: OwnKey, partner: PartnerKey, limits: OpeningLimits | None = None) -> None:
        """Raises KeyUnusableError if gpg-agent could not work in a home with so long a path."""
        if len(str(own.home.absolute())) > MAX_HOME_PATH:
            raise KeyUnusableError(
                f"the path of the key folder is longer than {MAX_HOME_PATH} characters, too long for"
                " gpg-agent: choose a shorter data folder"
            )
        self._own = own
        self._partner = partner
        self._limits = limits or OpeningLimits()
        self._own_key_ids: frozenset[str] = frozenset()

    def seal(self, plaintext: Iterable[bytes], sealed: BinaryIO) -> SealedFile:
        recipient = self._recipient()
        return self._seal_to(recipient, self._partner.key_ring, plaintext, sealed.write)

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

    # --- sealing

    def _recipient(self) -> str:
        """The first pin that is in the ring file and can encrypt today."""
        require_pinned_key(self._partner.key_ring, self._partner.fingerprints)
        listed = list_keys(self._own.gpg_program, self._own.home, self._partner.key_ring)
        usable = {key.fingerprint for key in listed if key.can_encrypt}
        for fingerprint in self._partner.fingerprints:
            if fingerprint in usable:
                return fingerprint
        raise KeyUnusableError("every pinned key of the partner is expired, revoked or unable to encrypt")

    def _seal_to(self, recipient: str, key_ring: Path, plaintext: Iterable[bytes], write: Sink) -> SealedFile:
        digest, size = hashlib.sha256(), 0

        def take(chunk: bytes) -> None:
            nonlocal size
            write(chunk)
            digest.update(chunk)
            size += len(chunk)

        run = self._run_unlocked(self._sealing_arguments(recipient, key_ring), plaintext, take)
        self._require_sealed(run, size)
        return SealedFile(digest.hexdigest(), size)

    def _sealing_arguments(self, recipient: str, key_ring: Path) -> list[str]:
        # The partner's file comes first: a copy of its key in our own home would be the older one.
        rings = ["--keyring", str(key_ring.absolute()), "--keyring", str(self._own_key_ring())]
        return [
            "--no-default-keyring", *rings, "--trust-model", "always", "--no-encrypt-to",
            "--cipher-algo", "AES256", "--digest-algo", "SHA512",
            *COMPRESSION_OPTIONS[self._partner.compression],
            "--local-user", self._own.fingerprint, "--recipient", recipient, "--sign", "--encrypt",
        ]  # fmt: skip

    def _own_key_ring(self) -> Path:
        """GnuPG 2.1 and later make the first, older homes still have the second."""
        box = self._own.home.absolute() / "pubring.kbx"
        return box if box.exists() else box.with_name("pubring.gpg")

    def _require_sealed(self, run: GpgRun, size: int) -> None:
        created = run.first("SIG_CREATED")
        counts = [run.count(keyword) for keyword in ("SIG_CREATED", "BEGIN_ENCRYPTION", "END_ENCRYPTION")]
        if run.exit_code != 0 or counts != [1, 1, 1] or created is None or size == 0:
            raise _sealing_fault(run)
        kind, _, digest, signature_class, _, signer = created.arguments[:6]
        if (kind, signature_class) != ("S", "00") or digest not in STRONG_HASHES:
            raise SealingFailedError("gpg made another kind of signature than it was told to")
        if signer != self._own.fingerprint and signer not in self._listed_own_key().fingerprints:
            raise SealingFailedError("gpg signed with another key than ours")

    # --- opening

    def _require_named_recipient(self, message: EncryptedMessage) -> None:
        if message.key_id not in self._own_key_ids:
            self._own_key_ids = self._listed_own_key().encryption_key_ids  # it may be a new subkey
        if message.key_id not in self._own_key_ids:
            raise UnauthenticatedFileError(QuarantineReason.WRONG_RECIPIENT)

    def _decrypted(self, message: EncryptedMessage) -> bytes:
        """The packets inside, still compressed; only after gpg has checked their integrity."""
        inner = _BoundedBuffer(len(message.packets))
        run = self._run_unlocked(["--unwrap", "--decrypt"], (message.packets,), inner.write)
        if run.exit_code == 0 and run.count("DECRYPTION_OKAY") == run.count("GOODMDC") == 1:
            return bytes(inner.data)
        # gpg says "no secret key" also when its agent is down, and "bad key" also when it is locked.
        if not run.count("DECRYPTION_KEY"):
            self._prove_own_key()
        raise UnauthenticatedFileError(QuarantineReason.DAMAGED)

    def _prove_own_key(self) -> None:
        """Seal a word to ourselves and decrypt it. Raises GpgUnavailableError or KeyUnusableError."""
        probe = bytearray()
        self._listed_own_key()
        try:
            self._seal_to(self._own.fingerprint, self._own_key_ring(), (b"probe",), probe.extend)
        except SealingFailedError as error:
            raise GpgUnavailableError("gpg could not use our own key just now") from error
        run = self._run_unlocked(["--unwrap", "--decrypt"], (bytes(probe),), len)
        if run.exit_code != 0 or run.count("DECRYPTION_OKAY") != 1:
            raise KeyUnusableError("our own secret key cannot decrypt: check its passphrase and its subkey")

    # --- both

    def _run_unlocked(self, arguments: Sequence[str], stdin: Iterable[bytes], stdout: Sink) -> GpgRun:
        """gpg with our secret key; a passphrase goes ahead of the data, where gpg reads just one line."""
        program, home = self._own.gpg_program, self._own.home
        if self._own.passphrase is None:
            return run_gpg(program, home, ["--pinentry-mode", "error", *arguments], stdin, stdout)
        line = self._own.passphrase().encode() + b"\n"
        unlocking = ["--pinentry-mode", "loopback", "--passphrase-fd", "0"]
        return run_gpg(program, home, [*unlocking, *arguments], chain((line,), stdin), stdout)

    def _listed_own_key(self) -> ListedKey:
        for key in list_keys(self._own.gpg_program, self._own.home):
            if key.fingerprint == self._own.fingerprint:
                return key
        raise KeyUnusableError("our own key is not in the key folder: create or import it again")


class _BoundedBuffer:
    """Collects what gpg decrypts; it cannot be more than what was encrypted unless gpg decompresses."""

    def __init__(self, max_bytes: int) -> None:
        self.data = bytearray()
        self._max_bytes = max_bytes

    def write(self, chunk: bytes) -> None:
        if len(self.data) + len(chunk) > self._max_bytes:
            raise UnauthenticatedFileError(QuarantineReason.BOMB)
        self.data += chunk


def _sealing_fault(run: GpgRun) -> TrustError:
    """What gpg's own words for a failed sealing mean to the practice."""
    failure = run.first("FAILURE")
    code = int(failure.arguments[-1]) & ERROR_CODE_BITS if failure else 0
    if code == NO_AGENT:
        return GpgUnavailableError("gpg-agent cannot be started")
    if run.count("INV_RECP"):
        return KeyUnusableError("gpg refuses to encrypt to the pinned key of the partner")
    if run.count("INV_SGNR") or code in OWN_KEY_ERRORS:
        return KeyUnusableError("our own secret key is missing, expired or locked: check its passphrase")
    return SealingFailedError(f"gpg did not finish sealing (error {code}, exit code {run.exit_code})")
