"""Real OpenPGP keys, and a partner's side driven with plain gpg, as a partner would from a shell.

Knows nothing of the agent's own code, so that the two check each other.
Everything lies in one short temporary folder, because gpg-agent's socket path
is limited; `stop` ends the agents.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PRACTICE_USER_ID = "Zahnarztpraxis Musterstadt <praxis@praxis.example>"


class GpgHome:
    """A gpg home of its own; each method is one command a person could type."""

    def __init__(self, folder: Path, program: str = "gpg") -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self.folder = folder
        self.program = program

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Standard output; a failure raises RuntimeError with what gpg said."""
        command = [self.program, "--homedir", str(self.folder), "--batch", "--quiet", *arguments]
        finished = subprocess.run(command, check=False, input=stdin, capture_output=True, timeout=60)
        if finished.returncode != 0:
            raise RuntimeError(finished.stderr.decode("utf-8", "replace"))
        return finished.stdout

    def create_key(
        self,
        user_id: str,
        *options: str,
        algorithm: str = "ed25519",
        encryption: str = "cv25519",
        expires: str = "2y",
        passphrase: str = "",
    ) -> str:
        """A key that certifies and signs, with a subkey that encrypts; its full fingerprint."""
        quietly = ("--pinentry-mode", "loopback", "--passphrase", passphrase, *options)
        known = set(self.fingerprints())
        self.run(*quietly, "--quick-gen-key", user_id, algorithm, "cert,sign", expires)
        (fingerprint,) = set(self.fingerprints()) - known
        self.run(*quietly, "--quick-add-key", fingerprint, encryption, "encr", expires)
        return fingerprint

    def fingerprints(self) -> list[str]:
        """Primary fingerprints of every public key in the home."""
        listing = self.run("--with-colons", "--list-keys").decode("utf-8", "replace")
        return re.findall(r"^pub:.*\n(?:tru:.*\n)?fpr:+([0-9A-F]{40}):", listing, re.MULTILINE)

    def public_key(self, fingerprint: str) -> bytes:
        """The key as a partner hands it out, binary."""
        return self.run("--export-options", "export-minimal", "--export", fingerprint)

    def secret_key(self, fingerprint: str) -> bytes:
        """For other OpenPGP programs; only keys without a passphrase."""
        return self.run("--export-secret-keys", fingerprint)

    def import_key(self, key: bytes) -> None:
        self.run("--import", stdin=key)

    def revoke(self, fingerprint: str) -> None:
        """Import the revocation that gpg prepared when the key was made; a colon keeps it from being used."""
        prepared = self.folder / "openpgp-revocs.d" / f"{fingerprint}.rev"
        self.run("--import", stdin=prepared.read_bytes().replace(b":-----BEGIN", b"-----BEGIN"))

    def renew(self, fingerprint: str, expires: str) -> None:
        """Give the key and all its subkeys, also expired ones, a new expiry; the fingerprint stays."""
        listing = self.run("--with-colons", "--list-keys", fingerprint).decode("utf-8", "replace")
        _, *subkeys = re.findall(r"^fpr:+([0-9A-F]{40}):", listing, re.MULTILINE)
        self.run("--quick-set-expire", fingerprint, expires)
        self.run("--quick-set-expire", fingerprint, expires, *subkeys)

    def stop(self) -> None:
        """End the agent of this home."""
        command = ["gpgconf", "--homedir", str(self.folder), "--kill", "all"]
        subprocess.run(command, check=False, capture_output=True, timeout=60)


