"""What an export holds, counted while it is written: for the ledgers, logs and screens."""

from collections import Counter
from dataclasses import dataclass, field

from agent.domain.export_measure import AvailabilityMeasure
from exchange_formats.envelope import Kind


@dataclass(slots=True)
class ExportResult:
    """What is on its way: the file, how many records of which sort, whom it discloses for the first time."""

    kind: Kind
    file_name: str = ""
    records: Counter[str] = field(default_factory=Counter)
    size: int = 0
    availability: AvailabilityMeasure | None = None
    """Of an availability file, to compare the next one with."""
    first_disclosures: list[int] = field(default_factory=list)
    removals: list[str] = field(default_factory=list)
