"""`otv-agent trace`: one booking from its file to the appointment book, the receipt and later changes."""

import json
from typing import Annotated

import typer

from agent import tracing
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, reading
from agent.cli.screen import out
from agent.domain.documents import datetime_text


def trace(
    booking: Annotated[str, typer.Argument(help="The partner's booking id.", show_default=False)],
    config: ConfigOption = DEFAULT_CONFIG,
    partner: Annotated[
        str | None, typer.Option("--partner", "-p", help="Where two partners used the same id.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for machines.")] = False,
) -> None:
    """Follow a booking: file, signature, answer, appointment, receipt, changes; times in UTC, no names."""
    with reading(config) as agent:
        found = tracing.trace(agent, booking, partner)
    for partner_id, steps in found.items():
        if not as_json:
            out.print(f"{partner_id}: booking {booking}")
        for step in steps:
            at = datetime_text(step.at)
            details = {name: value for name, value in step.details.items() if value is not None}
            if as_json:
                out.print(json.dumps({"partner": partner_id, "at": at, "what": step.what, **details}))
            else:
                out.print(
                    f"  {at}  {step.what}: {', '.join(f'{key} {value}' for key, value in details.items())}"
                )
