"""Sealing for a partner, and faults of our own that must never be blamed on a file (promises P1, P9, P11)."""

import hashlib
import io
import random
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from agent.adapters.gpg_sealer import Compression, GpgSealer, PartnerKey
from agent.adapters.openpgp_packets import read_packets
from agent.adapters.own_key import OwnKey
from agent.errors import (
    AgentError,
    GpgUnavailableError,
    KeyUnusableError,
    OwnKeyUnusableError,
    SealingFailedError,
    UnauthenticatedFileError,
)
from tests.kit.key_fixtures import at_time
from tests.kit.openpgp import GpgHome, KeyWorld, PartnerGpg, short_folder

RECORD = b'{"kind": "availability", "start": "2027-03-28T06:00:00Z"}\n'
PASSPHRASE = "Zähne putzen, zweimal täglich"


def now() -> datetime:
    return datetime.now(UTC)


def own_key(world: KeyWorld) -> OwnKey:
    return OwnKey("gpg", "gpgv", world.practice.folder, world.practice_fingerprint)


def sealed_by(sealer: GpgSealer, *plaintext: bytes) -> bytes:
    sealed = io.BytesIO()
    sealer.seal(plaintext, sealed)
    return sealed.getvalue()


@pytest.fixture(scope="module")
def dentport(openpgp_world: KeyWorld) -> PartnerGpg:
    return openpgp_world.dentport


@pytest.fixture(scope="module")
def partner(dentport: PartnerGpg, dentport_ring: Path) -> PartnerKey:
    return PartnerKey(dentport_ring, (dentport.fingerprint,))


@pytest.fixture(scope="module")
def sealer(openpgp_world: KeyWorld, partner: PartnerKey) -> GpgSealer:
    return GpgSealer(own_key(openpgp_world), partner)


@pytest.fixture(scope="module")
def locked_practice(openpgp_world: KeyWorld) -> OwnKey:
    """A practice whose key has a passphrase; its agent remembers nothing."""
    home = GpgHome(openpgp_world.folder / "locked")
    (home.folder / "gpg-agent.conf").write_text("max-cache-ttl 0\ns2k-count 65536\n")
    fingerprint = home.create_key("Praxis <p@p.example>", passphrase=PASSPHRASE)
    return OwnKey("gpg", "gpgv", home.folder, fingerprint, lambda: PASSPHRASE)


def sealed_for(world: KeyWorld, own: OwnKey, content: bytes) -> bytes:
    """A file that the first partner made for a practice it has just met."""
    home = GpgHome(world.folder / "dentport")
    home.import_key(GpgHome(own.home).public_key(own.fingerprint))
    keys = ("--local-user", world.dentport.fingerprint, "--recipient", own.fingerprint)
    return home.run("--trust-model", "always", *keys, "--sign", "--encrypt", stdin=content)


@pytest.mark.parametrize("compression", get_args(Compression))
def test_sealed_file_in_every_compression_is_opened_by_plain_gpg(
    compression: Compression, openpgp_world: KeyWorld, partner: PartnerKey, dentport: PartnerGpg
) -> None:
    sealer = GpgSealer(own_key(openpgp_world), replace(partner, compression=compression))
    sealed = io.BytesIO()
    result = sealer.seal((RECORD for _ in range(5000)), sealed)
    assert dentport.open(sealed.getvalue()) == RECORD * 5000
    assert result.size == len(sealed.getvalue())
    assert result.sha256 == hashlib.sha256(sealed.getvalue()).hexdigest()
    assert (result.size < 30_000) is (compression != "none")


def test_sealed_file_names_the_partner_as_its_only_recipient(sealer: GpgSealer, dentport: PartnerGpg) -> None:
    session_key, encrypted = read_packets(sealed_by(sealer, RECORD))
    listing = dentport.home.run("--with-colons", "--list-keys", dentport.fingerprint).decode()
    assert (session_key.tag, encrypted.tag) == (1, 18)
    assert f":{session_key.body[1:9].hex().upper()}:" in listing


