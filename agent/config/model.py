"""The settings of `agent.yaml`, once: checks, defaults, sample and documentation come from here.

Values only: nothing here opens a file or reads a secret. `agent.config.loading`
fills these models from YAML; each description is one sentence, printed in the
sample and in docs/configuration.md.
"""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from agent.config.secrets import SecretRef
from agent.config.section import Section
from agent.config.status_page_model import StatusPageSettings
from agent.config.values import (
    AbsolutePath,
    DailyCap,
    DatabaseUrl,
    Fingerprint,
    GridMinutes,
    HorizonDays,
    Identifier,
    Label,
    LeadTimeMinutes,
    PlainPath,
    Program,
    Seconds,
    SqlName,
    Switch,
    WholeNumber,
    WorkingDays,
)
from agent.config.watch_model import WatchSettings
from agent.domain.practice import OfferTerms
from agent.domain.sudden_change import Limit, Limits, Sign
from agent.errors import ConfigError

MIN_AUDIT_KEY_BYTES = 32


def _beside_the_file(value: Path, info: ValidationInfo) -> Path:
    if value.is_absolute():
        return value
    folder: Path | None = (info.context or {}).get("folder")
    if folder is None:
        raise ValueError("must be an absolute path")
    return (folder / value).resolve()


class DatabaseSettings(Section):
    url: DatabaseUrl = Field(
        description="SQLAlchemy URL of the practice database, without a password.",
        examples=["postgresql+psycopg://otv_agent@localhost:5432/practice"],
    )
    password: SecretRef | None = Field(
        default=None,
        description="Password of the database role; not needed for SQLite or peer authentication.",
        examples=[{"file": "/etc/otv-agent/secrets/database_password"}],
    )
    practice_schema: SqlName = Field(
        default="practice", description="PostgreSQL schema with the practice's tables or the views onto them."
    )
    agent_schema: SqlName = Field(
        default="otv_agent", description="PostgreSQL schema with the agent's own tables."
    )
    otv_user: Label = Field(
        default="otv",
        description="Login name of the staff member without permissions who is recorded as the author.",
    )

    @model_validator(mode="after")
    def _password_has_a_user(self) -> Self:
        if self.password and not urlsplit(self.url).username:
            raise ValueError(
                "has a `password` and no user name: write `url` as `postgresql+psycopg://USER@...`"
            )
        return self


class OpenPgpSettings(Section):
    gpg_program: Program = Field(
        default="gpg", description="GnuPG, version 2.2 or later: name or absolute path."
    )
    gpgv_program: Program = Field(
        default="gpgv", description="GnuPG's signature verifier: name or absolute path."
    )
    home: AbsolutePath | None = Field(
        default=None,
        description="GnuPG home, at most 80 characters long; without it `gpg` in the data folder.",
        examples=["/var/lib/otv-agent/gpg"],
    )
    fingerprint: Fingerprint = Field(
        description="Full fingerprint of the practice's own key.",
        examples=["0123456789ABCDEF0123456789ABCDEF01234567"],
    )
    passphrase: SecretRef | None = Field(
        default=None,
        description="Passphrase of the practice's own key, if it has one.",
        examples=[{"file": "/etc/otv-agent/secrets/openpgp_passphrase"}],
    )


class LicenceSettings(Section):
    file: AbsolutePath | None = Field(
        default=None,
        description="The signed licence; without it `licence.pgp` in the data folder.",
        examples=["/var/lib/otv-agent/licence.pgp"],
    )
    issuer_key_ring: AbsolutePath = Field(
        description="Key ring file that holds the licence issuer's public key and nothing else.",
        examples=["/etc/otv-agent/licence_issuer.pgp"],
    )
    issuer_fingerprint: Fingerprint = Field(
        description="Full fingerprint of the licence issuer's key.",
        examples=["89ABCDEF0123456789ABCDEF0123456789ABCDEF"],
    )


class AuditSettings(Section):
    key: SecretRef = Field(
        description="Key of the audit chain: at least 32 random characters that are never changed.",
        examples=[{"file": "/etc/otv-agent/secrets/audit_key"}],
    )

    def read_key(self) -> bytes:
        """The chain's key; raises ConfigError also for one that is too short to protect anything."""
        key = self.key.read_bytes()
        if len(key) < MIN_AUDIT_KEY_BYTES:
            what = f"is shorter than {MIN_AUDIT_KEY_BYTES} characters: make one with `openssl rand -hex 32`"
            raise ConfigError([f"audit.key: {self.key}: {what}"])
        return key


