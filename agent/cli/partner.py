"""`otv-agent partner`: add a booking partner, see which there are, set one aside."""

from pathlib import Path
from typing import Annotated

import typer

from agent import installation
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, loaded
from agent.cli.keys import record_pin, show_key
from agent.cli.screen import out, require_yes, show, table
from agent.installation import NewPartner

app = typer.Typer(no_args_is_help=True, help="The booking partners.")


@app.command()
def add(
    partner: Annotated[str, typer.Argument(help="A new id: letters, digits, dot, hyphen.")],
    name: Annotated[str, typer.Option(help="The partner's name as staff know it.")],
    key: Annotated[Path, typer.Option(help="The public key the partner sent.")],
    config: ConfigOption = DEFAULT_CONFIG,
    host: Annotated[
        str | None, typer.Option(help="Its SFTP server; without it files lie in local folders.")
    ] = None,
    port: Annotated[int, typer.Option(help="Its port.")] = 22,
    user: Annotated[str, typer.Option(help="The practice's account there.")] = "",
    receives_patients: Annotated[
        bool, typer.Option("--receives-patients", help="Send it the patients who agree to it.")
    ] = False,
    may_cancel: Annotated[bool, typer.Option("--may-cancel", help="It may cancel what it booked.")] = False,
    may_reschedule: Annotated[
        bool, typer.Option("--may-reschedule", help="It may move what it booked.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="I have compared the fingerprint; do not ask.")] = False,
) -> None:
    """Write the partner's file, keep its key, and make an SSH key for its server."""
    settings = loaded(config)
    facts = installation.inspect_partner_key_file(settings, key)
    show_key(facts)
    if not yes:
        require_yes("Did the partner read out this fingerprint to you over another channel?")
    new = NewPartner(
        partner_id=partner,
        name=name,
        key=key,
        host=host,
        port=port,
        user_name=user or settings.settings.practice_id,
        receives_patients=receives_patients,
        may_cancel=may_cancel,
        may_reschedule=may_reschedule,
    )
    public_line = installation.add_partner(settings, new)
    record_pin(config, partner, facts)
    out.print(f"{partner} is added; its file is {settings.path.parent / 'partners' / f'{partner}.yaml'}")
    if public_line is not None:
        out.print(f"Send the partner our SSH key, for the account {new.user_name}:\n{public_line}")
        out.print(f"Then: otv-agent keys pin-host {partner}, and otv-agent partner test {partner}")


@app.command("list")
def list_partners(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show every partner with what it may do."""
    filled = table("partner", "name", "enabled", "server", "patients", "cancels", "moves")
    for partner_id, partner in sorted(loaded(config).partners.items()):
        settings = partner.settings
        server = f"{settings.sftp.host}:{settings.sftp.port}" if settings.sftp else "local folders"
        switches = (settings.receives_patients, settings.may_cancel, settings.may_reschedule)
        filled.add_row(
            partner_id, settings.name, _word(settings.enabled), server, *(_word(one) for one in switches)
        )
    show(filled)


@app.command()
def remove(
    partner: Annotated[str, typer.Argument(help="The partner's id.")],
    config: ConfigOption = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Set the partner's file aside; its keys, files and records stay.

    If it holds patients, first have them erased: `otv-agent disclosures --revoke-partner`.
    """
    settings = loaded(config)
    if not yes:
        require_yes("Nothing more goes to this partner, no removals either. Set it aside?")
    out.print(f"{partner} is set aside as {installation.remove_partner(settings, partner)}")


def _word(switch: bool) -> str:
    return "yes" if switch else "no"
