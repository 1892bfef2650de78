"""`otv-agent duplicates`: the notes that bookings left for the staff, listed and marked as dealt with."""

from datetime import datetime
from typing import Annotated

import typer

from agent import reception
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, reading
from agent.cli.screen import out, show, table

app = typer.Typer(
    no_args_is_help=True,
    help="Records that may be the same person, and patients with two appointments at a time.",
)

_IN_WORDS = {
    "denied": "same names and birth date; objected to this partner",
    "inactive": "same names and birth date; the record is inactive",
    "without_birth_date": "same names; the record has no birth date",
    "ambiguous": "same names and birth date as several records",
    "similar_name": "same birth date, similar names",
    "patient_overlap": "the patient has another appointment at that time",
}


@app.command("list")
def list_notes(
    config: ConfigOption = DEFAULT_CONFIG,
    everything: Annotated[bool, typer.Option("--all", help="Also what is resolved.")] = False,
) -> None:
    """Show the open notes: which records to compare, and the appointment they came with."""
    with reading(config) as agent:
        found = reception.notes(agent, resolved_too=everything)
    if not found:
        out.print("no notes" if everything else "no open notes")
        return
    resolved = ["resolved"] if everything else []
    filled = table(
        "note", "what", "record", "compare\nwith", "partner", "appointment", "column", "noted", *resolved
    )
    for note in found:
        filled.add_row(
            str(note.note_id),
            _IN_WORDS.get(note.kind, note.kind),
            str(note.patient_id),
            str(note.other_patient_id or "-"),
            note.partner_name or note.partner_id,
            _shown(note.starts_at),
            note.column_name or "-",
            _shown(note.created_at),
            *([_shown(note.resolved_at)] if everything else []),
        )
    show(filled)


@app.command()
def resolve(
    note: Annotated[int, typer.Argument(help="The number of the note, as `list` shows it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Mark a note as dealt with: the records were merged in the practice's software, or are two people."""
    with reading(config) as agent:
        before = reception.resolve(agent, note)
    if before is None:
        out.print(f"note {note} is resolved")
    else:
        out.print(f"note {note} was resolved already, on {before.date()}")


def _shown(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "-"
