"""Appointments and patients as they are written, and what writing them promises."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from agent.domain.practice import ContactPoint, Patient


@dataclass(frozen=True, slots=True)
class NewPatient:
    given_name: str
    family_name: str
    birth_date: date
    contact_points: Sequence[ContactPoint]


@dataclass(frozen=True, slots=True)
class NewAppointment:
    column_id: int
    patient_id: int
    type_id: int | None
    assignment_id: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class StandingAppointment:
    """An appointment as it stands in the book now; `status` is FHIR R4 AppointmentStatus."""

    appointment_id: int
    column_id: int
    patient_id: int | None
    assignment_id: int | None
    starts_at: datetime
    ends_at: datetime
    status: str


@dataclass(frozen=True, slots=True)
class PartnerAppointment:
    """An appointment that came from a partner, and its state as the partner was last told.

    `told_status` is `booked` or `cancelled`.
    """

    partner_id: str
    booking_id: str
    appointment_id: int
    patient_id: int
    told_status: str
    told_column_id: int
    told_starts_at: datetime
    told_ends_at: datetime


@dataclass(frozen=True, slots=True)
class ChangedAppointment:
    """What the partner was last told of an appointment, and what stands now (None: deleted)."""

    told: PartnerAppointment
    stands: StandingAppointment | None


class AppointmentBook(Protocol):
    """Writing into the practice's tables, always as the OTV user (rule R2)."""

    def candidates(self, partner_id: str, family_name: str, birth_date: date, today: date) -> list[Patient]:
        """Everybody with that birth date, and of those whose birth date is missing or a placeholder
        everybody whose family name counts as the same (reading A7)."""
        ...

    def create_patient(self, patient: NewPatient, author: int, now: datetime) -> int: ...

    def add_appointment(self, appointment: NewAppointment, author: int, now: datetime) -> int:
        """Raises SlotTakenError if the database refuses the overlap; the transaction stays usable."""
        ...

    def appointment(self, appointment_id: int) -> StandingAppointment | None:
        """None if the practice has deleted it."""
        ...

    def move_appointment(
        self,
        appointment_id: int,
        column_id: int,
        starts_at: datetime,
        ends_at: datetime,
        author: int,
        now: datetime,
    ) -> None:
        """Raises SlotTakenError if the database refuses the overlap; then it stands where it stood."""
        ...

    def cancel_appointment(self, appointment_id: int, reason: str, author: int, now: datetime) -> None:
        """It stays in the book, with who cancelled it, when and why (reading A10, s. 630f BGB)."""
        ...

    def has_overlap(
        self,
        patient_id: int,
        starts_at: datetime,
        ends_at: datetime,
        *,
        without_appointment: int | None = None,
    ) -> bool:
        """Whether the patient has an appointment then, in any column, that is not cancelled."""
        ...

    def ensure_consent_page(self, partner_id: str, partner_name: str, author: int, now: datetime) -> bool:
        """The page comes into being with the first booking (rule R13); True if it did now."""
        ...

    def add_note(
        self,
        kind: str,
        partner_id: str,
        patient_id: int,
        other_patient_id: int | None,
        appointment_id: int,
        now: datetime,
    ) -> None:
        """A staff-only note; never exported."""
        ...
