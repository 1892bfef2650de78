"""The partners' keys: look at a key before anybody trusts it, and keep what the operator pinned.

Used by operator commands and by `doctor`. It never judges a message and never
decides whose key is right: the operator compares the fingerprint over another
channel, and the configuration pins it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from agent.adapters.durable_files import write_durably
from agent.adapters.gpg_home import GpgHome, throw_away_home
from agent.adapters.key_packets import plain_public_key
from agent.adapters.openpgp_packets import primary_fingerprints
from agent.domain.keys import KeyFacts, key_problem
from agent.errors import KeyUnusableError, UnauthenticatedFileError


def inspect_key_file(data: bytes, gpg_program: str, now: datetime) -> KeyFacts:
    """What a public key file (binary or armored) holds, if it is good enough; nothing is stored.

    Raises KeyUnusableError with the reason, GpgUnavailableError.
    """
    return _good(_only_key(data, gpg_program), now)


class PartnerKeyRing:
    """The keys of one partner: a file of binary public keys, one after the other (RFC 4880, 11.1).

    gpg and gpgv read it with `--keyring`. Only `pin` and `remove` change it,
    each as a whole: a crash leaves the old file or the new one.
    """

    def __init__(self, path: Path, gpg_program: str) -> None:
        self._path = path
        self._gpg_program = gpg_program

    def facts(self) -> list[KeyFacts]:
        """The pinned keys, good or not; none if the file does not exist.

        Raises KeyUnusableError when the file is damaged, GpgUnavailableError.
        """
        with self._loaded() as gpg:
            return gpg.list_keys()

    def inspect(self, data: bytes, now: datetime) -> KeyFacts:
        """As `inspect_key_file`, but a revoked copy of a key that is stored here is welcome: it says so."""
        key = _only_key(data, self._gpg_program)
        if key.revoked and key.fingerprint in {stored.fingerprint for stored in self.facts()}:
            return key
        return _good(key, now)

    def pin(self, data: bytes, now: datetime) -> KeyFacts:
        """Store the key of a key file; a stored copy of the same key is replaced by it.

        Raises what `inspect_key_file` raises, KeyUnusableError for a copy
        that lacks a revocation known here, and SpoolError.
        """
        facts = self.inspect(data, now)
        with self._loaded() as gpg:
            stored = {key.fingerprint: key for key in gpg.list_keys()}
            if facts.fingerprint in stored:
                _require_no_revocation_lost(stored[facts.fingerprint], facts)
                gpg.delete(facts.fingerprint)
            gpg.add(plain_public_key(data))
            self._store(gpg, {*stored, facts.fingerprint})
        return facts

    def remove(self, fingerprint: str) -> None:
        """Forget a key; raises KeyUnusableError if it is not there."""
        with self._loaded() as gpg:
            stored = {key.fingerprint for key in gpg.list_keys()}
            if fingerprint not in stored:
                raise KeyUnusableError(f"there is no key {fingerprint} in {self._path}")
            gpg.delete(fingerprint)
            self._store(gpg, stored - {fingerprint})

    @contextmanager
    def _loaded(self) -> Iterator[GpgHome]:
        """A throw-away home with every key of the file."""
        ring = self._read()
        with throw_away_home(self._gpg_program) as gpg:
            if ring:
                gpg.add(ring)
            if self._fingerprints(ring) != {key.fingerprint for key in gpg.list_keys()}:
                raise self._damaged()
            yield gpg

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise KeyUnusableError(f"the key ring {self._path} cannot be read: {error.strerror}") from error

    def _store(self, gpg: GpgHome, expected: set[str]) -> None:
        ring = gpg.export() if expected else b""
        if self._fingerprints(ring) != expected:
            raise KeyUnusableError(f"gpg did not give back every key of {self._path}; it stays as it was")
        write_durably(ring, self._path.parent, self._path)

    def _fingerprints(self, ring: bytes) -> set[str]:
        try:
            return set(primary_fingerprints(ring))
        except UnauthenticatedFileError as error:
            raise self._damaged() from error

    def _damaged(self) -> KeyUnusableError:
        return KeyUnusableError(f"the key ring {self._path} is damaged: remove it and pin the keys again")


def _only_key(data: bytes, gpg_program: str) -> KeyFacts:
    binary = plain_public_key(data)
    with throw_away_home(gpg_program) as gpg:
        gpg.add(binary)
        keys = gpg.list_keys()
    if len(keys) != 1:
        raise KeyUnusableError(
            "gpg accepts no user id of the key: its own signatures are missing, damaged, or rest on SHA-1"
        )
    return keys[0]


def _good(key: KeyFacts, now: datetime) -> KeyFacts:
    problem = key_problem(key, now)
    if problem is not None:
        raise KeyUnusableError(f"{problem} (key {key.fingerprint})")
    return key


def _require_no_revocation_lost(stored: KeyFacts, offered: KeyFacts) -> None:
    """An old copy of a key would bring a revoked key or subkey back to life."""
    if stored.revoked and not offered.revoked:
        raise KeyUnusableError("this copy of the key is older than the pinned one, which is revoked")
    revoked = {subkey.fingerprint for subkey in stored.subkeys if subkey.revoked}
    revived = [sub for sub in offered.subkeys if sub.fingerprint in revoked and not sub.revoked]
    if revived:
        raise KeyUnusableError(
            f"this copy of the key is older than the pinned one: "
            f"it lacks the revocation of the subkey {revived[0].fingerprint}"
        )
