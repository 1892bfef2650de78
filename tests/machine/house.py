"""The agent at work in the machine's practice: built from YAML as in production, in folders of its own.

Left out are the licence and, in most lives, OpenPGP; everything else is what
runs in a practice. The agent may die anywhere and be started again, and it can
be asked what it would answer without any consequence.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple, Protocol

import yaml
from sqlalchemy import Connection

from agent.adapters.audit_log import SqlAuditLog
from agent.adapters.audit_verification import verify
from agent.adapters.database import Connector
from agent.adapters.practice_database import SqlWriteTransaction
from agent.app import build
from agent.config import Config, load_config
from agent.flows.deliver import deliver
from agent.flows.export import export
from agent.flows.import_bookings import import_bookings
from agent.flows.receive import sweep
from agent.flows.tell_updates import tell_updates
from agent.operations import Agent
from agent.ports import AuditHead, Delivery
from exchange_formats.codec import BookingDocument, Document, decode
from exchange_formats.envelope import Kind
from exchange_formats.file_names import parse_sealed_name
from exchange_formats.receipts import BookingOutcome
from tests.flows.outages import PowerCutError
from tests.kit.databases import PostgresqlServer
from tests.kit.house import NOTHING_IS_SUDDEN
from tests.machine.paper import INVENTED_FINGERPRINTS, Paper
from tests.machine.power import Cut, cut_short, interrupted
from tests.machine.practice import PARTNERS, PRACTICE_ID, MachineClock

AUDIT_KEY = "0123456789abcdef" * 4


class Cabinet(Protocol):
    """Where the database of the next life comes from."""

    def new_url(self, folder: Path) -> str: ...

    def drop(self, url: str) -> None: ...


@dataclass(frozen=True, slots=True)
class SqliteCabinet:
    """A copy of the template file in the life's own folder."""

    template: Path

    def new_url(self, folder: Path) -> str:
        return f"sqlite:///{shutil.copy(self.template, folder / 'practice.db')}"

    def drop(self, url: str) -> None:
        """It goes with the folder."""


@dataclass(frozen=True, slots=True)
class PostgresqlCabinet:
    """A copy of the template database on a server of our own."""

    server: PostgresqlServer
    template: str

    def new_url(self, folder: Path) -> str:
        # Without the empty password: a url in the configuration holds none.
        return self.server.url(self.server.create_database(self.template)).replace(":@", "@")

    def drop(self, url: str) -> None:
        self.server.drop_database(url.split("@/")[1].split("?", maxsplit=1)[0])


class TakenBackError(Exception):
    """Ends a rehearsal."""


class _HandOver:
    """A transfer session that puts files straight into the partner's hands."""

    def __init__(self) -> None:
        self.files: list[tuple[str, bytes]] = []

    def upload(self, source: Path, name: str) -> Delivery:
        self.files.append((name, source.read_bytes()))
        return Delivery.CONFIRMED


class Made(NamedTuple):
    """A file in the outbox that was not there before."""

    name: str
    content: bytes
    document: Document[Any]


