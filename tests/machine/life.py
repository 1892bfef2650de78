"""One life: the practice, both partners, the staff and the clock, and each story with what it promises.

The machine decides who acts next and what they choose; what happens then, and
what must be true afterwards, is told here.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, update

from agent.adapters import tables
from exchange_formats.availability import FreeSlot
from exchange_formats.bookings import BookingRecord, BookingsRecord
from exchange_formats.codec import BookingDocument, Document
from exchange_formats.envelope import Envelope, Kind
from exchange_formats.receipts import BookingOutcome, BookingReason
from tests.machine.book import Reception, Truth
from tests.machine.house import Cabinet, House, open_house
from tests.machine.paper import Paper
from tests.machine.partner import Message, Partner
from tests.machine.power import Cut
from tests.machine.practice import CALLERS, COLUMNS, OFFERS, PARTNERS, MachineClock, Person, add_patient
from tests.machine.promises import Witness
from tests.machine.reckoning import is_accepted

Disguise = Callable[[Connection, BookingDocument], None]
"""Changes who is known to the practice, for a rehearsal."""


class Trial(NamedTuple):
    """A time to be asked for without consequences, whether it is on offer or not."""

    assignment_id: int
    column_id: int
    starts_at: datetime
    new_patient: bool


class Masked(NamedTuple):
    """What a message would have got from a practice that knows other people."""

    message: Message
    outcomes: list[BookingOutcome]
    position: int


@dataclass(slots=True)
class Life:
    """Everybody there is, and what has happened so far."""

    house: House
    truth: Truth
    reception: Reception
    witness: Witness
    partners: Mapping[str, Partner]
    figures: Counter[str]
    arrived: dict[str, list[Message]] = field(default_factory=lambda: {key: [] for key in PARTNERS})
    """Not answered yet, in the order of their arrival."""
    interrupted: set[str] = field(default_factory=set)
    """Partners of whose files the power has left one half done."""

    @property
    def clock(self) -> MachineClock:
        return self.house.clock

    @property
    def revoked(self) -> set[str]:
        return self.witness.revoked

    def other(self, partner: Partner) -> Partner:
        """The other one of the two."""
        (other,) = (one for one in self.partners.values() if one is not partner)
        return other

    # --- files from partners -------------------------------------------------------------------

    def arrive(self, partner_id: str, message: Message) -> None:
        """A file lies in the inbound folder."""
        self.partners[partner_id].sent.append(message)
        self.arrived[partner_id].append(message)
        self.witness.messages[partner_id, message.message_id] = message
        self.house.put(partner_id, message.content)

    def sweep(self, partner_id: str, cut: Cut | None = None, disguise: Disguise | None = None) -> None:
        """Work off what arrived; every message has its receipt afterwards, unless the power goes."""
        if partner_id in self.interrupted:
            cut = None  # the same file three times in a row would be a crash loop
        masked = self._masked(partner_id, disguise)
        before = self.truth.appointments()
        finished = self.house.sweep(partner_id, cut)
        self.witness.see_answers(partner_id, before)
        self.witness.see_files(partner_id)
        if not finished:
            self.interrupted.add(partner_id)
            return
        self.interrupted.discard(partner_id)
        waiting = self.house.waiting(partner_id)
        for message in self.arrived[partner_id]:
            assert self.witness.receipts[partner_id, message.message_id].name in waiting
        self.arrived[partner_id].clear()
        counts = self.house.agent.lane(partner_id).inbound.counts()
        assert counts["waiting"] == counts["claimed"] == 0
        if masked is not None:
            self._check_neutral(partner_id, masked)
        if len(self.witness.news) == 1:
            self._check_alternatives(partner_id)

    def _masked(self, partner_id: str, disguise: Disguise | None) -> Masked | None:
        """Only of one message that waits alone: what came before it would count too."""
        if disguise is None or len(self.arrived[partner_id]) != 1 or partner_id in self.interrupted:
            return None
        (message,) = self.arrived[partner_id]
        is_repeat = (partner_id, message.message_id) in self.witness.decided
        if is_repeat or message.document.envelope.kind is not Kind.BOOKINGS:
            return None
        with self.house.rehearsal() as rehearsal:
            head = rehearsal.audit_position()
            disguise(rehearsal.connection, message.document)
            outcomes, entries = rehearsal.answers(message.document)
        return Masked(message, outcomes, head + entries)

    def _check_neutral(self, partner_id: str, masked: Masked) -> None:
        """Reading A8: the receipt is the same, but for the alias of a patient who agreed.

        Its place in the audit chain is the same too: it stands in the receipt.
        """
        decided = self.witness.decided[partner_id, masked.message.message_id]
        if decided.verdict.outcome == "processed":
            assert [_nameless(one) for one in decided.outcomes] == [_nameless(one) for one in masked.outcomes]
            assert decided.position == masked.position + 1
            self.figures["receipts compared"] += 1

    def _check_alternatives(self, partner_id: str) -> None:
        """Of the one line that was decided now: each of them can be had at this moment."""
        ((wish, outcome),) = self.witness.news
        for other in outcome.alternatives:
            time = {"slot_id": other.slot_id, "starts_at": other.starts_at}
            again = wish.model_copy(update={**time, "revision": wish.revision + 1})
            tried = self.rehearsed(partner_id, again)
            assert is_accepted(tried), (wish, other, tried)
            assert (tried.column_id, tried.ends_at) == (other.column_id, other.ends_at)
            self.figures["alternatives tried"] += 1

    # --- files for partners --------------------------------------------------------------------

    def export(
        self,
        partner_id: str,
        kind: Kind,
        cut: Cut | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> Document[Any] | None:
        """The file just made, true also to what happened meanwhile.

        None if the power went, or the partner gets none of this kind.
        """
        if kind not in self.house.agent.kinds(partner_id):
            assert partner_id in self.revoked or kind is Kind.PATIENTS
            return None
        self.house.export(partner_id, kind, cut, meanwhile)
        documents = self.witness.see_files(partner_id)
        document = next((one for one in documents if one.envelope.kind is kind), None)
        if document is not None and kind is Kind.PATIENTS:
            self.witness.check_patients_file_is_whole(partner_id, document)
        return document

    def tell_updates(self, partner_id: str, cut: Cut | None = None) -> None:
        """What staff changed; without a power cut all of it is told afterwards."""
        self.house.tell_updates(partner_id, cut)
        self.witness.see_updates(partner_id)
        if cut is None:
            self.witness.check_told(partner_id)
        self.witness.see_files(partner_id)

    def deliver(self, partner_id: str, shuffle: Callable[[list[Any]], None] | None = None) -> None:
        """Everything that waits goes to the partner, who reads it in whatever order."""
        documents = self.house.deliver(partner_id)
        for document in documents:
            if document.envelope.kind is Kind.PATIENTS:
                self.witness.check_patients_may_leave(partner_id, document)
        if shuffle:
            shuffle(documents)
        for document in documents:
            self.partners[partner_id].read(document)

    def settle(self, partner_id: str, shuffle: Callable[[list[Any]], None] | None = None) -> None:
        """Nothing is left over; then the partner knows the truth."""
        self.sweep(partner_id)
        self.tell_updates(partner_id)
        self.export(partner_id, Kind.PATIENTS)
        self.deliver(partner_id, shuffle)
        if partner_id not in self.revoked:
            partner = self.partners[partner_id]
            assert partner.updates_read == set(range(1, len(partner.updates_read) + 1))
            self.witness.check_view(partner_id, partner.view)

    # --- published free = accepted at that instant ---------------------------------------------

    def check_offer(self, partner_id: str, slots: list[FreeSlot], trials: list[Trial]) -> None:
        """The very time in its column, and in any column: accepted if published, and only then."""
        published = {(slot.assignment_id, slot.starts_at, slot.column_id) for slot in slots}
        for trial in trials:
            starts_at = trial.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ")
            free = [
                column
                for assignment, start, column in published
                if (assignment, start) == (str(trial.assignment_id), starts_at)
            ]
            in_order = sorted(free, key=lambda column: COLUMNS[int(column)].position)
            itself = [column for column in free if column == str(trial.column_id)]
            self._check_trial(partner_id, trial, starts_at, in_order, any_column=True)
            self._check_trial(partner_id, trial, starts_at, itself, any_column=False)

    def _check_trial(
        self, partner_id: str, trial: Trial, starts_at: str, free: list[str], *, any_column: bool
    ) -> None:
        slot = FreeSlot(
            slot_id=f"{trial.assignment_id}-{trial.column_id}-{int(trial.starts_at.timestamp())}",
            assignment_id=str(trial.assignment_id),
            column_id=str(trial.column_id),
            starts_at=starts_at,
            ends_at=starts_at,
        )
        wish = Partner(partner_id).book(
            slot, CALLERS[-1], booking_id="trial", any_column=any_column, new_patient=trial.new_patient
        )
        outcome = self.rehearsed(partner_id, wish)
        barred = trial.new_patient and not OFFERS[trial.assignment_id].for_new_patients
        assert is_accepted(outcome) == (bool(free) and not barred), (trial, any_column, outcome)
        if is_accepted(outcome):
            assert (outcome.column_id, outcome.starts_at) == (free[0], starts_at)
        elif free:
            assert outcome.reason is BookingReason.NOT_FOR_NEW_PATIENTS
        self.figures["times tried"] += 1

    def check_on_the_way(self, partner_id: str, file: Envelope, slot: FreeSlot, minutes: int) -> None:
        """What a good file offers is not lost while a booking of it travels, unless somebody takes it."""
        arrives_at = self.clock() + timedelta(minutes=minutes)
        is_good = arrives_at < datetime.fromisoformat(str(file.valid_until))
        if is_good and arrives_at <= datetime.fromisoformat(slot.starts_at):
            wish = Partner(partner_id).book(slot, CALLERS[-1], booking_id="trial", new_patient=False)
            outcome = self.rehearsed(partner_id, wish, arrives_at)
            assert is_accepted(outcome), (slot, arrives_at, outcome)
            self.figures["times tried late"] += 1

    def rehearsed(
        self, partner_id: str, wish: BookingsRecord, arrives_at: datetime | None = None
    ) -> BookingOutcome:
        """The answer that a wish written now would get, now or later."""
        written_at = self.clock()
        document = Partner(partner_id).bookings_file([wish], written_at).document
        self.clock.now = arrives_at or written_at
        try:
            with self.house.rehearsal() as rehearsal:
                return rehearsal.answer(document)
        finally:
            self.clock.now = written_at


def begin(
    cabinet: Cabinet,
    paper: Paper,
    start: datetime,
    settings: Mapping[str, Mapping[str, Any]],
    figures: Counter[str],
) -> Life:
    """A life in which nothing has happened yet."""
    house = open_house(cabinet, paper, start, settings)
    truth = Truth(house.connector)
    partners = {partner_id: Partner(partner_id) for partner_id in PARTNERS}
    reception = Reception(house.connector, house.clock)
    return Life(house, truth, reception, Witness(house, truth, figures), partners, figures)


def _nameless(outcome: BookingOutcome) -> BookingOutcome:
    return outcome.model_copy(update={"patient_id": None})


# --- disguises -----------------------------------------------------------------------------------


def nobody_is_known(connection: Connection, document: BookingDocument) -> None:
    """Every record bears another name."""
    connection.execute(update(tables.patient).values(family_name="Anders"))


def everybody_has_objected(connection: Connection, document: BookingDocument) -> None:
    """To this partner."""
    this = tables.consent.c.partner_id == document.envelope.partner_id
    connection.execute(update(tables.consent).where(this).values(status="DENIED"))


def everybody_is_known_twice(connection: Connection, document: BookingDocument) -> None:
    """Once with the same contact point."""
    for wish in document.records:
        if isinstance(wish, BookingRecord):
            who = wish.patient
            born = datetime.fromisoformat(who.birth_date).date()
            for email in (who.contact_points[0].value, "second@example.org"):
                add_patient(connection, Person(who.given_name, who.family_name, born, email))


DISGUISES: tuple[Disguise | None, ...] = (
    None,
    nobody_is_known,
    everybody_has_objected,
    everybody_is_known_twice,
)
