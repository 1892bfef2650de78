"""The audit log as JSON Lines for people outside: each entry as it was verified, at the end the chain's head.

For whoever is responsible for data protection; `agent.oversight` writes the
lines into a file. The whole chain is walked whatever is chosen of it, so an
export that ends well proves the log as a whole. The fields are described in
docs/audit.md and never change their meaning. No patient data is in it, because
none is in the log.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row

from agent.adapters.audit_chain import instant_text
from agent.adapters.audit_verification import Verification
from agent.errors import AuditBrokenError

VERSION = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """Which entries: from the day `since` to the day `until`, both included, days of UTC; of one partner."""

    since: date | None = None
    until: date | None = None
    partner_id: str | None = None

    def takes(self, row: Row[Any], at: str) -> bool:
        if self.partner_id is not None and row.partner_id != self.partner_id:
            return False
        if self.since is not None and at < self.since.isoformat():
            return False
        return self.until is None or at < (self.until + timedelta(days=1)).isoformat()


@dataclass(slots=True)
class AuditExport:
    """One export; once the last line is taken, `fault` says whether the chain was broken."""

    verification: Verification
    choice: Choice
    practice_id: str
    exported_at: str
    fault: AuditBrokenError | None = None
    entries: int = 0

    def lines(self) -> Iterator[str]:
        """What is, then every entry that follows from the one before, then the verdict; no line feeds."""
        yield _line(
            record="audit_export",
            version=VERSION,
            practice_id=self.practice_id,
            exported_at=self.exported_at,
            since=self.choice.since and self.choice.since.isoformat(),
            until=self.choice.until and self.choice.until.isoformat(),
            partner_id=self.choice.partner_id,
        )
        verdict: dict[str, Any] = {"chain_entries": None, "head": None, "lost": []}
        try:
            yield from self._entries()
            report = self.verification.report()
        except AuditBrokenError as error:
            self.fault = error
        else:
            lost = [list(stretch) for stretch in report.lost]
            verdict = {"chain_entries": report.entries, "head": str(report.head), "lost": lost}
        told = str(self.fault) if self.fault else None
        yield _line(record="end", entries=self.entries, verified=told is None, fault=told, **verdict)

    def _entries(self) -> Iterator[str]:
        for row in self.verification.rows():
            at = instant_text(row.at)
            if self.choice.takes(row, at):
                self.entries += 1
                yield _line(
                    record="entry",
                    sequence=row.sequence,
                    at=at,
                    event=row.event,
                    partner_id=row.partner_id,
                    details=json.loads(row.details),
                    mac=row.mac,
                )


def _line(**fields: Any) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
