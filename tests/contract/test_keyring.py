"""Keys are looked at, refused, stored, renewed and removed as real gpg makes and reads them."""

import base64
import functools
import itertools
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.adapters import gpg_home
from agent.adapters.keyring import PartnerKeyRing, inspect_key_file
from agent.adapters.openpgp_packets import Packet, encode_packet, read_packets
from agent.errors import GpgUnavailableError, KeyUnusableError
from tests.kit.openpgp import GpgHome, short_folder

NUMBERS = itertools.count(1)
SIGNATURE, PUBLIC_KEY, USER_ID, PUBLIC_SUBKEY, USER_ATTRIBUTE = 2, 6, 13, 14, 17
UNLOCKED = ("--pinentry-mode", "loopback", "--passphrase", "")
IN_2020 = ("--faked-system-time", "20200101T120000")


def now() -> datetime:
    return datetime.now(UTC)


def new_key(home: GpgHome, *options: str, **kind: str) -> str:
    """Fingerprint of a fresh key with a name of its own, as gpg wants it."""
    return home.create_key(f"Key number {next(NUMBERS)}", *options, **kind)


@functools.cache
def plain_key(home: GpgHome) -> bytes:
    """One good key, to be spoilt in several ways."""
    return home.public_key(new_key(home, expires="1y"))


@pytest.fixture(scope="module")
def home() -> Iterator[GpgHome]:
    """A gpg home in which every test makes keys of its own."""
    with short_folder() as folder:
        made = GpgHome(folder / "keys")
        yield made
        made.stop()


@pytest.fixture(scope="module")
def good_key(home: GpgHome) -> bytes:
    return home.public_key(home.create_key("Dentport Ångström <keys@dentport.example>"))


# --- refusals ----------------------------------------------------------------------------------


def primary_alone(home: GpgHome, usage: str, algorithm: str = "ed25519") -> str:
    known = set(home.fingerprints())
    home.run(*UNLOCKED, "--quick-gen-key", f"{usage} alone", algorithm, usage, "1y")
    (fingerprint,) = set(home.fingerprints()) - known
    return fingerprint


def add_subkey(home: GpgHome, fingerprint: str, algorithm: str, usage: str, *options: str) -> None:
    home.run(*UNLOCKED, *options, "--quick-add-key", fingerprint, algorithm, usage, "1y")


def edit(home: GpgHome, fingerprint: str, *answers: str) -> None:
    """gpg's dialogue, which has no batch form for this."""
    command = ["gpg", "--homedir", str(home.folder), "--no-tty", *UNLOCKED, "--command-fd", "0"]
    subprocess.run(
        [*command, "--edit-key", fingerprint],
        input="\n".join([*answers, "save", ""]).encode(),
        check=True,
        capture_output=True,
    )


def revoke_first_subkey(home: GpgHome, fingerprint: str) -> None:
    edit(home, fingerprint, "key 1", "revkey", "y", "0", "", "y")


def key(algorithm: str = "ed25519", encryption: str = "cv25519", expires: str = "1y") -> Callable[..., bytes]:
    def build(home: GpgHome, *options: str) -> bytes:
        kind = {"algorithm": algorithm, "encryption": encryption, "expires": expires}
        return home.public_key(new_key(home, *options, **kind))

    return build


def weak_signing_subkey(home: GpgHome) -> bytes:
    fingerprint = new_key(home)
    add_subkey(home, fingerprint, "rsa2048", "sign")
    return home.public_key(fingerprint)


def expired_key(home: GpgHome) -> bytes:
    return key()(home, *IN_2020)


def revoked_key(home: GpgHome) -> bytes:
    fingerprint = new_key(home)
    home.revoke(fingerprint)
    return home.public_key(fingerprint)


def sha1_key(home: GpgHome) -> bytes:
    return key()(home, "--cert-digest-algo", "SHA1")


def bidirectional_name(home: GpgHome) -> bytes:
    return home.public_key(home.create_key("Dent\u202etrop <keys@dentport.example>"))


def certifying_alone(home: GpgHome) -> bytes:
    fingerprint = primary_alone(home, "cert")
    add_subkey(home, fingerprint, "cv25519", "encr")
    return home.public_key(fingerprint)


def signing_alone(home: GpgHome) -> bytes:
    return home.public_key(primary_alone(home, "sign"))


