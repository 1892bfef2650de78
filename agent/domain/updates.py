"""What a partner is to be told of an appointment that came from it, and what not (reading A11).

The update story asks here for every appointment that does not stand as the
partner was last told. Told is when and where the patient is to come, or that
it is off; nothing of how the visit went (rule R11), and never why.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from agent.domain import documents
from exchange_formats.appointment_updates import AppointmentUpdateRecord

NEWS_FOR = timedelta(days=7)
"""How long after its end a change still matters: older rows go by retention, which is no cancellation."""


@dataclass(frozen=True, slots=True)
class AppointmentState:
    """An appointment without its patient; `status` is FHIR R4 AppointmentStatus."""

    status: str
    column_id: int
    starts_at: datetime
    ends_at: datetime


def news(told: AppointmentState, stands: AppointmentState | None) -> AppointmentState | None:
    """The state to tell a partner that knows the state `told`; None if there is nothing to tell.

    `stands` is None for a deleted appointment. What is told is `booked` or `cancelled`.
    """
    if stands is None or stands.status == "cancelled":
        if told.status == "cancelled":
            return None
        return replace(stands or told, status="cancelled")
    # Arrived, fulfilled, not shown up: a visit that is made longer or moved to another chair is no news.
    if stands.status != "booked" or stands == told:
        return None
    return stands


def update_record(booking_id: str, state: AppointmentState) -> AppointmentUpdateRecord:
    """The line that tells this state."""
    status: Literal["booked", "cancelled"] = "cancelled" if state.status == "cancelled" else "booked"
    return AppointmentUpdateRecord(
        booking_id=booking_id,
        appointment_status=status,
        column_id=str(state.column_id),
        starts_at=documents.datetime_text(state.starts_at),
        ends_at=documents.datetime_text(state.ends_at),
    )