class OfferSettings(Section):
    lead_time_minutes: LeadTimeMinutes = Field(
        default=120, description="Minutes between now and the first time that is offered (Vorlaufzeit)."
    )
    booking_horizon_days: HorizonDays = Field(
        default=90, description="Days ahead that are offered (Buchungshorizont)."
    )
    grid_minutes: GridMinutes = Field(
        default=15, description="Offered times start on multiples of this after the full hour; divides 60."
    )
    lead_time_working_days: WorkingDays = Field(
        default=0,
        description="0: no further limit; 1: not before the next day on which the practice opens; and so on.",
    )
    max_appointments_per_day: DailyCap | None = Field(
        default=None,
        description="Most appointments of one partner on one day; without it there is no limit.",
        examples=[10],
    )

    def terms(self) -> OfferTerms:
        """The values as the rules know them."""
        return OfferTerms(**self.model_dump())


Minutes = Annotated[WholeNumber, Field(ge=1, le=7 * 1440)]


class ScheduleSettings(Section):
    availability_every_minutes: Minutes = Field(default=15, description="How often free times are exported.")
    reference_data_every_minutes: Minutes = Field(
        default=1440, description="How often practitioners, rooms, types and assignments are exported."
    )
    patients_every_minutes: Minutes = Field(
        default=1440, description="How often the patient file is exported, for partners that receive it."
    )
    exchange_every_seconds: Seconds = Field(
        default=60, description="How often each partner's server is visited, to deliver and to fetch."
    )
    updates_every_seconds: Seconds = Field(
        default=60, description="How often changes that staff made to partners' appointments are looked for."
    )
    sweep_every_seconds: Seconds = Field(
        # Files of which no event told are to be seen within a minute (promise P3).
        default=45,
        description="How often the inbound folders are swept, whatever the folder watcher reported.",
    )
    reload_every_seconds: Seconds = Field(
        default=30, description="How often changed settings, partners and keys are looked for."
    )


class InboundSettings(Section):
    settle_seconds: Annotated[WholeNumber, Field(ge=0, le=600)] = Field(
        default=2, description="How long a file must hold still, in size and time, before it is taken."
    )
    max_message_bytes: Annotated[WholeNumber, Field(ge=1024, le=64 * 1024 * 1024)] = Field(
        default=5 * 1024 * 1024, description="Larger files are refused unread; 5242880 is 5 MiB."
    )
    max_message_age_hours: Annotated[WholeNumber, Field(ge=1, le=8760)] = Field(
        default=336, description="Messages signed longer ago than this are refused; 336 is two weeks."
    )
    stray_after_hours: Annotated[WholeNumber, Field(ge=1, le=8760)] = Field(
        default=24, description="Files that match no name pattern are set aside after this time."
    )


Days = Annotated[WholeNumber, Field(ge=1, le=36_500)]


class RetentionSettings(Section):
    sent_days: Days = Field(default=30, description="How long delivered files are kept in `sent`.")
    archive_days: Days = Field(default=30, description="How long imported files are kept in `archive`.")
    quarantine_days: Days = Field(
        default=90,
        description="How long files that nobody's signature vouched for are kept; refused signed ones stay.",
    )
    answers_days: Days = Field(
        default=90,
        description="How long answers to messages are kept, longer than `inbound.max_message_age_hours`.",
    )
    bookings_days: Days = Field(
        default=1095,
        description="How long bookings and updates are kept after the appointment; 1095 is three years.",
    )
    file_records_days: Days = Field(
        default=365,
        description="How long it is kept which files with free times and reference data went out.",
    )
    disclosures_days: Days = Field(
        default=1095,
        description="How long it is kept that a partner held a patient whom it has confirmed to have erased.",
    )
    notes_days: Days = Field(default=365, description="How long resolved notes to the reception are kept.")


class OutboundSettings(Section):
    give_up_after_hours: Annotated[WholeNumber, Field(ge=72, le=8760)] = Field(
        default=120,
        description="How long a file is tried before it is set aside as failed; 120 outlasts a long weekend.",
    )


Percent = Annotated[WholeNumber, Field(ge=0, le=10_000)]
AtLeast = Annotated[WholeNumber, Field(ge=1, le=1_000_000)]


