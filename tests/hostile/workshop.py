"""The forger's bench: a whole house, the partners' keys, one good file in pieces, and tools to rejoin them.

Files are sealed with gpg where its options matter, and with Sequoia inside
this process where only the content does, which is ten times as fast.
"""

import os
import re
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pgpy
import pysequoia
import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESOCB3
from pgpy.constants import CompressionAlgorithm, HashAlgorithm, SymmetricKeyAlgorithm

from agent.adapters import tables
from agent.adapters.keyring import PartnerKeyRing
from agent.adapters.openpgp_packets import Packet, encode_packet, read_packets
from agent.adapters.practice_schema import practice_tables
from agent.clock import utc_now
from agent.domain.availability import Slot
from agent.sample_practice import PracticePlan
from exchange_formats.bookings import BookingsRecord
from tests.flows.card_index import take_slot
from tests.flows.stage import DENTPORT, ZAHNZEIT, Stage
from tests.kit.house import default_plan, open_house
from tests.kit.key_fixtures import KEY_AGE, at_time
from tests.kit.openpgp import GpgHome, PartnerGpg, short_folder
from tests.rules.chair import OFFER, add_row

FAMILY_NAME = "Kanarienvogel"
"""Of everybody in the corpus: a canary (promise P11)."""


NEVER_HELD = {"bookings_at_least": 100_000, "cancellations_at_least": 100_000}
"""The corpus books en masse, which is another test's matter (`tests.flows.test_held_bookings`)."""

Rows = dict[str, list[tuple[Any, ...]]]
"""By table."""


def packet(tag: int, body: bytes) -> bytes:
    return encode_packet(Packet(tag, body))


def patched(data: bytes, position: int, value: int) -> bytes:
    changed = bytearray(data)
    changed[position] = value
    return bytes(changed)


def flipped(data: bytes, position: int, bit: int = 0) -> bytes:
    return patched(data, position, data[position] ^ (1 << bit))


def raw_deflate(data: bytes, level: int = 6) -> bytes:
    deflater = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


def join(*packets: Packet) -> bytes:
    return b"".join(map(encode_packet, packets))


@dataclass(slots=True)
class Pieces:
    """One good message, whole and taken apart; wherever it were accepted, an appointment would stand."""

    content: bytes
    sealed: bytes
    one_pass: Packet
    literal: Packet
    signature: Packet


