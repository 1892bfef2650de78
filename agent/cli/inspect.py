"""`otv-agent check` and `otv-agent status`: is all in order, and what has been going on."""

import dataclasses
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from agent import administration
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, reading
from agent.errors import AgentError, PartlyFailedError
from agent.status import Status, read_status

out = Console(highlight=False, soft_wrap=True)


def check(
    config: ConfigOption = DEFAULT_CONFIG,
    connect: Annotated[bool, typer.Option(help="Also log in at the partners' servers.")] = True,
) -> None:
    """Look at database, practice user, licence, keys, servers and audit log, and say what to do."""
    failed: list[AgentError] = []
    with reading(config) as agent:
        for finding in administration.findings(agent, connect=connect):
            if finding.error is None:
                out.print(f"fine    {finding.what}", markup=False)
                continue
            failed.append(finding.error)
            out.print(f"failed  {finding.what}: {finding.error}. {finding.error.remedy}", markup=False)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise PartlyFailedError(f"{len(failed)} checks failed")


def status(
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """What waits, what went out and came in, when; ids and counts only."""
    with reading(config) as agent:
        found = read_status(agent)
    if as_json:
        out.print(json.dumps(dataclasses.asdict(found), indent=2), markup=False)
    else:
        _show(found)


def _show(found: Status) -> None:
    out.print(f"practice   {found.practice_id}")
    out.print(f"agent      {'running' if found.running else 'not running'}")
    out.print(f"licence    {found.licence}")
    out.print(f"audit      {found.audit_entries:,} entries")
    table = Table("partner", "outbox", "inbound", "quarantine", "last sent", "last received", "last booking")
    for partner_id, lane in found.partners.items():
        table.add_row(
            partner_id,
            str(lane.outbox_waiting),
            str(lane.inbound_waiting),
            str(lane.quarantined),
            lane.last_delivered_at or "never",
            lane.last_received_at or "never",
            lane.last_booking_at or "never",
        )
    out.print(table)
