"""What became of an inbound file, in one word and a few numbers, for logs, screens and the audit."""

from dataclasses import dataclass
from enum import StrEnum


class FileState(StrEnum):
    """What became of a file; together with what waits they are all that ever arrived (promise P3)."""

    IMPORTED = "imported"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class FileResult:
    """One file of a sweep. `reason` is a QuarantineReason or MessageReason word."""

    file_id: str
    state: FileState
    reason: str | None = None
    accepted: int = 0
    declined: int = 0
