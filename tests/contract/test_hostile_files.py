"""Files that nobody's key vouches for are refused with the right reason, and nothing else ever happens (P1).

Every file is a real one, made with gpg and taken apart or put together
wrongly afterwards. The good files at the end are what three OpenPGP programs
make of the same content.
"""

import bz2
import hashlib
import os
import random
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pgpy
import pysequoia
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESOCB3
from pgpy.constants import CompressionAlgorithm, HashAlgorithm, SymmetricKeyAlgorithm

from agent.adapters.gpg_sealer import GpgSealer, OpeningLimits, PartnerKey
from agent.adapters.openpgp_packets import Packet, encode_packet, read_packets
from agent.adapters.own_key import OwnKey
from agent.errors import QuarantineReason, UnauthenticatedFileError
from tests.kit.key_fixtures import at_time
from tests.kit.openpgp import KeyWorld, PartnerGpg

CONTENT = b'{"kind": "bookings", "note": "as the partner wrote it"}\n' * 20
# PGPy still names ciphers where older versions of its library kept them.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

MAX_SEALED, MAX_CONTENT = 256 * 1024, 1024 * 1024


def packet(tag: int, body: bytes) -> bytes:
    return encode_packet(Packet(tag, body))


def patched(data: bytes, position: int, value: int) -> bytes:
    changed = bytearray(data)
    changed[position] = value
    return bytes(changed)


def flipped(data: bytes, position: int, bit: int = 0) -> bytes:
    return patched(data, position, data[position] ^ (1 << bit))


MARKER = packet(10, b"PGP")


@dataclass(frozen=True)
class Workshop:
    """One good file of the partner, whole and in pieces, and its tools."""

    world: KeyWorld
    sealed: bytes
    one_pass: Packet
    literal: Packet
    signature: Packet

    @property
    def dentport(self) -> PartnerGpg:
        return self.world.dentport

    @property
    def message(self) -> bytes:
        return self.join(self.one_pass, self.literal, self.signature)

    @property
    def session_key(self) -> bytes:
        return encode_packet(next(read_packets(self.sealed)))

    @property
    def encrypted_body(self) -> bytes:
        return list(read_packets(self.sealed))[1].body

    def join(self, *packets: Packet) -> bytes:
        return b"".join(map(encode_packet, packets))

    def encrypted(self, *packets: bytes) -> bytes:
        return self.dentport.encrypt_packets(b"".join(packets))

    def signed_at(self, moment: datetime, *options: str) -> bytes:
        return self.encrypted(self.dentport.sign(CONTENT, *at_time(moment), *options))

    def with_signature(self, position: int, value: int) -> bytes:
        changed = Packet(2, patched(self.signature.body, position, value))
        return self.encrypted(self.join(self.one_pass, self.literal, changed))

    def with_one_pass(self, position: int, value: int) -> bytes:
        changed = Packet(4, patched(self.one_pass.body, position, value))
        return self.encrypted(self.join(changed, self.literal, self.signature))

    def password_message(self, *options: str) -> bytes:
        return self.world.zahnzeit.home.run(
            "--pinentry-mode", "loopback", "--passphrase", "open sesame", "--s2k-count", "65536",
            "--trust-model", "always",
            *options, "--symmetric", stdin=CONTENT,
        )  # fmt: skip


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def workshop(openpgp_world: KeyWorld) -> Workshop:
    one_pass, literal, signature = read_packets(openpgp_world.dentport.sign(CONTENT))
    sealed = openpgp_world.dentport.seal(CONTENT, "--compress-algo", "none")
    return Workshop(openpgp_world, sealed, one_pass, literal, signature)


def sealer_for(world: KeyWorld, ring: Path, *fingerprints: str) -> GpgSealer:
    own = OwnKey("gpg", "gpgv", world.practice.folder, world.practice_fingerprint)
    limits = OpeningLimits(max_sealed_bytes=MAX_SEALED, max_content_bytes=MAX_CONTENT)
    return GpgSealer(own, PartnerKey(ring, fingerprints), limits)


@pytest.fixture(scope="module")
def sealer(openpgp_world: KeyWorld, dentport_ring: Path) -> GpgSealer:
    return sealer_for(openpgp_world, dentport_ring, openpgp_world.dentport.fingerprint)


def raw_deflate(data: bytes, level: int = 6) -> bytes:
    deflater = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


