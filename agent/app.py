"""The composition root: from the configuration to an agent that can work. Nothing is wired elsewhere.

Tests, demo, daemon and commands all enter by `build`. Building touches no
network and no database; secrets are read here, so that a missing one is told
at the start.
"""

import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from agent.adapters.audit_log import clock_accepted_at
from agent.adapters.audit_memory import FILE_NAME as AUDIT_MEMORY
from agent.adapters.audit_memory import AuditMemory
from agent.adapters.database import Connector
from agent.adapters.disk_space import MEBIBYTE, require_room
from agent.adapters.gpg_sealer import GpgSealer, OpeningLimits, PartnerKey
from agent.adapters.host_keys import HostKeyFile
from agent.adapters.inbound import FolderInbound
from agent.adapters.key_handovers import read_handovers
from agent.adapters.licence_file import read_licence
from agent.adapters.outbox import FolderOutbox
from agent.adapters.own_key import OwnKey
from agent.adapters.own_key_setup import stop_agent
from agent.adapters.practice_database import SqlDatabase
from agent.adapters.process_lock import sole_process
from agent.adapters.sftp_transport import SftpSettings, SftpTransport
from agent.adapters.ssh_connection import SshAccount
from agent.adapters.trial import Trial
from agent.adapters.watched_clock import WatchedClock
from agent.config import AgentSettings, Config, Partner
from agent.domain.attribution import attribution_problem
from agent.domain.licence import Licence
from agent.domain.own_keys import newest_handover
from agent.errors import (
    AgentError,
    ConfigError,
    GpgUnavailableError,
    OtvUserError,
    RefusedByServerError,
    TransferError,
    UsageError,
)
from agent.flows import receive
from agent.flows.deliver import DeliveryResult, deliver
from agent.flows.export import Progress, export, kinds_for, preview
from agent.flows.export_result import ExportResult
from agent.flows.fetch import FetchResult, fetch
from agent.flows.file_result import FileResult
from agent.flows.give_up import SentAgain, give_up_overdue, send_again
from agent.flows.hand_over import hand_over
from agent.flows.lane import Lane, PracticeSide
from agent.flows.tell_updates import preview_updates, tell_updates
from agent.flows.try_file import try_file
from agent.licence_gate import LicenceGate
from agent.ports import Clock, Database, TransferSession
from exchange_formats.envelope import Kind

SECONDS_PER_HOUR = 3600
TRY_FILE = "try-file"
"""The command that a file is tried with; nobody types it."""
VALID_FOR_EXPORTS = 4
"""An availability file is good until this many later ones should have come."""


