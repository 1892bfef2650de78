"""The practice as the rules see it: plain values read from the appointment book.

Nothing here knows a clock, a file, a log or a database. Identifiers are the
practice database's integer keys; partners see them as decimal strings.
Wall-clock hours stay `time` until `agent.domain.intervals` turns them into
instants; everything already placed in time is an aware UTC datetime (`*_at`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import NamedTuple


class Consent(StrEnum):
    """A patient's answer for one partner (rule R13); no entry means OPEN."""

    OPEN = "OPEN"
    GRANTED = "GRANTED"
    DENIED = "DENIED"


class TemplateAreaKind(StrEnum):
    """A template area either keeps time for listed offers or takes it away (reading A13)."""

    RESERVE = "reserve"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Practitioner:
    """Behandler: the name is what patients are shown (rule R10)."""

    practitioner_id: int
    name: str


@dataclass(frozen=True, slots=True)
class TreatmentRoom:
    """Behandlungszimmer."""

    room_id: int
    name: str


@dataclass(frozen=True, slots=True)
class ScheduleColumn:
    """Terminspalte: one lane of the appointment book."""

    column_id: int
    name: str
    practitioner_id: int | None
    room_id: int | None
    overlaps_allowed: bool = False


@dataclass(frozen=True, slots=True)
class AppointmentType:
    """Terminart, with its default length if it has one."""

    type_id: int
    name: str
    duration_minutes: int | None


@dataclass(frozen=True, slots=True)
class AppointmentAssignment:
    """Terminzuordnung: what a patient can choose, and where it can be placed (reading A14).

    `reserved_only`: offered nowhere but in time that template areas reserve for it.
    """

    assignment_id: int
    label: str
    type_id: int | None
    duration_minutes: int | None
    buffer_before_minutes: int
    buffer_after_minutes: int
    open_to_new_patients: bool
    column_ids: frozenset[int]
    reserved_only: bool = False


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """Weekly hours of one column; weekday 0 is Monday; both validity dates are included."""

    column_id: int
    weekday: int
    starts: time
    ends: time
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class ShiftHours:
    """Hours on one day of a shift's cycle; day 0 is the anchor date."""

    day_index: int
    starts: time
    ends: time


@dataclass(frozen=True, slots=True)
class Shift:
    """Schicht: a cycle of days counted from an anchor date, which replaces weekly hours while valid."""

    column_id: int
    cycle_days: int
    anchor_date: date
    valid_from: date
    valid_until: date | None
    hours: tuple[ShiftHours, ...]


@dataclass(frozen=True, slots=True)
class SpecialHours:
    """Hours of one column on one date, which replace everything that usually holds there on that day.

    A row without both times closes the column for the day.
    """

    column_id: int
    special_date: date
    starts: time | None
    ends: time | None


@dataclass(frozen=True, slots=True)
class PlannedAbsence:
    """Geplante Abwesenheit; without a practitioner the whole practice is away. Never exported (A12)."""

    practitioner_id: int | None
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class TemplateArea:
    """Terminvorgabebereich, repeated weekly while valid.

    It belongs to a column, or to a practitioner (all columns of that person),
    or to neither (every column). A reserve area lists the assignments and
    types it keeps time for; a block area lists none.
    """

    area_id: int
    kind: TemplateAreaKind
    weekday: int
    starts: time
    ends: time
    valid_from: date
    valid_until: date | None
    column_id: int | None
    practitioner_id: int | None
    assignment_ids: frozenset[int]
    type_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class PracticeCalendar:
    """Everything that decides when the practice is open and what it offers; no appointment, no patient.

    `holidays` holds the dates of the practice's own federal state. The
    mappings come in the order of the appointment book and of the keys.
    `idle_columns` are switched off: they offer nothing, but what still stands
    in them takes its practitioner's and its room's time.
    """

    time_zone: str
    practitioners: Mapping[int, Practitioner]
    rooms: Mapping[int, TreatmentRoom]
    columns: Mapping[int, ScheduleColumn]
    types: Mapping[int, AppointmentType]
    assignments: Mapping[int, AppointmentAssignment]
    working_hours: tuple[WorkingHours, ...]
    shifts: tuple[Shift, ...]
    absences: tuple[PlannedAbsence, ...]
    holidays: frozenset[date]
    template_areas: tuple[TemplateArea, ...]
    special_hours: tuple[SpecialHours, ...] = ()
    idle_columns: Mapping[int, ScheduleColumn] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OfferTerms:
    """How far ahead and on which grid a partner may offer time (Vorlaufzeit, Buchungshorizont).

    `grid_minutes` divides 60: slot starts are multiples of it after the full UTC hour.
    Beside the minutes, nothing is offered before the `lead_time_working_days`-th day
    after today on which the practice opens (0: no further limit).
    `max_appointments_per_day` caps the partner's appointments on one local day.
    """

    lead_time_minutes: int
    booking_horizon_days: int
    grid_minutes: int
    lead_time_working_days: int = 0
    max_appointments_per_day: int | None = None


# Contact points and patients come by the hundred thousand: making a named
# tuple costs a third of making a frozen dataclass.
class ContactPoint(NamedTuple):
    """Verbindung: FHIR R4 `ContactPoint.system` and `.use`, and the value as written."""

    system: str
    use: str
    value: str


class Patient(NamedTuple):
    """A patient record as far as the rules need it, with the consent for the partner in question."""

    patient_id: int
    given_name: str
    family_name: str
    birth_date: date | None
    active: bool
    consent: Consent
    contact_points: tuple[ContactPoint, ...]


@dataclass(frozen=True, slots=True)
class StaffMember:
    """Beschäftigte(r): the dedicated user has no permission at all (rule R2)."""

    staff_id: int
    login_name: str
    initials: str
    name: str
    active: bool
    permissions: frozenset[str]