def expired_encryption_subkey(home: GpgHome) -> bytes:
    known = set(home.fingerprints())
    home.run(*UNLOCKED, *IN_2020, "--quick-gen-key", "long lived", "ed25519", "sign", "20y")
    (fingerprint,) = set(home.fingerprints()) - known
    add_subkey(home, fingerprint, "cv25519", "encr", *IN_2020)
    return home.public_key(fingerprint)


def revoked_encryption_subkey(home: GpgHome) -> bytes:
    fingerprint = new_key(home)
    revoke_first_subkey(home, fingerprint)
    return home.public_key(fingerprint)


def secret_key(home: GpgHome, *options: str) -> bytes:
    return home.run(*options, "--export-secret-keys", new_key(home))


def armored_secret_key(home: GpgHome) -> bytes:
    return secret_key(home, "--armor")


def two_keys(home: GpgHome) -> bytes:
    return plain_key(home) + key()(home)


def changed(data: bytes, change: Callable[[Packet], Packet]) -> bytes:
    return b"".join(encode_packet(change(packet)) for packet in read_packets(data))


def other_version(version: int, tag: int) -> Callable[[GpgHome], bytes]:
    def change(packet: Packet) -> Packet:
        return Packet(tag, bytes((version,)) + packet.body[1:]) if packet.tag == tag else packet

    return lambda home: changed(plain_key(home), change)


def named(name: bytes) -> Callable[[GpgHome], bytes]:
    def change(packet: Packet) -> Packet:
        return Packet(USER_ID, name) if packet.tag == USER_ID else packet

    return lambda home: changed(plain_key(home), change)


def with_picture(home: GpgHome) -> bytes:
    return plain_key(home) + encode_packet(Packet(USER_ATTRIBUTE, b"\x02\x01\x00"))