def test_sealing_begins_before_the_source_has_ended(sealer: GpgSealer) -> None:
    sealed = io.BytesIO()
    sizes = []

    def source() -> Iterator[bytes]:
        chance = random.Random(1)
        for _ in range(64):
            sizes.append(len(sealed.getvalue()))
            yield chance.randbytes(65_536)

    sealer.seal(source(), sealed)
    assert sizes[0] < 1000 < 1_000_000 < sizes[-1]


@pytest.mark.parametrize("records", [0, 1, 20_000])
def test_source_that_fails_brings_its_error_through_and_leaves_nothing_that_opens(
    records: int, sealer: GpgSealer, dentport: PartnerGpg
) -> None:
    def source() -> Iterator[bytes]:
        for _ in range(records):
            yield RECORD
        raise LookupError("the database went away")

    sealed = io.BytesIO()
    with pytest.raises(LookupError, match="the database went away"):
        sealer.seal(source(), sealed)
    with pytest.raises(RuntimeError):
        dentport.open(sealed.getvalue())


def test_full_disk_while_sealing_brings_its_error_through(sealer: GpgSealer) -> None:
    class FullDisk(io.BytesIO):
        def write(self, chunk: object) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        sealer.seal((RECORD for _ in range(20_000)), FullDisk())


def test_empty_document_is_sealed_and_opened_as_empty(sealer: GpgSealer, dentport: PartnerGpg) -> None:
    assert dentport.open(sealed_by(sealer)) == b""


def test_sealing_and_opening_in_parallel_work(sealer: GpgSealer, dentport: PartnerGpg) -> None:
    contents = [RECORD * size for size in range(1, 7)]
    with ThreadPoolExecutor(3) as pool:
        sealed = list(pool.map(lambda content: sealed_by(sealer, content), contents))
        files = list(pool.map(dentport.seal, contents))
        opened = list(pool.map(lambda file: sealer.open(file, now()).content, files))
    assert [dentport.open(file) for file in sealed] == contents == opened


def test_plaintext_and_passphrase_are_nowhere_in_the_key_folder(
    openpgp_world: KeyWorld, locked_practice: OwnKey, partner: PartnerKey
) -> None:
    canary = b"Kanarienvogel, geb. 1980-05-17\n"
    sealer = GpgSealer(locked_practice, partner)
    sealed_by(sealer, canary * 20_000)
    sealer.open(sealed_for(openpgp_world, locked_practice, canary), now())
    written = b"".join(file.read_bytes() for file in locked_practice.home.rglob("*") if file.is_file())
    assert len(written) > 1000
    assert b"Kanarienvogel" not in written
    assert PASSPHRASE.encode() not in written


# --- whom we seal for


def test_expired_key_of_the_partner_is_refused_before_anything_is_read(openpgp_world: KeyWorld) -> None:
    gone = openpgp_world.partner(
        "gone", "Gone <g@g.example>", *at_time(now() - timedelta(days=9)), expires="5d"
    )
    ring = openpgp_world.key_ring("gone", gone.public_key)
    assert_no_sealing(openpgp_world, PartnerKey(ring, (gone.fingerprint,)))


def test_revoked_key_of_the_partner_is_refused_before_anything_is_read(openpgp_world: KeyWorld) -> None:
    lost = openpgp_world.partner("lost", "Lost <l@l.example>")
    lost.home.revoke(lost.fingerprint)
    ring = openpgp_world.key_ring("lost", lost.public_key)
    assert_no_sealing(openpgp_world, PartnerKey(ring, (lost.fingerprint,)))


def test_key_without_encryption_is_refused_before_anything_is_read(openpgp_world: KeyWorld) -> None:
    home = GpgHome(openpgp_world.folder / "signer")
    home.run("--passphrase", "", "--quick-gen-key", "Signer <s@s.example>", "ed25519", "cert,sign", "1y")
    (fingerprint,) = home.fingerprints()
    ring = openpgp_world.key_ring("signer", home.public_key(fingerprint))
    assert_no_sealing(openpgp_world, PartnerKey(ring, (fingerprint,)))


