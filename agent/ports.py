"""What the stories need from the outside world, and what each promise means.

Ports are protocols, not base classes. The comments are the contract: one
suite of cases runs against every implementation, fake and real
(`tests/contract/`). Adapters get plain values when they are made, never the
configuration.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from agent.domain.intervals import Interval
from agent.domain.practice import ContactPoint, Patient, PracticeCalendar, StaffMember

Clock = Callable[[], datetime]
"""Now, as an aware UTC datetime."""


# --- sealing and opening -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SealedFile:
    """What came out of sealing: digest and size of the sealed bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """Bytes vouched for by exactly one valid signature of the lane's pinned key (promise P1).

    Only a sealer makes one; only the codec reads `content`.
    """

    content: bytes
    sealed_sha256: str
    signer_fingerprint: str
    signed_at: datetime


class Sealer(Protocol):
    """OpenPGP for one partner: its key ring file, its pinned fingerprints, our own key."""

    def seal(self, plaintext: Iterable[bytes], sealed: BinaryIO) -> SealedFile:
        """Sign and encrypt the chunks in one pass into `sealed`; nothing is ever written in the clear.

        If `plaintext` raises, gpg is killed and the exception comes through:
        what stands in `sealed` then is worthless and must not be published.
        Raises KeyUnusableError, GpgUnavailableError, SealingFailedError.
        """
        ...

    def open(self, sealed: bytes, now: datetime) -> OpenedFile:
        """Decrypt and verify, strictly; no byte is looked at before the verdict.

        Raises UnauthenticatedFileError with the reason when the file is at
        fault, GpgUnavailableError or KeyUnusableError when we are.
        """
        ...


# --- folders -----------------------------------------------------------------------------------


class Draft(Protocol):
    """A file being written under a temporary name in the outbox's file system."""

    file: BinaryIO

    def publish(self, name: str) -> None:
        """fsync, rename to `name`, fsync the folder. A no-op if `name` already waits there."""
        ...


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A file in an outbox; `name` is ours (exchange_formats.file_names)."""

    name: str
    path: Path
    size: int


class Outbox(Protocol):
    """Sealed files for one partner: waiting -> claimed -> sent | failed; the folders are the state."""

    def prepare(self) -> None:
        """Make the folders that are missing; before that the outbox can only be looked at, and is empty."""
        ...

    def draft(self) -> AbstractContextManager[Draft]:
        """A temporary file; leaving the block without `publish` removes it."""
        ...

    def waiting(self) -> list[WaitingFile]:
        """What waits, oldest name first."""
        ...

    def claim(self, name: str) -> WaitingFile | None:
        """Take the file by one atomic rename; None if somebody else was faster."""
        ...

    def finish(self, claimed: WaitingFile) -> None:
        """The partner has it: move it to `sent`."""
        ...

    def release(self, claimed: WaitingFile) -> None:
        """It could not be delivered now: put it back."""
        ...

    def supersede(self, name: str) -> bool:
        """Drop a waiting snapshot because a newer one waits; False if it is gone already."""
        ...

    def recover(self) -> int:
        """Put back what a dead process had claimed and remove its drafts; how many came back."""
        ...


class ClaimedFile(Protocol):
    """An inbound file that only this process works on, under a name of our own."""

    file_id: str
    """Safe to log; says nothing about the partner's name for the file."""
    attempts: int
    """How often processing has begun, this time included; counted on disk before parsing."""

    def read(self) -> bytes:
        """The whole file, once. Raises UnauthenticatedFileError: EMPTY, TOO_LARGE,
        NOT_A_REGULAR_FILE, UNREADABLE, UNEXPECTED_NAME."""
        ...


