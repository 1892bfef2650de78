"""A rehearsal for one partner, into a folder on this machine: what would leave, when, and how it differs.

For `otv-agent rehearse`. Real data, the real schedule, the real guard;
nothing leaves and no state moves, in the folders or in the database. Unless
documents are asked for, it is numbers and names of fields alone.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agent.adapters.durable_files import spool_error
from agent.adapters.private_folder import create_private_file, private_folder
from agent.config.model import ScheduleSettings
from agent.domain.documents import datetime_text
from agent.domain.sudden_change import in_words
from agent.errors import LicenceInvalidError
from agent.flows.hold import held_error
from agent.flows.rehearse import Keep, Rehearsal, let_pass
from agent.operations import Agent
from agent.tracing import fields_of
from exchange_formats.envelope import Kind

REPORT = "rehearsal.json"


@dataclass(frozen=True, slots=True)
class RehearsedKind:
    """One kind with its place in the schedule; `due_at` is None where it goes as soon as the service runs."""

    rehearsal: Rehearsal
    every: timedelta
    due_at: datetime | None
    document: Path | None

    @property
    def kind(self) -> Kind:
        return self.rehearsal.result.kind

    def plain(self) -> dict[str, Any]:
        """As the report tells it."""
        found = self.rehearsal
        return {
            "kind": self.kind.value,
            "records": dict(found.result.records),
            "fields": {record: list(names) for record, names in fields_of(self.kind).items()},
            "every_seconds": int(self.every.total_seconds()),
            "due_at": datetime_text(self.due_at) if self.due_at else None,
            "compared_with": datetime_text(found.before.recorded_at) if found.before else None,
            "difference": difference(found),
            "held": held_because(found),
            "document": self.document.name if self.document else None,
        }


@dataclass(frozen=True, slots=True)
class PartnerRehearsal:
    """Everything for one partner at one moment; `why_not` is why nothing would leave at all."""

    partner_id: str
    at: datetime
    why_not: str | None
    kinds: tuple[RehearsedKind, ...]
    waiting: tuple[str, ...]
    """Names of files that lie in the outbox already, sealed, and go with the next visit."""

    def plain(self) -> dict[str, Any]:
        return {
            "partner_id": self.partner_id,
            "made_at": datetime_text(self.at),
            "nothing_would_leave_because": self.why_not,
            "waiting_in_the_outbox": list(self.waiting),
            "kinds": [one.plain() for one in self.kinds],
        }


def rehearse_partner(agent: Agent, partner_id: str, into: Path, *, write_documents: bool) -> PartnerRehearsal:
    """Make everything, and the report in `into`; with the documents if they are asked for.

    What was written is removed again if something fails. Raises UsageError for a folder that others could
    read or that is not new or empty, DatabaseError, SpoolError.
    """
    lane, settings = agent.lane(partner_id), agent.config.settings
    folder = private_folder(into, settings.data_folder, agent.config.partner(partner_id).inbound_folder)
    with _all_or_nothing() as written:
        keep = _writer(folder, written) if write_documents else let_pass
        kinds = [*agent.kinds(partner_id), *([Kind.APPOINTMENT_UPDATES] if lane.gets_updates else [])]
        found = PartnerRehearsal(
            partner_id,
            agent.practice.clock(),
            _why_not(agent, partner_id),
            tuple(_rehearsed(agent, partner_id, kind, keep, written) for kind in kinds),
            tuple(file.name for file in lane.outbox.waiting()),
        )
        report = json.dumps(found.plain(), indent=2) + "\n"
        _write(folder / REPORT, [report.encode()], written)
    return found


def difference(found: Rehearsal) -> dict[str, Any]:
    """What differs from the last file, as far as anything is known of it: counts, no content."""
    before, records = found.before, found.result.records
    if found.result.kind is Kind.APPOINTMENT_UPDATES:
        return {"changed": records["appointment_update"]}
    if before is None:
        return {"first_file": True}
    if found.result.kind is Kind.PATIENTS:
        new = len(found.result.first_disclosures)
        return {"added": new, "kept": records["patient"] - new, "removed": records["removal"]}
    if found.result.availability is not None:
        return {"slots": [asdict(one) for one in found.slots]}
    return _by_sort(before.measure, records)


def held_because(found: Rehearsal) -> str | None:
    """Why the guard would hold the file, or what of it; None if it would go."""
    if not found.held:
        return None
    if found.hold is not None and found.hold.changes == found.too_much:
        return str(held_error(found.hold))
    return in_words(found.too_much)


def _by_sort(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, Any]:
    sorts = sorted({*before, *now})
    return {
        sort: {"before": before.get(sort, 0), "now": now.get(sort, 0)}
        for sort in sorts
        if before.get(sort, 0) != now.get(sort, 0)
    }


def _rehearsed(agent: Agent, partner_id: str, kind: Kind, keep: Keep, written: list[Path]) -> RehearsedKind:
    known = len(written)
    rehearsal = agent.rehearse(partner_id, kind, keep)
    every = _every(agent.config.settings.schedule, kind)
    due_at = rehearsal.before.recorded_at + every if rehearsal.before else None
    late = due_at is None or due_at <= agent.practice.clock()
    return RehearsedKind(rehearsal, every, None if late else due_at, next(iter(written[known:]), None))


def _every(schedule: ScheduleSettings, kind: Kind) -> timedelta:
    match kind:
        case Kind.AVAILABILITY:
            return timedelta(minutes=schedule.availability_every_minutes)
        case Kind.REFERENCE_DATA:
            return timedelta(minutes=schedule.reference_data_every_minutes)
        case Kind.PATIENTS:
            return timedelta(minutes=schedule.patients_every_minutes)
        case _:
            return timedelta(seconds=schedule.updates_every_seconds)


def _why_not(agent: Agent, partner_id: str) -> str | None:
    try:
        agent.licence.require(partner_id)
    except LicenceInvalidError as error:
        return str(error)
    return None


# --- the files ---------------------------------------------------------------------------------


def _writer(folder: Path, written: list[Path]) -> Keep:
    def keep(kind: Kind, lines: Iterable[bytes]) -> None:
        _write(folder / f"{kind.value}.ndjson", lines, written)

    return keep


def _write(file: Path, lines: Iterable[bytes], written: list[Path]) -> None:
    descriptor = create_private_file(file)
    written.append(file)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.writelines(lines)
    except OSError as error:
        raise spool_error("write", file.parent, error) from error


@contextmanager
def _all_or_nothing() -> Iterator[list[Path]]:
    """The files written in the block; gone again if it fails."""
    written: list[Path] = []
    try:
        yield written
    except BaseException:
        for file in written:
            with suppress(OSError):
                file.unlink()
        raise