def test_key_held_together_by_sha_1_is_refused_before_anything_is_read(openpgp_world: KeyWorld) -> None:
    weak = openpgp_world.partner("weak", "Weak <w@w.example>", "--cert-digest-algo", "SHA1")
    ring = openpgp_world.key_ring("weak", weak.public_key)
    assert_no_sealing(openpgp_world, PartnerKey(ring, (weak.fingerprint,)))


def test_ring_file_with_a_look_alike_only_is_refused_before_anything_is_read(
    openpgp_world: KeyWorld, dentport: PartnerGpg
) -> None:
    ring = openpgp_world.key_ring("look-alike", openpgp_world.impostor.public_key)
    assert_no_sealing(openpgp_world, PartnerKey(ring, (dentport.fingerprint,)))


@pytest.mark.parametrize("content", [None, b"", b"\x98\x33\x04 not a key", b"text"])
def test_missing_or_damaged_ring_file_is_refused_before_anything_is_read(
    content: bytes | None, openpgp_world: KeyWorld, dentport: PartnerGpg
) -> None:
    ring = openpgp_world.folder / "damaged.ring"
    ring.unlink(missing_ok=True)
    if content is not None:
        ring.write_bytes(content)
    partner = PartnerKey(ring, (dentport.fingerprint,))
    assert_no_sealing(openpgp_world, partner)
    with pytest.raises(KeyUnusableError):
        GpgSealer(own_key(openpgp_world), partner).open(dentport.seal(RECORD), now())


def assert_no_sealing(world: KeyWorld, partner: PartnerKey) -> None:
    read: list[bytes] = []
    sealed = io.BytesIO()
    with pytest.raises(KeyUnusableError):
        GpgSealer(own_key(world), partner).seal(map(read.append, [RECORD]), sealed)  # type: ignore[arg-type]
    assert (read, sealed.getvalue()) == ([], b"")


def test_first_pin_that_can_encrypt_becomes_the_recipient(
    openpgp_world: KeyWorld, dentport: PartnerGpg
) -> None:
    zahnzeit = openpgp_world.zahnzeit
    ring = openpgp_world.key_ring("two pins", zahnzeit.public_key, dentport.public_key)
    for first, second in ((dentport, zahnzeit), (zahnzeit, dentport)):
        partner = PartnerKey(ring, (first.fingerprint, second.fingerprint))
        assert first.open(sealed_by(GpgSealer(own_key(openpgp_world), partner), RECORD)) == RECORD


def test_second_pin_becomes_the_recipient_when_the_first_has_expired(
    openpgp_world: KeyWorld, dentport: PartnerGpg
) -> None:
    old = openpgp_world.partner("old", "Old <o@o.example>", *at_time(now() - timedelta(days=9)), expires="5d")
    ring = openpgp_world.key_ring("old", old.public_key, dentport.public_key)
    partner = PartnerKey(ring, (old.fingerprint, dentport.fingerprint))
    assert dentport.open(sealed_by(GpgSealer(own_key(openpgp_world), partner), RECORD)) == RECORD


def test_renewed_key_in_the_ring_file_wins_over_an_expired_copy_in_our_home(openpgp_world: KeyWorld) -> None:
    renewed = openpgp_world.partner(
        "renewed", "Renewed <r@r.example>", *at_time(now() - timedelta(days=9)), expires="5d"
    )
    home = GpgHome(openpgp_world.folder / "copies")
    own = OwnKey("gpg", "gpgv", home.folder, home.create_key("Praxis <p@p.example>"))
    home.import_key(renewed.public_key)
    renewed.home.renew(renewed.fingerprint, "1y")
    ring = openpgp_world.key_ring("renewed", renewed.public_key)
    sealed = sealed_by(GpgSealer(own, PartnerKey(ring, (renewed.fingerprint,))), RECORD)
    assert renewed.home.run("--unwrap", "--decrypt", stdin=sealed)


# --- our own faults

Break = Callable[[OwnKey, Path], OwnKey]