class Inbound(Protocol):
    """One partner's inbound folder: waiting -> claimed -> archive | quarantine."""

    def prepare(self) -> None:
        """Make the folders that are missing; before that the folder can only be looked at, and is empty."""
        ...

    def recover(self) -> None:
        """Remove what a dead process was still writing; only while no other process works here."""
        ...

    def draft(self) -> AbstractContextManager[Draft]:
        """For a fetched file, published under `new_name()`."""
        ...

    def new_name(self) -> str:
        """A fresh unique name that the sweep will accept."""
        ...

    def claim(self) -> Iterator[ClaimedFile]:
        """First what a dead process left claimed, then every file that matches the name pattern
        and has held still (size and mtime) for the settle time, one at a time, oldest first."""
        ...

    def archive(self, claimed: ClaimedFile) -> None:
        """Imported, or a repeat of something imported."""
        ...

    def quarantine(self, claimed: ClaimedFile, reason: str, *, authenticated: bool) -> None:
        """Set aside with `<file id>.reason.json` beside it: file id, reason, authenticated, when, sha256."""
        ...

    def release(self, claimed: ClaimedFile) -> None:
        """Our own fault: back to waiting, the attempt not counted."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Files per state: `waiting`, `claimed`, `archive`, `quarantine`."""
        ...


# --- transport ---------------------------------------------------------------------------------


class Delivery(StrEnum):
    """CONFIRMED: size compared, renamed. UNCONFIRMED: the server took the file before we could compare."""

    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """An entry of the partner's folder; its name is foreign text, never a local path or a log line."""

    name: str
    size: int


class TransferSession(Protocol):
    """One open connection; used for a whole cycle. Every call has a hard deadline."""

    def upload(self, source: Path, name: str) -> Delivery:
        """Write `name`.part, compare the size, rename. Repeatable: an equal final file is replaced."""
        ...

    def list_inbound(self) -> list[RemoteFile]:
        """Regular files in the partner's outgoing folder that match the name pattern, up to a cap."""
        ...

    def fetch(self, remote: RemoteFile, into: BinaryIO) -> None:
        """Download with a byte cap; raises TransferError when the size is not the one listed."""
        ...

    def remove(self, remote: RemoteFile) -> None:
        """Remove a file that is safely ours."""
        ...


class Transport(Protocol):
    def connect(self) -> AbstractContextManager[TransferSession]:
        """Raises TransferError, HostKeyRefusedError, DeadlineExceededError; so does every call inside."""
        ...


# --- practice database -------------------------------------------------------------------------


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

    def revoked_at(self, partner_id: str) -> datetime | None:
        """When the partner's lane was closed; None while it is open."""
        ...

    def changed_appointments(self, partner_id: str, ends_after: datetime) -> "list[ChangedAppointment]":
        """Appointments that are not as the partner was told and end after that moment; by booking id.

        Either of the two ends counts. Whether a difference is worth telling is for the rules.
        """
        ...


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


@dataclass(frozen=True, slots=True)
class LedgerMessage:
    """An authenticated inbound message that was answered, and all that its receipt is rebuilt from."""

    partner_id: str
    message_id: str
    content_sha256: str
    sealed_sha256: str
    received_at: datetime
    in_reply_to: str | None
    receipt_id: str
    receipt_sequence: int
    audit_head: str


@dataclass(frozen=True, slots=True)
class LedgerBooking:
    """The first outcome of one booking revision; `record` is the receipt line as JSON text."""

    partner_id: str
    booking_id: str
    revision: int
    action: str
    content_sha256: str
    record: str
    decided_at: datetime


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


class BookingLedger(Protocol):
    """What has been answered already; the marker of exactly-once (promise P2)."""

    def message(self, partner_id: str, message_id: str) -> LedgerMessage | None: ...

    def add_message(self, message: LedgerMessage, receipt_lines: Sequence[str]) -> None: ...

    def receipt_lines(self, partner_id: str, message_id: str) -> list[str]: ...

    def revisions(self, partner_id: str, booking_id: str, revision: int) -> list[LedgerBooking]:
        """Of the booking's answered revisions this one and the highest, by revision; two at most."""
        ...

    def cancellations(self, partner_id: str, booking_id: str) -> list[LedgerBooking]:
        """Every answered cancellation of the booking, by revision."""
        ...

    def add_booking(self, booking: LedgerBooking) -> None: ...

    def appointment(self, partner_id: str, booking_id: str) -> PartnerAppointment | None:
        """The appointment that the booking led to."""
        ...

    def add_appointment(self, appointment: PartnerAppointment) -> None: ...

    def tell_appointment(self, appointment: PartnerAppointment) -> None:
        """From now on the partner knows this state of an appointment added before."""
        ...


