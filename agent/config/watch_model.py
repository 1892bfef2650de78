"""The settings by which others watch the agent: heartbeat, metrics file, mail. Values only."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from agent.config.secrets import SecretRef
from agent.config.section import Section
from agent.config.values import AbsolutePath, Host, Label, Port, Text, WholeNumber


def _web_address(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("https", "http") or not url.hostname or url.username is not None:
        raise ValueError("must be a web address such as `https://monitor.example/ping/1234`")
    if url.scheme == "http" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("must begin with `https://`: only this machine may be asked without encryption")
    return value


def _mail_address(value: str) -> str:
    name, _, host = value.partition("@")
    if not name or "." not in host or any(mark in value for mark in " ,;<>\"'"):
        raise ValueError("must be a plain mail address such as `admin@praxis.example`")
    return value


MailAddress = Annotated[Text, AfterValidator(_mail_address)]


class MailSettings(Section):
    host: Host | None = Field(
        default=None,
        description="Mail server of the practice; without it no mails are sent.",
        examples=["mail.praxis.example"],
    )
    port: Port = Field(default=465, description="Its port: 465 for `tls`, 587 for `starttls`.")
    security: Literal["tls", "starttls", "none"] = Field(
        default="tls", description="How the line is encrypted; `none` for a server on this machine only."
    )
    user_name: Label | None = Field(
        default=None, description="Account at the mail server, if it wants one.", examples=["otv-agent"]
    )
    password: SecretRef | None = Field(
        default=None,
        description="Its password.",
        examples=[{"file": "/etc/otv-agent/secrets/mail_password"}],
    )
    sender: MailAddress | None = Field(
        default=None, description="From whom the mails come.", examples=["otv@praxis.example"]
    )
    recipients: Annotated[tuple[MailAddress, ...], Field(min_length=1, max_length=10)] | None = Field(
        default=None,
        description="Who is told when a trouble begins and when it ends.",
        examples=[["admin@praxis.example"]],
    )

    @model_validator(mode="after")
    def _whole_or_not_at_all(self) -> Self:
        if self.host is not None and (self.sender is None or self.recipients is None):
            raise ValueError("names a `host` and lacks `sender` or `recipients`: write all three")
        return self


class WatchSettings(Section):
    hold_minutes: Annotated[WholeNumber, Field(ge=0, le=1440)] = Field(
        default=15, description="How long a trouble must last before anybody outside is told."
    )
    heartbeat_url: Annotated[Text, AfterValidator(_web_address)] | None = Field(
        default=None,
        description="Asked as long as all is well, so that its silence tells of a machine that is off.",
        examples=["https://monitor.example/ping/1234"],
    )
    heartbeat_every_minutes: Annotated[WholeNumber, Field(ge=1, le=1440)] = Field(
        default=5, description="How often the heartbeat is given."
    )
    metrics_file: AbsolutePath | None = Field(
        default=None,
        description="Written every minute for the textfile collector of Prometheus's node_exporter.",
        examples=["/var/lib/node_exporter/otv_agent.prom"],
    )
    time_server: Host | None = Field(
        default=None,
        description="Time server that `otv-agent doctor` compares the clock with.",
        examples=["ptbtime1.ptb.de"],
    )
    mail: MailSettings = Field(default=MailSettings(), description="Mails about troubles.")
