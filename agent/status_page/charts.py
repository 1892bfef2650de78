"""Thirty days of bookings, refusals and import times, as numbers for the charts and the table beside them."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from agent.domain.day_series import DayCounts, DaySeries

_EPOCH = date(1970, 1, 1).toordinal()
_DAY, _NOON = 86_400, 43_200


def refused(day: DayCounts) -> int:
    """Bookings that were declined, and files that were set aside."""
    return sum(day.declined.values()) + day.set_aside


def chart_data(series: DaySeries | None, names: Mapping[str, str]) -> dict[str, Any]:
    """Days as epoch seconds of their noon in UTC, and per partner one value for each day.

    `names` by partner id.
    """
    if series is None:
        return {"days": [], "partners": []}
    return {
        "days": [(day.toordinal() - _EPOCH) * _DAY + _NOON for day in series.days],
        "partners": [
            {
                "name": names.get(partner_id, partner_id),
                "bookings": [day.accepted for day in days],
                "refusals": [refused(day) for day in days],
                "seconds": [day.latency_median_seconds for day in days],
                "slowest": [day.latency_p95_seconds for day in days],
            }
            for partner_id, days in series.partners.items()
        ],
    }