@dataclass(frozen=True, slots=True)
class ChangedAppointment:
    """What the partner was last told of an appointment, and what stands now (None: deleted)."""

    told: PartnerAppointment
    stands: StandingAppointment | None


@dataclass(frozen=True, slots=True)
class UpdateMessage:
    """An appointment update that was decided, and all that its file is made from."""

    message_id: str
    partner_id: str
    sequence: int
    created_at: datetime
    audit_head: str
    lines: tuple[str, ...]
    """Records as JSON text."""


class UpdateLedger(Protocol):
    """Which files tell partners of what staff changed in their appointments (reading A11)."""

    def add_message(self, message: UpdateMessage) -> None: ...

    def unpublished(self, partner_id: str) -> list[UpdateMessage]:
        """Decided and not yet in the outbox for certain, by sequence."""
        ...

    def mark_published(self, message_id: str, at: datetime) -> None: ...


class DisclosureLedger(Protocol):
    """Who got which patient's data, under which alias, since when, until when."""

    def next_sequence(self, partner_id: str, kind: str) -> int:
        """The next number of this partner and kind, taken by this transaction."""
        ...

    def add_outbound(
        self,
        message_id: str,
        partner_id: str,
        kind: str,
        sequence: int,
        created_at: datetime,
        record_count: int,
        sealed_sha256: str,
        patient_count: int = 0,
    ) -> None:
        """`patient_count` of the records are patients."""
        ...

    def assign_aliases(self, partner_id: str) -> int:
        """Give every patient of the transmit set that has none an alias; how many were new."""
        ...

    def mark_sent(self, partner_id: str, patient_ids: Collection[int], at: datetime) -> None:
        """First disclosure of these patients, or the first one after a removal."""
        ...

    def mark_removed(self, partner_id: str, aliases: Collection[str], sequence: int, at: datetime) -> None:
        """The patients file of this number tells these removals; the first file that tells one counts."""
        ...

    def confirm_removals(
        self, partner_id: str, aliases: Collection[str], patients_message_id: str, at: datetime
    ) -> int:
        """The partner has erased what that patients file told it to; how many of the aliases that settles.

        Others are passed over: unknown ones, and those whose present removal
        that file could not yet tell of.
        """
        ...

    def revoke_partner(self, partner_id: str, at: datetime) -> None:
        """Close the partner's lane; repeatable, the first time counts."""
        ...

    def readmit_partner(self, partner_id: str) -> None:
        """Open the lane again."""
        ...

    def patient_of_alias(self, partner_id: str, alias: str) -> int | None: ...

    def alias_of(self, partner_id: str, patient_id: int) -> str | None:
        """The alias under which the partner holds this patient, who is in the transmit set now."""
        ...


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The newest entry of the chain: anchors handed to partners look like `17:9f2c...`."""

    sequence: int
    mac: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.mac}"


class AuditLog(Protocol):
    """The keyed hash chain (promise P6)."""

    def append(
        self, event: str, at: datetime, partner_id: str | None = None, **details: str | int | None
    ) -> AuditHead:
        """Ids, counts, digests and reason codes only; never patient data."""
        ...

    def head(self) -> AuditHead: ...


class WriteTransaction(Protocol):
    """Everything one import or export changes; commits as a whole when the block ends without an error.

    Writers are serialised: no other agent transaction runs at the same time.
    """

    snapshot: PracticeSnapshot
    book: AppointmentBook
    ledger: BookingLedger
    updates: UpdateLedger
    disclosures: DisclosureLedger
    audit: AuditLog

    def savepoint(self) -> AbstractContextManager[object]:
        """What happens in the block is undone if it raises, and the transaction stays usable."""
        ...


class Database(Protocol):
    """Raises DatabaseUnavailableError when it cannot be reached: temporary, nothing is quarantined."""

    def read(self) -> AbstractContextManager[PracticeSnapshot]: ...

    def write(self) -> AbstractContextManager[WriteTransaction]: ...
