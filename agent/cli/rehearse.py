"""`otv-agent rehearse`: what would leave for one partner now, into a folder on this machine."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.context import DEFAULT_CONFIG, ConfigOption, built, loaded
from agent.cli.screen import err, out
from agent.partner_check import with_partner_enabled
from agent.rehearsal import (
    REPORT,
    PartnerRehearsal,
    RehearsedKind,
    difference,
    held_because,
    rehearse_partner,
)
from exchange_formats.envelope import Kind

MOST_DAYS = 20
"""Of the differences that are printed; all stand in the report."""


def rehearse(
    partner: Annotated[str, typer.Argument(help="The partner's id; it need not be enabled yet.")],
    into: Annotated[Path, typer.Option(help="A new or empty folder, outside the data folder.")],
    config: ConfigOption = DEFAULT_CONFIG,
    write_documents: Annotated[
        bool,
        typer.Option(
            "--write-documents", help="Also write what would leave, readable: patients' data in the clear."
        ),
    ] = False,
) -> None:
    """Say what would leave now, when, and how it differs from the last file; nothing leaves.

    No state moves: no number is taken, nothing is recorded, held or let go.
    """
    settings = with_partner_enabled(loaded(config), partner)
    with built(settings) as agent:
        found = rehearse_partner(agent, partner, into, write_documents=write_documents)
    _show(found)
    out.print(f"\nthe whole report: {into / REPORT}")
    if write_documents:
        err.print(f"{into} holds what would leave in the clear, patients too: delete it once you have looked")


def _show(found: PartnerRehearsal) -> None:
    if found.why_not:
        out.print(f"nothing would leave: {found.why_not}\n")
    if found.waiting:
        out.print(f"waits in the outbox already: {len(found.waiting)} sealed file(s)\n")
    for one in found.kinds:
        records = one.rehearsal.result.records
        counts = ", ".join(f"{count:,} {name}" for name, count in sorted(records.items()) if count)
        out.print(f"{one.kind}: {counts or 'nothing'}")
        out.print(f"  goes     {_due(one.due_at)}, then every {_length(one.every)}")
        reason = held_because(one.rehearsal)
        out.print(f"  guard    {f'would hold it: {reason}' if reason else 'would let it go'}")
        for line in _difference(one):
            out.print(f"  differs  {line}")


def _difference(one: RehearsedKind) -> list[str]:
    """Against the last file, of which numbers are all that is kept."""
    found = one.rehearsal
    if one.kind is Kind.APPOINTMENT_UPDATES:
        changed = found.result.records["appointment_update"]
        return ["each is an appointment that the partner was told otherwise"] if changed else []
    if found.before is None:
        return ["nothing to compare with: the first file of its kind"]
    since = f"{found.before.recorded_at:%Y-%m-%d %H:%M} UTC"
    if one.kind is Kind.PATIENTS:
        new, removals = len(found.result.first_disclosures), found.result.records["removal"]
        kept = found.result.records["patient"] - new
        return [
            f"{new:,} new to the partner, {kept:,} known to it, {removals:,} to be removed",
            f"what changed in the known ones since {since} is not known: that file is sealed for the partner",
        ]
    if one.kind is Kind.AVAILABILITY:
        return _slot_lines(one, since)
    sorts = difference(found).items()
    lines = [f"{name}: {entry['before']:,} before, {entry['now']:,} now" for name, entry in sorts]
    return lines or [f"as many records of each sort as {since}; their content is not compared"]


def _slot_lines(one: RehearsedKind, since: str) -> list[str]:
    slots = one.rehearsal.slots
    if not slots:
        return [f"as many free slots on each day as {since}"]
    more = sum(max(0, slot.now - slot.before) for slot in slots)
    fewer = sum(max(0, slot.before - slot.now) for slot in slots)
    lines = [f"{more:,} free slots more and {fewer:,} fewer than {since}, on {len(slots)} days and columns"]
    for slot in slots[:MOST_DAYS]:
        column = f", column {slot.column_id}" if slot.column_id else ""
        lines.append(f"{slot.day}{column}: {slot.before} before, {slot.now} now")
    return lines


def _due(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "as soon as the service runs"


def _length(every: timedelta) -> str:
    seconds = int(every.total_seconds())
    return f"{seconds} s" if seconds % 60 else f"{seconds // 60} min"
