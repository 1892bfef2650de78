"""Purge: what is no longer needed leaves folders and tables, and the audit log says how much.

Order of effects, and what a crash in each gap means:

1. files into a run's folder         counted by the next purge
2. audit entry with their number     the next purge finds the entry and does not count them again
3. the run's folder removed          as before
4. ONE transaction for each batch of rows: deletes, mark, audit entry
                                     rolled back as a whole

When a file was done with, the audit log knows; a file's own times say nothing
and are never asked. What failed, is unconfirmed or still open stays: see
docs/audit.md. Storing no longer than needed is GDPR Art. 5(1)(e).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from agent.adapters.audit_log import SqlAuditLog, has_entry
from agent.adapters.finished_files import count, names_before, partner_roots, remove, runs, set_aside
from agent.adapters.retention_ledger import (
    Cutoffs,
    count_due,
    newest_entry_at,
    purge_batch,
    settled_files,
)
from agent.errors import QuarantineReason
from agent.flows.file_result import FileState
from agent.operations import Agent
from agent.ports import Delivery

FILES_PURGED, RECORDS_PURGED = "files purged", "records purged"
PLAUSIBLE_STEP = timedelta(hours=26)
"""Between the newest audit entry and a purge by the clock: a day's job, and a little late."""

SENT, ARCHIVE, QUARANTINE = "sent", "archive", "quarantine"
_EVENTS = {
    SENT: (f"delivered {Delivery.CONFIRMED}",),
    ARCHIVE: (f"file {FileState.IMPORTED}", f"file {FileState.DUPLICATE}"),
    QUARANTINE: (f"file {FileState.QUARANTINED}",),
}
"""By which entry a file in this folder is known to be done with."""


@dataclass(slots=True)
class Purged:
    """How many files, by partner and folder, and how many records, by sort."""

    files: Counter[tuple[str, str]] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)


def preview(agent: Agent) -> Purged:
    """What a purge would remove now; nothing is changed."""
    now = agent.practice.clock()
    due = Purged()
    for folder, partner_id in _folders(agent):
        due.files[partner_id, folder.name] += len(_due_files(agent, folder, partner_id, now))
    with agent.connector.reading() as connection:
        due.records.update(count_due(connection, _cutoffs(agent, now)))
    return due


def purge(agent: Agent) -> Purged:
    """Remove what is due. Repeatable; the caller holds the data folder. Raises DatabaseError, SpoolError."""
    now = agent.practice.clock()
    purged = Purged()
    for root, partner_id in _roots(agent):
        for run in runs(root):
            _finish(agent, run, partner_id, purged)
    for folder, partner_id in _folders(agent):
        purged.files += purge_files(
            agent, folder, partner_id, _due_files(agent, folder, partner_id, now)
        ).files
    while batch := _purge_batch(agent, now):
        purged.records.update(batch)
    return purged


def purge_files(agent: Agent, folder: Path, partner_id: str, names: set[str]) -> Purged:
    """Remove just these files of a folder, counted in the audit log. Raises DatabaseError, SpoolError."""
    purged = Purged()
    run = set_aside(folder, names, agent.practice.clock())
    if run is not None:
        _finish(agent, run, partner_id, purged)
    return purged


def clock_is_plausible(agent: Agent) -> bool:
    """For a purge that nobody watches: a clock that has leapt ahead must not empty the archive.

    False after a long standstill too: the work of the next hours writes entries, and a day later all is well.
    """
    with agent.connector.reading() as connection:
        newest = newest_entry_at(connection)
    return newest is None or agent.practice.clock() <= newest + PLAUSIBLE_STEP


def _roots(agent: Agent) -> Iterator[tuple[Path, str]]:
    """Also of partners that are not configured any more."""
    for queue in ("outbox", "inbound"):
        for root in partner_roots(agent.config.settings.data_folder / queue):
            yield root, root.name


def _folders(agent: Agent) -> Iterator[tuple[Path, str]]:
    for root, partner_id in _roots(agent):
        names = (SENT,) if root.parent.name == "outbox" else (ARCHIVE, QUARANTINE)
        for name in names:
            yield root / name, partner_id


def _due_files(agent: Agent, folder: Path, partner_id: str, now: datetime) -> set[str]:
    """Files that are done with for long enough, by the audit log; one that it does not know stays."""
    days = getattr(agent.config.settings.retention, f"{folder.name}_days")
    before = now - timedelta(days=days)
    old = names_before(folder, before)
    if not old:
        return set()
    with agent.connector.reading() as connection:
        settled = {
            str(details.get("file") or details.get("file_id"))
            for details in settled_files(connection, partner_id, _EVENTS[folder.name], before)
            # A crash loop is a defect of ours: somebody is to look at the file.
            if details.get("reason") != QuarantineReason.CRASH_LOOP
        }
    return {name for name in old if name in settled or name.split(".")[0] in settled}


def _finish(agent: Agent, run: Path, partner_id: str, purged: Purged) -> None:
    """Write down once how many files the run holds, then remove them."""
    files = count(run)
    where = run.suffix.removeprefix(".")
    with agent.connector.writing() as connection:
        if not has_entry(connection, FILES_PURGED, run=run.name):
            SqlAuditLog(connection, agent.audit_key, agent.audit_memory).append(
                FILES_PURGED, agent.practice.clock(), partner_id, run=run.name, folder=where, files=files
            )
            purged.files[partner_id, where] += files
    remove(run)


def _purge_batch(agent: Agent, now: datetime) -> dict[str, int]:
    with agent.connector.writing() as connection:
        batch = purge_batch(connection, _cutoffs(agent, now), now)
        if batch:
            SqlAuditLog(connection, agent.audit_key, agent.audit_memory).append(
                RECORDS_PURGED, agent.practice.clock(), None, **batch
            )
    return batch


def _cutoffs(agent: Agent, now: datetime) -> Cutoffs:
    kept, today = agent.config.settings.retention, now.replace(microsecond=0)
    return Cutoffs(
        answers=today - timedelta(days=kept.answers_days),
        bookings=today - timedelta(days=kept.bookings_days),
        file_records=today - timedelta(days=kept.file_records_days),
        disclosures=today - timedelta(days=kept.disclosures_days),
        notes=today - timedelta(days=kept.notes_days),
    )
