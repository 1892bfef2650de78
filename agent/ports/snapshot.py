"""What reading the practice promises: one consistent view, and nothing written."""

from collections.abc import Collection, Generator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from agent.domain.intervals import Interval
from agent.domain.practice import Patient, PracticeCalendar, StaffMember
from agent.ports.appointments import ChangedAppointment
from agent.ports.ledgers import GoodState, Hold


@dataclass(frozen=True, slots=True)
class PracticeIdentity:
    """The one practice this database belongs to."""

    practice_id: str
    name: str
    federal_state: str
    time_zone: str


class ConsentedPatient(NamedTuple):
    """A patient with GRANTED for the partner, and the alias that partner knows it by (reading A4)."""

    patient: Patient
    alias: str | None
    disclosed: bool
    """Sent before, and not removed since."""


class SnapshotFile(NamedTuple):
    """A patients, availability or reference data file that was prepared: its number, and how many patients
    it names."""

    sequence: int
    patient_count: int


class PracticeSnapshot(Protocol):
    """One consistent view of the practice; reading only."""

    def identity(self) -> PracticeIdentity: ...

    def calendar(self) -> PracticeCalendar:
        """Active columns and assignments, everything that decides when they are open, and idle columns,
        because what stands in them takes time of others."""
        ...

    def busy(
        self,
        window: Interval,
        column_ids: Collection[int] | None = None,
        *,
        without_appointment: int | None = None,
    ) -> dict[int, list[Interval]]:
        """Taken time per column that touches the window: merged, sorted, every status but `cancelled`.

        An appointment takes its assignment's buffers too. One appointment can
        be left out, to see what its own move would meet.
        """
        ...

    def booked_starts(
        self, partner_id: str, window: Interval, *, without_appointment: int | None = None
    ) -> list[int]:
        """Starts in the window of appointments that came from this partner and are not cancelled."""
        ...

    def staff_member(self, login_name: str) -> StaffMember | None:
        """The staff member with all permissions of the role."""
        ...

    def consented_patients(self, partner_id: str) -> Generator[ConsentedPatient, None, None]:
        """Streamed in patient order: every active patient whose consent for the partner is GRANTED.

        Close it when leaving early, or it holds the snapshot.
        """
        ...

    def known_aliases(self, partner_id: str) -> Generator[str, None, None]:
        """Streamed in patient order: the aliases of everybody whom the partner may know now.

        Asked of the tables anew, for the last look at a finished file. Close it when leaving early.
        """
        ...

    def removed_aliases(self, partner_id: str) -> list[str]:
        """Aliases once sent to the partner whose patient is no longer active and GRANTED (reading A9),
        as long as the partner has not confirmed the removal; of a revoked partner all."""
        ...

    def unannounced_removals(self, partner_id: str) -> int:
        """How many of `removed_aliases` no file has told the partner of yet."""
        ...

    def newest_file(self, partner_id: str, kind: str) -> SnapshotFile | None:
        """The file of this kind with the highest number that was recorded for the partner."""
        ...

    def good_state(self, partner_id: str, kind: str) -> GoodState | None:
        """What was counted of the last file of this kind that was not held."""
        ...

    def held(self, partner_id: str, kind: str) -> Hold | None:
        """What of this kind waits for a person's look."""
        ...

    def revoked_at(self, partner_id: str) -> datetime | None:
        """When the partner's lane was closed; None while it is open."""
        ...

    def revoked_keys(self, partner_id: str) -> frozenset[str]:
        """Fingerprints of this partner's keys that an operator has withdrawn."""
        ...

    def changed_appointments(self, partner_id: str, ends_after: datetime) -> "list[ChangedAppointment]":
        """Appointments that are not as the partner was told and end after that moment; by booking id.

        Either of the two ends counts. Whether a difference is worth telling is for the rules.
        """
        ...
