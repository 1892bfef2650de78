"""`otv-agent audit`: the log of who did what, shown and verified."""

import json
from typing import Annotated

import typer

from agent import administration
from agent.app import utc_now
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, PartnerOption, reading
from agent.cli.screen import out
from agent.errors import UsageError
from agent.ports import AuditHead

app = typer.Typer(no_args_is_help=True, help="The tamper-evident log of who did what.")


@app.command()
def verify(
    config: ConfigOption = DEFAULT_CONFIG,
    anchor: Annotated[
        list[str] | None,
        typer.Option(help="An audit_head that a partner holds, as it stands in its file; may be repeated."),
    ] = None,
) -> None:
    """Recompute the chain; with anchors also a cut or rewritten end is found."""
    with reading(config) as agent:
        report = administration.verify_audit(agent, [_anchor(text) for text in anchor or []])
    out.print(f"{report.entries:,} entries, unbroken; head {report.head}")


@app.command("show")
def show_entries(
    config: ConfigOption = DEFAULT_CONFIG,
    partner: PartnerOption = None,
    newest: Annotated[int, typer.Option(min=1, help="How many entries.")] = 20,
) -> None:
    """The newest entries, one JSON object a line."""
    with reading(config) as agent, administration.audit_entries(agent, partner, newest) as entries:
        for entry in entries:
            line = {
                "sequence": entry.sequence,
                "at": entry.at.isoformat(),
                "event": entry.event,
                "partner": entry.partner_id,
                **entry.details,
            }
            out.print(json.dumps(line, ensure_ascii=False))


@app.command("accept-clock")
def accept_clock(
    config: ConfigOption = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: the clock has been compared.")] = False,
) -> None:
    """Say that the clock is right now, after it was ahead: work goes on, and the log says from where."""
    with reading(config) as agent:
        found = administration.written_ahead(agent)
        out.print(f"this machine's clock shows {utc_now():%Y-%m-%d %H:%M:%S} UTC")
        if found.latest_at:
            entries = f"entries {found.first} to {found.last} of the audit log"
            out.print(f"{entries} bear later times, up to {found.latest_at:%Y-%m-%d %H:%M:%S} UTC")
        if not yes and not typer.confirm("Have you compared it, and is it right?"):
            raise UsageError("nothing was changed: correct the clock first")
        found, put_back = administration.accept_clock(agent)
    out.print("accepted; the service takes up its work within a minute")
    if put_back:
        out.print(f"{put_back} file(s) set aside for their time only are judged again")
    if found.answered_too_old:
        out.print(
            f"{found.answered_too_old} message(s) were answered `time_out_of_bounds`: ask for them anew"
        )
    if found.declined:
        out.print(f"{found.declined} booking(s) were declined meanwhile, perhaps as too late: that stays so")


def _anchor(text: str) -> AuditHead:
    sequence, _, mac = text.partition(":")
    if not sequence.isdigit() or not mac:
        raise UsageError("an anchor looks like 17:9f2c..., as in a file's audit_head")
    return AuditHead(int(sequence), mac)
