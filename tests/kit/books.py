"""The books of an inbound folder: what the audit tells of its files, and where they stand (promise P3)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from agent.adapters.audit_log import AuditEntry
from agent.flows.file_result import FileState
from agent.retention import FILES_PURGED, SENT

ARCHIVED = {f"file {FileState.IMPORTED}", f"file {FileState.DUPLICATE}"}
SET_ASIDE = {f"file {FileState.REFUSED}", f"file {FileState.QUARANTINED}"}


def disagreements(audit: Sequence[AuditEntry], partner_id: str, inbound: Path) -> Iterator[str]:
    """What is filed without a word in the audit, or told there and filed nowhere."""
    events: dict[str, set[str]] = defaultdict(set)
    for entry in audit:
        if entry.partner_id == partner_id and "file_id" in entry.details:
            events[entry.event].add(str(entry.details["file_id"]))
    archived, set_aside = file_ids(inbound / "archive"), file_ids(inbound / "quarantine")
    # A file that crashed after its import is a duplicate of itself: audited twice.
    told_archived, told_set_aside = _all(events, ARCHIVED), _all(events, SET_ASIDE)
    under_way = file_ids(inbound / "claimed") | file_ids(inbound / "released")
    yield from _named("archived without a word", archived - told_archived)
    yield from _named("set aside without a word", set_aside - told_set_aside - under_way)
    gone = (told_archived | told_set_aside) - archived - set_aside - under_way
    if len(gone) != purged(audit, partner_id):
        yield from _named("told and not filed", gone)


def purged(audit: Iterable[AuditEntry], partner_id: str) -> int:
    """Inbound files that were kept long enough, by the audit log alone."""
    return sum(
        int(str(entry.details["files"]))
        for entry in audit
        if entry.event == FILES_PURGED and entry.partner_id == partner_id and entry.details["folder"] != SENT
    )


def file_ids(folder: Path) -> set[str]:
    return {path.name.split(".")[0] for path in folder.iterdir() if not path.name.endswith(".reason.json")}


def _named(fault: str, files: set[str]) -> Iterator[str]:
    yield from (f"{fault}: {file_id}" for file_id in sorted(files))


def _all(events: dict[str, set[str]], names: Iterable[str]) -> set[str]:
    return set().union(*(events[name] for name in names))
