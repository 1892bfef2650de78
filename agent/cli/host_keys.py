"""`otv-agent keys pin-host` and `keys revoke-host`: by which key a partner's server is known."""

from typing import Annotated

import typer

from agent import key_administration
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, loaded, reading
from agent.cli.screen import out, require_yes
from agent.errors import HostKeyRefusedError

PartnerArgument = Annotated[str, typer.Argument(help="The partner's id.")]


def pin_host(
    partner: PartnerArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help="I have compared the fingerprint; do not ask.")] = False,
) -> None:
    """Show the host key of a partner's server and, once its fingerprint is confirmed, keep it."""
    shown = key_administration.shown_host_key(loaded(config), partner)
    out.print(f"kind         {shown.kind}\nfingerprint  {shown.fingerprint}")
    if shown.accepted:
        out.print("Pinned already.")
        return
    if shown.revoked:
        raise HostKeyRefusedError("the server shows a host key that was revoked here: it never comes back")
    if not yes:
        require_yes("Did the partner read out this fingerprint to you over another channel?")
    with reading(config) as agent:
        key_administration.pin_host_key(agent, partner, shown.line)
    out.print("Kept: in force from the next connection on.")


def revoke_host(
    partner: PartnerArgument,
    fingerprint: Annotated[str, typer.Argument(help="As `keys calendar` shows it: SHA256:...")],
    config: ConfigOption = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Never again connect to a server that shows this host key."""
    if not yes:
        require_yes(f"Never again accept the host key {fingerprint}?")
    with reading(config) as agent:
        key_administration.revoke_host_key(agent, partner, fingerprint)
    out.print("Revoked: in force from the next connection on.")
