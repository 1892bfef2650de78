"""`otv-agent release`: what is held because too much changed at once, and letting it go."""

from collections.abc import Iterable
from typing import Annotated

import typer

from agent import holds
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, reading
from agent.cli.screen import out, require_yes, show, table
from agent.domain.documents import datetime_text
from agent.domain.sudden_change import in_words
from agent.errors import UsageError
from agent.holds import Hold
from agent.operations import Agent
from exchange_formats.envelope import Kind

RELEASING = (
    "Once, and for these numbers or smaller ones: should more have changed by then, it is held again. "
    "Do you know why this happened, and is it meant?"
)


def release(
    config: ConfigOption = DEFAULT_CONFIG,
    partner: Annotated[
        str | None, typer.Argument(help="Whose; without it what is held is listed.", show_default=False)
    ] = None,
    kind: Annotated[
        Kind | None, typer.Option(help="Which kind, where more than one is held for the partner.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """List what is held because too much changed at once, or let it go."""
    with reading(config) as agent:
        found = [one for one in holds.held(agent) if partner in (None, one.partner_id)]
        found = [one for one in found if kind in (None, one.kind)]
        if partner is None:
            _list(agent, found)
        else:
            _release(agent, found, yes=yes)


def _list(agent: Agent, found: Iterable[Hold]) -> None:
    filled = table("partner", "kind", "held since", "what changed", "state")
    for hold in found:
        state = "released, goes next" if hold.released_at else f"waits{_files(agent, hold)}"
        filled.add_row(
            hold.partner_id,
            hold.kind,
            datetime_text(hold.held_at),
            in_words(hold.changes),
            state,
        )
    if not filled.row_count:
        out.print("nothing is held")
        return
    show(filled)
    out.print("`otv-agent release PARTNER --kind KIND` lets it go, once you know that it is meant.")


def _release(agent: Agent, found: list[Hold], *, yes: bool) -> None:
    if not found:
        raise UsageError("nothing like that is held; `otv-agent release` lists what is")
    if len(found) > 1:
        raise UsageError(f"name one with --kind: {', '.join(one.kind for one in found)}")
    hold = found[0]
    out.print(f"{hold.partner_id}: {hold.kind}: {in_words(hold.changes)}{_files(agent, hold)}")
    if not yes:
        out.print(RELEASING)
        require_yes("Let it go?")
    holds.release(agent, hold)
    out.print(
        f"{hold.partner_id}: {hold.kind} released. A running service takes it up within a minute; "
        f"else `otv-agent sync --partner {hold.partner_id}` does."
    )


def _files(agent: Agent, hold: Hold) -> str:
    """How many files that is, where files wait."""
    lane = agent.lanes.get(hold.partner_id)
    if lane is None or hold.kind != Kind.BOOKINGS:
        return ""
    waiting = lane.inbound.counts()["waiting"]
    return f"; {waiting} file{'s' if waiting != 1 else ''} in the inbound folder"
