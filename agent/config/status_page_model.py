"""The settings of the status page that the daemon serves. Values only."""

import ipaddress
from typing import Annotated

from pydantic import Field

from agent.config.secrets import SecretRef
from agent.config.section import Section
from agent.config.values import AbsolutePath, Host, Port, Switch

LOOPBACK_NAME = "localhost"


class StatusPageSettings(Section):
    enabled: Switch = Field(
        default=True, description="Whether the service shows how it is doing, on a page of its own."
    )
    host: Host = Field(
        default="127.0.0.1",
        description="Address to listen on; any but this machine's own loopback needs a token and TLS.",
    )
    port: Port = Field(default=8487, description="TCP port of the page.")
    host_names: Annotated[tuple[Host, ...], Field(max_length=10)] = Field(
        default=(),
        description="Names by which browsers may ask for the page, beside `localhost` and IP addresses.",
        examples=[["otv.praxis.example"]],
    )
    token: SecretRef | None = Field(
        default=None,
        description="Token for releasing, retrying and discarding, at least 16 characters; without it the "
        "page only shows.",
        examples=[{"file": "/etc/otv-agent/secrets/status_page_token"}],
    )
    tls_certificate: AbsolutePath | None = Field(
        default=None,
        description="File with the page's certificate and its chain, as PEM.",
        examples=["/etc/otv-agent/status_page.pem"],
    )
    tls_key: AbsolutePath | None = Field(
        default=None,
        description="File with the certificate's private key, as PEM without a passphrase.",
        examples=["/etc/otv-agent/secrets/status_page_key.pem"],
    )

    @property
    def is_local(self) -> bool:
        """Whether only programs on this machine reach the page."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == LOOPBACK_NAME

    @property
    def is_encrypted(self) -> bool:
        return self.tls_certificate is not None

    @property
    def address(self) -> str:
        """What to type into a browser on this machine."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.is_encrypted else 'http'}://{host}:{self.port}/"
