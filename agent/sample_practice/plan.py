"""What to generate and what came out: the two ends of the generator.

A plan is checked when it is made, so that nothing is half generated for a
number that cannot be. The known patients are the ones to tell stories with:
a demo or a test looks them up here instead of searching the database.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from agent.domain.practice import ContactPoint
from agent.errors import UsageError

TIME_ZONE = "Europe/Berlin"
ZONE = ZoneInfo(TIME_ZONE)

FEDERAL_STATES = (
    "BB",
    "BE",
    "BW",
    "BY",
    "HB",
    "HE",
    "HH",
    "MV",
    "NI",
    "NW",
    "RP",
    "SH",
    "SL",
    "SN",
    "ST",
    "TH",
)

FEWEST_COLUMNS, MOST_COLUMNS = 4, 20
FEWEST_PATIENTS = 20


class Story(StrEnum):
    """Why a known patient is known; where partners are not named, the answer is the same for all of them."""

    OPEN = "open"
    """Not asked yet, or never answered: the first has an OPEN entry for every partner, the second none."""
    GRANTED = "granted"
    DENIED = "denied"
    DIVIDED = "divided"
    """GRANTED for the first partner of the plan, DENIED for all others."""
    INACTIVE = "inactive"
    """GRANTED, and no longer active."""
    UNDATED = "undated"
    """GRANTED; the first has no birth date, the second the placeholder 1900-01-01."""
    TWINS = "twins"
    """GRANTED; two with one family name, one birth date and one telephone."""
    NAMESAKES = "namesakes"
    """OPEN; two strangers with one name and one birth date, told apart by their contact points."""


@dataclass(frozen=True, slots=True)
class PracticePlan:
    """A practice to generate; equal plans make equal practices, row for row.

    Appointments lie in `days` days from `first_day`. The number per column
    and day is meant for eight open hours and scales with them. The shares
    are of all patients, drawn for each partner by itself; of the others one
    half has an OPEN entry and the other none. Raises UsageError.
    """

    seed: int
    first_day: date
    partner_names: Mapping[str, str]
    days: int = 90
    columns: int = 6
    patients: int = 3000
    appointments_per_column_and_day: int = 12
    practice_id: str = "praxis-musterstadt"
    federal_state: str = "BY"
    granted_share: float = 0.4
    denied_share: float = 0.1

    def __post_init__(self) -> None:
        problems = [text for wrong, text in self._checks() if wrong]
        if problems:
            raise UsageError("the sample practice cannot be generated: " + "; ".join(problems))

    def _checks(self) -> list[tuple[bool, str]]:
        return [
            (self.days < 1, "days must be at least 1"),
            (
                not FEWEST_COLUMNS <= self.columns <= MOST_COLUMNS,
                f"columns must be {FEWEST_COLUMNS} to {MOST_COLUMNS}",
            ),
            (self.patients < FEWEST_PATIENTS, f"patients must be at least {FEWEST_PATIENTS}"),
            (
                self.appointments_per_column_and_day < 0,
                "appointments per column and day must not be negative",
            ),
            (
                self.federal_state not in FEDERAL_STATES,
                "federal state must be one of " + ", ".join(FEDERAL_STATES),
            ),
            (
                min(self.granted_share, self.denied_share) < 0 or self.granted_share + self.denied_share > 1,
                "granted and denied shares must not be negative and together at most 1",
            ),
        ]

    @property
    def end_day(self) -> date:
        """The first day after the window."""
        return self.first_day + timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class KnownPatient:
    """A generated patient as a partner would know it."""

    patient_id: int
    given_name: str
    family_name: str
    birth_date: date | None
    contact_points: tuple[ContactPoint, ...]


@dataclass(frozen=True, slots=True)
class GeneratedPractice:
    """Rows written per table, and the patients to tell stories with."""

    counts: Mapping[str, int]
    known: Mapping[Story, tuple[KnownPatient, ...]]