def behind_wrapper(own: OwnKey, folder: Path, line: str) -> OwnKey:
    """A program in place of gpg, such as an administrator's wrapper."""
    program = folder / "gpg-wrapper"
    version = '[ "$1" = --version ] && exec gpg --version'
    program.write_text(f"#!/bin/sh\n{version}\n{line}\n")
    program.chmod(0o700)
    return replace(own, gpg_program=str(program))


def without_agent(own: OwnKey, folder: Path) -> OwnKey:
    shutil.copytree(own.home, folder / "h", ignore=shutil.ignore_patterns("S.*"))
    moved = replace(own, home=folder / "h")
    return behind_wrapper(moved, folder, f'exec gpg --agent-program {folder}/none "$@"')


def without_secret_key(own: OwnKey, folder: Path) -> OwnKey:
    home = GpgHome(folder / "h")
    home.import_key(GpgHome(own.home).public_key(own.fingerprint))
    return replace(own, home=home.folder)


FAULTS: list[tuple[str, type[AgentError], Break]] = [
    ("gpg is missing", GpgUnavailableError, lambda own, _: replace(own, gpg_program="no-such-gpg")),
    ("gpg cannot run", GpgUnavailableError, lambda own, folder: replace(own, gpg_program=str(folder))),
    ("gpg is killed", GpgUnavailableError, lambda own, folder: behind_wrapper(own, folder, "kill -9 $$")),
    ("agent does not start", GpgUnavailableError, without_agent),
    ("passphrase is wrong", KeyUnusableError, lambda own, _: replace(own, passphrase=lambda: "wrong")),
    ("passphrase is missing", KeyUnusableError, lambda own, _: replace(own, passphrase=None)),
    (
        "passphrase has two lines",
        KeyUnusableError,
        lambda own, _: replace(own, passphrase=lambda: "two\nlines"),
    ),
    ("secret key is missing", KeyUnusableError, without_secret_key),
    ("key is missing", KeyUnusableError, lambda own, folder: replace(own, home=GpgHome(folder / "h").folder)),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as path:
        yield path
        GpgHome(path / "h").stop()


HALF_DONE = {
    "gpg ends with an error": 'gpg "$@"; exit 2',
    "gpg says nothing": "cat > /dev/null",
    "gpg writes nothing": 'gpg "$@" > /dev/null',
    "gpg does not say that it finished": '{ gpg "$@" 2>&1 >&3 3>&- | grep -v END_ENC >&2; } 3>&1',
    "gpg signs with a weak digest": 'exec gpg "$@" --digest-algo SHA1',
}


@pytest.mark.parametrize("line", HALF_DONE.values(), ids=list(HALF_DONE))
def test_sealing_that_is_not_proven_complete_fails(
    line: str, folder: Path, openpgp_world: KeyWorld, partner: PartnerKey
) -> None:
    # Keys are still listed as usual; only sealing itself goes wrong.
    listing = 'case "$*" in *--list-keys*) exec gpg "$@"; esac\n'
    broken = behind_wrapper(own_key(openpgp_world), folder, listing + line)
    with pytest.raises(SealingFailedError):
        sealed_by(GpgSealer(broken, partner), RECORD)


@pytest.fixture(scope="module")
def file_for_locked_practice(openpgp_world: KeyWorld, locked_practice: OwnKey) -> bytes:
    return sealed_for(openpgp_world, locked_practice, RECORD)


@pytest.mark.parametrize(("error", "break_it"), [fault[1:] for fault in FAULTS], ids=[f[0] for f in FAULTS])
def test_fault_of_our_own_is_never_blamed_on_the_file(
    error: type[AgentError],
    break_it: Break,
    folder: Path,
    locked_practice: OwnKey,
    partner: PartnerKey,
    file_for_locked_practice: bytes,
) -> None:
    broken = GpgSealer(break_it(locked_practice, folder), partner)
    damaged = bytearray(file_for_locked_practice)
    damaged[80] ^= 1  # in the session key: gpg itself says the same of this file and of a locked key
    for attempt in (
        lambda: sealed_by(broken, RECORD),
        lambda: broken.open(file_for_locked_practice, now()),
        lambda: broken.open(bytes(damaged), now()),
    ):
        with pytest.raises(error):
            attempt()


def test_same_files_are_judged_when_our_key_works(
    locked_practice: OwnKey, partner: PartnerKey, file_for_locked_practice: bytes
) -> None:
    sealer = GpgSealer(locked_practice, partner)
    damaged = bytearray(file_for_locked_practice)
    damaged[80] ^= 1
    assert sealer.open(file_for_locked_practice, now()).content == RECORD
    with pytest.raises(UnauthenticatedFileError, match="damaged"):
        sealer.open(bytes(damaged), now())


def test_agent_that_is_back_before_it_was_missed_blames_no_file(
    openpgp_world: KeyWorld, partner: PartnerKey, dentport: PartnerGpg, folder: Path
) -> None:
    """Gone for one decryption only: whoever asks afterwards finds nothing wrong with our key."""
    line = f'case "$*" in *--decrypt*) mkdir {folder}/once && set -- --agent-program /nowhere "$@";; esac'
    shutil.copytree(openpgp_world.practice.folder, folder / "h", ignore=shutil.ignore_patterns("S.*"))
    own = replace(own_key(openpgp_world), home=folder / "h")
    sealer = GpgSealer(behind_wrapper(own, folder, f'{line} 2> /dev/null\nexec gpg "$@"'), partner)
    assert sealer.open(dentport.seal(RECORD), now()).content == RECORD
    assert (folder / "once").is_dir()


def test_missing_gpgv_is_our_own_fault(
    openpgp_world: KeyWorld, partner: PartnerKey, dentport: PartnerGpg
) -> None:
    own = replace(own_key(openpgp_world), gpgv_program="no-such-gpgv")
    with pytest.raises(GpgUnavailableError):
        GpgSealer(own, partner).open(dentport.seal(RECORD), now())


def test_own_key_that_has_expired_seals_nothing(
    openpgp_world: KeyWorld, folder: Path, partner: PartnerKey
) -> None:
    home = GpgHome(folder / "h")
    fingerprint = home.create_key("Praxis <p@p.example>", *at_time(now() - timedelta(days=9)), expires="5d")
    sealed = io.BytesIO()
    with pytest.raises(KeyUnusableError):
        GpgSealer(OwnKey("gpg", "gpgv", home.folder, fingerprint), partner).seal([RECORD], sealed)
    assert sealed.getvalue() == b""
    with pytest.raises(OwnKeyUnusableError):
        OwnKey("gpg", "gpgv", home.folder, fingerprint).protect(RECORD, sealed)


@pytest.mark.parametrize("content", [RECORD, b""])
def test_protected_content_is_encrypted_to_our_own_key_alone(content: bytes, openpgp_world: KeyWorld) -> None:
    protected = io.BytesIO()
    own_key(openpgp_world).protect(content, protected)
    assert [packet.tag for packet in read_packets(protected.getvalue())] == [1, 18]
    assert openpgp_world.practice.run("--decrypt", stdin=protected.getvalue()) == content
    assert own_key(openpgp_world).uncover(protected.getvalue()) == content
    with pytest.raises(OwnKeyUnusableError):
        own_key(openpgp_world).uncover(protected.getvalue()[:-30])


def test_new_encryption_subkey_of_ours_is_recognised_without_a_restart(
    openpgp_world: KeyWorld, folder: Path, partner: PartnerKey
) -> None:
    home = GpgHome(folder / "h")
    own = OwnKey("gpg", "gpgv", home.folder, home.create_key("Praxis <p@p.example>"))
    sealer = GpgSealer(own, partner)
    assert sealer.open(sealed_for(openpgp_world, own, RECORD), now()).content == RECORD
    home.run("--passphrase", "", "--quick-add-key", own.fingerprint, "cv25519", "encr", "1y")
    assert sealer.open(sealed_for(openpgp_world, own, RECORD), now()).content == RECORD


def test_key_folder_with_a_path_too_long_for_the_agent_is_refused_at_once() -> None:
    with pytest.raises(KeyUnusableError, match="80 characters"):
        OwnKey("gpg", "gpgv", Path("/srv") / ("x" * 80), "0" * 40)
