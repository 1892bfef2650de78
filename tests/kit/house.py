"""A whole house for tests, demo and benchmarks: one practice, its agent, and partners on real servers.

Everything is as an administrator would set it up: YAML files, key files, a
signed licence, a database with an invented practice. The agent enters by the
same door as in production, `load_config` and `build`.
"""

import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from agent.adapters.database import Connector
from agent.adapters.keyring import PartnerKeyRing
from agent.adapters.migration import create_agent_tables
from agent.adapters.own_key_setup import create_own_key, export_public_key, stop_agent
from agent.adapters.practice_schema import create_practice_tables
from agent.app import build
from agent.clock import utc_now
from agent.config import load_config
from agent.domain.sudden_change import Sign
from agent.operations import Agent
from agent.ports import Clock
from agent.sample_practice import GeneratedPractice, PracticePlan, generate_practice
from exchange_formats.bookings import BookingsRecord
from exchange_formats.codec import Document, decode, encode
from exchange_formats.envelope import Envelope, Kind
from exchange_formats.file_names import parse_sealed_name
from tests.kit.canaries import plant
from tests.kit.leak_watch import watched
from tests.kit.licensor import create_licensor
from tests.kit.openpgp import GpgHome, PartnerGpg
from tests.kit.sftp_servers import PartnerSftpServer, make_ssh_key

PRACTICE_ID = "praxis-musterstadt"
PARTNER_NAMES = {"dentport": "Dentport", "zahnzeit": "Zahnzeit"}
LICENSED_DAYS = 365
NOTHING_IS_SUDDEN = {f"{sign}_at_least": 1_000_000 for sign in Sign}
"""The section `guard` of a house that lives through more in a minute than a practice in a month."""


