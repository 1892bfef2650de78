"""`otv-agent quarantine`: files that were set aside, why, and what to do about them."""

import json
from typing import Annotated

import typer

from agent import quarantine
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, PartnerOption, reading
from agent.cli.screen import out, require_yes, show, table
from agent.domain.documents import datetime_text
from agent.domain.refusal_advice import ADVICE
from agent.quarantine import SetAside

app = typer.Typer(no_args_is_help=True, help="Files that were set aside, and why.")

FileArgument = Annotated[str, typer.Argument(help="The file's id, as `list` shows it.", show_default=False)]


@app.command("list")
def list_files(
    config: ConfigOption = DEFAULT_CONFIG,
    partner: PartnerOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for machines.")] = False,
) -> None:
    """Show what was set aside, the oldest first."""
    with reading(config) as agent:
        files = list(quarantine.in_quarantine(agent, partner))
    if as_json:
        for partner_id, file in files:
            out.print(json.dumps({"partner": partner_id, **_told(file)}))
        return
    filled = table("file", "partner", "set aside", "reason", "signed")
    for partner_id, file in files:
        told = _told(file)
        filled.add_row(
            file.file_id, partner_id, str(told["at"]), file.reason, "yes" if file.authenticated else "no"
        )
    if filled.row_count:
        show(filled)
    else:
        out.print("nothing is in quarantine")


@app.command("show")
def show_file(file: FileArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Say why a file was set aside, what that means and what to do; its content is not shown."""
    with reading(config) as agent:
        partner_id, found = quarantine.found(agent, file)
        home = agent.config.settings.gpg_home
    out.print(f"partner   {partner_id}")
    for name, value in _told(found).items():
        out.print(f"{name:<9} {value}")
    out.print(f"kept as   {found.path}")
    advice = ADVICE[found.reason]
    out.print(f"\n{advice.meaning}\n{advice.remedy}")
    if found.is_sealed:
        out.print(f"To look into it, as the service's user: gpg --homedir {home} --decrypt {found.path}")


@app.command()
def retry(file: FileArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Have a file judged again by the next sweep, for example after its key was pinned."""
    with reading(config) as agent:
        partner_id = quarantine.retry(agent, file)
    out.print(f"{partner_id}: the file waits; `otv-agent receive` or the running service judges it")


@app.command()
def discard(
    file: FileArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a file for good; the audit log keeps its id, reason and digest."""
    with reading(config) as agent:
        _, found = quarantine.found(agent, file)
        if not yes:
            require_yes(f"Remove the file for good? It was set aside as {found.reason}.")
        partner_id = quarantine.discard(agent, file)
    out.print(f"{partner_id}: removed")


def _told(file: SetAside) -> dict[str, str | bool | None]:
    return {
        "file": file.file_id,
        "at": datetime_text(file.at),
        "reason": file.reason,
        "signed": file.authenticated,
        "sha256": file.sha256,
    }