REFUSALS: dict[str, tuple[Callable[[GpgHome], bytes], str]] = {
    "empty": (lambda home: b"", "no OpenPGP key"),
    "text": (lambda home: b"Dear practice, our key follows.\n", "no OpenPGP key"),
    "cut": (lambda home: plain_key(home)[:-20], "no OpenPGP key"),
    "too_large": (lambda home: b"\x99" * (256 * 1024 + 1), "larger than 262144 bytes"),
    "subkey_first": (lambda home: b"\xce\x01\x04", "holds 0 public keys"),
    "two_keys": (two_keys, "holds 2 public keys"),
    "secret": (secret_key, "SECRET key"),
    "secret_armored": (armored_secret_key, "SECRET key"),
    "picture": (with_picture, "more than a public key"),
    "version_3": (other_version(3, PUBLIC_KEY), "a version other than 4"),
    "version_5": (other_version(5, PUBLIC_KEY), "a version other than 4"),
    "version_6": (other_version(6, PUBLIC_KEY), "a version other than 4"),
    "version_5_subkey": (other_version(5, PUBLIC_SUBKEY), "a version other than 4"),
    "rsa_2048": (key("rsa2048"), "the primary key is RSA with 2048 bits"),
    "rsa_2048_encryption": (key("ed25519", "rsa2048"), "the subkey [0-9A-F]{40} is RSA with 2048 bits"),
    "rsa_2048_signing": (weak_signing_subkey, "the subkey [0-9A-F]{40} is RSA with 2048 bits"),
    "dsa": (key("dsa2048"), "the primary key is DSA 2048"),
    "elgamal_subkey": (key("ed25519", "elg1024"), "is ElGamal 1024"),
    "unlisted_curve": (key("secp256k1", "cv25519"), "the primary key is ECDSA secp256k1"),
    "no_expiry": (key(expires="never"), "no expiry date"),
    "expired": (expired_key, "expired on 2020-12-31"),
    "revoked": (revoked_key, "the key is revoked"),
    "sha1": (sha1_key, "rest on SHA-1"),
    "forged_name": (named(b"Somebody Else <keys@dentport.example>"), "gpg accepts no user id"),
    "bidirectional_name": (bidirectional_name, "invisible characters"),
    "line_break_in_name": (named(b"Dentport\nfpr:::::::::0000:"), "invisible characters"),
    "next_line_in_name": (named("Dentport\u0085pub:".encode()), "invisible characters"),
    "latin_1_name": (named("Ångström".encode("latin-1")), "not UTF-8"),
    "long_name": (named(b"x" * 513), "too long"),
    "cannot_sign": (certifying_alone, "cannot sign"),
    "cannot_encrypt": (signing_alone, "no usable subkey for encryption"),
    "encryption_expired": (expired_encryption_subkey, "no usable subkey for encryption"),
    "encryption_revoked": (revoked_encryption_subkey, "no usable subkey for encryption"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_inspect_key_file_bad_key_is_refused_with_the_reason(home: GpgHome, case: str) -> None:
    build, reason = REFUSALS[case]
    data = build(home)
    with pytest.raises(KeyUnusableError, match=reason):
        inspect_key_file(data, "gpg", now())


def test_inspect_key_file_key_that_expires_before_now_is_refused(good_key: bytes) -> None:
    with pytest.raises(KeyUnusableError, match="expired on"):
        inspect_key_file(good_key, "gpg", now() + timedelta(days=731))


# --- acceptance --------------------------------------------------------------------------------


def test_inspect_key_file_elliptic_key_gives_its_facts(home: GpgHome) -> None:
    fingerprint = home.create_key("Zahnzeit <keys@zahnzeit.example>", expires="1y")
    facts = inspect_key_file(home.public_key(fingerprint), "gpg", now())
    assert facts.fingerprint == fingerprint
    assert (facts.algorithm, facts.curve, facts.bits) == ("EdDSA", "ed25519", 255)
    assert facts.user_ids == ("Zahnzeit <keys@zahnzeit.example>",)
    assert (facts.can_sign, facts.can_encrypt, facts.revoked) == (True, True, False)
    assert facts.created_at <= now()
    assert facts.expires_at is not None
    assert abs(facts.expires_at - facts.created_at - timedelta(days=365)) < timedelta(minutes=1)
    (subkey,) = facts.subkeys
    assert (subkey.algorithm, subkey.curve) == ("ECDH", "cv25519")
    assert (subkey.can_sign, subkey.can_encrypt, subkey.revoked) == (False, True, False)


@pytest.mark.parametrize(
    ("algorithm", "encryption", "named"),
    [
        ("rsa3072", "cv25519", "RSA"),
        ("nistp384", "nistp384", "ECDSA"),
        ("ed25519", "brainpoolP256r1", "EdDSA"),
    ],
)
def test_inspect_key_file_other_strong_algorithm_is_accepted(
    home: GpgHome, algorithm: str, encryption: str, named: str
) -> None:
    assert inspect_key_file(key(algorithm, encryption)(home), "gpg", now()).algorithm == named


def test_inspect_key_file_name_with_a_letter_whose_bytes_look_like_a_line_end_is_read(
    good_key: bytes,
) -> None:
    assert inspect_key_file(good_key, "gpg", now()).user_ids == ("Dentport Ångström <keys@dentport.example>",)


def test_inspect_key_file_revoked_weak_subkey_does_no_harm(home: GpgHome) -> None:
    fingerprint = new_key(home, encryption="rsa2048")
    revoke_first_subkey(home, fingerprint)
    add_subkey(home, fingerprint, "cv25519", "encr")
    facts = inspect_key_file(home.public_key(fingerprint), "gpg", now())
    assert [subkey.revoked for subkey in facts.subkeys] == [True, False]


def test_inspect_key_file_armored_key_is_the_same_as_the_binary_one(home: GpgHome, good_key: bytes) -> None:
    facts = inspect_key_file(good_key, "gpg", now())
    armored = home.run("--armor", "--export", facts.fingerprint)
    for text in (
        armored,
        b"\r\n" + armored.replace(b"\n", b"\r\n"),
        armored.replace(b"\n\n", b"\nComment: x\n\n"),
    ):
        assert inspect_key_file(text, "gpg", now()) == facts


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: b"see below\n" + text,
        lambda text: text + text,
        lambda text: text.replace(b"\n\n", b"\n"),
        lambda text: text.replace(b"\n=", b"\n=A"),
        lambda text: text[:80] + (b"A" if text[80:81] != b"A" else b"B") + text[81:],
        lambda text: text.replace(b"PUBLIC KEY BLOCK", b"MESSAGE"),
        lambda text: text.replace(b"\n\n", "\nComment: ä\n\n".encode()),
    ],
    ids=["text_before", "two_blocks", "no_empty_line", "bad_checksum", "changed", "other_kind", "not_ascii"],
)
def test_inspect_key_file_malformed_armor_is_refused(
    good_key: bytes, spoil: Callable[[bytes], bytes]
) -> None:
    body = base64.encodebytes(good_key)
    text = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" + body + b"-----END PGP PUBLIC KEY BLOCK-----\n"
    assert inspect_key_file(text, "gpg", now()).can_sign
    with_checksum = subprocess.run(
        ["gpg", "--enarmor"], input=good_key, capture_output=True, check=True
    ).stdout
    with_checksum = with_checksum.replace(b"PGP ARMORED FILE", b"PGP PUBLIC KEY BLOCK")
    assert inspect_key_file(with_checksum, "gpg", now()).can_sign
    with pytest.raises(KeyUnusableError, match="no OpenPGP key, or it is damaged"):
        inspect_key_file(spoil(with_checksum), "gpg", now())


