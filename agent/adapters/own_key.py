"""Use our own secret key through gpg: unlock it, find its public half, tell what went wrong with it.

Sealing and opening both stand on this. A failure here is always our own and
never a partner's; a passphrase goes through a pipe, never to disk, to the
command line or into the environment.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from agent.adapters.gpg_process import GpgRun, Sink, run_gpg
from agent.adapters.key_listing import ListedKey, list_keys
from agent.domain.own_keys import KeyHandover, opening_keys, signing_key
from agent.errors import (
    GpgUnavailableError,
    KeyUnusableError,
    OwnKeyUnusableError,
    SealingFailedError,
    TrustError,
)
from agent.ports import Clock

MAX_HOME_PATH = 80
"""gpg-agent's socket lies in the home, and a socket's path ends at 108 bytes."""

ERROR_CODE_BITS = 0xFFFF
NO_AGENT = 77
OWN_KEY_ERRORS = frozenset({9, 11, 17, 53, 54, 85, 99, 177})
"""libgpg-error: no key, bad passphrase, no secret key, unusable public or secret key, no pinentry,
cancelled, no passphrase."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class OwnKey:
    """The programs, the home that holds our secret key, its primary fingerprint, and how to unlock it.

    Where the key is being replaced, `handovers` say which one does what at
    the time that `clock` tells; one passphrase unlocks them all.
    """

    gpg_program: str
    gpgv_program: str
    home: Path
    fingerprint: str
    passphrase: Callable[[], str] | None = None
    handovers: tuple[KeyHandover, ...] = ()
    clock: Clock = _now

    def __post_init__(self) -> None:
        """Raises OwnKeyUnusableError if gpg-agent could not work in a home with so long a path."""
        if len(str(self.home.absolute())) > MAX_HOME_PATH:
            raise OwnKeyUnusableError(
                f"the path of the key folder is longer than {MAX_HOME_PATH} characters, too long for"
                " gpg-agent: choose a shorter data folder"
            )

    def run(self, arguments: Sequence[str], stdin: Iterable[bytes], stdout: Sink) -> GpgRun:
        """gpg with the key unlocked; a passphrase goes ahead of the data, where gpg reads just one line."""
        if self.passphrase is None:
            unlocking = ["--pinentry-mode", "error"]
        else:
            stdin = chain((_one_line(self.passphrase()),), stdin)
            unlocking = ["--pinentry-mode", "loopback", "--passphrase-fd", "0"]
        return run_gpg(self.gpg_program, self.home, [*unlocking, *arguments], stdin, stdout)

    def signing(self) -> str:
        """Fingerprint of the key that signs now."""
        return signing_key(self.fingerprint, self.handovers, self.clock())

    def opening(self, now: datetime) -> tuple[str, ...]:
        """Fingerprints of the keys that partners may seal for at that moment."""
        return opening_keys(self.fingerprint, self.handovers, now)

    def listed(self, *fingerprints: str) -> tuple[ListedKey, ...]:
        """These keys of ours as gpg sees them. Raises OwnKeyUnusableError if one is not in the home."""
        found = {key.fingerprint: key for key in list_keys(self.gpg_program, self.home)}
        if not found.keys() >= set(fingerprints):
            raise OwnKeyUnusableError("our own key is not in the key folder: create or import it again")
        return tuple(found[fingerprint] for fingerprint in fingerprints)

    def clear_signed(self, text: str, *fingerprints: str) -> str:
        """The text, readable, with a signature by each of these keys of ours. Raises TrustError."""
        signed = bytearray()
        signers = [word for fingerprint in fingerprints for word in ("--local-user", fingerprint)]
        arguments = ["--digest-algo", "SHA512", *signers, "--clear-sign"]
        run = self.run(arguments, (text.encode(),), signed.extend)
        if run.exit_code != 0 or run.count("SIG_CREATED") != len(fingerprints):
            raise sealing_fault(run)
        return signed.decode().replace("\r\n", "\n")

    def key_ring(self) -> Path:
        """GnuPG 2.1 and later make the first file, older homes still have the second."""
        box = self.home.absolute() / "pubring.kbx"
        return box if box.exists() else box.with_name("pubring.gpg")

    def protect(self, content: bytes, protected: BinaryIO) -> None:
        """Encrypt `content` to ourselves alone, unsigned: nothing is to lie here in the clear.

        Raises GpgUnavailableError, OwnKeyUnusableError, SealingFailedError.
        """
        arguments = ["--trust-model", "always", "--compress-algo", "none"]
        arguments += ["--recipient", self.signing(), "--encrypt"]
        run = self.run(arguments, (content,), protected.write)
        if run.exit_code == 0 and run.count("END_ENCRYPTION") == 1:
            return
        if run.count("INV_RECP"):
            raise OwnKeyUnusableError("gpg refuses to encrypt to our own key: it is missing or expired")
        raise sealing_fault(run)

    def uncover(self, protected: bytes) -> bytes:
        """What `protect` was given. Raises GpgUnavailableError, OwnKeyUnusableError."""
        content = bytearray()
        run = self.run(["--decrypt"], (protected,), content.extend)
        if run.exit_code != 0 or run.count("DECRYPTION_OKAY") != 1:
            raise OwnKeyUnusableError("our own secret key does not open what was set aside")
        return bytes(content)

    def sign_detached(self, content: Iterable[bytes]) -> bytes:
        """A binary signature to lie beside a file. Raises TrustError."""
        signature = bytearray()
        arguments = ["--digest-algo", "SHA512", "--local-user", self.signing(), "--detach-sign"]
        run = self.run(arguments, content, signature.extend)
        if run.exit_code != 0 or run.count("SIG_CREATED") != 1 or not signature:
            raise sealing_fault(run)
        return bytes(signature)

    def prove(self, *fingerprints: str) -> None:
        """Seal a word to these keys of ours and decrypt it, without any named to the one that signs.

        Raises GpgUnavailableError or OwnKeyUnusableError.
        """
        for fingerprint in fingerprints or (self.signing(),):
            self._prove(fingerprint)

    def _prove(self, fingerprint: str) -> None:
        self.listed(fingerprint)
        probe = bytearray()
        sealing = ["--trust-model", "always", "--local-user", fingerprint]
        sealing += ["--recipient", fingerprint, "--sign", "--encrypt"]
        run = self.run(sealing, (b"probe",), probe.extend)
        if run.exit_code != 0:
            fault = sealing_fault(run)
            if isinstance(fault, SealingFailedError):
                raise GpgUnavailableError("gpg could not use our own key just now")
            raise fault
        run = self.run(["--unwrap", "--decrypt"], (bytes(probe),), len)
        if run.exit_code != 0 or run.count("DECRYPTION_OKAY") != 1:
            raise OwnKeyUnusableError(
                "our own secret key cannot decrypt: check its passphrase and its subkey"
            )


def _one_line(passphrase: str) -> bytes:
    if "\n" in passphrase or "\r" in passphrase:
        raise OwnKeyUnusableError("the passphrase of our key holds a line break, which gpg cannot take")
    return passphrase.encode() + b"\n"


def sealing_fault(run: GpgRun) -> TrustError:
    """What gpg's own words for a failed sealing mean to the practice."""
    failures = [line.arguments[-1] for line in run.status if line.keyword == "FAILURE" and line.arguments]
    codes = {int(code) & ERROR_CODE_BITS for code in failures if code.isdecimal()}
    if NO_AGENT in codes:
        return GpgUnavailableError("gpg-agent cannot be started")
    if run.count("INV_RECP"):
        return KeyUnusableError("gpg refuses to encrypt to the recipient's key")
    if run.count("INV_SGNR") or codes & OWN_KEY_ERRORS:
        return OwnKeyUnusableError("our own secret key is missing, expired or locked: check its passphrase")
    return SealingFailedError(
        f"gpg did not finish sealing (errors {sorted(codes)}, exit code {run.exit_code})"
    )
