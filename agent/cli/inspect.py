"""`otv-agent status` and `otv-agent metrics`: what waits, and what has been going on."""

import dataclasses
import json
from datetime import datetime
from typing import Annotated

import typer

from agent.cli.context import DEFAULT_CONFIG, ConfigOption, reading
from agent.cli.screen import out, show, table
from agent.clock import utc_now
from agent.errors import GivenUpError
from agent.status import AuditCheckStatus, Status, read_status

SECONDS_PER_MINUTE, SECONDS_PER_HOUR, SECONDS_PER_DAY = 60, 3600, 86_400


def status(
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="For machines, with exact times in UTC.")] = False,
) -> None:
    """What waits, what went and came, when; ids and counts only. Exit code 3 if files were given up."""
    with reading(config) as agent:
        found = read_status(agent)
    if as_json:
        out.print(json.dumps(dataclasses.asdict(found), indent=2))
    else:
        _show(found, utc_now())
    if any(lane.given_up for lane in found.partners.values()):
        raise typer.Exit(GivenUpError.exit_code)


def metrics(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Print the status as numbers for Prometheus; `watch.metrics_file` has the service write them."""
    # Imported here: no other command needs the library.
    from agent.metrics import metrics_text  # noqa: PLC0415

    with reading(config) as agent:
        print(metrics_text(read_status(agent)), end="")  # noqa: T201 - a file, not a message


def _show(found: Status, now: datetime) -> None:
    out.print(f"practice  {found.practice_id}")
    out.print(f"agent     {'running' if found.running else 'not running'}")
    out.print(f"licence   {found.licence}")
    out.print(f"audit     {found.audit_entries:,} entries{_audit_check(found.audit_check, now)}\n")
    filled = table(
        "partner", "outbox", "inbound", "quarantine", "last\ndelivery", "last\nmessage", "last\nbooking"
    )
    for partner_id, lane in found.partners.items():
        filled.add_row(
            partner_id,
            f"{lane.outbox_waiting:,}",
            f"{lane.inbound_waiting:,}",
            f"{lane.quarantined:,}",
            _ago(lane.last_delivered_at, now),
            _ago(lane.last_received_at, now),
            _ago(lane.last_booking_at, now),
        )
    show(filled)
    _show_freshness(found, now)
    for partner_id, lane in found.partners.items():
        if lane.revoked_at:
            out.print(f"{partner_id}: revoked, nothing but removals goes to it")
        if lane.given_up:
            files = _counted(lane.given_up, "file")
            out.print(f"{partner_id}: {files} given up after days, see `otv-agent deliver --failed`")
        if lane.unconfirmed:
            times = _counted(lane.unconfirmed, "file")
            out.print(f"{partner_id}: {times} delivered, unconfirmed: taken by its server at once")
        for hold in lane.held:
            since = f"held for {_ago(hold.held_at, now).removesuffix(' ago')}"
            todo = "released, goes next" if hold.released else "see `otv-agent release`"
            out.print(f"{partner_id}: {hold.kind} {since}: {hold.what}; {todo}")
        if lane.open_removals:
            out.print(f"{partner_id}: {_counted(lane.open_removals, 'removal')} not acknowledged yet")
    for sentence in found.keys:
        out.print(f"keys: {sentence}")
    if found.open_notes:
        out.print(f"reception: {_counted(found.open_notes, 'open note')}, see `otv-agent duplicates list`")


def _show_freshness(found: Status, now: datetime) -> None:
    filled = table("partner", "direction", "is", "last\ngood cycle", "why")
    for partner_id, lane in found.partners.items():
        for direction, fresh in (("outbound", lane.outbound), ("inbound", lane.inbound)):
            last_good = _ago(fresh.last_good_cycle_at, now)
            filled.add_row(partner_id, direction, fresh.freshness, last_good, fresh.why)
    out.print()
    show(filled)


def _audit_check(check: AuditCheckStatus | None, now: datetime) -> str:
    if check is None:
        return ""
    if check.problem is None:
        return f", verified {_ago(check.at, now)}"
    return f"\n          NOT in order, found {_ago(check.at, now)}: {check.problem}"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _ago(moment: str | None, now: datetime) -> str:
    """How long ago, in the largest unit that fits: what matters is whether it is long."""
    if moment is None:
        return "never"
    seconds = max(0, int((now - datetime.fromisoformat(moment)).total_seconds()))
    for unit, size in (("d", SECONDS_PER_DAY), ("h", SECONDS_PER_HOUR), ("min", SECONDS_PER_MINUTE)):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
