"""A partner whose files the agent imports: it books, moves and cancels what others want too.

Each file goes through the import story in one transaction of the real
database, as in `agent.flows.receive`; sealing and folders have no part in who
gets a slot. A temporary fault makes the file wait and come again.
"""

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from agent.adapters.database import Connector
from agent.adapters.practice_database import SqlDatabase
from agent.domain.availability import NOTHING_TAKEN, free_slots
from agent.domain.documents import instant_text
from agent.domain.intervals import instant
from agent.domain.slots import Slot, slot_id
from agent.errors import DatabaseUnavailableError, SlotTakenError
from agent.flows.import_bookings import import_bookings
from agent.flows.lane import Lane, PracticeSide
from agent.ports import AppointmentBook
from exchange_formats.bookings import BookingPatient, BookingRecord, CancelRecord, RescheduleRecord
from exchange_formats.codec import BookingDocument, Document
from exchange_formats.envelope import Envelope, Kind
from exchange_formats.fields import ContactPoint
from exchange_formats.receipts import BookingOutcome
from tests.kit.databases import OTV_LOGIN, PRACTICE_ID
from tests.races.practice import TERMS, Contested

AUDIT_KEY = b"0123456789abcdef" * 4
MOST_RECORDS_IN_A_FILE = 4
MOST_TRIES = 20
LONGEST_PAUSE_SECONDS = 0.04

Wish = BookingRecord | CancelRecord | RescheduleRecord
# What a partner may be told without anything being wrong: staff cancel, shift and lengthen what it booked.
EXPECTED_REFUSALS = {
    "book": {"slot_taken"},
    "reschedule": {"slot_taken", "slot_not_offered", "appointment_closed"},
    "cancel": {"appointment_closed"},
}