@dataclass(slots=True)
class House:
    """One life: folders, a database, a clock and the agent, which may die and be started again."""

    folder: Path
    cabinet: Cabinet
    paper: Paper
    clock: MachineClock
    connector: Connector
    agent: Agent
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _seen: dict[str, set[str]] = field(default_factory=lambda: {key: set() for key in PARTNERS})

    def restart(self) -> None:
        """New objects on the same folders and database, as after a start of the service."""
        self.agent.close()
        self.agent = _started_agent(self.agent.config, self.paper, self.clock)

    def close(self) -> None:
        self.agent.close()
        self.connector.dispose()
        self.cabinet.drop(self.agent.config.settings.database.url)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- the agent's stories, cut short or not -------------------------------------------------

    def put(self, partner_id: str, content: bytes) -> None:
        """A file of the partner arrives, complete at once."""
        path = self.agent.config.partners[partner_id].inbound_folder / f"f-{next(self._numbers):05d}.pgp"
        path.write_bytes(self.paper.write(partner_id, content))

    def sweep(self, partner_id: str, cut: Cut | None = None) -> bool:
        """Work off what waits; False if the power went before the end."""
        practice, lane = cut_short(self.agent.practice, self.agent.lane(partner_id), cut)
        try:
            for _ in sweep(practice, lane):
                pass
        except PowerCutError:
            self.restart()
            return False
        return True

    def export(
        self,
        partner_id: str,
        kind: Kind,
        cut: Cut | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        """One file, unless the power goes on the way; staff may act in the middle of it."""
        practice, lane = cut_short(self.agent.practice, self.agent.lane(partner_id), cut)
        try:
            export(interrupted(practice, meanwhile), lane, kind)
        except PowerCutError:
            self.restart()

    def tell_updates(self, partner_id: str, cut: Cut | None = None) -> None:
        """What staff changed, or as far as the power lasts."""
        practice, lane = cut_short(self.agent.practice, self.agent.lane(partner_id), cut)
        try:
            tell_updates(practice, lane)
        except PowerCutError:
            self.restart()

    def deliver(self, partner_id: str) -> list[Document[Any]]:
        """Everything that waits, as the partner opens it, in the order in which it went."""
        session: Any = _HandOver()
        deliver(self.agent.practice, self.agent.lane(partner_id), session)
        self._seen[partner_id].clear()
        return [self._read(partner_id, name, sealed).document for name, sealed in session.files]

    def made(self, partner_id: str) -> list[Made]:
        """What has come into the outbox since this was asked last, by name."""
        waiting = {file.name: file.path for file in self.agent.lane(partner_id).outbox.waiting()}
        new = sorted(waiting.keys() - self._seen[partner_id])
        self._seen[partner_id] = set(waiting)
        return [self._read(partner_id, name, waiting[name].read_bytes()) for name in new]

    def waiting(self, partner_id: str) -> set[str]:
        """The names of the files in the outbox."""
        return {file.name for file in self.agent.lane(partner_id).outbox.waiting()}

    def _read(self, partner_id: str, name: str, sealed: bytes) -> Made:
        parsed = parse_sealed_name(name)
        assert parsed is not None
        content = self.paper.read(partner_id, sealed)
        return Made(name, content, decode(content, parsed.kind))

    def revoke(self, partner_id: str) -> None:
        with self.agent.practice.database.write() as work:
            work.disclosures.revoke_partner(partner_id, self.clock())

    def readmit(self, partner_id: str) -> None:
        with self.agent.practice.database.write() as work:
            work.disclosures.readmit_partner(partner_id)

    # --- asking without consequences -----------------------------------------------------------

    @contextmanager
    def rehearsal(self) -> Iterator["Rehearsal"]:
        """The agent's import on a transaction that is taken back at the end."""
        with suppress(TakenBackError), self.connector.writing() as connection:
            yield Rehearsal(self, connection)
            raise TakenBackError

    def verify_audit(self, anchors: Iterable[AuditHead]) -> None:
        """Raises AuditBrokenError."""
        with self.connector.reading() as connection:
            verify(connection, self.agent.audit_key, anchors)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the agent would answer now; `connection` is there to change the world in which it is asked."""

    house: House
    connection: Connection

    def answers(self, document: BookingDocument) -> tuple[list[BookingOutcome], int]:
        """The outcomes, and how many audit entries they cost; what came about stays until the end."""
        work = self._work()
        lane = self.house.agent.lane(document.envelope.partner_id)
        before = work.audit.head().sequence
        outcomes = import_bookings(self.house.agent.practice, lane, work, document, self.house.clock())
        return outcomes, work.audit.head().sequence - before

    def audit_position(self) -> int:
        """The number of the newest entry."""
        return self._work().audit.head().sequence

    def _work(self) -> SqlWriteTransaction:
        return SqlWriteTransaction(self.connection, SqlAuditLog(self.connection, self.house.agent.audit_key))

    def answer(self, document: BookingDocument) -> BookingOutcome:
        """The only outcome; the world is as before."""
        with suppress(TakenBackError), self.connection.begin_nested():
            ((outcome,), _) = self.answers(document)
            raise TakenBackError
        return outcome


def open_house(
    cabinet: Cabinet, paper: Paper, start: datetime, partners: Mapping[str, Mapping[str, Any]]
) -> House:
    """A new life; `partners` are the settings of each one's YAML file beside the necessary ones."""
    folder = Path(mkdtemp(prefix="otv-life-", dir=_quick_folder()))
    url = cabinet.new_url(folder)
    config, clock = load_config(_write_config(folder, url, partners)), MachineClock(start)
    return House(folder, cabinet, paper, clock, Connector(url), _started_agent(config, paper, clock))


def _quick_folder() -> Path | None:
    """Memory where the system offers it as a folder: nothing here is about disks."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() else None


def _started_agent(config: Config, paper: Paper, clock: MachineClock) -> Agent:
    """As production builds and starts it, but for keys and licence, which have tests of their own."""
    agent = build(config, clock)
    lanes = {key: replace(lane, sealer=paper.sealer(key)) for key, lane in agent.lanes.items()}
    practice = replace(agent.practice, require_licence=lambda partner_id: None)
    agent = replace(agent, practice=practice, lanes=lanes)
    agent.require_author()
    agent.recover()
    return agent


def _write_config(folder: Path, url: str, partners: Mapping[str, Mapping[str, Any]]) -> Path:
    """The path of agent.yaml."""
    config = folder / "config"
    (config / "partners").mkdir(parents=True)
    audit_key = folder / "audit-key"
    audit_key.touch(mode=0o600)
    audit_key.write_text(AUDIT_KEY)
    licence = {"issuer_key_ring": str(folder / "issuer.pgp"), "issuer_fingerprint": "A" * 40}
    settings = {
        "practice_id": PRACTICE_ID,
        "data_folder": str(folder / "data"),
        "database": {"url": url},
        "openpgp": {"fingerprint": "F" * 40},
        "licence": licence,
        "audit": {"key": {"file": str(audit_key)}},
        "inbound": {"settle_seconds": 0},
        "guard": NOTHING_IS_SUDDEN,
    }
    _write(config / "agent.yaml", settings)
    for partner_id, name in PARTNERS.items():
        necessary = {"partner_id": partner_id, "name": name}
        keys = {"openpgp": {"fingerprints": [INVENTED_FINGERPRINTS[partner_id]]}}
        _write(config / "partners" / f"{partner_id}.yaml", {**necessary, **keys, **partners[partner_id]})
    return config / "agent.yaml"


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(content), sort_keys=False))