def utc_now() -> datetime:
    """The clock of everything but the tests; whole seconds, as every file and table keeps them."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class ExchangeResult:
    """One connection's work."""

    delivered: int
    fetched: int
    outdated: int = 0
    """Files dropped instead of delivered, because they had become untrue."""
    unconfirmed: int = 0
    """Of the delivered ones: taken by the server before their size could be compared."""
    complaints: tuple[str, ...] = ()
    """What the partner should mend at its server."""


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent, wired: the practice's side, and one lane per enabled partner."""

    config: Config
    connector: Connector
    practice: PracticeSide
    licence: LicenceGate
    lanes: Mapping[str, Lane]
    audit_key: bytes
    audit_memory: AuditMemory

    def lane(self, partner_id: str) -> Lane:
        """Raises UsageError for a partner that is not configured or not enabled."""
        try:
            return self.lanes[partner_id]
        except KeyError:
            known = ", ".join(sorted(self.lanes)) or "none"
            raise UsageError(f"no enabled partner of that name; enabled are: {known}") from None

    def prepare(self) -> None:
        """Make the folders that are missing; before that nothing was written anywhere. Raises SpoolError."""
        for lane in self.lanes.values():
            lane.outbox.prepare()
            lane.inbound.prepare()

    def recover(self) -> None:
        """Put back what a dead process left in its hands; only while holding the data folder."""
        self.prepare()
        for lane in self.lanes.values():
            lane.outbox.recover()
            lane.inbound.recover()

    def require_author(self) -> None:
        """Rule R2. Raises OtvUserError, DatabaseError."""
        with self.practice.database.read() as snapshot:
            problem = attribution_problem(snapshot.staff_member(self.practice.otv_login))
            found = snapshot.identity().practice_id
        if problem is not None:
            raise OtvUserError(f"database.otv_user: {problem}")
        if found != self.practice.practice_id:
            raise ConfigError(
                [f"{self.config.path}: practice_id: the database belongs to another practice, `{found}`"]
            )

    def database_time(self) -> datetime | None:
        """What the database server's clock shows; None on SQLite, which has none. Raises DatabaseError."""
        return self.connector.server_time()

    def clock_accepted_at(self) -> datetime | None:
        """When an operator last said that this machine's clock is right. Raises DatabaseError."""
        with self.connector.reading() as connection:
            return clock_accepted_at(connection)

    def kinds(self, partner_id: str) -> tuple[Kind, ...]:
        """What the partner gets now. Raises UsageError, DatabaseError."""
        lane = self.lane(partner_id)
        with self.practice.database.read() as snapshot:
            return kinds_for(snapshot, lane)

    def export(self, partner_id: str, kind: Kind, progress: Progress | None = None) -> ExportResult:
        """One file into the outbox; see `agent.flows.export`."""
        return export(self.practice, self.lane(partner_id), kind, progress)

    def preview(self, partner_id: str, kind: Kind) -> ExportResult:
        """What the export would hold, in numbers, without writing anything."""
        return preview(self.practice, self.lane(partner_id), kind)

    def tell_updates(self, partner_id: str) -> int:
        """What staff changed, into the outbox; see `agent.flows.tell_updates`."""
        return tell_updates(self.practice, self.lane(partner_id))

    def hand_over(self, partner_id: str) -> bool:
        """The announcement of our next key, into the outbox; see `agent.flows.hand_over`."""
        return hand_over(self.practice, self.lane(partner_id))

    def preview_updates(self, partner_id: str) -> int:
        """How many appointments an update would tell of, without writing anything."""
        return preview_updates(self.practice, self.lane(partner_id))

    def exchange(
        self, partner_id: str, *, deliver_files: bool = True, fetch_files: bool = True
    ) -> ExchangeResult:
        """Deliver and fetch over one connection; a partner without a server has nothing to connect to."""
        lane = self.lane(partner_id)
        nothing_waits = not fetch_files and not lane.outbox.waiting()
        if lane.transport is None or nothing_waits:
            return ExchangeResult(0, 0)
        self.practice.require_licence(partner_id)
        try:
            with lane.transport.connect() as session:
                return self._visit(lane, session, deliver_files=deliver_files, fetch_files=fetch_files)
        except RefusedByServerError:
            raise
        except TransferError as error:
            if deliver_files:
                give_up_overdue(self.practice, lane, error)
            raise

    def _visit(
        self, lane: Lane, session: TransferSession, *, deliver_files: bool, fetch_files: bool
    ) -> ExchangeResult:
        try:
            sent = deliver(self.practice, lane, session) if deliver_files else DeliveryResult()
        except AgentError:
            # An answer may wait that has nothing to do with it; what fails first is what is told.
            with suppress(AgentError):
                if fetch_files:
                    fetch(self.practice, lane, session)
            raise
        came = fetch(self.practice, lane, session) if fetch_files else FetchResult()
        return ExchangeResult(sent.delivered, came.fetched, sent.outdated, sent.unconfirmed, came.complaints)

    def send_again(self, partner_id: str) -> SentAgain:
        """What was given up waits again; see `agent.flows.give_up`."""
        return send_again(self.practice, self.lane(partner_id))

    def receive(self, partner_id: str) -> Iterator[FileResult]:
        """Work off the inbound folder; see `agent.flows.receive`."""
        return receive.sweep(self.practice, self.lane(partner_id))

    def try_file(self, partner_id: str, content: bytes) -> None:
        """What receiving these bytes would do, taken back; see `agent.flows.try_file`."""
        try_file(self.practice, self.lane(partner_id), content)

    def close(self) -> None:
        """Let go of the database."""
        self.connector.dispose()

    def stop_gpg(self) -> None:
        """End the gpg-agent of our home; only while holding the data folder."""
        # Where gpg is missing there is nothing to end, and the reason why work failed must not be hidden.
        with suppress(GpgUnavailableError):
            stop_agent(self.config.settings.gpg_home, self.config.settings.openpgp.gpg_program)


@contextmanager
def sole_agent(config: Config, clock: Clock = utc_now) -> Iterator[Agent]:
    """An agent that may change everything, the only process on its data folder.

    Raises AlreadyRunningError, and what `build`, `require_author` and `recover` raise.
    """
    watched = WatchedClock(clock)
    with sole_process(config.settings.data_folder):
        agent = build(config, watched)
        try:
            agent.require_author()
            watched.hear(agent.database_time())
            agent.recover()
            yield agent
        finally:
            agent.close()
            agent.stop_gpg()


def build(config: Config, clock: Clock = utc_now) -> Agent:
    """Wire an agent; writes nothing. Raises ConfigError for a secret that cannot be read."""
    settings = config.settings
    connector = Connector(
        settings.database.url,
        password=settings.database.password.read() if settings.database.password else None,
        practice_schema=settings.database.practice_schema,
        agent_schema=settings.database.agent_schema,
    )
    audit_key = settings.audit.read_key()
    audit_memory = AuditMemory(settings.data_folder / AUDIT_MEMORY)
    licence = LicenceGate(
        settings.licence_file, lambda file: _licence(settings, file, clock), settings.practice_id, clock
    )
    practice = PracticeSide(
        practice_id=settings.practice_id,
        database=SqlDatabase(connector, audit_key, audit_memory),
        clock=clock,
        otv_login=settings.database.otv_user,
        require_licence=licence.require,
        require_room=partial(
            require_room, _disks(settings, connector), settings.min_free_mebibytes * MEBIBYTE
        ),
        max_message_age=timedelta(hours=settings.inbound.max_message_age_hours),
    )
    key = secret_key(settings, clock)
    lanes = {
        partner_id: _lane(config, partner, key, practice)
        for partner_id, partner in config.partners.items()
        if partner.settings.enabled
    }
    return Agent(config, connector, practice, licence, lanes, audit_key, audit_memory)


