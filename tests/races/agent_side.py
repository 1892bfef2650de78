"""The agent's side of a partner's lane, as far as the appointment book has a part in it.

Each file goes through the import story in one transaction of the real
database, as in `agent.flows.receive`. Sealing, folders and servers are left
out: they have no part in who gets a slot.
"""

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.adapters.database import Connector
from agent.adapters.practice_database import SqlDatabase
from agent.config.model import GuardSettings
from agent.domain.availability import NOTHING_TAKEN, free_slots
from agent.domain.documents import instant_text
from agent.domain.intervals import instant
from agent.domain.slots import Slot, slot_id
from agent.flows.import_bookings import import_bookings
from agent.flows.lane import Lane, PracticeSide
from agent.ports import AppointmentBook
from exchange_formats.bookings import BookingPatient, BookingRecord, CancelRecord, RescheduleRecord
from exchange_formats.codec import Document
from exchange_formats.envelope import Envelope, Kind
from exchange_formats.fields import ContactPoint
from exchange_formats.receipts import BookingOutcome
from tests.kit.databases import OTV_LOGIN, PRACTICE_ID
from tests.races.practice import TERMS, Contested

AUDIT_KEY = b"0123456789abcdef" * 4

Wish = BookingRecord | CancelRecord | RescheduleRecord


class AgentSide:
    """Imports the files of one partner."""

    def __init__(self, url: str, partner_id: str) -> None:
        self.connector = Connector(url)
        self._database = SqlDatabase(self.connector, AUDIT_KEY)
        self._practice = PracticeSide(
            require_room=lambda: None,
            practice_id=PRACTICE_ID,
            database=self._database,
            clock=_now,
            otv_login=OTV_LOGIN,
            require_licence=lambda partner_id: None,
            max_message_age=timedelta(days=1),
        )
        self._lane = _lane(partner_id)

    def published(self, contested: Contested) -> list[Slot]:
        """All slots on offer as long as nothing is taken."""
        window = instant(contested[0]), instant(contested[1])
        with self._database.read() as snapshot:
            calendar = snapshot.calendar()
        return list(free_slots(calendar, NOTHING_TAKEN, TERMS, instant(_now()), window))

    def imported(
        self,
        wishes: Sequence[Wish],
        watched: Callable[[AppointmentBook], AppointmentBook] = lambda book: book,
    ) -> list[BookingOutcome]:
        """One file, through the book as `watched` hands it on. Raises what the story raises."""
        document = Document(_envelope(self._lane.partner_id), tuple(wishes))
        with self._database.write() as work:
            work.book = watched(work.book)
            return import_bookings(self._practice, self._lane, work, document, _now())


def booking(slot: Slot, booking_id: str, *, any_column: bool = False) -> BookingRecord:
    """A stranger's wish for the slot, or for its time."""
    patient = BookingPatient(
        given_name="Neu",
        family_name=f"Gast{booking_id[:4]}",
        birth_date="1980-01-31",
        contact_points=[ContactPoint(system="email", use="home", value=f"{booking_id}@example.org")],
        new_patient=False,
    )
    return BookingRecord(
        record="booking",
        booking_id=booking_id,
        revision=1,
        action="book",
        assignment_id=str(slot.assignment_id),
        patient=patient,
        **_time(slot, any_column),
    )


def rescheduling(
    last: BookingRecord | RescheduleRecord, slot: Slot, *, any_column: bool = False
) -> RescheduleRecord:
    """The same appointment at another time."""
    return RescheduleRecord(
        record="booking",
        booking_id=last.booking_id,
        revision=last.revision + 1,
        action="reschedule",
        assignment_id=last.assignment_id,
        **_time(slot, any_column),
    )


def cancellation(last: BookingRecord | RescheduleRecord) -> CancelRecord:
    """The same appointment not at all."""
    return CancelRecord(
        record="booking", booking_id=last.booking_id, revision=last.revision + 1, action="cancel"
    )


def _time(slot: Slot, any_column: bool) -> dict[str, Any]:
    return {"slot_id": None if any_column else slot_id(slot), "starts_at": instant_text(slot.start)}


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _lane(partner_id: str) -> Lane:
    unused: Any = None
    return Lane(
        partner_id=partner_id,
        partner_name=partner_id.title(),
        receives_patients=False,
        may_cancel=True,
        may_reschedule=True,
        gets_updates=False,
        terms=TERMS,
        limits=GuardSettings().limits(),
        availability_every=timedelta(hours=1),
        availability_valid_for=timedelta(hours=4),
        give_up_after=timedelta(days=5),
        sealer=unused,
        outbox=unused,
        inbound=unused,
        transport=None,
    )


def _envelope(partner_id: str) -> Envelope:
    return Envelope(
        record="envelope",
        format="otv",
        version=1,
        kind=Kind.BOOKINGS,
        message_id=str(uuid.uuid4()),
        sequence=1,
        practice_id=PRACTICE_ID,
        partner_id=partner_id,
        created_at=instant_text(instant(_now())),
        time_zone="Europe/Berlin",
    )
