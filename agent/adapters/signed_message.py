"""Verify an OpenPGP message that must be one signature by a pinned key over one content, and nothing else.

The last step of opening a sealed file, and the whole of reading a licence.
The packets are taken apart here, and gpgv is given our own encoding of them,
so the bytes that come back are the bytes that were verified. No content
leaves this module before the verdict (promise P1).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from agent.adapters.gpg_process import GpgRun, run_gpgv
from agent.adapters.openpgp_packets import (
    Packet,
    Tag,
    encode_packet,
    inflated,
    literal_content,
    literal_packet,
    primary_fingerprints,
    read_packets,
)
from agent.domain.keys import MINIMUM_RSA_BITS
from agent.errors import GpgUnavailableError, KeyUnusableError, QuarantineReason, UnauthenticatedFileError

DEFAULT_TOLERANCE = timedelta(minutes=10)
DEFAULT_MAX_CONTENT_BYTES = 6 * 1024 * 1024
"""As many acknowledgements as a file may hold; bzip2 takes most of a second to unpack it (promise P7)."""

BINARY_DOCUMENT = 0x00
STRONG_HASHES = frozenset({8, 9, 10})
"""SHA-256, SHA-384, SHA-512 (RFC 4880, 9.4)."""

RSA, ELLIPTIC_CURVES = frozenset({1, 3}), frozenset({19, 22})
"""RSA as it was and for signatures only, ECDSA and EdDSA (RFC 4880, 9.1; RFC 6637; EdDSA of GnuPG)."""

CHANCE_BITS = 64

REFUSALS = (
    ("BADSIG", QuarantineReason.BAD_SIGNATURE),
    ("REVKEYSIG", QuarantineReason.KEY_REVOKED),
    ("EXPKEYSIG", QuarantineReason.KEY_EXPIRED),
    ("EXPSIG", QuarantineReason.SIGNATURE_TIME),
    ("NO_PUBKEY", QuarantineReason.WRONG_SIGNER),
    ("ERRSIG", QuarantineReason.BAD_SIGNATURE),
    ("UNEXPECTED", QuarantineReason.BAD_SIGNATURE),
    ("NODATA", QuarantineReason.BAD_SIGNATURE),
    ("FAILURE", QuarantineReason.BAD_SIGNATURE),
)
"""Status lines that end the matter, the plainest reason first."""

OUR_OWN_FAULTS = frozenset({"add_keyblock_resource", "keydb_search"})


@dataclass(frozen=True, slots=True)
class VerifiedMessage:
    """Content vouched for by exactly one valid signature of a pinned key."""

    content: bytes
    signer_fingerprint: str
    signed_at: datetime


def verify_signed_message(
    packets: bytes,
    *,
    gpgv_program: str,
    key_ring: Path,
    fingerprints: Collection[str],
    now: datetime,
    max_age: timedelta,
    tolerance: timedelta = DEFAULT_TOLERANCE,
    max_content_bytes: int = DEFAULT_MAX_CONTENT_BYTES,
) -> VerifiedMessage:
    """The content of a binary (not armored) signed message, compressed at most once.

    `key_ring` is a file of binary public keys one after the other, and
    `fingerprints` are the full primary fingerprints, upper case, one of which
    must have signed between `now - max_age` and `now + tolerance`. Raises
    UnauthenticatedFileError when the message is at fault, KeyUnusableError
    when the ring file lacks every pinned key, GpgUnavailableError when gpgv
    cannot do its work.
    """
    require_pinned_key(key_ring, fingerprints)
    announced, content, signature = _signed_parts(packets, max_content_bytes)
    _require_strong_binary_signature(announced, signature)
    ours = b"".join(
        encode_packet(packet) for packet in (_lone(announced), literal_packet(content), signature)
    )
    run = run_gpgv(gpgv_program, ["--keyring", str(key_ring.absolute()), "--weak-digest", "SHA1"], ours)
    announced_key_id = announced.body[4:12].hex().upper()
    signer, signed_at = _accepted(_valid_signature(run), announced_key_id, fingerprints, now)
    if not now - max_age <= signed_at <= now + tolerance:
        raise UnauthenticatedFileError(QuarantineReason.SIGNATURE_TIME)
    return VerifiedMessage(content, signer, signed_at)


def require_pinned_key(key_ring: Path, fingerprints: Collection[str]) -> None:
    """Without the pinned key, gpgv would blame the file for what is missing here."""
    try:
        present = primary_fingerprints(key_ring.read_bytes())
    except (OSError, UnauthenticatedFileError) as error:
        raise KeyUnusableError(
            "the partner's key ring file is missing or damaged: pin the key again"
        ) from error
    if not set(present) & set(fingerprints):
        raise KeyUnusableError("the partner's key ring file holds none of the pinned keys: pin the key again")


def _signed_parts(packets: bytes, max_content_bytes: int) -> tuple[Packet, bytes, Packet]:
    """One-pass signature, content, signature; one level of compression around them is taken off."""
    found = list(islice(read_packets(packets), 4))
    if [packet.tag for packet in found] == [Tag.COMPRESSED]:
        found = list(islice(read_packets(inflated(found[0], max_content_bytes)), 4))
    tags = [packet.tag for packet in found]
    if tags == [Tag.LITERAL]:
        raise UnauthenticatedFileError(QuarantineReason.NOT_SIGNED)
    if tags != [Tag.ONE_PASS_SIGNATURE, Tag.LITERAL, Tag.SIGNATURE]:
        raise UnauthenticatedFileError(QuarantineReason.UNEXPECTED_STRUCTURE)
    content = literal_content(found[1])
    if len(content) > max_content_bytes:
        raise UnauthenticatedFileError(QuarantineReason.BOMB)
    return found[0], content, found[2]


def _lone(one_pass: Packet) -> Packet:
    """The announcement with "no further signature follows" set, which PGPy leaves out (RFC 4880, 5.4)."""
    return Packet(Tag.ONE_PASS_SIGNATURE, one_pass.body[:12] + b"\x01")


def _require_strong_binary_signature(one_pass: Packet, signature: Packet) -> None:
    """Both packets name the same type and algorithms (RFC 4880, 5.2.3 and 5.4), and ones we accept."""
    announced, signed = one_pass.body, signature.body
    if len(announced) != 13 or len(signed) < 4 or announced[0] != 3 or signed[0] != 4:
        raise UnauthenticatedFileError(QuarantineReason.UNEXPECTED_STRUCTURE)
    kind, key_algorithm, digest = signed[1], signed[2], signed[3]
    if (kind, digest, key_algorithm) != tuple(announced[1:4]) or kind != BINARY_DOCUMENT:
        raise UnauthenticatedFileError(QuarantineReason.UNEXPECTED_STRUCTURE)
    numbers, ends_at = _numbers(signed)
    if digest not in STRONG_HASHES or not _made_by_a_strong_key(key_algorithm, numbers):
        raise UnauthenticatedFileError(QuarantineReason.WEAK_SIGNATURE)
    if ends_at < len(signed):  # gpgv does not look at what stands behind the last number
        raise UnauthenticatedFileError(QuarantineReason.UNEXPECTED_STRUCTURE)


def _numbers(signature: bytes) -> tuple[list[int], int]:
    """How many bits the signature's numbers have, and where the last one ends (RFC 4880, 5.2.2 and 5.2.3).

    Of a cut signature it says something wrong, which gpgv then refuses.
    """
    position = 4  # behind version, type and algorithms: two lists of subpackets, two octets, the numbers
    for _ in ("hashed", "not hashed"):
        position += 2 + int.from_bytes(signature[position : position + 2], "big")
    position += 2
    bits = []
    for _ in range(1 if signature[2] in RSA else 2):
        bits.append(int.from_bytes(signature[position : position + 2], "big"))
        position += 2 + (bits[-1] + 7) // 8
    return bits, position


def _made_by_a_strong_key(algorithm: int, numbers: list[int]) -> bool:
    """Pinning refuses weak keys; one that came into the ring file another way must not count either.

    A signature is a number as long as its RSA key, but for a few bits by chance.
    """
    if algorithm in RSA:
        return numbers[0] > MINIMUM_RSA_BITS - CHANCE_BITS
    return algorithm in ELLIPTIC_CURVES


def _valid_signature(run: GpgRun) -> tuple[str, ...]:
    """What gpgv says of the one good signature; every status line is counted."""
    if run.exit_code > 2 or any(
        line.keyword == "ERROR" and OUR_OWN_FAULTS.intersection(line.arguments) for line in run.status
    ):
        raise GpgUnavailableError("gpgv cannot read the partner's key ring file or cannot run")
    for keyword, reason in REFUSALS:
        if run.count(keyword):
            raise UnauthenticatedFileError(reason)
    valid = run.first("VALIDSIG")
    counts = [run.count(keyword) for keyword in ("NEWSIG", "GOODSIG", "VALIDSIG")]
    if counts != [1, 1, 1] or run.exit_code != 0 or valid is None:
        raise UnauthenticatedFileError(QuarantineReason.BAD_SIGNATURE)
    return valid.arguments


def _accepted(
    valid: tuple[str, ...], announced_key_id: str, fingerprints: Collection[str], now: datetime
) -> tuple[str, datetime]:
    """Primary fingerprint of the signer and time of the signature, from a VALIDSIG line.

    Its fields are: fingerprint, date, time, expiry, version, reserved, key
    algorithm, hash, class, primary fingerprint (doc/DETAILS of GnuPG).
    """
    if len(valid) < 10:
        raise GpgUnavailableError("gpgv reports a valid signature in a form unknown here")
    signing_key, signed, expires, version, digest, kind, primary = (valid[i] for i in (0, 2, 3, 4, 7, 8, 9))
    if primary not in fingerprints:
        raise UnauthenticatedFileError(QuarantineReason.WRONG_SIGNER)
    if (version, kind) != ("4", "00") or not signing_key.endswith(announced_key_id):
        raise UnauthenticatedFileError(QuarantineReason.UNEXPECTED_STRUCTURE)
    if int(digest) not in STRONG_HASHES:
        raise UnauthenticatedFileError(QuarantineReason.WEAK_SIGNATURE)
    if int(expires) and datetime.fromtimestamp(int(expires), UTC) <= now:
        raise UnauthenticatedFileError(QuarantineReason.SIGNATURE_TIME)
    return primary, datetime.fromtimestamp(int(signed), UTC)