def secret_key(settings: AgentSettings, clock: Clock = utc_now) -> OwnKey:
    """The practice's own secret key, to be used, and what takes over from it.

    Raises KeyUnusableError for a home with too long a path, or a damaged file of handovers.
    """
    return OwnKey(
        gpg_program=settings.openpgp.gpg_program,
        gpgv_program=settings.openpgp.gpgv_program,
        home=settings.gpg_home,
        fingerprint=settings.openpgp.fingerprint,
        passphrase=settings.openpgp.passphrase.read if settings.openpgp.passphrase else None,
        handovers=read_handovers(settings.key_handovers),
        clock=clock,
    )


def _disks(settings: AgentSettings, connector: Connector) -> list[Path]:
    """Where work is written: PostgreSQL looks after its own disk."""
    return [settings.data_folder, *([connector.sqlite_file.parent] if connector.sqlite_file else [])]


def _licence(settings: AgentSettings, file: Path, clock: Clock) -> Licence:
    return read_licence(
        file,
        gpgv_program=settings.openpgp.gpgv_program,
        key_ring=settings.licence.issuer_key_ring,
        fingerprints=[settings.licence.issuer_fingerprint],
        now=clock(),
    )


def _revoked_keys(database: Database, partner_id: str) -> Collection[str]:
    with database.read() as snapshot:
        return snapshot.revoked_keys(partner_id)


def _lane(config: Config, partner: Partner, own_key: OwnKey, practice: PracticeSide) -> Lane:
    settings = config.settings
    partner_id, inbound = partner.settings.partner_id, settings.inbound
    every = timedelta(minutes=settings.schedule.availability_every_minutes)
    return Lane(
        partner_id=partner_id,
        partner_name=partner.settings.name,
        receives_patients=partner.settings.receives_patients,
        may_cancel=partner.settings.may_cancel,
        may_reschedule=partner.settings.may_reschedule,
        gets_updates=partner.settings.appointment_updates,
        terms=partner.offer_terms,
        limits=settings.guard.limits(),
        availability_every=every,
        availability_valid_for=VALID_FOR_EXPORTS * every,
        give_up_after=timedelta(hours=settings.outbound.give_up_after_hours),
        sealer=GpgSealer(
            own_key,
            PartnerKey(
                partner.key_ring,
                partner.settings.openpgp.pinned,
                partner.settings.openpgp.compression,
                partner.settings.openpgp.windows,
                partial(_revoked_keys, practice.database, partner_id),
            ),
            OpeningLimits(
                max_sealed_bytes=inbound.max_message_bytes,
                max_age=timedelta(hours=inbound.max_message_age_hours),
            ),
        ),
        outbox=FolderOutbox(settings.data_folder / "outbox" / partner_id),
        inbound=FolderInbound(
            settings.data_folder / "inbound" / partner_id,
            partner.inbound_folder,
            settle_seconds=inbound.settle_seconds,
            max_bytes=inbound.max_message_bytes,
            stray_after_seconds=inbound.stray_after_hours * SECONDS_PER_HOUR,
            clock=practice.clock,
            protect=own_key.protect,
            trial=Trial([sys.executable, "-m", "agent", TRY_FILE, partner_id, "--config", str(config.path)]),
        ),
        transport=sftp_transport(settings, partner),
        handover=newest_handover(own_key.fingerprint, own_key.handovers),
    )


def sftp_transport(settings: AgentSettings, partner: Partner) -> SftpTransport | None:
    """The way to the partner's server; None for a partner that has none."""
    sftp = partner.settings.sftp
    if sftp is None:
        return None
    account = SshAccount(
        host=sftp.host,
        port=sftp.port,
        user_name=sftp.user_name,
        private_key=sftp.private_key,
        passphrase=sftp.passphrase.read if sftp.passphrase else lambda: None,
        host_keys=sftp.host_keys,
        pinned=HostKeyFile(partner.host_key_file),
    )
    return SftpTransport(
        SftpSettings(
            account=account,
            inbox=sftp.inbox,
            outgoing=sftp.outgoing,
            connect_seconds=sftp.connect_seconds,
            operation_seconds=sftp.operation_seconds,
            request_bytes=sftp.request_bytes,
            max_fetch_bytes=settings.inbound.max_message_bytes,
        )
    )
