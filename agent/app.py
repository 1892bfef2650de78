"""The composition root: from the configuration to an agent that can work. Nothing is wired elsewhere.

Tests, demo, daemon and commands all enter by `build`. Building touches no
network and no database; secrets are read here, so that a missing one is told
at the start.
"""

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

from agent.adapters.audit_memory import FILE_NAME as AUDIT_MEMORY
from agent.adapters.audit_memory import AuditMemory
from agent.adapters.database import Connector
from agent.adapters.disk_space import MEBIBYTE, require_room
from agent.adapters.good_cycles import FILE_NAME as GOOD_CYCLES
from agent.adapters.good_cycles import CycleMemory
from agent.adapters.gpg_sealer import GpgSealer, OpeningLimits, PartnerKey
from agent.adapters.host_keys import HostKeyFile
from agent.adapters.inbound import FolderInbound
from agent.adapters.key_handovers import read_handovers
from agent.adapters.licence_file import read_licence
from agent.adapters.outbox import FolderOutbox
from agent.adapters.own_key import OwnKey
from agent.adapters.practice_database import SqlDatabase
from agent.adapters.process_lock import sole_process
from agent.adapters.sftp_transport import SftpSettings, SftpTransport
from agent.adapters.ssh_account import SshAccount
from agent.adapters.trial import Trial
from agent.adapters.watched_clock import WatchedClock
from agent.clock import utc_now
from agent.config import AgentSettings, Config, Partner
from agent.domain.licence import Licence
from agent.domain.own_keys import newest_handover
from agent.flows.lane import Lane, PracticeSide
from agent.licence_gate import LicenceGate
from agent.operations import Agent
from agent.ports import Clock, Database

SECONDS_PER_HOUR = 3600
TRY_FILE = "try-file"
"""The command that a file is tried with; nobody types it."""
VALID_FOR_EXPORTS = 4
"""An availability file is good until this many later ones should have come."""


@contextmanager
def sole_agent(config: Config, clock: Clock = utc_now) -> Iterator[Agent]:
    """An agent that may change everything, the only process on its data folder.

    Raises AlreadyRunningError, and what `build`, `require_tables`, `require_author` and `recover` raise.
    """
    watched = WatchedClock(clock)
    with sole_process(config.settings.data_folder):
        agent = build(config, watched)
        try:
            agent.require_tables()
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
            require_room, disks(settings, connector), settings.min_free_mebibytes * MEBIBYTE
        ),
        max_message_age=timedelta(hours=settings.inbound.max_message_age_hours),
    )
    key = secret_key(settings, clock)
    lanes = {
        partner_id: _lane(config, partner, key, practice)
        for partner_id, partner in config.partners.items()
        if partner.settings.enabled
    }
    cycles = CycleMemory(settings.data_folder / GOOD_CYCLES)
    return Agent(config, connector, practice, licence, lanes, audit_key, audit_memory, cycles)


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


def disks(settings: AgentSettings, connector: Connector) -> list[Path]:
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
