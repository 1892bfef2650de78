"""A partner that books, moves and cancels at random, and the agent that imports its files.

What the agent answers decides what the partner wishes next. A temporary fault
makes the file wait and come again.
"""

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable
from functools import partial
from multiprocessing.synchronize import Event
from typing import Any

from agent.errors import DatabaseUnavailableError, SlotTakenError
from agent.ports import AppointmentBook
from exchange_formats.bookings import BookingRecord, CancelRecord, RescheduleRecord
from exchange_formats.receipts import BookingOutcome
from tests.races.agent_side import AgentSide, Wish, booking, cancellation, rescheduling
from tests.races.practice import Contested

MOST_RECORDS_IN_A_FILE = 4
MOST_TRIES = 20
LONGEST_PAUSE_SECONDS = 0.04

# What a partner may be told without anything being wrong: staff cancel, shift and lengthen what it booked.
EXPECTED_REFUSALS = {
    "book": {"slot_taken"},
    "reschedule": {"slot_taken", "slot_not_offered", "appointment_closed"},
    "cancel": {"appointment_closed"},
}


def partner(url: str, contested: Contested, partner_id: str, attempts: int, _: Event) -> Counter[str]:
    """One process: so many wishes of this partner, however long they take."""
    return PartnerLane(url, contested, partner_id).work(attempts)


class PartnerLane:
    """One partner with its lane."""

    def __init__(self, url: str, contested: Contested, partner_id: str) -> None:
        self._choice = random.Random(partner_id)
        self._agent = AgentSide(url, partner_id)
        self._slots = self._agent.published(contested)
        self._booked: dict[str, BookingRecord | RescheduleRecord] = {}

    def work(self, attempts: int) -> Counter[str]:
        """So many wishes; what became of them."""
        figures: Counter[str] = Counter()
        while figures["attempts"] < attempts:
            most = min(attempts - figures["attempts"], MOST_RECORDS_IN_A_FILE)
            wishes = [self._wish() for _ in range(self._choice.randint(1, most))]
            figures["attempts"] += len(wishes)
            for wish, outcome in zip(wishes, self._imported(wishes, figures), strict=True):
                figures[self._noted(wish, outcome)] += 1
            # SQLite's lock goes to whoever asks first: without a pause staff would hardly ever write.
            time.sleep(self._choice.uniform(0, LONGEST_PAUSE_SECONDS))
        self._agent.connector.dispose()
        return figures

    def _wish(self) -> Wish:
        any_column = self._choice.random() < 0.3
        if not self._booked or self._choice.random() < 0.6:
            booking_id = uuid.UUID(int=self._choice.getrandbits(128)).hex
            return booking(self._choice.choice(self._slots), booking_id, any_column=any_column)
        # Out of the list until it is answered: what may follow depends on the answer.
        last = self._booked.pop(self._choice.choice(sorted(self._booked)))
        if self._choice.random() < 0.3:
            return cancellation(last)
        slots = [slot for slot in self._slots if str(slot.assignment_id) == last.assignment_id]
        return rescheduling(last, self._choice.choice(slots), any_column=any_column)

    def _imported(self, wishes: list[Wish], figures: Counter[str]) -> list[BookingOutcome]:
        for _ in range(MOST_TRIES):
            try:
                return self._agent.imported(wishes, partial(HesitantBook, figures, self._choice))
            except DatabaseUnavailableError as error:
                figures["agent deadlocks" if "40P01" in str(error) else "agent kept waiting"] += 1
        raise AssertionError(f"a file was not imported in {MOST_TRIES} tries")

    def _noted(self, wish: Wish, outcome: BookingOutcome) -> str:
        """The figure it counts for. A reason that cannot be is an error and ends the race."""
        if outcome.reason is None:
            if not isinstance(wish, CancelRecord):
                self._booked[wish.booking_id] = wish
            return f"{wish.action} accepted"
        assert outcome.reason in EXPECTED_REFUSALS[wish.action], (wish.action, outcome.reason)
        if isinstance(wish, RescheduleRecord) and outcome.reason != "appointment_closed":
            self._booked[wish.booking_id] = wish
        return str(outcome.reason)


class HesitantBook:
    """The appointment book on a slow day: time passes between looking and writing.

    It counts the slots that looked free and were taken when they were written.
    """

    def __init__(self, figures: Counter[str], choice: random.Random, book: AppointmentBook) -> None:
        self._figures, self._choice, self._book = figures, choice, book

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._book, name)
        return partial(self._write, method) if name in ("add_appointment", "move_appointment") else method

    def _write(self, method: Callable[..., Any], *values: Any) -> Any:
        time.sleep(self._choice.uniform(0, LONGEST_PAUSE_SECONDS))
        try:
            return method(*values)
        except SlotTakenError:
            self._figures["lost at the moment of writing"] += 1
            raise
