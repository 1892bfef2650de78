"""The settings of one booking partner, `partners/PARTNER.yaml`.

Values only, like `agent.config.model`. What the file leaves out is filled in
by `agent.config.loading` from the agent's own settings.
"""

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from agent.config.secrets import SecretRef
from agent.config.section import Section
from agent.config.values import (
    AbsolutePath,
    DailyCap,
    Day,
    Fingerprint,
    GridMinutes,
    HorizonDays,
    Host,
    HostKey,
    Identifier,
    Label,
    LeadTimeMinutes,
    Port,
    Seconds,
    Switch,
    WholeNumber,
    WorkingDays,
    full_fingerprint,
)
from agent.domain.key_pins import PinWindow
from agent.domain.practice import OfferTerms

MOST_PINS = 2


class KeyPin(Section):
    """One pinned key: its fingerprint alone, or with the days on which it counts."""

    written_inline: ClassVar[bool] = True

    fingerprint: Fingerprint
    valid_from: Day | None = None
    valid_until: Day | None = None

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValueError("ends before it begins: correct `valid_from` or `valid_until`")
        return self


def _pin(value: Any) -> Any:
    return value if isinstance(value, dict | KeyPin) else {"fingerprint": full_fingerprint(value)}


def _one_or_two_keys(pins: tuple[KeyPin, ...]) -> tuple[KeyPin, ...]:
    # Not as limits of the list: an entry with a mistake in it would count as missing as well.
    if not pins:
        raise ValueError("has too few entries: write at least 1")
    if len(pins) > MOST_PINS:
        raise ValueError(f"has too many entries: write at most {MOST_PINS}")
    if len({pin.fingerprint for pin in pins}) < len(pins):
        raise ValueError("names the same key twice: remove one")
    return pins


class PartnerOpenPgpSettings(Section):
    fingerprints: Annotated[
        tuple[Annotated[KeyPin, BeforeValidator(_pin, json_schema_input_type=str | KeyPin)], ...],
        AfterValidator(_one_or_two_keys),
    ] = Field(
        description="Full fingerprint of the partner's key; two while a key is being replaced, each alone or"
        " as `{fingerprint: F, valid_from: DAY, valid_until: DAY}` (whole days in UTC, both included).",
        examples=[["FEDCBA9876543210FEDCBA9876543210FEDCBA98"]],
    )
    compression: Literal["none", "zip1", "zlib6"] = Field(
        default="zip1",
        description="`zip1` suits most lines, `zlib6` a slow one, `none` a fast local network.",
    )

    @property
    def pinned(self) -> tuple[str, ...]:
        """The pinned fingerprints as they are written, whatever the day."""
        return tuple(pin.fingerprint for pin in self.fingerprints)

    @property
    def windows(self) -> dict[str, PinWindow]:
        """When each pin counts."""
        return {pin.fingerprint: PinWindow(pin.valid_from, pin.valid_until) for pin in self.fingerprints}


class SftpSettings(Section):
    host: Host = Field(
        description="Name or address of the partner's server.", examples=["sftp.dentport.example"]
    )
    port: Port = Field(default=22, description="TCP port of its SSH service.")
    user_name: Label = Field(description="The practice's account there.", examples=["praxis-muster"])
    private_key: AbsolutePath = Field(
        description="SSH private key file for that account.",
        examples=["/etc/otv-agent/secrets/dentport_ssh_key"],
    )
    passphrase: SecretRef | None = Field(
        default=None,
        description="Passphrase of the private key, if it has one.",
        examples=[{"file": "/etc/otv-agent/secrets/dentport_ssh_passphrase"}],
    )
    host_keys: Annotated[tuple[HostKey, ...], Field(max_length=8)] = Field(
        default=(),
        description="Public host keys as `type base64`, beside those of `otv-agent keys pin-host`.",
        examples=[["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"]],
    )
    inbox: Label = Field(default="inbox", description="Folder on the server into which the agent uploads.")
    outgoing: Label | None = Field(
        default="outgoing",
        description="Folder on the server from which the agent fetches; null: it does not fetch.",
    )
    connect_seconds: Seconds = Field(default=20, description="Longest wait for a connection.")
    operation_seconds: Seconds = Field(
        default=120, description="Longest time for one upload, download or listing."
    )
    request_bytes: Annotated[WholeNumber, Field(ge=4096, le=253_952)] = Field(
        default=32_768,
        description="Size of one SFTP write; every server takes 32768, OpenSSH up to 253952 (248 KiB).",
    )


class PartnerOfferSettings(Section):
    lead_time_minutes: LeadTimeMinutes | None = Field(
        default=None, description="Replaces `offer.lead_time_minutes` for this partner.", examples=[240]
    )
    booking_horizon_days: HorizonDays | None = Field(
        default=None, description="Replaces `offer.booking_horizon_days` for this partner.", examples=[60]
    )
    grid_minutes: GridMinutes | None = Field(
        default=None, description="Replaces `offer.grid_minutes` for this partner.", examples=[30]
    )
    lead_time_working_days: WorkingDays | None = Field(
        default=None, description="Replaces `offer.lead_time_working_days` for this partner.", examples=[1]
    )
    max_appointments_per_day: DailyCap | None = Field(
        default=None, description="Replaces `offer.max_appointments_per_day` for this partner.", examples=[5]
    )

    def terms(self, general: OfferTerms) -> OfferTerms:
        """The general terms with this partner's exceptions."""
        return replace(general, **self.model_dump(exclude_none=True))


class PartnerSettings(Section):
    """The whole of one partner's file."""

    partner_id: Identifier = Field(
        description="The partner's identifier, equal to this file's name without `.yaml`.",
        examples=["dentport"],
    )
    name: Label = Field(description="The partner's name as staff know it.", examples=["DentPort"])
    enabled: Switch = Field(default=True, description="Whether anything is exchanged with this partner.")
    receives_patients: Switch = Field(
        default=False,
        description="Whether patients who agreed are sent to this partner; removals go on where it is off.",
    )
    may_cancel: Switch = Field(
        default=False, description="Whether the partner may cancel appointments that came from it."
    )
    may_reschedule: Switch = Field(
        default=False, description="Whether the partner may move appointments that came from it."
    )
    appointment_updates: Switch = Field(
        default=True,
        description="Whether the partner is told when staff move or cancel appointments that came from it.",
    )
    openpgp: PartnerOpenPgpSettings = Field(description="The partner's key and how files for it are packed.")
    sftp: SftpSettings | None = Field(
        default=None,
        description="The partner's server; without it files are only put into and taken from local folders.",
    )
    inbound_folder: AbsolutePath | None = Field(
        default=None,
        description="Where files arrive; without it `inbound/PARTNER/waiting` in the data folder.",
        examples=["/var/lib/otv-agent/inbound/dentport/waiting"],
    )
    offer: PartnerOfferSettings = Field(
        default=PartnerOfferSettings(), description="Exceptions from the general offer for this partner."
    )