class PartnerLane:
    """One partner's wishes and the agent's side of its lane."""

    def __init__(self, url: str, contested: Contested, partner_id: str) -> None:
        self._choice = random.Random(partner_id)
        self._connector = Connector(url)
        self._database = SqlDatabase(self._connector, AUDIT_KEY)
        self._practice = PracticeSide(
            practice_id=PRACTICE_ID,
            database=self._database,
            clock=_now,
            otv_login=OTV_LOGIN,
            require_licence=lambda partner_id: None,
            max_message_age=timedelta(days=1),
        )
        self._lane = _lane(partner_id)
        self._slots = self._published(contested)
        self._booked: dict[str, BookingRecord | RescheduleRecord] = {}

    def work(self, attempts: int) -> Counter[str]:
        """So many wishes; what became of them."""
        figures: Counter[str] = Counter()
        pending = attempts
        while pending:
            wishes = [
                self._wish() for _ in range(min(pending, self._choice.randint(1, MOST_RECORDS_IN_A_FILE)))
            ]
            pending -= len(wishes)
            for wish, outcome in zip(wishes, self._imported(wishes, figures), strict=True):
                figures["attempts"] += 1
                figures[self._noted(wish, outcome)] += 1
            # SQLite's lock goes to whoever asks first: without a pause staff would hardly ever write.
            time.sleep(self._choice.uniform(0, LONGEST_PAUSE_SECONDS))
        self._connector.dispose()
        return figures

    def _published(self, contested: Contested) -> list[Slot]:
        window = instant(contested[0]), instant(contested[1])
        with self._database.read() as snapshot:
            calendar = snapshot.calendar()
        return list(free_slots(calendar, NOTHING_TAKEN, TERMS, instant(_now()), window))

    # --- wishes ----------------------------------------------------------------------------------

    def _wish(self) -> Wish:
        if not self._booked or self._choice.random() < 0.6:
            return self._book()
        # Out of the list until it is answered: what may follow depends on the answer.
        last = self._booked.pop(self._choice.choice(sorted(self._booked)))
        return self._cancel(last) if self._choice.random() < 0.3 else self._reschedule(last)

    def _book(self) -> BookingRecord:
        slot = self._choice.choice(self._slots)
        number = uuid.UUID(int=self._choice.getrandbits(128)).hex
        return BookingRecord(
            record="booking",
            booking_id=number,
            revision=1,
            action="book",
            assignment_id=str(slot.assignment_id),
            patient=_somebody(number),
            **self._time(slot),
        )

    def _reschedule(self, last: BookingRecord | RescheduleRecord) -> RescheduleRecord:
        slots = [slot for slot in self._slots if str(slot.assignment_id) == last.assignment_id]
        return RescheduleRecord(
            record="booking",
            booking_id=last.booking_id,
            revision=last.revision + 1,
            action="reschedule",
            assignment_id=last.assignment_id,
            **self._time(self._choice.choice(slots)),
        )

    def _cancel(self, last: BookingRecord | RescheduleRecord) -> CancelRecord:
        return CancelRecord(
            record="booking", booking_id=last.booking_id, revision=last.revision + 1, action="cancel"
        )

    def _time(self, slot: Slot) -> dict[str, Any]:
        any_column = self._choice.random() < 0.3
        return {"slot_id": None if any_column else slot_id(slot), "starts_at": instant_text(slot.start)}

    # --- answers ---------------------------------------------------------------------------------

    def _imported(self, wishes: list[Wish], figures: Counter[str]) -> list[BookingOutcome]:
        document = _document(self._lane.partner_id, wishes)
        for _ in range(MOST_TRIES):
            try:
                with self._database.write() as work:
                    work.book = _CountingBook(work.book, figures)
                    return import_bookings(self._practice, self._lane, work, document, _now())
            except DatabaseUnavailableError as error:
                figures["agent deadlocks" if "40P01" in str(error) else "agent kept waiting"] += 1
        raise AssertionError(f"a file was not imported in {MOST_TRIES} tries")

    def _noted(self, wish: Wish, outcome: BookingOutcome) -> str:
        """The figure it counts for. A reason that cannot be is an error and ends the race."""
        still_booked = True
        if outcome.reason is not None:
            assert outcome.reason in EXPECTED_REFUSALS[wish.action], (wish.action, outcome.reason)
            still_booked = isinstance(wish, RescheduleRecord) and outcome.reason != "appointment_closed"
        if still_booked and not isinstance(wish, CancelRecord):
            self._booked[wish.booking_id] = wish
        return str(outcome.reason or f"{wish.action} accepted")


class _CountingBook:
    """The appointment book, counting the slots that looked free and were taken when they were written."""

    def __init__(self, book: AppointmentBook, figures: Counter[str]) -> None:
        self._book, self._figures = book, figures

    def __getattr__(self, name: str) -> Any:
        return partial(self._call, getattr(self._book, name))

    def _call(self, method: Callable[..., Any], *values: Any, **named: Any) -> Any:
        try:
            return method(*values, **named)
        except SlotTakenError:
            self._figures["lost at the moment of writing"] += 1
            raise


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
        availability_every=timedelta(hours=1),
        availability_valid_for=timedelta(hours=4),
        sealer=unused,
        outbox=unused,
        inbound=unused,
        transport=None,
    )


def _somebody(number: str) -> BookingPatient:
    return BookingPatient(
        given_name="Neu",
        family_name=f"Gast{number[:4]}",
        birth_date="1980-01-31",
        contact_points=[ContactPoint(system="email", use="home", value=f"{number}@example.org")],
        new_patient=False,
    )


def _document(partner_id: str, wishes: list[Wish]) -> BookingDocument:
    envelope = Envelope(
        record="envelope",
        format="otv",
        version=1,
        kind=Kind.BOOKINGS,
        message_id=str(uuid.uuid4()),
        sequence=1,
        practice_id=PRACTICE_ID,
        partner_id=partner_id,
        created_at=_now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        time_zone="Europe/Berlin",
    )
    return Document(envelope, tuple(wishes))
