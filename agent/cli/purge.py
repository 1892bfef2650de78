"""`otv-agent purge`: remove what has been kept long enough; the service does so once a day."""

from typing import Annotated

import typer

from agent import retention
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, reading, working
from agent.cli.screen import out
from agent.retention import Purged


def purge(
    config: ConfigOption = DEFAULT_CONFIG,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Remove files and records that are older than `retention` in the settings; nothing failed or open."""
    if dry_run:
        with reading(config) as agent:
            _tell(retention.preview(agent), "would be removed")
        return
    with working(config) as agent:
        _tell(retention.purge(agent), "removed")


def _tell(purged: Purged, what: str) -> None:
    counts = {f"{partner_id}, {folder}": count for (partner_id, folder), count in purged.files.items()}
    counts |= {sort.replace("_", " "): count for sort, count in purged.records.items()}
    for place, count in counts.items():
        if count:
            out.print(f"{place}: {count:,} {what}")
    if not any(counts.values()):
        out.print("nothing is old enough")
