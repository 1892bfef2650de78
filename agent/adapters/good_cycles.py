"""Remembers when each step last went well, in a small file of the data folder that commands read too.

Not in the practice's database: that it cannot be reached is one of the things
that show here. The service and `sync` note what they did; the file is written
once a minute at most and when they end. Losing it does no harm, a missing or
damaged file means "not known yet".
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from agent.adapters.light_file import replace_lightly
from agent.domain.freshness import CLOCK_TOLERANCE

FILE_NAME = "good-cycles.json"
WRITE_EVERY_SECONDS = 60.0
TOLERANCE = timedelta(seconds=CLOCK_TOLERANCE)


class Step(StrEnum):
    """What can go well for one partner."""

    EXPORTED = "exported"
    """Its free times were put into the outbox."""
    DELIVERED = "delivered"
    """Its server has all that waited: its moment is that of the free times it holds now."""
    FETCHED = "fetched"
    """Its server was asked for files, and all of them came."""
    SWEPT = "swept"
    """Its inbound folder was worked off."""


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """The last verification of the whole audit log; `problem` is a sentence, None if all entries held."""

    at: datetime
    entries: int | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class GoodCycles:
    """What is remembered: the last good moment of each partner's steps, and the last audit check."""

    steps: Mapping[tuple[str, Step], datetime] = field(default_factory=dict)
    audit: AuditCheck | None = None
    running_since: datetime | None = None
    """When the service last started; whether it still runs, its lock knows."""


class CycleMemory:
    """One file, noted by several threads of one process; readers read `read_good_cycles`."""

    def __init__(self, file: Path, steady: Callable[[], float] = time.monotonic) -> None:
        self._file, self._steady = file, steady
        self._lock = threading.Lock()
        self._known: GoodCycles | None = None
        self._written_at: float | None = None
        self._changed = False

    def known(self) -> GoodCycles:
        """What is remembered at this moment, newer than the file."""
        with self._lock:
            return self._current()

    def good(self, partner_id: str, step: Step, at: datetime) -> None:
        """It went well; what lies ahead of `at` was noted by a clock that was wrong, and is forgotten."""
        with self._lock:
            known = _without_future(self._current(), at)
            self._keep(replace(known, steps={**known.steps, (partner_id, step): at}))

    def audited(self, check: AuditCheck) -> None:
        with self._lock:
            self._keep(replace(self._current(), audit=check))

    def started(self, at: datetime) -> None:
        """The service began: to be told by commands too."""
        with self._lock:
            self._keep(replace(_without_future(self._current(), at), running_since=at))

    def flush(self) -> None:
        """Write what the file does not hold yet."""
        with self._lock:
            if self._changed and self._known is not None:
                self._written_at = self._steady()
                self._changed = not replace_lightly(self._file, _encoded(self._known))

    def _current(self) -> GoodCycles:
        if self._known is None:
            self._known = read_good_cycles(self._file)
        return self._known

    def _keep(self, known: GoodCycles) -> None:
        self._known, self._changed = known, True
        due = self._written_at is None or self._steady() - self._written_at >= WRITE_EVERY_SECONDS
        if due:
            self._written_at = self._steady()
            self._changed = not replace_lightly(self._file, _encoded(known))


def read_good_cycles(file: Path) -> GoodCycles:
    """Nothing at all where the file is missing, unreadable or not as the agent writes it."""
    try:
        return _decoded(json.loads(file.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return GoodCycles()


def _without_future(known: GoodCycles, now: datetime) -> GoodCycles:
    past = {key: at for key, at in known.steps.items() if at <= now + TOLERANCE}
    audit = known.audit if known.audit is None or known.audit.at <= now + TOLERANCE else None
    return replace(known, steps=past, audit=audit)


def _encoded(known: GoodCycles) -> bytes:
    partners: dict[str, dict[str, str]] = {}
    for (partner_id, step), at in sorted(known.steps.items()):
        partners.setdefault(partner_id, {})[step.value] = at.isoformat()
    audit = known.audit and {
        "at": known.audit.at.isoformat(), "entries": known.audit.entries, "problem": known.audit.problem,
    }  # fmt: skip
    since = known.running_since and known.running_since.isoformat()
    content = {"running_since": since, "audit": audit, "partners": partners}
    return json.dumps(content, indent=2).encode() + b"\n"


def _decoded(content: Any) -> GoodCycles:
    steps = {
        (str(partner_id), Step(name)): _moment(at)
        for partner_id, noted in content["partners"].items()
        for name, at in noted.items()
    }
    told, since = content["audit"], content["running_since"]
    audit = None if told is None else _check(told)
    return GoodCycles(steps, audit, None if since is None else _moment(since))


def _check(told: Any) -> AuditCheck:
    entries, problem = told["entries"], told["problem"]
    return AuditCheck(
        _moment(told["at"]),
        None if entries is None else int(entries),
        None if problem is None else str(problem),
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a naive datetime is no moment in time")
    return moment
