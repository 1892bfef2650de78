"""A sane partner: what it sends, what it keeps, and what it believes of its appointments.

Written after docs/exchange-formats.md alone, as a partner's engineer would:
it reads documents and never the practice.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from exchange_formats.acknowledgements import RemovalAcknowledgement
from exchange_formats.appointment_updates import AppointmentUpdateRecord
from exchange_formats.availability import FreeSlot
from exchange_formats.bookings import (
    BookingPatient,
    BookingRecord,
    BookingsRecord,
    CancelRecord,
    RescheduleRecord,
)
from exchange_formats.codec import Document, decode, encode
from exchange_formats.envelope import Envelope, Kind
from exchange_formats.fields import ContactPoint, Line
from exchange_formats.patients import PatientRecord
from exchange_formats.receipts import BookingOutcome
from tests.machine.practice import PRACTICE_ID, Person

UNKNOWN_BIRTH_DATE = date(1990, 1, 1)
"""What somebody says whose record has none."""


class State(NamedTuple):
    """An appointment as a partner knows it; of a cancelled one only the status counts."""

    status: str
    column_id: str | None = None
    starts_at: str | None = None
    ends_at: str | None = None


CANCELLED = State("cancelled")
Position = tuple[int, int]
"""Place in the practice's audit chain, then in the file: what was decided later is higher."""


def known_state(record: BookingOutcome | AppointmentUpdateRecord) -> State:
    """What a line says of the appointment."""
    if record.appointment_status == "cancelled":
        return CANCELLED
    return State("booked", record.column_id, record.starts_at, record.ends_at)


@dataclass(slots=True)
class View:
    """A partner's appointments as receipts and updates tell them, in whatever order these are read."""

    told: dict[str, dict[Position, State]] = field(default_factory=lambda: defaultdict(dict))
    """By booking id: only what was decided later changes what is known (section 13)."""

    def read(self, position: int, records: Sequence[Any]) -> None:
        """The lines of a receipt or an update; a declined one changes nothing."""
        for line, record in enumerate(records):
            if isinstance(record, BookingOutcome | AppointmentUpdateRecord) and record.appointment_status:
                self.told[record.booking_id][position, line] = known_state(record)

    def state(self, booking_id: str) -> State | None:
        """What the newest of all that was read says; None without any appointment."""
        told = self.told.get(booking_id)
        return told[max(told)] if told else None

    def booking_ids(self) -> list[str]:
        """Of every booking that ever led to an appointment."""
        return sorted(self.told)


class Message(NamedTuple):
    """A file that the partner has written."""

    content: bytes
    document: Document[Any]

    @property
    def message_id(self) -> str:
        return self.document.envelope.message_id

    def __repr__(self) -> str:
        """Short, for the story of a life that went wrong."""
        return self.message_id


