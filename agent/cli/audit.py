"""`otv-agent audit`: the log of who did what, shown and verified."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from agent import administration, oversight
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, PartnerOption, reading
from agent.cli.screen import out, require_yes
from agent.clock import utc_now
from agent.errors import UsageError
from agent.oversight import Choice

DAY = "%Y-%m-%d"

app = typer.Typer(no_args_is_help=True, help="The tamper-evident log of who did what.")

ACCEPTING = """\
The database holds audit entries up to {kept:,}; the agent had written up to {lost_through:,}.
To go on with it means:
- bookings, answers and disclosures written after the copy was made are lost here and known to the partners;
- an audit entry says so for ever, and all numbers go on behind those that were given before;
- files that came meanwhile lie in `archive`: moved to `waiting`, they are imported again if young enough;
- the reception should compare the appointment book with each partner's list of bookings."""


@app.command()
def verify(
    config: ConfigOption = DEFAULT_CONFIG,
    anchor: Annotated[
        list[str] | None,
        typer.Option(help="An audit_head that a partner holds, as it stands in its file; may be repeated."),
    ] = None,
    heads: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A partner's list of audit heads, one in a line; may be repeated."),
    ] = None,
) -> None:
    """Recompute the chain, and hold it against what was handed out: a cut or rewritten end shows too."""
    handed_out = [oversight.audit_head(text) for text in anchor or []]
    for file in heads or []:
        handed_out += oversight.read_heads(file)
    with reading(config) as agent:
        report = oversight.verify_audit(agent, handed_out)
    out.print(f"{report.entries:,} entries, unbroken; head {report.head}")
    if handed_out:
        out.print(f"{len(set(handed_out)):,} heads from outside were held against it: all are accounted for")
    for first, last in report.lost:
        out.print(f"entries {first:,} to {last:,} are lost to a restored backup, as an entry admits")


@app.command("show")
def show_entries(
    config: ConfigOption = DEFAULT_CONFIG,
    partner: PartnerOption = None,
    newest: Annotated[int, typer.Option(min=1, help="How many entries.")] = 20,
) -> None:
    """The newest entries, one JSON object a line."""
    with reading(config) as agent, oversight.audit_entries(agent, partner, newest) as entries:
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


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to; `-` is standard output.", show_default=False)],
    config: ConfigOption = DEFAULT_CONFIG,
    partner: PartnerOption = None,
    since: Annotated[datetime | None, typer.Option(formats=[DAY], help="First day, in UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=[DAY], help="Last day, in UTC.")] = None,
    sign: Annotated[
        bool, typer.Option("--sign", help="Also write FILE.sig, a signature by the practice's key.")
    ] = False,
) -> None:
    """Write the log as JSON Lines, verified on the way, for whoever is responsible for data protection."""
    choice = Choice(since.date() if since else None, until.date() if until else None, partner)
    to_screen = file == Path("-")
    if to_screen and sign:
        raise UsageError("a signature needs a file to lie beside")
    with reading(config) as agent:
        if to_screen:
            with oversight.audit_export(agent, choice) as done:
                for line in done.lines():
                    typer.echo(line)
        else:
            done = oversight.export_audit(agent, choice, file, sign=sign)
    if done.fault:
        raise done.fault
    if not to_screen:
        out.print(f"{done.entries:,} entries written; the whole chain is unbroken")


@app.command("accept-restore")
def accept_restore(
    config: ConfigOption = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Go on with a database that went back to an older copy; first try to put the newest copy back."""
    with reading(config) as agent:
        lost = oversight.restore_to_accept(agent)
        if lost is None:
            out.print("the database holds all that the agent remembers: there is nothing to accept")
            return
        out.print(ACCEPTING.format(kept=lost.kept, lost_through=lost.lost_through))
        if not yes:
            require_yes("Go on with this copy?")
        head = oversight.accept_restore(agent)
    out.print(f"accepted; the audit log goes on with entry {head.sequence:,}")
