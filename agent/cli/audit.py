"""`otv-agent audit`: the log of who did what, shown and verified."""

import json
from typing import Annotated

import typer

from agent import administration
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


def _anchor(text: str) -> AuditHead:
    sequence, _, mac = text.partition(":")
    if not sequence.isdigit() or not mac:
        raise UsageError("an anchor looks like 17:9f2c..., as in a file's audit_head")
    return AuditHead(int(sequence), mac)