@dataclass(slots=True)
class Partner:
    """One partner's side."""

    partner_id: str
    slots: list[FreeSlot] = field(default_factory=list)
    patients: dict[str, PatientRecord] = field(default_factory=dict)
    patient_files: list[Document[Any]] = field(default_factory=list)
    view: View = field(default_factory=View)
    """From what was delivered."""
    wishes: list[BookingsRecord] = field(default_factory=list)
    """Every line ever written."""
    held: list[Message] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    revisions: dict[str, int] = field(default_factory=dict)
    updates_read: set[int] = field(default_factory=set)
    """Their numbers; without gaps once everything is delivered."""
    _newest: dict[Kind, int] = field(default_factory=dict)
    _numbers: dict[Kind, int] = field(default_factory=lambda: defaultdict(int))

    # --- writing -------------------------------------------------------------------------------

    def book(
        self,
        slot: FreeSlot,
        person: Person,
        *,
        booking_id: str | None = None,
        any_column: bool = False,
        hint: str | None = None,
        new_patient: bool = True,
    ) -> BookingRecord:
        """A wish for a slot; a booking id of its own unless one is given."""
        return BookingRecord(
            record="booking",
            action="book",
            **self._next_revision(booking_id or self._new_booking_id()),
            **_time(slot, any_column),
            patient=BookingPatient(
                given_name=person.given_name,
                family_name=person.family_name,
                birth_date=(person.birth_date or UNKNOWN_BIRTH_DATE).isoformat(),
                contact_points=[ContactPoint(system="email", use="home", value=person.email)],
                new_patient=new_patient,
                patient_id=hint,
            ),
        )

    def cancel(self, booking_id: str) -> CancelRecord:
        return CancelRecord(record="booking", action="cancel", **self._next_revision(booking_id))

    def reschedule(self, booking_id: str, slot: FreeSlot, *, any_column: bool = False) -> RescheduleRecord:
        return RescheduleRecord(
            record="booking",
            action="reschedule",
            **self._next_revision(booking_id),
            **_time(slot, any_column),
        )

    def bookings_file(self, wishes: Sequence[BookingsRecord], now: datetime) -> Message:
        """Wishes in one file; kept, to be repeated."""
        self.wishes += [wish for wish in wishes if wish not in self.wishes]
        return self._message(Kind.BOOKINGS, wishes, now)

    def acknowledgement(self, patients_message_id: str, aliases: Sequence[str], now: datetime) -> Message:
        records = [
            RemovalAcknowledgement(record="removal_acknowledgement", patient_id=alias) for alias in aliases
        ]
        return self._message(Kind.ACKNOWLEDGEMENTS, records, now, in_reply_to=patients_message_id)

    def _message(self, kind: Kind, records: Sequence[Line], now: datetime, **fields: Any) -> Message:
        self._numbers[kind] += 1
        envelope = Envelope(
            record="envelope",
            format="otv",
            version=1,
            kind=kind,
            message_id=f"{self.partner_id}-{kind}-{self._numbers[kind]}",
            sequence=self._numbers[kind],
            practice_id=PRACTICE_ID,
            partner_id=self.partner_id,
            created_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            time_zone="Europe/Berlin",
            **fields,
        )
        content = b"".join(encode(envelope, records))
        return Message(content, decode(content, kind))

    def _new_booking_id(self) -> str:
        return f"{self.partner_id[0]}-{len(self.revisions) + 1:03d}"

    def _next_revision(self, booking_id: str) -> dict[str, Any]:
        self.revisions[booking_id] = self.revisions.get(booking_id, 0) + 1
        return {"booking_id": booking_id, "revision": self.revisions[booking_id]}

    # --- reading -------------------------------------------------------------------------------

    def read(self, document: Document[Any]) -> None:
        """A file that was delivered."""
        kind, sequence = document.envelope.kind, document.envelope.sequence
        if kind in (Kind.RECEIPTS, Kind.APPOINTMENT_UPDATES):
            self.view.read(audit_position(document), document.records)
            if kind is Kind.APPOINTMENT_UPDATES:
                self.updates_read.add(sequence)
        elif sequence > self._newest.get(kind, 0):
            self._newest[kind] = sequence
            if kind is Kind.AVAILABILITY:
                self.slots = [record for record in document.records if isinstance(record, FreeSlot)]
            if kind is Kind.PATIENTS:
                self._read_patients(document)

    def _read_patients(self, document: Document[Any]) -> None:
        """The whole set; only a removal removes."""
        self.patient_files.append(document)
        for record in document.records:
            if isinstance(record, PatientRecord):
                self.patients[record.patient_id] = record
            else:
                self.patients.pop(record.patient_id, None)


def removals(patients_file: Document[Any]) -> list[str]:
    """The aliases that the file tells to erase."""
    return [record.patient_id for record in patients_file.records if record.record == "removal"]


def audit_position(document: Document[Any]) -> int:
    """Which of a receipt and an update was decided later (docs/exchange-formats.md, section 13)."""
    head = document.envelope.audit_head
    assert head is not None
    return int(head.split(":")[0])


def _time(slot: FreeSlot, any_column: bool) -> dict[str, Any]:
    return {
        "slot_id": None if any_column else slot.slot_id,
        "assignment_id": slot.assignment_id,
        "starts_at": slot.starts_at,
    }