def test_inspect_key_file_leaves_no_file_behind_and_logs_no_key(
    good_key: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with caplog.at_level(logging.DEBUG):
        inspect_key_file(good_key, "gpg", now())
    assert list(tmp_path.iterdir()) == []
    assert caplog.records == []


# --- gpg itself --------------------------------------------------------------------------------


def program(folder: Path, text: str) -> str:
    """A gpg program that behaves as an installation can."""
    path = folder / "gpg"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


def test_inspect_key_file_gpg_missing_is_a_fault_of_our_own(good_key: bytes, tmp_path: Path) -> None:
    with pytest.raises(GpgUnavailableError, match="cannot be run"):
        inspect_key_file(good_key, str(tmp_path / "gpg"), now())


def test_inspect_key_file_gpg_too_old_is_a_fault_of_our_own(good_key: bytes, tmp_path: Path) -> None:
    with pytest.raises(GpgUnavailableError, match=r"older than GnuPG 2\.2"):
        inspect_key_file(good_key, program(tmp_path, "echo cfg:version:2.0.30"), now())


def test_inspect_key_file_gpg_failing_is_a_fault_of_our_own(good_key: bytes, tmp_path: Path) -> None:
    with pytest.raises(GpgUnavailableError, match="cannot be run"):
        inspect_key_file(good_key, program(tmp_path, "exit 2"), now())


def test_inspect_key_file_gpg_hanging_is_killed(
    good_key: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpg_home, "LIMIT_SECONDS", 0.3)
    with pytest.raises(GpgUnavailableError, match="did not finish"):
        inspect_key_file(good_key, program(tmp_path, "exec sleep 60"), now())


# --- a partner's key ring ----------------------------------------------------------------------


def verified_by_gpgv(ring: Path, message: bytes) -> bool:
    command = ["gpgv", "--keyring", str(ring), "--weak-digest", "SHA1"]
    return subprocess.run(command, input=message, capture_output=True, check=False).returncode == 0


@pytest.fixture
def ring_file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "dentport.pgp"


def test_pin_first_key_makes_a_ring_that_gpg_and_gpgv_read(home: GpgHome, ring_file: Path) -> None:
    fingerprint = new_key(home)
    message = home.run("--local-user", fingerprint, "--sign", stdin=b"hello")
    ring = PartnerKeyRing(ring_file, "gpg")
    assert ring.facts() == []
    facts = ring.pin(home.public_key(fingerprint), now())
    assert ring.facts() == [facts]
    assert facts.fingerprint == fingerprint
    assert verified_by_gpgv(ring_file, message)
    listing = home.run("--no-default-keyring", "--keyring", str(ring_file), "--with-colons", "--list-keys")
    assert fingerprint in listing.decode()
    assert list(ring_file.parent.iterdir()) == [ring_file]
    if sys.platform != "win32":
        assert ring_file.stat().st_mode & 0o777 == 0o600


def test_pin_renewed_key_replaces_the_stored_copy(home: GpgHome, ring_file: Path) -> None:
    fingerprint = new_key(home, expires="1y")
    ring = PartnerKeyRing(ring_file, "gpg")
    old = ring.pin(home.public_key(fingerprint), now())
    home.run(*UNLOCKED, "--quick-set-expire", fingerprint, "3y")
    new = ring.pin(home.public_key(fingerprint), now())
    assert old.expires_at is not None
    assert new.expires_at is not None
    assert new.expires_at > old.expires_at
    assert ring.facts() == [new]
    tags = [packet.tag for packet in read_packets(ring_file.read_bytes())]
    assert tags == [PUBLIC_KEY, USER_ID, SIGNATURE, PUBLIC_SUBKEY, SIGNATURE]


def test_pin_subkey_left_out_of_the_new_copy_is_gone(home: GpgHome, ring_file: Path) -> None:
    fingerprint = new_key(home)
    before = home.public_key(fingerprint)
    add_subkey(home, fingerprint, "ed25519", "sign")
    ring = PartnerKeyRing(ring_file, "gpg")
    assert len(ring.pin(home.public_key(fingerprint), now()).subkeys) == 2
    assert len(ring.pin(before, now()).subkeys) == 1
    assert [len(facts.subkeys) for facts in ring.facts()] == [1]


def test_pin_second_key_keeps_the_first(home: GpgHome, ring_file: Path, good_key: bytes) -> None:
    ring = PartnerKeyRing(ring_file, "gpg")
    first, second = ring.pin(good_key, now()), ring.pin(key()(home), now())
    assert sorted(facts.fingerprint for facts in ring.facts()) == sorted(
        [first.fingerprint, second.fingerprint]
    )


def test_pin_refused_key_leaves_the_ring_as_it_was(home: GpgHome, ring_file: Path, good_key: bytes) -> None:
    ring = PartnerKeyRing(ring_file, "gpg")
    ring.pin(good_key, now())
    before = ring_file.read_bytes()
    with pytest.raises(KeyUnusableError):
        ring.pin(key(expires="never")(home), now())
    assert ring_file.read_bytes() == before
    assert list(ring_file.parent.iterdir()) == [ring_file]


def test_pin_copy_without_a_known_revocation_is_refused(home: GpgHome, ring_file: Path) -> None:
    fingerprint = new_key(home)
    before = home.public_key(fingerprint)
    add_subkey(home, fingerprint, "cv25519", "encr")
    revoke_first_subkey(home, fingerprint)
    ring = PartnerKeyRing(ring_file, "gpg")
    ring.pin(home.public_key(fingerprint), now())
    assert [subkey.revoked for subkey in ring.facts()[0].subkeys] == [True, False]
    with pytest.raises(KeyUnusableError, match="older than the pinned one"):
        ring.pin(before, now())


def test_pin_signatures_of_others_are_not_stored(home: GpgHome, ring_file: Path) -> None:
    known, other = new_key(home), new_key(home)
    home.run(*UNLOCKED, "--local-user", other, "--quick-sign-key", known)
    full = home.run("--export", known)
    PartnerKeyRing(ring_file, "gpg").pin(full, now())
    signatures = [packet for packet in read_packets(ring_file.read_bytes()) if packet.tag == SIGNATURE]
    assert len(signatures) == 2
    assert len([packet for packet in read_packets(full) if packet.tag == SIGNATURE]) == 3


def test_facts_key_revoked_behind_our_back_is_shown_as_revoked(home: GpgHome, ring_file: Path) -> None:
    fingerprint = new_key(home)
    before = home.public_key(fingerprint)
    home.revoke(fingerprint)
    ring_file.parent.mkdir()
    ring_file.write_bytes(home.public_key(fingerprint))
    ring = PartnerKeyRing(ring_file, "gpg")
    (facts,) = ring.facts()
    assert (facts.revoked, facts.can_sign, facts.can_encrypt) == (True, False, False)
    with pytest.raises(KeyUnusableError, match="older than the pinned one, which is revoked"):
        ring.pin(before, now())


def test_remove_key_leaves_the_others(home: GpgHome, ring_file: Path, good_key: bytes) -> None:
    ring = PartnerKeyRing(ring_file, "gpg")
    first, second = ring.pin(good_key, now()), ring.pin(key()(home), now())
    ring.remove(first.fingerprint)
    assert ring.facts() == [second]
    ring.remove(second.fingerprint)
    assert ring.facts() == []
    with pytest.raises(KeyUnusableError, match="there is no key"):
        ring.remove(second.fingerprint)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: b"text", lambda data: data[:40] + data[41:]]
)
def test_facts_damaged_ring_is_refused_and_never_rewritten(
    ring_file: Path, good_key: bytes, damage: Callable[[bytes], bytes]
) -> None:
    ring_file.parent.mkdir()
    ring_file.write_bytes(damage(good_key))
    ring = PartnerKeyRing(ring_file, "gpg")
    with pytest.raises(KeyUnusableError, match="damaged"):
        ring.facts()
    with pytest.raises(KeyUnusableError, match="damaged"):
        ring.pin(good_key, now())
    assert ring_file.read_bytes() == damage(good_key)