class GuardSettings(Section):
    """Two for each `Sign`: a change is held from `at_least` on, if it is also more than `percent`."""

    slots_lost_percent: Percent = Field(
        default=50, description="Share of free slots gone since the last file, above which it is held."
    )
    slots_lost_at_least: AtLeast = Field(default=100, description="Fewer free slots gone are never held.")
    slots_added_percent: Percent = Field(
        default=200, description="Growth of free slots since the last file, above which it is held."
    )
    slots_added_at_least: AtLeast = Field(default=500, description="Fewer free slots more are never held.")
    taken_minutes_lost_percent: Percent = Field(
        default=50,
        description="Share of taken time gone since the last file, above which free times are held.",
    )
    taken_minutes_lost_at_least: AtLeast = Field(
        default=1200, description="Less taken time gone is never held; 1200 is 20 hours."
    )
    reference_data_lost_percent: Percent = Field(
        default=50,
        description="Share of practitioners, rooms, columns, types or assignments gone, above which the file "
        "with their names is held.",
    )
    reference_data_lost_at_least: AtLeast = Field(
        default=2, description="Fewer of one sort gone are never held."
    )
    patients_lost_percent: Percent = Field(
        default=20, description="Share of a partner's patients to be removed at once, above which it is held."
    )
    patients_lost_at_least: AtLeast = Field(
        default=20, description="Fewer removals at once are never held: a withdrawal must not wait."
    )
    patients_added_percent: Percent = Field(
        default=20,
        description="Growth of a partner's patients at once, above which the new ones are held; the others "
        "and all removals go.",
    )
    patients_added_at_least: AtLeast = Field(
        default=50, description="Fewer new patients at once are never held."
    )
    appointments_deleted_percent: Percent = Field(
        default=0,
        description="Share of a partner's appointments deleted at once, above which no change is told.",
    )
    appointments_deleted_at_least: AtLeast = Field(
        default=21, description="Fewer deleted appointments at once are told as cancelled."
    )
    bookings_percent: Percent = Field(
        default=50,
        description="Share of its appointments ahead that a partner books within a day, above which its "
        "bookings are held.",
    )
    bookings_at_least: AtLeast = Field(default=100, description="Fewer bookings within a day are never held.")
    cancellations_percent: Percent = Field(
        default=20,
        description="Share of its appointments ahead that a partner cancels or moves within a day, above "
        "which its bookings are held.",
    )
    cancellations_at_least: AtLeast = Field(
        default=20, description="Fewer cancellations and moves within a day are never held."
    )

    def limits(self) -> Limits:
        """As the rules know them."""
        return {
            sign: Limit(getattr(self, f"{sign}_percent"), getattr(self, f"{sign}_at_least")) for sign in Sign
        }


class LoggingSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="Least important kind of line that is written: `debug`, `info`, `warning` or `error`.",
    )
    format: Literal["human", "json"] = Field(
        default="human", description="Lines for people, `human`, or for machines, `json`."
    )
    file: AbsolutePath | None = Field(
        default=None,
        description="File that the service writes its lines into, beside standard error; without it none.",
        examples=["/var/lib/otv-agent/log/agent.log"],
    )
    file_mebibytes: Annotated[WholeNumber, Field(ge=1, le=1024)] = Field(
        default=10, description="From this size on the file is put aside, as `FILE.1`, and begun anew."
    )
    file_keep: Annotated[WholeNumber, Field(ge=1, le=100)] = Field(
        default=5, description="How many of the old files are kept; the oldest goes."
    )
    event_log: Switch = Field(
        default=True,
        description="On Windows: whether the service's warnings and errors go into the Application log too.",
    )


class AgentSettings(Section):
    """The whole of `agent.yaml`."""

    practice_id: Identifier = Field(
        description="The practice's identifier, as in the database, the licence and every message.",
        examples=["praxis-muster"],
    )
    data_folder: Annotated[PlainPath, AfterValidator(_beside_the_file)] = Field(
        description="Folder for spool, keys and licence: absolute, or relative to this file.",
        examples=["/var/lib/otv-agent"],
    )
    min_free_mebibytes: Annotated[WholeNumber, Field(ge=0, le=1024 * 1024)] = Field(
        default=100, description="No new work is begun while the disk has less room than this."
    )
    database: DatabaseSettings = Field(description="The practice database.")
    openpgp: OpenPgpSettings = Field(description="GnuPG and the practice's own key.")
    licence: LicenceSettings = Field(description="Permission to exchange data with partners.")
    audit: AuditSettings = Field(description="The tamper-evident log of who did what.")
    offer: OfferSettings = Field(
        default=OfferSettings(),
        description="Which times are offered, unless a partner's file says otherwise.",
    )
    schedule: ScheduleSettings = Field(default=ScheduleSettings(), description="When the agent works.")
    inbound: InboundSettings = Field(default=InboundSettings(), description="Files that partners send.")
    retention: RetentionSettings = Field(
        default=RetentionSettings(),
        description="When what is no longer needed is purged; nothing that failed or is unconfirmed ever is.",
    )
    outbound: OutboundSettings = Field(
        default=OutboundSettings(), description="Files that partners are to get."
    )
    guard: GuardSettings = Field(
        default=GuardSettings(),
        description="From when on a change is too sudden to be believed, and waits for `otv-agent release`.",
    )
    logging: LoggingSettings = Field(
        default=LoggingSettings(), description="What the agent writes about its work."
    )

    watch: WatchSettings = Field(
        default=WatchSettings(), description="Who outside is told how the agent is doing."
    )
    status_page: StatusPageSettings = Field(
        default=StatusPageSettings(), description="The page on which the service shows how it is doing."
    )

    @property
    def gpg_home(self) -> Path:
        return self.openpgp.home or self.data_folder / "gpg"

    @property
    def key_handovers(self) -> Path:
        return self.data_folder / "keys" / "handovers.json"

    @property
    def licence_file(self) -> Path:
        return self.licence.file or self.data_folder / "licence.pgp"