class PartnerGpg:
    """A booking partner: its own key, the practice's public key, and plain gpg."""

    def __init__(self, home: GpgHome, user_id: str, practice_key: bytes, *options: str, **key: str) -> None:
        """`options` go to gpg while the key is made, `key` to `GpgHome.create_key`."""
        self.home = home
        self.fingerprint = home.create_key(user_id, *options, **key)
        known = set(home.fingerprints())
        home.import_key(practice_key)
        (self.practice,) = set(home.fingerprints()) - known

    @property
    def public_key(self) -> bytes:
        return self.home.public_key(self.fingerprint)

    def seal(self, content: bytes, *options: str) -> bytes:
        """Sign and encrypt for the practice in one pass; `options` come first."""
        return self.home.run(
            *options, "--trust-model", "always", "--local-user", self.fingerprint,
            "--recipient", self.practice, "--sign", "--encrypt", stdin=content,
        )  # fmt: skip

    def sign(self, content: bytes, *options: str) -> bytes:
        """A signed message that is not encrypted; uncompressed unless `options` say otherwise."""
        return self.home.run(
            "--compress-algo", "none", "--local-user", self.fingerprint, *options, "--sign", stdin=content
        )

    def encrypt_packets(self, packets: bytes, *options: str) -> bytes:
        """Encrypt OpenPGP packets as they are, for messages that no well-behaved program makes."""
        return self.home.run(
            "--trust-model", "always", "--recipient", self.practice, *options,
            "--compress-algo", "none", "--no-literal", "--encrypt", stdin=packets,
        )  # fmt: skip

    def open(self, sealed: bytes) -> bytes:
        """Decrypt what the practice sealed; RuntimeError unless the practice, and only it, signed."""
        status_file = self.home.folder / "status"
        content = self.home.run(
            "--status-file", str(status_file), "--trust-model", "always", "--decrypt", stdin=sealed
        )
        status = status_file.read_text(encoding="utf-8")
        signers = re.findall(r"^\[GNUPG:\] VALIDSIG .* ([0-9A-F]{40})$", status, re.MULTILINE)
        if signers != [self.practice] or status.count("[GNUPG:] GOODSIG ") != 1:
            raise RuntimeError("not signed by the practice")
        return content


@contextmanager
def short_folder() -> Iterator[Path]:
    """A temporary folder whose path leaves room for gpg-agent's socket."""
    folder = Path(tempfile.mkdtemp(prefix="otv-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class KeyWorld:
    """A practice, two partners it knows, and somebody who gave himself the first partner's name."""

    folder: Path
    practice: GpgHome
    practice_fingerprint: str
    dentport: PartnerGpg
    zahnzeit: PartnerGpg
    impostor: PartnerGpg

    @property
    def practice_key(self) -> bytes:
        return self.practice.public_key(self.practice_fingerprint)

    def partner(self, name: str, user_id: str, *options: str, **key: str) -> PartnerGpg:
        """One more partner, with a home of its own."""
        return PartnerGpg(GpgHome(self.folder / name), user_id, self.practice_key, *options, **key)

    def key_ring(self, name: str, *keys: bytes) -> Path:
        """A key ring file as the agent keeps one per partner: binary keys in a row."""
        file = self.folder / f"{name}.ring"
        file.write_bytes(b"".join(keys))
        return file


@contextmanager
def key_world(*options: str) -> Iterator[KeyWorld]:
    """Fresh keys for everybody; `options` go to gpg while keys are made (such as an earlier time)."""
    with short_folder() as folder:
        practice = GpgHome(folder / "practice")
        fingerprint = practice.create_key(PRACTICE_USER_ID, *options)
        key = practice.public_key(fingerprint)

        def partner(name: str, user_id: str) -> PartnerGpg:
            return PartnerGpg(GpgHome(folder / name), user_id, key, *options)

        dentport = partner("dentport", "Dentport <keys@dentport.example>")
        zahnzeit = partner("zahnzeit", "Zahnzeit <keys@zahnzeit.example>")
        impostor = partner("impostor", "Dentport <keys@dentport.example>")
        try:
            yield KeyWorld(folder, practice, fingerprint, dentport, zahnzeit, impostor)
        finally:
            for home in folder.iterdir():
                if home.is_dir():
                    GpgHome(home).stop()
