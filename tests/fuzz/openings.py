"""Spoil sealed files, and what lies in them before it is encrypted, and have the real sealer open them.

Whatever is made here may end in two ways: refused with a reason of the closed list, or opened as
the very bytes that the partner signed. An error that is not the file's own would make it wait for
ever, and all that came behind it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from agent.adapters.gpg_sealer import GpgSealer, OpeningLimits, PartnerKey
from agent.adapters.openpgp_packets import Packet
from agent.adapters.own_key import OwnKey
from agent.errors import UnauthenticatedFileError
from agent.ports import Sealer
from tests.fuzz.bytewise import spoiled
from tests.fuzz.findings import FindingError
from tests.fuzz.known_session import KnownSession
from tests.fuzz.packetwise import compressed, framed, packets_of, rearranged
from tests.kit.key_fixtures import at_time
from tests.kit.openpgp import KeyWorld

CONTENTS = (
    b'{"record":"trailer","record_count":0}\n',
    b'{"record":"booking","booking_id":"b-1","revision":1}\n' * 60,
    bytes(range(256)) * 4,
)
FOREIGN = b'{"record":"booking","booking_id":"forged","revision":1}\n'
SEALINGS = (
    ("-z", "0"),
    ("--compress-algo", "zip"),
    ("--compress-algo", "zlib"),
    ("--compress-algo", "bzip2"),
)
LIMITS = OpeningLimits(max_sealed_bytes=256 * 1024, max_content_bytes=1024 * 1024)


@dataclass(frozen=True, slots=True)
class Originals:
    """Good files of the partner, what else can be had to build from, and the sealer under test."""

    sealer: Sealer
    signer: str
    session: KnownSession
    sealed: tuple[bytes, ...]
    signed: tuple[bytes, ...]
    strangers_sealed: tuple[bytes, ...]
    strangers_signed: tuple[bytes, ...]

    def all_sealed(self) -> tuple[bytes, ...]:
        return self.sealed + self.strangers_sealed

    def all_packets(self) -> list[Packet]:
        """Of every signed message, the stranger's too."""
        return [packet for one in self.signed + self.strangers_signed for packet in packets_of(one)]


def originals(world: KeyWorld, ring: Path) -> Originals:
    """Files by the partner, by the other partner, by an impostor, unsigned and out of date."""
    dentport, strangers = world.dentport, (world.zahnzeit, world.impostor)
    next_year = at_time(datetime(datetime.now(UTC).year + 1, 6, 1, tzinfo=UTC))
    unsigned = ("--trust-model", "always", "-z", "0", "-r", dentport.practice, "--encrypt")
    return Originals(
        sealer=GpgSealer(
            OwnKey("gpg", "gpgv", world.practice.folder, world.practice_fingerprint),
            PartnerKey(ring, (dentport.fingerprint,)),
            LIMITS,
        ),
        signer=dentport.fingerprint,
        session=KnownSession(world),
        sealed=tuple(dentport.seal(content, *options) for content in CONTENTS for options in SEALINGS),
        signed=tuple(dentport.sign(content) for content in CONTENTS),
        strangers_sealed=(
            *(stranger.seal(FOREIGN, "-z", "0") for stranger in strangers),
            dentport.home.run(*unsigned, stdin=FOREIGN),
        ),
        strangers_signed=(
            *(stranger.sign(content) for stranger in strangers for content in (FOREIGN, CONTENTS[0])),
            dentport.sign(FOREIGN, "--digest-algo", "SHA1"),
            dentport.sign(FOREIGN, *next_year),
        ),
    )


def outer_mutant(dice: Random, files: Originals) -> bytes:
    """A good file after changes of its packets, its bytes, or both."""
    sealed = dice.choice(files.sealed)
    if dice.random() < 0.5:
        others = [packet for one in files.all_sealed() for packet in packets_of(one)]
        packets = rearranged(dice, packets_of(sealed), others)
        sealed = b"".join(framed(dice, packet) for packet in packets)
        if dice.random() < 0.8:
            return sealed
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        sealed = spoiled(dice, sealed, files.all_sealed())
    return sealed


def inner_mutant(dice: Random, files: Originals) -> bytes:
    """A signed message after such changes, perhaps compressed, encrypted for the practice like a good one."""
    message = dice.choice(files.signed)
    if dice.random() < 0.75:
        packets = packets_of(message)
        if dice.random() < 0.9:
            packets = rearranged(dice, packets, files.all_packets())
        message = b"".join(framed(dice, packet, 0.03) for packet in packets)
    if dice.random() < 0.3:
        message = spoiled(dice, message, files.signed + files.strangers_signed)
    for _ in range(dice.choice((0, 0, 1, 1, 2))):
        message = framed(dice, Packet(8, compressed(dice, message)), 0.03)
        if dice.random() < 0.1:
            message = spoiled(dice, message, files.signed)
    return files.session.encrypted(message, dice)


def opened(files: Originals, mutant: bytes) -> str:
    """How it ended, in one word. Raises FindingError."""
    try:
        file = files.sealer.open(mutant, datetime.now(UTC))
    except UnauthenticatedFileError as refusal:
        return refusal.reason.value
    except Exception as error:
        raise FindingError(f"not refused, but {type(error).__name__}: {error}", mutant) from error
    if file.content not in CONTENTS:
        raise FindingError("opened as content that the partner never signed", mutant)
    if file.signer_fingerprint != files.signer:
        raise FindingError("another signer is named", mutant)
    return "opened unchanged"
