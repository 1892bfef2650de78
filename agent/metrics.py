"""The status as numbers for Prometheus: ids of partners, counts and times, nothing of anybody.

The only module that knows prometheus_client. The names are a promise to
dashboards: they change only with a new major version.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest, write_to_textfile

from agent.domain.freshness import Freshness
from agent.errors import SpoolError
from agent.freshness import Direction
from agent.status import LaneStatus, Status

FOLDERS = ("outbox_waiting", "given_up", "inbound_waiting", "archived", "quarantined")
MOMENTS = {"delivered": "last_delivered_at", "received": "last_received_at", "booked": "last_booking_at"}


def metrics_text(status: Status | None, troubled: Collection[str] = ()) -> str:
    """The exposition format, version 0.0.4; `troubled` are the places where something is wrong now.

    Without a status, because the database is down, the troubles alone.
    """
    return generate_latest(_registry(status, troubled)).decode()


def write_metrics(file: Path, status: Status | None, troubled: Collection[str]) -> None:
    """Replace the file as a whole, as the textfile collector wants it. Raises SpoolError."""
    try:
        write_to_textfile(str(file), _registry(status, troubled))
    except OSError as error:
        raise SpoolError(
            f"cannot write the metrics file {file}: {error.strerror or type(error).__name__}"
        ) from error


def _registry(status: Status | None, troubled: Collection[str]) -> CollectorRegistry:
    registry = CollectorRegistry()
    trouble = _gauge(registry, "trouble", "1 where something is wrong now, by place.", "place")
    for place in troubled:
        trouble.labels(place).set(1)
    if status is not None:
        _whole_agent(registry, status)
        _partners(registry, status.partners)
        _freshness(registry, status.partners)
    return registry


def _gauge(registry: CollectorRegistry, name: str, meaning: str, *labels: str) -> Gauge:
    return Gauge(f"otv_agent_{name}", meaning, labels, registry=registry)


def _whole_agent(registry: CollectorRegistry, status: Status) -> None:
    numbers = {
        "running": ("1 while the service holds its data folder.", int(status.running)),
        "audit_entries": ("Entries of the audit log.", status.audit_entries),
        "open_notes": ("Notes that the reception has not dealt with.", status.open_notes),
        "key_warnings": ("Keys that end soon, have ended or cannot be read.", len(status.keys)),
    }
    for name, (meaning, number) in numbers.items():
        _gauge(registry, name, meaning).set(number)
    if status.audit_check is not None and status.audit_check.problem is None:
        verified = _gauge(
            registry, "audit_verified_timestamp_seconds", "When the whole audit log was last found in order."
        )
        verified.set(_seconds(status.audit_check.at))


def _partners(registry: CollectorRegistry, partners: Mapping[str, LaneStatus]) -> None:
    files = _gauge(registry, "files", "Files by folder.", "partner", "folder")
    moments = _gauge(
        registry, "last_success_timestamp_seconds", "When something last went well.", "partner", "what"
    )
    removals = _gauge(
        registry, "open_removals", "Patients whom the partner has not confirmed to erase.", "partner"
    )
    unconfirmed = _gauge(
        registry, "unconfirmed_deliveries", "Deliveries whose size was not compared.", "partner"
    )
    for partner_id, lane in partners.items():
        for folder in FOLDERS:
            files.labels(partner_id, folder).set(getattr(lane, folder))
        for what, moment in _moments(lane).items():
            moments.labels(partner_id, what).set(moment)
        removals.labels(partner_id).set(lane.open_removals)
        unconfirmed.labels(partner_id).set(lane.unconfirmed)


def _freshness(registry: CollectorRegistry, partners: Mapping[str, LaneStatus]) -> None:
    last_good = _gauge(
        registry,
        "last_good_cycle_timestamp_seconds",
        "When everything last went well.",
        "partner",
        "direction",
    )
    freshness = _gauge(
        registry, "freshness", "0 green, 1 amber, 2 red; see `otv-agent status`.", "partner", "direction"
    )
    for partner_id, lane in partners.items():
        for direction in Direction:
            fresh = lane.outbound if direction is Direction.OUTBOUND else lane.inbound
            freshness.labels(partner_id, direction).set(Freshness(fresh.freshness).level)
            if fresh.last_good_cycle_at is not None:
                last_good.labels(partner_id, direction).set(_seconds(fresh.last_good_cycle_at))


def _moments(lane: LaneStatus) -> dict[str, float]:
    """Only what has happened: a time of 0 would read as 1970."""
    told = {what: getattr(lane, name) for what, name in MOMENTS.items()}
    return {what: _seconds(at) for what, at in told.items() if at is not None}


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
