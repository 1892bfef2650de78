"""What came from the partners day by day: bookings, refusals and how long an import took.

Counts only; filled from the agent's own tables for the status page's chart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class DayCounts:
    """One local day of one partner.

    `declined` counts by `BookingReason`, whatever was wished for. Latency is
    the time from a file's arrival in the inbound folder to its import, in
    seconds; None for a day without files whose arrival is known.
    """

    accepted: int = 0
    cancelled: int = 0
    rescheduled: int = 0
    declined: Mapping[str, int] = field(default_factory=dict)
    set_aside: int = 0
    latency_median_seconds: float | None = None
    latency_p95_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class DaySeries:
    """Consecutive local days, today last; per partner id one entry for each of them."""

    days: tuple[date, ...]
    partners: Mapping[str, tuple[DayCounts, ...]]
