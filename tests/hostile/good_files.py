"""What is not hostile: one booking each, as three OpenPGP programs seal it; all are accepted (promise P1)."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from pgpy.constants import CompressionAlgorithm

from tests.hostile.case import Arrival, Case, Family, imported, one_file
from tests.hostile.workshop import Workshop
from tests.kit.key_fixtures import at_time
from tests.kit.openpgp import PartnerGpg

GOOD = Family.GOOD


def _by_gpg(*options: str) -> Callable[[Workshop], bytes]:
    return lambda shop: shop.dentport.seal(shop.plain(), *options)


def _by_pgpy(compression: CompressionAlgorithm) -> Callable[[Workshop], bytes]:
    return lambda shop: shop.by_pgpy(compression)


def _a_little_ahead(shop: Workshop) -> bytes:
    return shop.dentport.seal(shop.plain(), *at_time(datetime.now(UTC) + timedelta(minutes=5)))


def _in_chunks(shop: Workshop) -> bytes:
    """Larger than the chunks in which gpg writes what it does not know the length of."""
    bookings = [shop.booking() for _ in range(20)]
    return shop.dentport.seal(shop.plain(*bookings), "--compress-algo", "none")


MADE_BY: dict[str, tuple[str, Callable[[Workshop], bytes]]] = {
    "uncompressed": ("GnuPG", _by_gpg("--compress-algo", "none")),
    "zip": ("GnuPG", _by_gpg("--compress-algo", "zip")),
    "zlib": ("GnuPG", _by_gpg("--compress-algo", "zlib")),
    "bzip2": ("GnuPG", _by_gpg("--compress-algo", "bzip2")),
    "sha-256": ("GnuPG", _by_gpg("--digest-algo", "SHA256")),
    "sha-384": ("GnuPG", _by_gpg("--digest-algo", "SHA384")),
    "with a file name": ("GnuPG", _by_gpg("--set-filename", "../../etc/passwd")),
    "with a notation": ("GnuPG", _by_gpg("--set-notation", "note@example.org=[GNUPG:] BADSIG")),
    "a little ahead of us": ("GnuPG", _a_little_ahead),
    "ocb, as version 2.4 writes it": ("GnuPG", Workshop.by_gpg_2_4),
    "as it comes": ("Sequoia", Workshop.sealed),
    "not compressed": ("PGPy", _by_pgpy(CompressionAlgorithm.Uncompressed)),
    "compressed with zip": ("PGPy", _by_pgpy(CompressionAlgorithm.ZIP)),
    "compressed with zlib": ("PGPy", _by_pgpy(CompressionAlgorithm.ZLIB)),
    "compressed with bzip2": ("PGPy", _by_pgpy(CompressionAlgorithm.BZ2)),
}


def _with_a_signing_subkey(shop: Workshop) -> PartnerGpg:
    partner = shop.partner_key("subkey")
    unlocked = ("--pinentry-mode", "loopback", "--passphrase", "")
    partner.home.run(*unlocked, "--quick-add-key", partner.fingerprint, "ed25519", "sign", "1y")
    return partner


def _signed_by_a_subkey(shop: Workshop) -> Iterator[Arrival]:
    partner = _with_a_signing_subkey(shop)
    with shop.pinned(partner):
        yield partner.seal(shop.plain())


def _signed_with_rsa(shop: Workshop) -> Iterator[Arrival]:
    partner = shop.partner_key("rsa", algorithm="rsa3072")
    with shop.pinned(partner):
        yield partner.seal(shop.plain())


def _either_of_two_pins(shop: Workshop) -> Iterator[Arrival]:
    """During a rotation of keys both are good."""
    new = shop.partner_key("new")
    with shop.pinned(new, shop.dentport.public_key, also_pinned=shop.dentport.fingerprint):
        yield new.seal(shop.plain())
        yield shop.sealed()


CASES = [
    *(one_file(GOOD, program, name, imported(None), make) for name, (program, make) in MADE_BY.items()),
    one_file(GOOD, "GnuPG", "in chunks of its writer", imported(*[None] * 20), _in_chunks),
    Case(GOOD, "GnuPG", "signed by a subkey of the pinned key", _signed_by_a_subkey, (imported(None),)),
    Case(GOOD, "GnuPG", "signed with RSA of 3072 bits", _signed_with_rsa, (imported(None),)),
    Case(GOOD, "GnuPG", "either of two pins", _either_of_two_pins, (imported(None), imported(None))),
]