class Workshop:
    """Everything that a case is made from."""

    def __init__(self, stage: Stage, impostor: PartnerGpg) -> None:
        self.stage = stage
        self.impostor = impostor
        self.dentport = stage.partner().gpg
        self.zahnzeit = stage.partner(ZAHNZEIT).gpg
        self.answered: list[bytes] = []
        """The receipts of the case under way, as the partner reads them."""
        self.sealed_receipts: list[bytes] = []
        """The same as they came."""

    # --- contents --------------------------------------------------------------------------------

    def plain(self, *bookings: BookingsRecord, **envelope: Any) -> bytes:
        """A bookings file in the clear; of one new booking unless told otherwise."""
        return self.stage.partner().bookings_file(bookings or [self.booking()], **envelope)

    def booking(self, **changes: Any) -> BookingsRecord:
        who = {"family_name": FAMILY_NAME} | changes.pop("who", {})
        return self.stage.booking(self.stage.somebody(**who), **changes)

    def sealed(self, *bookings: BookingsRecord, **envelope: Any) -> bytes:
        return self.seal(self.plain(*bookings, **envelope))

    def seal(self, content: bytes) -> bytes:
        """As a partner with Sequoia does it."""
        return sequoia_sealed(content, self._signer, self._practice)

    @cached_property
    def _signer(self) -> pysequoia.Tsk:
        return pysequoia.Tsk.from_bytes(self.dentport.home.secret_key(self.dentport.fingerprint))

    @cached_property
    def practice_key(self) -> bytes:
        return self.dentport.home.public_key(self.dentport.practice)

    @cached_property
    def _practice(self) -> pysequoia.Cert:
        return pysequoia.Cert.from_bytes(self.practice_key)

    # --- pieces ----------------------------------------------------------------------------------

    @cached_property
    def pieces(self) -> Pieces:
        content = self.plain()
        sealed = self.dentport.seal(content, "--compress-algo", "none")
        return Pieces(content, sealed, *read_packets(self.dentport.sign(content)))

    @property
    def content(self) -> bytes:
        return self.pieces.content

    @property
    def good(self) -> bytes:
        """Sealed, uncompressed: a session key and one encrypted packet."""
        return self.pieces.sealed

    @property
    def message(self) -> bytes:
        """Signed and not encrypted: announcement, content, signature."""
        return join(self.pieces.one_pass, self.pieces.literal, self.pieces.signature)

    @cached_property
    def session_key(self) -> bytes:
        return encode_packet(next(read_packets(self.good)))

    @cached_property
    def encrypted_body(self) -> bytes:
        return list(read_packets(self.good))[1].body

    # --- a practice in which something is not on offer -------------------------------------------

    @cached_property
    def taken_slot(self) -> Slot:
        """One that staff gave to somebody."""
        slot = self.stage.slot()
        with self.stage.house.connector.writing() as connection:
            take_slot(connection, slot)
        return slot

    @cached_property
    def for_known_patients(self) -> int:
        return self._offer(open_to_new_patients=False)

    @cached_property
    def without_length(self) -> int:
        return self._offer(duration_minutes=None)

    def _offer(self, **changes: Any) -> int:
        row = OFFER | {"label": f"Angebot {self.stage.number()}"} | changes
        assignment_id = add_row(self.stage, tables.appointment_assignment, **row)
        column = {"assignment_id": assignment_id, "column_id": self.stage.slot().column_id}
        add_row(self.stage, tables.assignment_column, **column)
        return assignment_id

    def practice_rows(self) -> Rows:
        """Every row that is the practice's own, read past the agent and its types."""
        return {name: self._reader.execute(f'SELECT * FROM "{name}"').fetchall() for name in self._tables}

    @cached_property
    def _reader(self) -> sqlite3.Connection:
        file = self.stage.house.connector.sqlite_file
        assert file is not None
        return sqlite3.connect(f"file:{file}?mode=ro", uri=True)

    @cached_property
    def _tables(self) -> list[str]:
        return [table.name for table in practice_tables()]

    # --- put together wrongly --------------------------------------------------------------------

    def encrypted(self, *packets: bytes) -> bytes:
        return self.dentport.encrypt_packets(b"".join(packets))

    def compressed(self, method: int, stream: bytes) -> bytes:
        return self.encrypted(packet(8, bytes([method]) + stream))

    def rejoined(self, **pieces: Packet) -> bytes:
        """The good message with some of its three packets exchanged."""
        usual = {name: getattr(self.pieces, name) for name in ("one_pass", "literal", "signature")}
        return self.encrypted(join(*(usual | pieces).values()))

    def with_signature(self, position: int, value: int) -> bytes:
        return self.rejoined(signature=Packet(2, patched(self.pieces.signature.body, position, value)))

    def with_one_pass(self, position: int, value: int) -> bytes:
        return self.rejoined(one_pass=Packet(4, patched(self.pieces.one_pass.body, position, value)))

    def signed_at(self, moment: datetime, *options: str) -> bytes:
        return self.encrypted(self.dentport.sign(self.content, *at_time(moment), *options))

    def unsigned(self, *options: str) -> bytes:
        return self.dentport.home.run(
            "--trust-model", "always", *options, "-r", self.dentport.practice, "-e", stdin=self.content
        )

    def password_message(self, *options: str) -> bytes:
        return self.zahnzeit.home.run(
            "--pinentry-mode", "loopback", "--passphrase", "open sesame", "--s2k-count", "65536",
            "--trust-model", "always", *options, "--symmetric", stdin=self.content,
        )  # fmt: skip

    def two_signers(self, outer: PartnerGpg, inner: PartnerGpg) -> bytes:
        """Signatures of both over the same content, announced as RFC 4880, 5.4 wants them nested."""
        outer_start, literal, outer_end = read_packets(outer.sign(self.content))
        inner_start, _, inner_end = read_packets(inner.sign(self.content))
        announced = Packet(4, patched(outer_start.body, 12, 0))
        return self.encrypted(join(announced, inner_start, literal, inner_end, outer_end))

    # --- other programs --------------------------------------------------------------------------

    def by_pgpy(self, compression: CompressionAlgorithm) -> bytes:
        key, _ = pgpy.PGPKey.from_blob(self.dentport.home.secret_key(self.dentport.fingerprint))
        recipient, _ = pgpy.PGPKey.from_blob(self.practice_key)
        message = pgpy.PGPMessage.new(self.plain(), compression=compression, format="b")
        message |= key.sign(message, hash=HashAlgorithm.SHA256)
        return bytes(recipient.encrypt(message, cipher=SymmetricKeyAlgorithm.AES256))

    def by_gpg_2_4(self) -> bytes:
        """The OCB packet that GnuPG 2.4 writes for keys made with it (draft-koch-librepgp, 5.16)."""
        content = self.plain()
        sealed = self.dentport.seal(content, "--compress-algo", "none")
        arguments = ("--output", os.devnull, "--yes", "--show-session-key", "--unwrap", "--decrypt")
        own = GpgHome(self.stage.agent.config.settings.gpg_home)
        status = own.run("--status-fd", "1", *arguments, stdin=sealed)
        found = re.search(rb"SESSION_KEY 9:([0-9A-F]{64})", status)
        assert found is not None
        message = self.dentport.sign(content)
        cipher, header = AESOCB3(bytes.fromhex(found[1].decode())), b"\x01\x09\x02\x10"
        start, associated = bytes(range(15)), b"\xd4" + header
        chunk = cipher.encrypt(start, message, associated + bytes(8))
        end = associated + (1).to_bytes(8, "big") + len(message).to_bytes(8, "big")
        last = cipher.encrypt(patched(start, 14, start[14] ^ 1), b"", end)
        return encode_packet(next(read_packets(sealed))) + packet(20, header + start + chunk + last)

    # --- folders ---------------------------------------------------------------------------------

    @property
    def waiting(self) -> Path:
        return self.stage.agent.config.partners[DENTPORT].inbound_folder

    @property
    def inbound(self) -> Path:
        return self.stage.house.data_folder / "inbound" / DENTPORT

    @contextmanager
    def pinned(
        self, partner: PartnerGpg, *further_keys: bytes, also_pinned: str | None = None
    ) -> Iterator[None]:
        """Another key in the partner's ring file, alone or with further ones, and as a pin."""
        ring = self.stage.agent.config.partners[DENTPORT].key_ring
        side, before, usual = self.stage.partner(), ring.read_bytes(), self.dentport
        ring.write_bytes(b"".join([partner.public_key, *further_keys]))
        side.gpg = partner  # who opens the receipts
        try:
            pins = [partner.fingerprint, *([also_pinned] if also_pinned else [])]
            with self.stage.agent_with(dentport={"openpgp": {"fingerprints": pins}}):
                yield
        finally:
            side.gpg = usual
            ring.write_bytes(before)

    def partner_key(self, name: str, *options: str, **key: str) -> PartnerGpg:
        """One more key pair, with a home of its own, which ends with the house."""
        home = GpgHome(self.stage.house.folder / f"gpg-{name}-{self.stage.number()}")
        self.stage.house.at_end(home.stop)
        return PartnerGpg(home, f"{name} <{name}@example.org>", self.practice_key, *options, **key)


