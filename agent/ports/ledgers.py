"""What is remembered of answers, updates, disclosures and deeds, and what remembering promises."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from agent.domain.sudden_change import Change
from agent.ports.appointments import PartnerAppointment

REFUSED_PREFIX = "sha256:"
"""How the ledger's name of a refused message begins; the colon occurs in no partner's message id."""


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
    arrived_at: datetime | None = None
    """When its file came to lie in the inbound folder; None: nobody noted it."""


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


class BookingLedger(Protocol):
    """What has been answered already; the marker of exactly-once (promise P2)."""

    def message(self, partner_id: str, message_id: str) -> LedgerMessage | None: ...

    def message_of_receipt(self, partner_id: str, receipt_sequence: int) -> LedgerMessage | None:
        """What the receipt of this number answers."""
        ...

    def add_message(self, message: LedgerMessage, receipt_lines: Sequence[str]) -> None: ...

    def receipt_lines(self, partner_id: str, message_id: str) -> list[str]: ...

    def answers_forgotten_before(self) -> datetime | None:
        """Answers to messages that came before this moment may have been purged; None: none was."""
        ...

    def revisions(self, partner_id: str, booking_id: str, revision: int) -> list[LedgerBooking]:
        """Of the booking's answered revisions this one and the highest, by revision; two at most."""
        ...

    def cancellations(self, partner_id: str, booking_id: str) -> list[LedgerBooking]:
        """Every answered cancellation of the booking, by revision."""
        ...

    def is_finished(self, partner_id: str, booking_id: str) -> bool:
        """Whether the booking was answered long ago and its rows have been purged."""
        ...

    def add_booking(self, booking: LedgerBooking) -> None: ...

    def accepted_since(self, partner_id: str, since: datetime) -> Mapping[str, int]:
        """How many revisions were accepted later than that, by action."""
        ...

    def appointment(self, partner_id: str, booking_id: str) -> PartnerAppointment | None:
        """The appointment that the booking led to."""
        ...

    def add_appointment(self, appointment: PartnerAppointment) -> None: ...

    def tell_appointment(self, appointment: PartnerAppointment) -> None:
        """From now on the partner knows this state of an appointment added before."""
        ...


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

    def message(self, partner_id: str, sequence: int) -> UpdateMessage | None:
        """The file of this number."""
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

    def reseal(self, message_id: str, sealed_sha256: str) -> None:
        """The file of this message was sealed once more and is another one now."""
        ...

    def has_outbound(self, message_id: str) -> bool:
        """Whether a file of this message was recorded."""
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


class KeyLedger(Protocol):
    """Which keys were withdrawn, and which expiries were warned of."""

    def revoke(self, partner_id: str, fingerprint: str, at: datetime) -> bool:
        """From this transaction on nothing signed by the key is imported; False if it was revoked before.

        For ever: there is no way back.
        """
        ...

    def warn_once(self, subject: str, ends_at: datetime, step: int, at: datetime) -> bool:
        """Whether this step of this expiry has not been warned of yet; now it has."""
        ...


@dataclass(frozen=True, slots=True)
class GoodState:
    """What was counted when files of one kind were last not held; the measure is plain JSON."""

    recorded_at: datetime
    measure: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hold:
    """Files of one kind, to or from a partner, that wait because too much would change at once.

    Once `released_at` is set, changes that `changes` cover may go.
    """

    partner_id: str
    kind: str
    held_at: datetime
    changes: tuple[Change, ...]
    released_at: datetime | None = None


class HoldLedger(Protocol):
    """What waits for a person's look, and what the next change is compared with."""

    def good_state(self, partner_id: str, kind: str) -> GoodState | None: ...

    def keep_good_state(self, partner_id: str, kind: str, state: GoodState) -> None:
        """In place of the one before."""
        ...

    def held(self, partner_id: str, kind: str) -> Hold | None: ...

    def put(self, hold: Hold) -> None:
        """In place of the one before, if there is one."""
        ...

    def end(self, partner_id: str, kind: str) -> None:
        """Without effect if nothing is held."""
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
