"""`otv-agent keys rotate` and `keys handover`: from our own key to the next one."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from agent import key_administration
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, loaded, reading
from agent.cli.screen import out, require_yes
from agent.clock import utc_now
from agent.errors import UsageError

NOTICE_DAYS, OVERLAP_DAYS = 14, 28
"""From the announcement to the new key's first signature, and from there to the old key's last file."""

DAY = "%Y-%m-%d"


def rotate(
    config: ConfigOption = DEFAULT_CONFIG,
    signs_from: Annotated[
        datetime | None,
        typer.Option(formats=[DAY], help=f"First day (UTC) of the new key; in {NOTICE_DAYS} days."),
    ] = None,
    old_opens_until: Annotated[
        datetime | None,
        typer.Option(
            formats=[DAY], help=f"Last day (UTC) on which the old key opens; {OVERLAP_DAYS} days later."
        ),
    ] = None,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Take back a rotation whose new key does not sign yet.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Make our next key and announce it to every partner, signed by the old one."""
    loaded(config)
    if cancel:
        _cancel(config, asked=not yes)
        return
    first = signs_from.date() if signs_from else utc_now().date() + timedelta(days=NOTICE_DAYS)
    last = old_opens_until.date() if old_opens_until else first + timedelta(days=OVERLAP_DAYS)
    if last < first:
        raise UsageError("the old key must go on opening at least until the new one signs")
    if not yes:
        require_yes(f"Sign with a new key from {first} on, and open with the old one until {last}?")
    with reading(config) as agent:
        handover = key_administration.rotate_own_key(agent, first, last)
    out.print(f"new key      {handover.new_fingerprint}")
    out.print(f"signs from   {first}\nold key      {handover.old_fingerprint}\nopens until  {last}")
    out.print(
        "Every partner gets the announcement as a file; call them, too: the fingerprint is to be compared.\n"
        f"After {first} write the new fingerprint into agent.yaml (openpgp.fingerprint); it works without."
    )


def _cancel(config: Path, *, asked: bool) -> None:
    if asked:
        require_yes("Go on with the old key, and never use the new one?")
    with reading(config) as agent:
        cancelled = key_administration.cancel_handover(agent)
    out.print(f"cancelled    {cancelled.handover.new_fingerprint}")
    out.print(f"goes on      {cancelled.handover.old_fingerprint}")
    if cancelled.told:
        out.print(
            f"Call {', '.join(cancelled.told)}: they hold the announcement, and must not use the new key."
        )


def handover(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Print the announcement of our newest key, signed by the old one and by itself, and the key."""
    found = key_administration.current_handover(loaded(config))
    print(found.statement + found.public_key, end="")  # noqa: T201 - armor is data, not a message
