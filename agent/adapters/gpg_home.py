"""One gpg home for key management: create, import, list, export and delete keys.

The only module that knows python-gnupg. The library's results are no
verdicts, so every caller checks what came of a call; messages are never
judged through it (see `agent.adapters.signed_message`).
"""

import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gnupg

from agent.domain.keys import KeyFacts, SubkeyFacts
from agent.errors import GpgUnavailableError

OLDEST_VERSION = (2, 2)
LIMIT_SECONDS = 60.0

OPTIONS = (
    "--no-options",
    "--disable-dirmngr",
    "--no-auto-key-retrieve",
    "--no-auto-check-trustdb",
    "--trust-model=always",
    # A key whose own signatures rest on SHA-1 could have been given another expiry by a stranger.
    "--weak-digest=SHA1",
    # Status lines share their channel with the log, which is in any language and character set.
    "--logger-file",
    os.devnull,
)

# doc/DETAILS of GnuPG, field 4 of a listing; 2 and 3 are deprecated forms of RSA (RFC 4880, 9.1).
ALGORITHMS = {"1": "RSA", "16": "ElGamal", "17": "DSA", "18": "ECDH", "19": "ECDSA", "22": "EdDSA"}

# Its debug lines quote the first bytes of keys, its warnings say nothing that we do not raise.
logging.getLogger("gnupg").setLevel(logging.CRITICAL + 1)


class _PunctualGpg(gnupg.GPG):  # type: ignore[misc]
    """python-gnupg waits for ever; every one of its calls ends in this method."""

    def _collect_output(self, process: Any, *arguments: Any, **options: Any) -> int:
        late = threading.Event()

        def kill() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(LIMIT_SECONDS, kill)
        timer.daemon = True
        timer.start()
        try:
            exit_code: int = super()._collect_output(process, *arguments, **options)
        finally:
            timer.cancel()
        if late.is_set():
            raise GpgUnavailableError(f"gpg did not finish within {LIMIT_SECONDS:g} seconds")
        return exit_code


class GpgHome:
    """Key operations in one existing home folder. Every method raises GpgUnavailableError."""

    def __init__(self, folder: Path, gpg_program: str, *options: str) -> None:
        try:
            gpg = _PunctualGpg(gpg_program, str(folder), options=[*OPTIONS, *options])
        except (OSError, ValueError) as error:
            raise GpgUnavailableError(f"{gpg_program} cannot be run in {folder}") from error
        if gpg.version is None or gpg.version < OLDEST_VERSION:
            raise GpgUnavailableError(f"{gpg_program} is older than GnuPG 2.2")
        gpg.encoding = "utf-8"
        gpg.decode_errors = "replace"
        self._gpg = gpg

    def create(self, parameters: str) -> str | None:
        """Run gpg's unattended key generation; the new fingerprint, None if there is none."""
        return self._gpg.gen_key(parameters).fingerprint or None

    def add(self, key: bytes) -> None:
        """Import; what gpg finds no valid self-signature for stays out without a word."""
        self._gpg.import_keys(key, extra_args=["--import-options", "import-minimal"])

    def list_keys(self, *fingerprints: str) -> list[KeyFacts]:
        """The named keys that are here; all of them if none is named."""
        return [_facts(entry) for entry in self._gpg.list_keys(keys=list(fingerprints))]

    def keygrips(self, fingerprint: str) -> set[str]:
        """Names under which gpg-agent keeps the secrets of a key and its subkeys."""
        return {
            grip
            for entry in self._gpg.list_keys(keys=[fingerprint])
            for grip in (entry["keygrip"], *(subkey[3] for subkey in entry["subkeys"]))
        }

    def export(self, *fingerprints: str) -> bytes:
        """The named keys (all, if none is named), with their newest self-signatures and revocations alone."""
        exported: bytes = self._gpg.export_keys(list(fingerprints), armor=False, minimal=True)
        return exported

    def export_armored(self, fingerprint: str) -> str:
        """One key as text to be mailed."""
        exported: str = self._gpg.export_keys([fingerprint], armor=True, minimal=True)
        return exported

    def delete(self, fingerprint: str) -> None:
        """Forget a public key."""
        self._gpg.delete_keys([fingerprint])


@contextmanager
def throw_away_home(gpg_program: str) -> Iterator[GpgHome]:
    """A home that leaves nothing behind, and in which no agent is ever started."""
    with tempfile.TemporaryDirectory(prefix="otv-", ignore_cleanup_errors=True) as folder:
        yield GpgHome(Path(folder), gpg_program, "--no-autostart")


def _facts(entry: dict[str, Any]) -> KeyFacts:
    subkeys = entry.get("subkey_info", {})
    return KeyFacts(
        fingerprint=entry["fingerprint"],
        algorithm=_algorithm(entry),
        bits=int(entry["length"]),
        curve=entry["curve"] or None,
        created_at=_moment(entry["date"]) or datetime.fromtimestamp(0, UTC),
        expires_at=_moment(entry["expires"]),
        user_ids=tuple(entry["uids"]),
        # Capital letters speak of the whole key, as it can be used now.
        can_sign="S" in entry["cap"],
        can_encrypt="E" in entry["cap"],
        revoked=entry["trust"] == "r",
        subkeys=tuple(_subkey_facts(subkeys[subkey[0]]) for subkey in entry["subkeys"]),
    )


def _subkey_facts(entry: dict[str, Any]) -> SubkeyFacts:
    return SubkeyFacts(
        fingerprint=entry["fingerprint"],
        algorithm=_algorithm(entry),
        bits=int(entry["length"]),
        curve=entry["curve"] or None,
        created_at=_moment(entry["date"]) or datetime.fromtimestamp(0, UTC),
        expires_at=_moment(entry["expires"]),
        can_sign="s" in entry["cap"],
        can_encrypt="e" in entry["cap"],
        revoked=entry["trust"] == "r",
    )


def _algorithm(entry: dict[str, Any]) -> str:
    return ALGORITHMS.get(entry["algo"], f"algorithm {entry['algo']}")


def _moment(seconds: str) -> datetime | None:
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None