@dataclass(slots=True)
class PartnerSide:
    """A partner: plain gpg, its own SFTP server, and the files on it."""

    partner_id: str
    gpg: PartnerGpg
    server: PartnerSftpServer
    sequence: int = 0
    bookings: int = 0
    opened: dict[str, Document[Any]] = field(default_factory=dict)

    def inbox(self, kind: Kind) -> list[Document[Any]]:
        """What the practice delivered of this kind, oldest first; opened and checked with plain gpg."""
        names = sorted(path.name for path in (self.server.root / "inbox").iterdir())
        return [self._open(name) for name in names if (parse_sealed_name(name) or _NO_NAME).kind is kind]

    def _open(self, name: str) -> Document[Any]:
        if name not in self.opened:
            parsed = parse_sealed_name(name)
            assert parsed is not None
            content = self.gpg.open((self.server.root / "inbox" / name).read_bytes())
            self.opened[name] = decode(content, parsed.kind)
        return self.opened[name]

    def bookings_file(
        self, bookings: Sequence[BookingsRecord], created_at: datetime | None = None, **envelope: Any
    ) -> bytes:
        """A plain bookings file; fields of the envelope can be set otherwise."""
        self.sequence += 1
        fields: dict[str, Any] = {
            "record": "envelope",
            "format": "otv",
            "version": 1,
            "kind": Kind.BOOKINGS,
            "message_id": str(uuid.uuid4()),
            "sequence": self.sequence,
            "practice_id": PRACTICE_ID,
            "partner_id": self.partner_id,
            "created_at": (created_at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "time_zone": "Europe/Berlin",
        }
        return b"".join(encode(Envelope(**(fields | envelope)), bookings))

    def send(self, sealed: bytes, name: str | None = None) -> None:
        """Put a sealed file where the agent fetches: under a temporary name, then renamed."""
        folder = self.server.root / "outgoing"
        final = folder / (name or f"bookings-{uuid.uuid4().hex}.pgp")
        part = final.with_suffix(".part")
        part.write_bytes(sealed)
        part.rename(final)

    def book(self, *bookings: BookingsRecord, **envelope: Any) -> bytes:
        """Seal and send; the sealed bytes, to send them again."""
        sealed = self.gpg.seal(self.bookings_file(bookings, **envelope))
        self.send(sealed)
        return sealed


class _NoName:
    kind = None


_NO_NAME = _NoName()


@dataclass(slots=True)
class House:
    """The practice's side, set up in `folder`."""

    folder: Path
    config_path: Path
    data_folder: Path
    connector: Connector
    generated: GeneratedPractice
    partners: Mapping[str, PartnerSide]
    _stack: ExitStack

    def at_end(self, act: Callable[[], object]) -> None:
        """Done when the house is closed."""
        self._stack.callback(act)

    def agent(self, clock: Clock = utc_now) -> Agent:
        """The agent as production builds it; closed with the house."""
        agent = build(load_config(self.config_path), clock)
        agent.recover()
        self._stack.callback(agent.close)
        return agent


def default_plan(**changes: Any) -> PracticePlan:
    """The demo's practice: 6 columns, 3,000 patients."""
    values: dict[str, Any] = {
        "seed": 1,
        "first_day": datetime.now(UTC).date(),
        "partner_names": PARTNER_NAMES,
        "practice_id": PRACTICE_ID,
    }
    return PracticePlan(**(values | changes))


@contextmanager
def open_house(
    folder: Path, plan: PracticePlan, database_url: str | None = None, **settings: Any
) -> Iterator[House]:
    """Set a house up in `folder`, whose path must be short (gpg); SQLite unless told otherwise.

    `settings` are further sections of agent.yaml. Of the two partners only
    dentport may have patients. Raises LeakError at the end if one of the planted
    patients stands in any file but the database.
    """
    with ExitStack() as stack:
        url = database_url or f"sqlite:///{folder / 'practice.db'}"
        connector = Connector(url)
        stack.callback(connector.dispose)
        create_practice_tables(connector)
        create_agent_tables(connector)
        generated = generate_practice(connector, plan)
        plant(connector, next(iter(plan.partner_names)))
        stack.enter_context(watched(folder))

        data = folder / "data"
        data.mkdir(mode=0o700)
        fingerprint = create_own_key(data / "gpg", "gpg", "Zahnarztpraxis Musterstadt").fingerprint
        stack.callback(stop_agent, data / "gpg", "gpg")
        public_key = export_public_key(data / "gpg", "gpg", fingerprint).encode()
        partners = {
            partner_id: _partner(stack, folder, partner_id, public_key) for partner_id in plan.partner_names
        }
        config_path = _write_config(folder, data, url, fingerprint, stack, settings)
        for partner in partners.values():
            _introduce(config_path.parent, data, partner)
        yield House(folder, config_path, data, connector, generated, partners, stack)


def _partner(stack: ExitStack, folder: Path, partner_id: str, practice_key: bytes) -> PartnerSide:
    home = GpgHome(folder / f"gpg-{partner_id}")
    stack.callback(home.stop)
    gpg = PartnerGpg(home, f"{PARTNER_NAMES[partner_id]} <keys@{partner_id}.example>", practice_key)
    client_key = make_ssh_key(folder / f"ssh-{partner_id}")
    server = PartnerSftpServer(folder / f"server-{partner_id}", client_key.public_line)
    server.start()
    stack.callback(server.stop)
    return PartnerSide(partner_id, gpg, server)


def _write_config(
    folder: Path, data: Path, url: str, fingerprint: str, stack: ExitStack, settings: dict[str, Any]
) -> Path:
    licensor_home = GpgHome(folder / "gpg-licensor")
    stack.callback(licensor_home.stop)
    licensor = create_licensor(licensor_home)
    ring = folder / "licence-issuer.pgp"
    ring.write_bytes(licensor.key_ring)
    today = datetime.now(UTC).date()
    licence = licensor.licence(
        PRACTICE_ID, PARTNER_NAMES, today - timedelta(days=1), today + timedelta(days=LICENSED_DAYS)
    )
    (data / "licence.pgp").write_bytes(licence)
    audit_key = folder / "audit-key"
    audit_key.touch(mode=0o600)
    audit_key.write_text(secrets.token_hex(32))

    config = folder / "config"
    (config / "partners").mkdir(parents=True)
    path = config / "agent.yaml"
    content = {
        "practice_id": PRACTICE_ID,
        "data_folder": str(data),
        "database": {"url": url},
        "openpgp": {"fingerprint": fingerprint},
        "licence": {"issuer_key_ring": str(ring), "issuer_fingerprint": licensor.fingerprint},
        "audit": {"key": {"file": str(audit_key)}},
        "inbound": {"settle_seconds": 0},
        "status_page": {"enabled": False},  # many houses stand on one machine, which has one such port
        **settings,
    }
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def _introduce(config: Path, data: Path, partner: PartnerSide) -> None:
    """Pin the partner's key and write its YAML file."""
    ring = PartnerKeyRing(data / "keys" / "partners" / f"{partner.partner_id}.pgp", "gpg")
    ring.pin(partner.gpg.public_key, utc_now())
    content = {
        "partner_id": partner.partner_id,
        "name": PARTNER_NAMES[partner.partner_id],
        "receives_patients": partner.partner_id == "dentport",
        "may_cancel": True,
        "may_reschedule": True,
        "openpgp": {"fingerprints": [partner.gpg.fingerprint]},
        "sftp": {
            "host": "127.0.0.1",
            "port": partner.server.port,
            "user_name": partner.server.user_name,
            "private_key": str(config.parent / f"ssh-{partner.partner_id}"),
            "host_keys": [partner.server.host_key],
        },
    }
    (config / "partners" / f"{partner.partner_id}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
