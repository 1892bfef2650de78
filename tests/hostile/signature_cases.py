"""Family "signature and key": signed by nobody, by somebody else, wrongly, too weakly, or with a dead key."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pysequoia

from agent.adapters.openpgp_packets import Packet, encode_packet, read_packets
from agent.errors import QuarantineReason as R
from exchange_formats.envelope import Kind
from exchange_formats.receipts import MessageReason
from tests.flows.stage import ZAHNZEIT
from tests.hostile.case import (
    Around,
    Arrival,
    Case,
    Family,
    Row,
    imported,
    one_file,
    quarantined,
    quarantined_files,
    refused,
)
from tests.hostile.workshop import Workshop, flipped, hours_ago, join, packet
from tests.kit.key_fixtures import at_time
from tests.kit.openpgp import PartnerGpg

SIGNATURE = Family.SIGNATURE
HOURS_A_DAY = 24

NOT_BOTH: dict[str, list[Row]] = {
    "unsigned": [
        ("unsigned", R.NOT_SIGNED, lambda w: w.unsigned("-z", "0")),
        ("unsigned, compressed", R.NOT_SIGNED, lambda w: w.unsigned("-z", "6")),
        ("no signature behind", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(_parts(w, "one_pass literal"))),
        ("no announcement", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(_parts(w, "literal signature"))),
    ],
    "signed only": [
        ("signed only", R.NOT_ENCRYPTED, lambda w: w.dentport.sign(w.content)),
        ("signed only, compressed", R.NOT_ENCRYPTED, lambda w: w.dentport.sign(w.content, "-z", "6")),
        ("clear signed", R.NOT_OPENPGP, lambda w: w.dentport.home.run("--clear-sign", stdin=w.content)),
        ("literal only", R.NOT_ENCRYPTED, lambda w: encode_packet(w.pieces.literal)),
    ],
    "armored": [
        ("armored", R.NOT_OPENPGP, lambda w: w.dentport.seal(w.content, "--armor")),
        (
            "armored message inside",
            R.NOT_OPENPGP,
            lambda w: w.encrypted(w.dentport.sign(w.content, "--armor")),
        ),
    ],
    "detached": [
        (
            "detached signature",
            R.NOT_ENCRYPTED,
            lambda w: w.dentport.home.run("--detach-sign", stdin=w.content),
        ),
        ("detached signature inside", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(_parts(w, "signature"))),
        (
            "signature before its content",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.encrypted(_parts(w, "signature literal")),
        ),
    ],
    "symmetric": [
        ("password only", R.WRONG_RECIPIENT, lambda w: w.password_message()),
        (
            "password beside our key",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.password_message("--encrypt", "-r", w.dentport.practice),
        ),
    ],
    "no integrity packet": [
        (
            "integrity protection stripped",
            R.NO_INTEGRITY,
            lambda w: w.session_key + packet(9, w.encrypted_body[1:]),
        ),
        ("no session key, no integrity", R.NO_INTEGRITY, lambda w: packet(9, w.encrypted_body[1:])),
    ],
    "wrong and too many recipients": [
        ("for somebody else", R.WRONG_RECIPIENT, lambda w: _for(w, "-r", w.dentport.fingerprint)),
        ("hidden recipient", R.WRONG_RECIPIENT, lambda w: _for(w, "-R", w.dentport.practice)),
        (
            "two recipients",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.dentport.seal(w.content, "-r", w.dentport.fingerprint),
        ),
        ("our session key twice", R.UNEXPECTED_STRUCTURE, lambda w: w.session_key + w.good),
        ("key id of another recipient", R.WRONG_RECIPIENT, lambda w: flipped(w.good, 5)),
    ],
    "sign outside encrypt": [
        ("encrypted, then signed outside", R.NOT_ENCRYPTED, lambda w: w.dentport.sign(w.good)),
    ],
}


def _parts(shop: Workshop, names: str) -> bytes:
    return join(*(getattr(shop.pieces, name) for name in names.split()))


def _for(shop: Workshop, *recipient: str) -> bytes:
    return shop.dentport.home.run("--trust-model", "always", *recipient, "-s", "-e", stdin=shop.content)


WRONG_SIGNERS: dict[str, list[Row]] = {
    "other partner's key": [
        ("signed by the other partner", R.WRONG_SIGNER, lambda w: w.zahnzeit.seal(w.plain())),
    ],
    "look-alike key": [
        ("signed by a look-alike", R.WRONG_SIGNER, lambda w: w.impostor.seal(w.plain())),
        (
            "signed by a look-alike that announces the partner",
            R.WRONG_SIGNER,
            lambda w: w.encrypted(_announced_as(w, w.impostor)),
        ),
    ],
    "several signatures": [
        (
            "two signatures of one signer",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.two_signers(w.dentport, w.dentport),
        ),
        ("the partner outside", R.UNEXPECTED_STRUCTURE, lambda w: w.two_signers(w.dentport, w.impostor)),
        ("the partner inside", R.UNEXPECTED_STRUCTURE, lambda w: w.two_signers(w.impostor, w.dentport)),
        (
            "signature repeated",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.encrypted(w.message, encode_packet(w.pieces.signature)),
        ),
        (
            "a stranger's signature behind",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.encrypted(w.message, encode_packet(_signature(w.impostor, w.content))),
        ),
        (
            "a stranger's signature in front of the partner's",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.encrypted(
                join(
                    w.pieces.one_pass,
                    w.pieces.literal,
                    _signature(w.impostor, w.content),
                    w.pieces.signature,
                )
            ),
        ),
        ("message twice", R.UNEXPECTED_STRUCTURE, lambda w: w.encrypted(w.message, w.message)),
    ],
}


def _signature(signer: PartnerGpg, content: bytes) -> Packet:
    return list(read_packets(signer.sign(content)))[2]


def _announced_as(shop: Workshop, signer: PartnerGpg) -> bytes:
    return join(shop.pieces.one_pass, shop.pieces.literal, _signature(signer, shop.content))


BAD_SIGNATURES: dict[str, list[Row]] = {
    "changed": [
        (
            "content changed",
            R.BAD_SIGNATURE,
            lambda w: w.rejoined(literal=Packet(11, flipped(w.pieces.literal.body, -3))),
        ),
        (
            "content shortened",
            R.BAD_SIGNATURE,
            lambda w: w.rejoined(literal=Packet(11, w.pieces.literal.body[:-1])),
        ),
        (
            "signature of another content",
            R.BAD_SIGNATURE,
            lambda w: w.rejoined(signature=_signature(w.dentport, w.content + b"!")),
        ),
        (
            "signature flipped",
            R.BAD_SIGNATURE,
            lambda w: w.with_signature(-1, w.pieces.signature.body[-1] ^ 1),
        ),
        (
            "signed time changed",
            R.BAD_SIGNATURE,
            lambda w: w.with_signature(32, w.pieces.signature.body[32] ^ 1),
        ),
        (
            "signature cut",
            R.BAD_SIGNATURE,
            lambda w: w.rejoined(signature=Packet(2, w.pieces.signature.body[:40])),
        ),
        (
            "signature of four bytes",
            R.BAD_SIGNATURE,
            lambda w: w.rejoined(signature=Packet(2, w.pieces.signature.body[:4])),
        ),
        (
            "signature of garbage",
            R.BAD_SIGNATURE,
            lambda w: w.rejoined(
                signature=Packet(2, w.pieces.signature.body[:4] + random.Random(9).randbytes(300))
            ),
        ),
    ],
    "signature expired or from the future": [
        ("an hour in the future", R.SIGNATURE_TIME, lambda w: w.signed_at(hours_ago(-1))),
        ("older than allowed", R.SIGNATURE_TIME, lambda w: w.signed_at(hours_ago(15 * HOURS_A_DAY))),
        (
            "signature expired",
            R.SIGNATURE_TIME,
            lambda w: w.signed_at(hours_ago(2 * HOURS_A_DAY), "--default-sig-expire", "1d"),
        ),
    ],
    "weak hash": [
        ("sha-1", R.WEAK_SIGNATURE, lambda w: w.dentport.seal(w.content, "--digest-algo", "SHA1")),
        ("sha-224", R.WEAK_SIGNATURE, lambda w: w.dentport.seal(w.content, "--digest-algo", "SHA224")),
        ("ripemd-160", R.WEAK_SIGNATURE, lambda w: w.dentport.seal(w.content, "--digest-algo", "RIPEMD160")),
    ],
    "of another kind": [
        ("text mode", R.UNEXPECTED_STRUCTURE, lambda w: w.dentport.seal(w.content, "--textmode")),
        ("announces another digest", R.UNEXPECTED_STRUCTURE, lambda w: w.with_one_pass(2, 9)),
        ("announces another algorithm", R.UNEXPECTED_STRUCTURE, lambda w: w.with_one_pass(3, 1)),
        ("announces another type", R.UNEXPECTED_STRUCTURE, lambda w: w.with_one_pass(1, 1)),
        (
            "announces another signer",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.with_one_pass(6, w.pieces.one_pass.body[6] ^ 1),
        ),
        ("signature of another type", R.UNEXPECTED_STRUCTURE, lambda w: w.with_signature(1, 0x10)),
        (
            "a byte behind the signature's numbers",
            R.UNEXPECTED_STRUCTURE,
            lambda w: w.rejoined(signature=Packet(2, w.pieces.signature.body + b"\x00")),
        ),
        ("signature of version 3", R.UNEXPECTED_STRUCTURE, lambda w: w.with_signature(0, 3)),
        ("signature of version 5", R.UNEXPECTED_STRUCTURE, lambda w: w.with_signature(0, 5)),
    ],
    "v6": [
        ("announcement of version 6", R.UNEXPECTED_STRUCTURE, lambda w: w.with_one_pass(0, 6)),
        ("signature of version 6", R.UNEXPECTED_STRUCTURE, lambda w: w.with_signature(0, 6)),
        ("session key of version 6", R.UNEXPECTED_STRUCTURE, lambda w: w.good[:2] + b"\x06" + w.good[3:]),
        ("signed by a real v6 key", R.UNEXPECTED_STRUCTURE, lambda w: _v6(w, signs=True)),
        ("encrypted to a real v6 key", R.UNEXPECTED_STRUCTURE, lambda w: _v6(w, signs=False)),
    ],
}


def _v6(shop: Workshop, *, signs: bool) -> bytes:
    """By a Sequoia key of RFC 9580, or to one."""
    key = pysequoia.Tsk.generate(user_id="Dentport <v6@dentport.example>", profile=pysequoia.Profile.RFC9580)
    ours = pysequoia.Cert.from_bytes(shop.practice_key)
    recipient = ours if signs else key.extract_certificate()
    signer = key.signer() if signs else None
    return bytes(pysequoia.encrypt(shop.content, recipients=[recipient], signer=signer, armor=False))


# --- keys: the partner's ring file holds another one ------------------------------------------------


def _pinned(make: Callable[[Workshop], PartnerGpg]) -> tuple[Around, Callable[[Workshop], PartnerGpg]]:
    """Surroundings in which a fresh key of the partner is the pinned one, and what gives that key."""
    made: dict[int, PartnerGpg] = {}

    @contextmanager
    def around(shop: Workshop) -> Iterator[None]:
        made[id(shop)] = make(shop)
        with shop.pinned(made[id(shop)]):
            yield

    return around, lambda shop: made[id(shop)]


def _with_key(
    topic: str,
    name: str,
    reason: R,
    make: Callable[[Workshop], PartnerGpg],
    seal: Callable[[Workshop, PartnerGpg], bytes],
) -> Case:
    around, key = _pinned(make)
    return one_file(SIGNATURE, topic, name, quarantined(reason), lambda w: seal(w, key(w)), around)


def _expired_key(shop: Workshop) -> PartnerGpg:
    return shop.partner_key("expired", *at_time(hours_ago(20 * HOURS_A_DAY)), expires="10d")


def _signed_in_time(shop: Workshop, partner: PartnerGpg) -> bytes:
    signed = partner.sign(shop.content, *at_time(hours_ago(12 * HOURS_A_DAY)))
    return shop.encrypted(signed)


def _sealed_then_revoked(shop: Workshop, partner: PartnerGpg) -> bytes:
    sealed = partner.seal(shop.content)
    partner.home.revoke(partner.fingerprint)
    shop.stage.agent.config.partners["dentport"].key_ring.write_bytes(partner.public_key)
    return sealed


@contextmanager
def _impostor_in_the_ring(shop: Workshop) -> Iterator[None]:
    with shop.pinned(shop.dentport, shop.impostor.public_key):
        yield


KEYS = [
    _with_key("expired", "signed while the key was valid", R.KEY_EXPIRED, _expired_key, _signed_in_time),
    _with_key(
        "revoked",
        "signed before the key was revoked",
        R.KEY_REVOKED,
        lambda w: w.partner_key("revoked"),
        _sealed_then_revoked,
    ),
    *(
        _with_key(
            "weak key",
            f"a key of the kind {kind} in the ring file",
            R.WEAK_SIGNATURE,
            lambda w, kind=kind: w.partner_key(kind, algorithm=kind),
            lambda w, partner: partner.seal(w.content),
        )
        for kind in ("rsa2048", "dsa1024")
    ),
    one_file(
        SIGNATURE,
        "unknown",
        "a key in the ring file that is not pinned",
        quarantined(R.WRONG_SIGNER),
        lambda w: w.impostor.seal(w.plain()),
        _impostor_in_the_ring,
    ),
    one_file(
        SIGNATURE,
        "unknown",
        "a key that nobody knows",
        quarantined(R.WRONG_SIGNER),
        lambda w: w.partner_key("unknown").seal(w.plain()),
    ),
]


# --- authentic, and yet not what it says ------------------------------------------------------------


def _forwarded(shop: Workshop) -> bytes:
    """What the other partner meant for the practice, signed anew by this one."""
    return shop.seal(shop.stage.partner(ZAHNZEIT).bookings_file([shop.booking()]))


def _receipt(shop: Workshop) -> bytes:
    """The plain bytes of a receipt of ours; the case has booked something first."""
    return shop.answered[-1]


def _replayed_receipt(shop: Workshop) -> Iterator[Arrival]:
    yield shop.sealed()
    yield shop.seal(_receipt(shop))


def _receipt_signed_by_us(shop: Workshop) -> Iterator[Arrival]:
    """The practice's signature is a good one, and never the partner's."""
    yield shop.sealed()
    home = shop.stage.agent.config.settings.gpg_home
    yield shop.encrypted(_signed_in(str(home), shop, _receipt(shop)))


def _signed_in(home: str, shop: Workshop, content: bytes) -> bytes:
    options = ("--homedir", home, "--local-user", shop.dentport.practice, "--compress-algo", "none")
    return shop.dentport.home.run(*options, "--sign", stdin=content)


def _receipt_as_it_is(shop: Workshop) -> Iterator[Arrival]:
    """Sealed by the practice for this very partner, put back where it fetches."""
    yield shop.sealed()
    yield shop.sealed_receipts[-1]


FOREIGN = [
    one_file(
        SIGNATURE,
        "sign outside encrypt",
        "a sealed message as the content of another one",
        refused(MessageReason.INVALID_DOCUMENT),
        lambda w: w.seal(w.good),
    ),
    one_file(
        SIGNATURE,
        "forwarded content",
        "the other partner's message signed by this one",
        refused(MessageReason.WRONG_PARTNER),
        _forwarded,
    ),
    one_file(
        SIGNATURE,
        "forwarded content",
        "a message for another practice",
        refused(MessageReason.WRONG_PRACTICE),
        lambda w: w.sealed(practice_id="another-practice"),
    ),
    Case(
        SIGNATURE,
        "replayed receipt",
        "our receipt signed by the partner",
        _replayed_receipt,
        (imported(None), refused(MessageReason.WRONG_KIND)),
    ),
    Case(
        SIGNATURE,
        "replayed receipt",
        "our receipt with our own signature",
        _receipt_signed_by_us,
        (imported(None), quarantined(R.WRONG_SIGNER)),
    ),
    Case(
        SIGNATURE,
        "replayed receipt",
        "our receipt as we sealed it",
        _receipt_as_it_is,
        (imported(None), quarantined(R.WRONG_RECIPIENT)),
    ),
    one_file(
        SIGNATURE,
        "replayed receipt",
        "an availability file of ours signed by the partner",
        refused(MessageReason.WRONG_KIND),
        lambda w: w.seal(w.plain(kind=Kind.AVAILABILITY)),
    ),
]

CASES = [
    *quarantined_files(SIGNATURE, NOT_BOTH),
    *quarantined_files(SIGNATURE, WRONG_SIGNERS),
    *quarantined_files(SIGNATURE, BAD_SIGNATURES),
    *KEYS,
    *FOREIGN,
]