def two_signers(shop: Workshop, outer: PartnerGpg, inner: PartnerGpg) -> bytes:
    """Signatures of both over the same content, one-pass packets nested as RFC 4880, 5.4 wants them."""
    outer_start, literal, outer_end = read_packets(outer.sign(CONTENT))
    inner_start, _, inner_end = read_packets(inner.sign(CONTENT))
    announced = Packet(4, patched(outer_start.body, 12, 0))
    return shop.encrypted(shop.join(announced, inner_start, literal, inner_end, outer_end))


def tiny_chunks(shop: Workshop) -> bytes:
    body = shop.encrypted_body + bytes(200_000)
    chunks = b"".join(b"\xe0" + body[i : i + 1] for i in range(512, 70_512))
    return shop.session_key + b"\xd2\xe9" + body[:512] + chunks + b"\x00"


R = QuarantineReason
Build = Callable[[Workshop], bytes]

OUTSIDE: list[tuple[str, QuarantineReason, Build]] = [
    ("nothing at all", R.EMPTY, lambda _: b""),
    ("one byte too many", R.TOO_LARGE, lambda w: w.sealed.ljust(MAX_SEALED + 1, b"\x00")),
    ("random bytes", R.NOT_OPENPGP, lambda _: b"\x17" + random.Random(7).randbytes(5000)),
    ("plain json", R.NOT_OPENPGP, lambda _: CONTENT),
    ("armored", R.NOT_OPENPGP, lambda w: w.dentport.seal(CONTENT, "--armor")),
    ("clear signed", R.NOT_OPENPGP, lambda w: w.dentport.home.run("--clear-sign", stdin=CONTENT)),
    ("a line feed in front", R.NOT_OPENPGP, lambda w: b"\n" + w.sealed),
    ("signed only", R.NOT_ENCRYPTED, lambda w: w.dentport.sign(CONTENT)),
    ("signed only, compressed", R.NOT_ENCRYPTED, lambda w: w.dentport.sign(CONTENT, "-z", "6")),
    ("detached signature", R.NOT_ENCRYPTED, lambda w: w.dentport.home.run("--detach-sign", stdin=CONTENT)),
    ("literal only", R.NOT_ENCRYPTED, lambda w: encode_packet(w.literal)),
    ("literal in front", R.NOT_ENCRYPTED, lambda w: encode_packet(w.literal) + w.sealed),
    ("encrypted, then signed outside", R.NOT_ENCRYPTED, lambda w: w.dentport.sign(w.sealed)),
    ("compressed outside", R.NOT_ENCRYPTED, lambda w: packet(8, b"\x01" + raw_deflate(w.sealed))),
    ("password only", R.WRONG_RECIPIENT, lambda w: w.password_message()),
    (
        "password beside our key",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.password_message("--encrypt", "-r", w.world.practice_fingerprint),
    ),
    (
        "integrity protection stripped",
        R.NO_INTEGRITY,
        lambda w: w.session_key + packet(9, w.encrypted_body[1:]),
    ),
    ("no session key, no integrity", R.NO_INTEGRITY, lambda w: packet(9, w.encrypted_body[1:])),
    ("no session key", R.UNEXPECTED_STRUCTURE, lambda w: packet(18, w.encrypted_body)),
    ("session key only", R.DAMAGED, lambda w: w.session_key),
    (
        "for the other partner",
        R.WRONG_RECIPIENT,
        lambda w: w.world.impostor.home.run(
            "--trust-model", "always", "-r", w.world.impostor.fingerprint, "-s", "-e", stdin=CONTENT
        ),
    ),
    (
        "hidden recipient",
        R.WRONG_RECIPIENT,
        lambda w: w.dentport.home.run(
            "--trust-model", "always", "-R", w.dentport.practice, "-s", "-e", stdin=CONTENT
        ),
    ),
    (
        "two recipients",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.dentport.seal(CONTENT, "-r", w.dentport.fingerprint),
    ),
    ("our session key twice", R.UNEXPECTED_STRUCTURE, lambda w: w.session_key + w.sealed),
    ("marker in front", R.UNEXPECTED_STRUCTURE, lambda w: MARKER + w.sealed),
    (
        "marker between",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.session_key + MARKER + packet(18, w.encrypted_body),
    ),
    ("marker behind", R.UNEXPECTED_STRUCTURE, lambda w: w.sealed + MARKER),
    ("a zero byte behind", R.UNEXPECTED_STRUCTURE, lambda w: w.sealed + b"\x00"),
    ("a line feed behind", R.UNEXPECTED_STRUCTURE, lambda w: w.sealed + b"\n"),
    ("half a packet behind", R.DAMAGED, lambda w: w.sealed + MARKER[:-1]),
    ("two messages in one file", R.UNEXPECTED_STRUCTURE, lambda w: w.sealed + w.sealed),
    ("unknown packet in front", R.UNEXPECTED_STRUCTURE, lambda w: packet(60, b"x") + w.sealed),
    ("secret key", R.UNEXPECTED_STRUCTURE, lambda w: w.dentport.home.secret_key(w.dentport.fingerprint)),
    (
        "session key of version 6",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.sealed[:2] + b"\x06" + w.sealed[3:],
    ),
    ("session key of eight bytes", R.UNEXPECTED_STRUCTURE, lambda w: packet(1, b"\x03" + bytes(7))),
    (
        "encrypted packet of version 2",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.session_key + packet(18, b"\x02" + w.encrypted_body[1:]),
    ),
    (
        "length until the end of the file",
        R.UNEXPECTED_STRUCTURE,
        lambda w: b"\x87" + w.sealed[2:],
    ),
    (
        "first chunk too short",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.session_key + b"\xd2\xe0" + w.encrypted_body[:1] + b"\x00",
    ),
    ("chunks of one byte", R.UNEXPECTED_STRUCTURE, tiny_chunks),
    ("four gigabytes announced", R.DAMAGED, lambda w: w.session_key + b"\xd2\xff\xff\xff\xff\xff\x01"),
    ("header only", R.DAMAGED, lambda _: b"\x84"),
]

