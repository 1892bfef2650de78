"""`otv-agent what-left`: which files went to whom, what they held in numbers, and the fields of each kind."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from agent import tracing
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, PartnerOption, reading
from agent.cli.screen import out, show, table
from agent.domain.documents import datetime_text
from agent.tracing import SentFile


def what_left(
    config: ConfigOption = DEFAULT_CONFIG,
    partner: PartnerOption = None,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="From this day on (UTC), as 2027-01-31.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for machines.")] = False,
) -> None:
    """List every file that was delivered, with counts, and the fields of its kind; never a name."""
    with reading(config) as agent:
        files = tracing.what_left(agent, partner, since.replace(tzinfo=UTC) if since else None)
    if as_json:
        for file in files:
            out.print(json.dumps(asdict(file) | {"delivered_at": datetime_text(file.delivered_at)}))
        return
    _show_files(files)
    for kind in dict.fromkeys(file.kind for file in files):
        out.print(f"\n{kind} holds")
        for record, fields in tracing.fields_of(kind).items():
            out.print(f"  {record}: {', '.join(fields)}")


def _show_files(files: Iterable[SentFile]) -> None:
    filled = table("delivered", "partner", "kind", "number", "records", "patients", "")
    for file in files:
        filled.add_row(
            datetime_text(file.delivered_at),
            file.partner_id,
            file.kind.value,
            str(file.sequence),
            _count(file.records),
            _count(file.patients),
            "" if file.confirmed else "unconfirmed",
        )
    if filled.row_count:
        show(filled)
    else:
        out.print("nothing has left")


def _count(number: int | None) -> str:
    return "purged" if number is None else f"{number:,}"