def sequoia_sealed(content: bytes, signer: pysequoia.Tsk, recipient: pysequoia.Cert) -> bytes:
    return bytes(pysequoia.encrypt(content, recipients=[recipient], signer=signer.signer(), armor=False))


@contextmanager
def open_workshop(plan: PracticePlan | None = None) -> Iterator[Workshop]:
    """A practice on SQLite, a small one, whose first partner has had its key for three months."""
    plan = plan or default_plan(patients=20, days=10, columns=4, appointments_per_column_and_day=4)
    with short_folder() as folder, open_house(folder, plan, guard=NEVER_HELD) as house:
        aged = at_time(datetime.now(UTC) - KEY_AGE)
        practice_key = house.partners[DENTPORT].gpg.home.public_key(house.partners[DENTPORT].gpg.practice)

        def partner(name: str) -> PartnerGpg:
            home = GpgHome(folder / name)
            house.at_end(home.stop)
            return PartnerGpg(home, "Dentport <keys@dentport.example>", practice_key, *aged)

        house.partners[DENTPORT].gpg = dentport = partner("aged")
        ring = house.data_folder / "keys" / "partners" / f"{DENTPORT}.pgp"
        ring.unlink()
        PartnerKeyRing(ring, "gpg").pin(dentport.public_key, utc_now())
        settings = house.config_path.parent / "partners" / f"{DENTPORT}.yaml"
        content = yaml.safe_load(settings.read_text()) | {"openpgp": {"fingerprints": [dentport.fingerprint]}}
        settings.write_text(yaml.safe_dump(content))
        stage = Stage(house, house.agent())
        yield Workshop(stage, partner("impostor"))


def hours_ago(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)