ENCRYPTION: list[tuple[str, QuarantineReason, Build]] = [
    *(
        (f"cut at {tenth} tenths", R.DAMAGED, lambda w, tenth=tenth: w.sealed[: len(w.sealed) * tenth // 10])
        for tenth in range(1, 10)
    ),
    ("last byte missing", R.DAMAGED, lambda w: w.sealed[:-1]),
    ("key id flipped", R.WRONG_RECIPIENT, lambda w: flipped(w.sealed, 5)),
    ("session key flipped", R.DAMAGED, lambda w: flipped(w.sealed, 80)),
    ("point of the session key flipped", R.DAMAGED, lambda w: flipped(w.sealed, 30)),
    ("public key algorithm changed", R.DAMAGED, lambda w: patched(w.sealed, 11, 1)),
    ("first encrypted byte flipped", R.DAMAGED, lambda w: flipped(w.sealed, len(w.session_key) + 4)),
    ("middle flipped", R.DAMAGED, lambda w: flipped(w.sealed, len(w.sealed) // 2, 7)),
    ("integrity code flipped", R.DAMAGED, lambda w: flipped(w.sealed, -1)),
    (
        "session key of another message",
        R.DAMAGED,
        lambda w: encode_packet(next(read_packets(w.dentport.seal(CONTENT)))) + packet(18, w.encrypted_body),
    ),
    (
        "shortened inside, lengths made right",
        R.DAMAGED,
        lambda w: w.session_key + packet(18, w.encrypted_body[:-100]),
    ),
    ("encrypted packet empty", R.DAMAGED, lambda w: w.session_key + packet(18, b"\x01")),
    ("garbage under the ocb tag", R.DAMAGED, lambda w: w.session_key + packet(20, w.encrypted_body)),
]

INSIDE: list[tuple[str, QuarantineReason, Build]] = [
    (
        "unsigned",
        R.NOT_SIGNED,
        lambda w: w.dentport.home.run(
            "--trust-model", "always", "-z", "0", "-r", w.dentport.practice, "-e", stdin=CONTENT
        ),
    ),
    (
        "unsigned, compressed",
        R.NOT_SIGNED,
        lambda w: w.dentport.home.run(
            "--trust-model", "always", "-z", "6", "-r", w.dentport.practice, "-e", stdin=CONTENT
        ),
    ),
    ("nothing inside", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(b"")),
    ("json inside, no packets", R.NOT_OPENPGP, lambda w: w.encrypted(CONTENT)),
    ("armored message inside", R.NOT_OPENPGP, lambda w: w.encrypted(w.dentport.sign(CONTENT, "--armor"))),
    (
        "two signatures of one signer",
        R.UNEXPECTED_STRUCTURE,
        lambda w: two_signers(w, w.dentport, w.dentport),
    ),
    (
        "two signers, the partner outside",
        R.UNEXPECTED_STRUCTURE,
        lambda w: two_signers(w, w.dentport, w.world.impostor),
    ),
    (
        "two signers, the partner inside",
        R.UNEXPECTED_STRUCTURE,
        lambda w: two_signers(w, w.world.impostor, w.dentport),
    ),
    (
        "signature repeated",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.encrypted(w.message, encode_packet(w.signature)),
    ),
    (
        "signature before its content",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.encrypted(w.join(w.signature, w.literal)),
    ),
    ("no signature behind", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(w.join(w.one_pass, w.literal))),
    ("no announcement", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(w.join(w.literal, w.signature))),
    ("detached signature inside", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(w.join(w.signature))),
    (
        "second content before",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.encrypted(w.join(w.literal, w.one_pass, w.literal, w.signature)),
    ),
    (
        "second content within",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.encrypted(w.join(w.one_pass, w.literal, w.literal, w.signature)),
    ),
    ("second content behind", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(w.message, w.join(w.literal))),
    ("marker inside, in front", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(MARKER, w.message)),
    ("marker inside, behind", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(w.message, MARKER)),
    ("line feed inside, behind", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(w.message, b"\n")),
    ("message twice", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(w.message, w.message)),
    ("encrypted twice", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(w.sealed)),
    ("message cut inside", R.DAMAGED, lambda w: w.encrypted(w.message[:-5])),
    (
        "compressed twice",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.encrypted(
            packet(8, b"\x02" + zlib.compress(packet(8, b"\x02" + zlib.compress(w.message))))
        ),
    ),
    (
        "content beside the compressed message",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.encrypted(packet(8, b"\x02" + zlib.compress(w.message)), w.join(w.literal)),
    ),
    (
        "bytes behind the compressed stream",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.encrypted(packet(8, b"\x02" + zlib.compress(w.message) + b"\x00")),
    ),
    (
        "second bzip2 stream",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.encrypted(packet(8, b"\x03" + bz2.compress(w.message) * 2)),
    ),
    ("unknown compression", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(packet(8, b"\x04" + w.message))),
    ("no compression in a compressed packet", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(packet(8, b""))),
    (
        "compressed stream cut",
        R.DAMAGED,
        lambda w: w.encrypted(packet(8, b"\x02" + zlib.compress(w.message)[:-8])),
    ),
    ("compressed stream broken", R.DAMAGED, lambda w: w.encrypted(packet(8, b"\x01" + b"\xff" * 50))),
    ("bzip2 stream broken", R.DAMAGED, lambda w: w.encrypted(packet(8, b"\x03" + b"BZh9" + b"\xff" * 50))),
    ("bomb, zip", R.BOMB, lambda w: w.encrypted(packet(8, b"\x01" + raw_deflate(bytes(32 << 20), 1)))),
    ("bomb, zlib", R.BOMB, lambda w: w.encrypted(packet(8, b"\x02" + zlib.compress(bytes(32 << 20), 1)))),
    ("bomb, bzip2", R.BOMB, lambda w: w.encrypted(packet(8, b"\x03" + bz2.compress(bytes(32 << 20), 1)))),
    ("signed bomb", R.BOMB, lambda w: w.dentport.seal(bytes(MAX_CONTENT + 1), "-z", "6")),
    (
        "content in an unknown format",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.encrypted(w.join(w.one_pass, Packet(11, b"1" + w.literal.body[1:]), w.signature)),
    ),
    (
        "content without its header",
        R.DAMAGED,
        lambda w: w.encrypted(w.join(w.one_pass, Packet(11, b"b\xff"), w.signature)),
    ),
]

SIGNATURES: list[tuple[str, QuarantineReason, Build]] = [
    ("signed by the other partner", R.WRONG_SIGNER, lambda w: w.world.zahnzeit.seal(CONTENT)),
    ("signed by a look-alike", R.WRONG_SIGNER, lambda w: w.world.impostor.seal(CONTENT)),
    (
        "content changed",
        R.BAD_SIGNATURE,
        lambda w: w.encrypted(w.join(w.one_pass, Packet(11, flipped(w.literal.body, -3)), w.signature)),
    ),
    (
        "content shortened",
        R.BAD_SIGNATURE,
        lambda w: w.encrypted(w.join(w.one_pass, Packet(11, w.literal.body[:-1]), w.signature)),
    ),
    (
        "signature of another content",
        R.BAD_SIGNATURE,
        lambda w: w.encrypted(
            w.join(w.one_pass, w.literal, list(read_packets(w.dentport.sign(CONTENT + b"!")))[2])
        ),
    ),
    ("signature flipped", R.BAD_SIGNATURE, lambda w: w.with_signature(-1, w.signature.body[-1] ^ 1)),
    ("signed time changed", R.BAD_SIGNATURE, lambda w: w.with_signature(32, w.signature.body[32] ^ 1)),
    (
        "signature cut",
        R.BAD_SIGNATURE,
        lambda w: w.encrypted(w.join(w.one_pass, w.literal, Packet(2, w.signature.body[:40]))),
    ),
    (
        "signature of four bytes",
        R.BAD_SIGNATURE,
        lambda w: w.encrypted(w.join(w.one_pass, w.literal, Packet(2, w.signature.body[:4]))),
    ),
    (
        "signature of garbage",
        R.BAD_SIGNATURE,
        lambda w: w.encrypted(
            w.join(w.one_pass, w.literal, Packet(2, w.signature.body[:4] + random.Random(9).randbytes(300)))
        ),
    ),
    ("sha-1", R.WEAK_SIGNATURE, lambda w: w.dentport.seal(CONTENT, "--digest-algo", "SHA1")),
    ("sha-224", R.WEAK_SIGNATURE, lambda w: w.dentport.seal(CONTENT, "--digest-algo", "SHA224")),
    ("ripemd-160", R.WEAK_SIGNATURE, lambda w: w.dentport.seal(CONTENT, "--digest-algo", "RIPEMD160")),
    ("text mode", R.UNEXPECTED_STRUCTURE, lambda w: w.dentport.seal(CONTENT, "--textmode")),
    ("an hour in the future", R.SIGNATURE_TIME, lambda w: w.signed_at(now() + timedelta(hours=1))),
    ("older than allowed", R.SIGNATURE_TIME, lambda w: w.signed_at(now() - timedelta(days=31))),
    (
        "signature expired",
        R.SIGNATURE_TIME,
        lambda w: w.signed_at(now() - timedelta(days=2), "--default-sig-expire", "1d"),
    ),
    ("announces another digest", R.UNEXPECTED_STRUCTURE, lambda w: w.with_one_pass(2, 9)),
    ("announces another algorithm", R.UNEXPECTED_STRUCTURE, lambda w: w.with_one_pass(3, 1)),
    ("announces another type", R.UNEXPECTED_STRUCTURE, lambda w: w.with_one_pass(1, 1)),
    ("announcement of version 6", R.UNEXPECTED_STRUCTURE, lambda w: w.with_one_pass(0, 6)),
    (
        "announces another signer",
        R.UNEXPECTED_STRUCTURE,
        lambda w: w.with_one_pass(6, w.one_pass.body[6] ^ 1),
    ),
    ("signature of version 3", R.UNEXPECTED_STRUCTURE, lambda w: w.with_signature(0, 3)),
    ("signature of version 5", R.UNEXPECTED_STRUCTURE, lambda w: w.with_signature(0, 5)),
    ("signature of version 6", R.UNEXPECTED_STRUCTURE, lambda w: w.with_signature(0, 6)),
    ("signature of another type", R.UNEXPECTED_STRUCTURE, lambda w: w.with_signature(1, 0x10)),
]

CASES = [*OUTSIDE, *ENCRYPTION, *INSIDE, *SIGNATURES]


@pytest.mark.parametrize(("reason", "build"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_hostile_file_is_refused_with_its_reason(
    reason: QuarantineReason, build: Build, workshop: Workshop, sealer: GpgSealer
) -> None:
    with pytest.raises(UnauthenticatedFileError) as refusal:
        sealer.open(build(workshop), now())
    assert refusal.value.reason is reason


def test_file_signed_while_the_key_was_valid_that_has_expired_since_is_refused(
    openpgp_world: KeyWorld, workshop: Workshop
) -> None:
    past = at_time(now() - timedelta(days=20))
    partner = openpgp_world.partner("expired", "Expired <e@e.example>", *past, expires="10d")
    ring = openpgp_world.key_ring("expired", partner.public_key)
    sealed = workshop.encrypted(partner.sign(CONTENT, *past))
    with pytest.raises(UnauthenticatedFileError) as refusal:
        sealer_for(openpgp_world, ring, partner.fingerprint).open(sealed, now())
    assert refusal.value.reason is R.KEY_EXPIRED


def test_file_signed_before_the_key_was_revoked_is_refused(openpgp_world: KeyWorld) -> None:
    partner = openpgp_world.partner("revoked", "Revoked <r@r.example>")
    sealed = partner.seal(CONTENT)
    partner.home.revoke(partner.fingerprint)
    ring = openpgp_world.key_ring("revoked", partner.public_key)
    with pytest.raises(UnauthenticatedFileError) as refusal:
        sealer_for(openpgp_world, ring, partner.fingerprint).open(sealed, now())
    assert refusal.value.reason is R.KEY_REVOKED


def test_file_by_a_key_in_the_ring_file_that_is_not_pinned_is_refused(openpgp_world: KeyWorld) -> None:
    dentport, impostor = openpgp_world.dentport, openpgp_world.impostor
    ring = openpgp_world.key_ring("mixed", impostor.public_key, dentport.public_key)
    with pytest.raises(UnauthenticatedFileError) as refusal:
        sealer_for(openpgp_world, ring, dentport.fingerprint).open(impostor.seal(CONTENT), now())
    assert refusal.value.reason is R.WRONG_SIGNER


def assert_refused_or_unchanged(sealer: GpgSealer, sealed: bytes) -> None:
    """A flipped bit may lie where OpenPGP ignores it; the content then is what the partner signed."""
    try:
        opened = sealer.open(sealed, now())
    except UnauthenticatedFileError:
        return
    assert opened.content == CONTENT


def test_flipped_bits_anywhere_in_the_file_never_change_what_is_accepted(
    workshop: Workshop, sealer: GpgSealer
) -> None:
    chance = random.Random(2027)
    for _ in range(60):
        position, bit = chance.randrange(len(workshop.sealed)), chance.randrange(8)
        assert_refused_or_unchanged(sealer, flipped(workshop.sealed, position, bit))


def test_flipped_bits_under_the_encryption_never_change_what_is_accepted(
    workshop: Workshop, sealer: GpgSealer
) -> None:
    """Whoever holds one signed message can encrypt variants of it: the practice's key is public."""
    chance = random.Random(2028)
    message = workshop.message
    framing = [*range(60), *range(len(message) - 130, len(message))]
    for position in chance.sample(framing, 40):
        variant = workshop.encrypted(flipped(message, position, chance.randrange(8)))
        assert_refused_or_unchanged(sealer, variant)


# --- good files


def by_gpg(*options: str) -> Build:
    return lambda shop: shop.dentport.seal(CONTENT, *options)


def by_sequoia(shop: Workshop) -> bytes:
    signer = pysequoia.Tsk.from_bytes(shop.dentport.home.secret_key(shop.dentport.fingerprint)).signer()
    recipient = pysequoia.Cert.from_bytes(shop.world.practice_key)
    return bytes(pysequoia.encrypt(CONTENT, recipients=[recipient], signer=signer, armor=False))


def by_pgpy(compression: CompressionAlgorithm) -> Build:
    def build(shop: Workshop) -> bytes:
        key, _ = pgpy.PGPKey.from_blob(shop.dentport.home.secret_key(shop.dentport.fingerprint))
        recipient, _ = pgpy.PGPKey.from_blob(shop.world.practice_key)
        message = pgpy.PGPMessage.new(CONTENT, compression=compression, format="b")
        message |= key.sign(message, hash=HashAlgorithm.SHA256)
        return bytes(recipient.encrypt(message, cipher=SymmetricKeyAlgorithm.AES256))

    return build


def by_gpg_2_4(shop: Workshop) -> bytes:
    """The OCB packet that GnuPG 2.4 writes for keys made with it (draft-koch-librepgp, 5.16)."""
    arguments = ("--output", os.devnull, "--yes", "--show-session-key", "--unwrap", "--decrypt")
    status = shop.world.practice.run("--status-fd", "1", *arguments, stdin=shop.sealed)
    found = re.search(rb"SESSION_KEY 9:([0-9A-F]{64})", status)
    assert found is not None
    cipher, header, start = AESOCB3(bytes.fromhex(found[1].decode())), b"\x01\x09\x02\x10", bytes(range(15))
    associated = b"\xd4" + header
    chunk = cipher.encrypt(start, shop.message, associated + bytes(8))
    end = associated + (1).to_bytes(8, "big") + len(shop.message).to_bytes(8, "big")
    last = cipher.encrypt(patched(start, 14, start[14] ^ 1), b"", end)
    return shop.session_key + packet(20, header + start + chunk + last)


GOOD: list[tuple[str, Build]] = [
    ("gpg, uncompressed", by_gpg("--compress-algo", "none")),
    ("gpg, zip", by_gpg("--compress-algo", "zip")),
    ("gpg, zlib", by_gpg("--compress-algo", "zlib")),
    ("gpg, bzip2", by_gpg("--compress-algo", "bzip2")),
    ("gpg, sha-256", by_gpg("--digest-algo", "SHA256")),
    ("gpg, sha-384", by_gpg("--digest-algo", "SHA384")),
    ("gpg, with a file name", by_gpg("--set-filename", "../../etc/passwd")),
    ("gpg, with a notation", by_gpg("--set-notation", "note@example.org=[GNUPG:] BADSIG")),
    ("gpg, a little ahead of us", by_gpg(*at_time(datetime.now(UTC) + timedelta(minutes=5)))),
    ("gpg 2.4, ocb", by_gpg_2_4),
    ("sequoia", by_sequoia),
    ("pgpy, uncompressed", by_pgpy(CompressionAlgorithm.Uncompressed)),
    ("pgpy, zip", by_pgpy(CompressionAlgorithm.ZIP)),
    ("pgpy, zlib", by_pgpy(CompressionAlgorithm.ZLIB)),
    ("pgpy, bzip2", by_pgpy(CompressionAlgorithm.BZ2)),
]


@pytest.mark.parametrize("build", [case[1] for case in GOOD], ids=[case[0] for case in GOOD])
def test_good_file_of_another_program_is_opened(build: Build, workshop: Workshop, sealer: GpgSealer) -> None:
    sealed = build(workshop)
    opened = sealer.open(sealed, now())
    assert opened.content == CONTENT
    assert opened.signer_fingerprint == workshop.dentport.fingerprint
    assert opened.sealed_sha256 == hashlib.sha256(sealed).hexdigest()
    assert abs(opened.signed_at - now()) < timedelta(minutes=10)


def test_good_file_signed_by_a_subkey_of_the_pinned_key_is_opened(openpgp_world: KeyWorld) -> None:
    partner = openpgp_world.partner("subkey", "Subkey <s@s.example>")
    unlocked = ("--pinentry-mode", "loopback", "--passphrase", "")
    partner.home.run(*unlocked, "--quick-add-key", partner.fingerprint, "ed25519", "sign", "1y")
    ring = openpgp_world.key_ring("subkey", partner.public_key)
    opened = sealer_for(openpgp_world, ring, partner.fingerprint).open(partner.seal(CONTENT), now())
    assert (opened.content, opened.signer_fingerprint) == (CONTENT, partner.fingerprint)


def test_good_file_signed_by_the_second_pin_is_opened(openpgp_world: KeyWorld) -> None:
    old, new = openpgp_world.zahnzeit, openpgp_world.dentport
    ring = openpgp_world.key_ring("rotation", old.public_key, new.public_key)
    sealer = sealer_for(openpgp_world, ring, old.fingerprint, new.fingerprint)
    assert sealer.open(old.seal(CONTENT), now()).signer_fingerprint == old.fingerprint
    assert sealer.open(new.seal(CONTENT), now()).signer_fingerprint == new.fingerprint


def test_good_file_that_does_not_compress_is_opened_in_chunks_of_its_writer(
    openpgp_world: KeyWorld, workshop: Workshop, sealer: GpgSealer
) -> None:
    content = random.Random(3).randbytes(200_000)
    assert sealer.open(workshop.dentport.seal(content, "--compress-algo", "none"), now()).content == content


def test_good_empty_content_is_opened(workshop: Workshop, sealer: GpgSealer) -> None:
    assert sealer.open(workshop.dentport.seal(b""), now()).content == b""
