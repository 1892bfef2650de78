"""The machine: everybody in and around the practice, each free to act next.

One life is one example of Hypothesis. After every step the witness looks at
what must hold always; each rule besides checks what its own story promises.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Connection, update

from agent.adapters import tables
from exchange_formats.availability import FreeSlot
from exchange_formats.bookings import BookingRecord, BookingsRecord, RescheduleRecord
from exchange_formats.codec import BookingDocument, Document
from exchange_formats.envelope import Kind
from exchange_formats.receipts import BookingOutcome, BookingReason
from tests.machine.house import CUTS, Cabinet, Cut, House, Paper, open_house
from tests.machine.partner import Message, Partner, removals
from tests.machine.practice import (
    ANNA,
    BEFORE_AUTUMN,
    BEFORE_SPRING,
    BIRKE,
    CALLERS,
    COLUMNS,
    DENTPORT,
    JOERG,
    LEA,
    OFFERS,
    OHNE,
    PARTNERS,
    ZAHNZEIT,
    Person,
    Reception,
    Truth,
    add_patient,
)
from tests.machine.promises import Witness, is_accepted

partners = st.sampled_from(sorted(PARTNERS))
columns = st.sampled_from(sorted(COLUMNS))
cuts = st.one_of(st.none(), st.none(), st.sampled_from(CUTS))
terms = st.fixed_dictionaries(
    {
        "lead_time_minutes": st.sampled_from([0, 60, 300]),
        "booking_horizon_days": st.integers(3, 5),
        "grid_minutes": st.sampled_from([20, 30]),
        "lead_time_working_days": st.sampled_from([0, 0, 1, 2]),
    },
    optional={"max_appointments_per_day": st.integers(1, 3)},
)

Disguise = Callable[[Connection, BookingDocument], None]


class LifeOfAppointments(RuleBasedStateMachine):
    """Two partners, the staff, the agent and the clock."""

    cabinet: ClassVar[Cabinet]
    paper: ClassVar[Paper]
    starts: ClassVar[tuple[datetime, ...]] = (BEFORE_SPRING, BEFORE_AUTUMN)
    leaps: ClassVar[tuple[int, ...]] = (1, 10, 30, 120, 600, 1440)
    """Minutes by which time passes at once."""
    figures: ClassVar[Counter[str]] = Counter()
    """Of all lives so far."""

    def __init__(self) -> None:
        super().__init__()
        self.house: House
        self.figures["lives"] += 1

    @initialize(data=st.data(), dentport=terms, zahnzeit=terms, may_cancel=st.booleans())
    def the_practice_opens(
        self, data: st.DataObject, dentport: dict[str, Any], zahnzeit: dict[str, Any], may_cancel: bool
    ) -> None:
        start = data.draw(st.sampled_from(self.starts)) + timedelta(hours=data.draw(st.integers(0, 70)))
        settings: dict[str, dict[str, Any]] = {
            DENTPORT: {"receives_patients": True, "may_cancel": True, "may_reschedule": True},
            ZAHNZEIT: {"may_cancel": may_cancel, "may_reschedule": not may_cancel},
        }
        settings[DENTPORT]["offer"], settings[ZAHNZEIT]["offer"] = dentport, zahnzeit
        self.house = open_house(self.cabinet, self.paper, start, settings)
        self.clock, truth = self.house.clock, Truth(self.house.connector)
        self.truth = truth
        self.reception = Reception(self.house.connector, self.clock)
        self.witness = Witness(self.house, truth, self.figures)
        self.partners = {partner_id: Partner(partner_id) for partner_id in PARTNERS}
        self.arrived: dict[str, list[Message]] = {partner_id: [] for partner_id in PARTNERS}
        self.cut_short: set[str] = set()
        for partner_id, partner in self.partners.items():
            self._export(partner_id, Kind.AVAILABILITY)
            self._deliver(partner_id)
            wishes = [self._booking(data, partner) for _ in range(2)]
            self._arrives(partner_id, partner.bookings_file(wishes, self.clock()))
            self._sweep(partner_id)
            self._deliver(partner_id)

    def teardown(self) -> None:
        if hasattr(self, "house"):
            try:
                self.house.verify_audit(self.witness.anchors)
            finally:
                self.house.close()

    @invariant()
    def promises_hold(self) -> None:
        self.figures["steps"] += 1
        self.witness.check_always()

    # --- partners ------------------------------------------------------------------------------

    @rule(data=st.data(), partner_id=partners, at_once=st.sampled_from([True, True, True, False]), cut=cuts)
    def partner_books(self, data: st.DataObject, partner_id: str, at_once: bool, cut: Cut | None) -> None:
        """One file; or it is held back, and comes later, behind younger ones."""
        partner = self.partners[partner_id]
        wishes = [self._booking(data, partner) for _ in range(data.draw(st.integers(1, 3)))]
        message = partner.bookings_file(wishes, self.clock())
        if at_once:
            self._send(data, partner_id, message, cut)
        else:
            partner.held.append(message)

    @rule(data=st.data(), any_column=st.booleans())
    def both_partners_want_the_same(self, data: st.DataObject, any_column: bool) -> None:
        slot = self._slot(data, self.partners[DENTPORT])
        for partner_id, partner in self.partners.items():
            wish = partner.book(slot, data.draw(st.sampled_from(CALLERS)), any_column=any_column)
            self._arrives(partner_id, partner.bookings_file([wish], self.clock()))
        for partner_id in data.draw(st.permutations(sorted(PARTNERS))):
            self._sweep(partner_id)

    @rule(data=st.data(), partner_id=partners, cut=cuts)
    def partner_changes_its_mind(self, data: st.DataObject, partner_id: str, cut: Cut | None) -> None:
        """Books and cancels or moves in one file, or what it booked before."""
        partner = self.partners[partner_id]
        wishes: list[BookingsRecord] = []
        booking_id = self._own(data, partner)
        if booking_id is None:
            wishes = [self._booking(data, partner)]
            booking_id = wishes[0].booking_id
        if data.draw(st.sampled_from([True, True, False])):
            wishes.append(self._move(data, partner, booking_id))
        else:
            wishes.append(partner.cancel(booking_id))
        self._send(data, partner_id, partner.bookings_file(wishes, self.clock()), cut)

    @precondition(lambda self: all(partner.wishes for partner in self.partners.values()))
    @rule(data=st.data(), partner_id=partners)
    def partner_sends_something_odd(self, data: st.DataObject, partner_id: str) -> None:
        """A line again, other content under its number, somebody else's booking, an older revision."""
        partner, other = self.partners[partner_id], self._other(self.partners[partner_id])
        wish = data.draw(st.sampled_from(partner.wishes))
        odd: list[BookingsRecord] = [
            wish,
            self._altered(data, partner, wish),
            partner.cancel(data.draw(st.sampled_from(sorted(other.revisions)))),
            partner.cancel(wish.booking_id).model_copy(update={"revision": max(wish.revision - 1, 1)}),
        ]
        chosen = data.draw(st.lists(st.sampled_from(odd), min_size=1, max_size=2))
        self._send(data, partner_id, partner.bookings_file(chosen, self.clock()))

    @precondition(lambda self: any(partner.held for partner in self.partners.values()))
    @rule(data=st.data(), swept=st.booleans())
    def held_back_message_arrives(self, data: st.DataObject, swept: bool) -> None:
        partner = self._one_with(data, lambda partner: partner.held)
        message = data.draw(st.sampled_from(partner.held))
        partner.held.remove(message)
        self._arrives(partner.partner_id, message)
        if swept:
            self._sweep(partner.partner_id)

    @precondition(lambda self: any(partner.sent for partner in self.partners.values()))
    @rule(data=st.data())
    def partner_repeats_a_message(self, data: st.DataObject) -> None:
        partner = self._one_with(data, lambda partner: partner.sent)
        self._arrives(partner.partner_id, data.draw(st.sampled_from(partner.sent)))
        self._sweep(partner.partner_id)

    @precondition(lambda self: self.partners[DENTPORT].patient_files)
    @rule(data=st.data(), is_wrong=st.sampled_from([False, False, False, True]))
    def partner_acknowledges_removals(self, data: st.DataObject, is_wrong: bool) -> None:
        """Of the newest file or an old one; sometimes of aliases that nobody told it to erase."""
        partner = self.partners[DENTPORT]
        file = partner.patient_files[-data.draw(st.integers(1, len(partner.patient_files)))]
        aliases = [*partner.patients, "0000000000000000"] if is_wrong else removals(file)
        message = partner.acknowledgement(file.envelope.message_id, aliases, self.clock())
        self._arrives(DENTPORT, message)
        self._sweep(DENTPORT)

    # --- staff ---------------------------------------------------------------------------------

    @precondition(lambda self: self.truth.appointments())
    @rule(data=st.data(), column_id=columns, on_purpose=st.booleans())
    def staff_move_an_appointment(self, data: st.DataObject, column_id: int, on_purpose: bool) -> None:
        """Also onto another one, if they mean to."""
        one = data.draw(st.sampled_from(sorted(self.truth.appointments().values())))
        by = timedelta(minutes=data.draw(st.sampled_from([0, -1440, -30, -10, 10, 20, 60, 1440])))
        longer = timedelta(minutes=data.draw(st.sampled_from([0, 0, 10, 30])))
        times = {"starts_at": one.starts_at + by, "ends_at": one.ends_at + by + longer}
        self.reception.change(one.appointment_id, column_id=column_id, exclusive=not on_purpose, **times)

    @precondition(lambda self: self.truth.appointments())
    @rule(data=st.data(), status=st.sampled_from(["cancelled", "cancelled", "booked", "booked", "arrived"]))
    def staff_set_a_status(self, data: st.DataObject, status: str) -> None:
        one = data.draw(st.sampled_from(sorted(self.truth.appointments().values())))
        self.reception.change(one.appointment_id, status=status)

    @precondition(lambda self: self.truth.appointments())
    @rule(data=st.data())
    def staff_delete_an_appointment(self, data: st.DataObject) -> None:
        appointment_id = data.draw(st.sampled_from(sorted(self.truth.appointments())))
        self.witness.deleted.add(appointment_id)
        self.reception.delete(appointment_id)

    @rule(data=st.data(), partner_id=partners, minutes=st.sampled_from([10, 20, 60]), exclusive=st.booleans())
    def staff_book_by_hand(self, data: st.DataObject, partner_id: str, minutes: int, exclusive: bool) -> None:
        slot = self._slot(data, self.partners[partner_id])
        starts_at = datetime.fromisoformat(slot.starts_at)
        self.reception.book(int(slot.column_id), starts_at, minutes, exclusive)

    @rule(
        patient_id=st.sampled_from([ANNA, LEA, OHNE, JOERG]),
        status=st.sampled_from(["GRANTED", "GRANTED", "DENIED", "OPEN", None]),
        active=st.sampled_from([True, True, False, None]),
    )
    def patient_answers(self, patient_id: int, status: str | None, active: bool | None) -> None:
        """Agrees, objects, takes it back; or staff put the record away."""
        if active is None:
            self.reception.answer(patient_id, DENTPORT, status)
        else:
            self.reception.set_active(patient_id, active)

    @rule(
        data=st.data(),
        what=st.sampled_from(["absence", "offer", "column", "everything on"]),
        assignment_id=st.sampled_from(sorted(OFFERS)),
        column_id=columns,
    )
    def staff_change_what_is_offered(
        self, data: st.DataObject, what: str, assignment_id: int, column_id: int
    ) -> None:
        if what == "absence":
            slot, who = self._slot(data, self.partners[DENTPORT]), data.draw(st.sampled_from([None, BIRKE]))
            hours = data.draw(st.integers(1, 8))
            self.reception.add_absence(who, datetime.fromisoformat(slot.starts_at), hours)
        else:
            self.reception.switch_offer(assignment_id, what != "offer")
            self.reception.switch_column(column_id, what != "column")

    # --- the agent -----------------------------------------------------------------------------

    @rule(data=st.data(), partner_id=partners, cut=cuts)
    def agent_exports_availability(self, data: st.DataObject, partner_id: str, cut: Cut | None) -> None:
        document = self._export(partner_id, Kind.AVAILABILITY, cut)
        if document is not None:
            self._check_offer(data, partner_id, self.witness.check_slots(document))

    @rule(partner_id=st.sampled_from([DENTPORT, DENTPORT, ZAHNZEIT]), cut=cuts)
    def agent_exports_patients(self, partner_id: str, cut: Cut | None) -> None:
        document = self._export(partner_id, Kind.PATIENTS, cut)
        if document is not None:
            self.witness.check_patients_file_is_whole(partner_id, document)

    @rule(partner_id=partners, cut=cuts)
    def agent_tells_updates(self, partner_id: str, cut: Cut | None) -> None:
        self.house.tell_updates(partner_id, cut)
        if cut != "first commit":
            self.witness.see_updates(partner_id)
        self.witness.see_files(partner_id)

    @rule(data=st.data(), partner_id=partners)
    def agent_exchanges_everything(self, data: st.DataObject, partner_id: str) -> None:
        """Nothing is left over; then the partner knows the truth, in whatever order it reads."""
        self._sweep(partner_id)
        self.house.tell_updates(partner_id)
        self.witness.see_updates(partner_id)
        self._export(partner_id, Kind.REFERENCE_DATA)
        self._deliver(partner_id, data.draw(st.randoms(use_true_random=False)).shuffle)
        partner = self.partners[partner_id]
        if partner_id not in self.witness.revoked:
            assert partner.updates_read == set(range(1, len(partner.updates_read) + 1))
            self.witness.view_is_true(partner_id, partner.view)

    @rule(partner_id=partners)
    def agent_delivers(self, partner_id: str) -> None:
        self._deliver(partner_id)

    @rule()
    def agent_restarts(self) -> None:
        self.house.restart()
        self.house.verify_audit(self.witness.anchors)
        self.witness.check_author()

    @rule(partner_id=partners)
    def practice_revokes_or_readmits(self, partner_id: str) -> None:
        if partner_id in self.witness.revoked:
            self.house.readmit(partner_id)
        else:
            self.house.revoke(partner_id)
        self.witness.revoked ^= {partner_id}

    @rule(data=st.data())
    def time_passes(self, data: st.DataObject) -> None:
        self.clock.forward(data.draw(st.sampled_from(self.leaps)))

    # --- what a partner may want ---------------------------------------------------------------

    def _booking(self, data: st.DataObject, partner: Partner) -> BookingRecord:
        """For somebody new under a new id, or again under an old one."""
        again = [None, None, None, *sorted(partner.revisions)[-2:]]
        hints = [None, None, *sorted(partner.patients)]
        return partner.book(
            self._slot(data, partner),
            data.draw(st.sampled_from(CALLERS)),
            booking_id=data.draw(st.sampled_from(again)),
            any_column=data.draw(st.booleans()),
            hint=data.draw(st.sampled_from(hints)),
            new_patient=data.draw(st.booleans()),
        )

    def _move(self, data: st.DataObject, partner: Partner, booking_id: str) -> RescheduleRecord:
        wishes = [wish for wish in partner.wishes if wish.booking_id == booking_id]
        assignments = [wish.assignment_id for wish in wishes if isinstance(wish, BookingRecord)]
        slot = self._slot(data, partner, *assignments)
        return partner.reschedule(booking_id, slot, any_column=data.draw(st.booleans()))

    def _altered(self, data: st.DataObject, partner: Partner, wish: BookingsRecord) -> BookingsRecord:
        """Other content under a number that was used."""
        if isinstance(wish, (BookingRecord, RescheduleRecord)):
            slot = self._slot(data, partner)
            time = {"assignment_id": slot.assignment_id, "starts_at": slot.starts_at}
            return wish.model_copy(update={"slot_id": slot.slot_id, **time})
        return wish.model_copy(update={"cancellation_reason": "other"})

    def _slot(self, data: st.DataObject, partner: Partner, *assignment_ids: str) -> FreeSlot:
        """From the partner's last file, however old; mostly one of the first, so that wishes meet."""
        slots = sorted(partner.slots, key=lambda slot: (slot.starts_at, slot.slot_id)) or [NO_SLOT]
        slots = [slot for slot in slots if slot.assignment_id in assignment_ids] or slots
        first = data.draw(st.sampled_from([12, 12, 12, len(slots)]))
        return data.draw(st.sampled_from(slots[:first]))

    def _own(self, data: st.DataObject, partner: Partner) -> str | None:
        """A booking that the partner knows to have an appointment, or may have."""
        chosen = partner.view.booking_ids() or sorted(partner.revisions)
        return data.draw(st.sampled_from([*chosen, None]))

    def _other(self, partner: Partner) -> Partner:
        (other,) = (one for one in self.partners.values() if one is not partner)
        return other

    def _one_with(self, data: st.DataObject, what: Callable[[Partner], Any]) -> Partner:
        chosen = [partner_id for partner_id, partner in sorted(self.partners.items()) if what(partner)]
        return self.partners[data.draw(st.sampled_from(chosen))]

    # --- stories with their checks -------------------------------------------------------------

    def _send(self, data: st.DataObject, partner_id: str, message: Message, cut: Cut | None = None) -> None:
        """Arrives, is worked off, and mostly the answer is fetched."""
        self._arrives(partner_id, message)
        self._sweep(partner_id, cut, data.draw(st.sampled_from(DISGUISES)))
        if data.draw(st.booleans()):
            self._deliver(partner_id)

    def _arrives(self, partner_id: str, message: Message) -> None:
        self.partners[partner_id].sent.append(message)
        self.arrived[partner_id].append(message)
        self.witness.messages[partner_id, message.message_id] = message
        self.house.put(partner_id, message.content)

    def _sweep(self, partner_id: str, cut: Cut | None = None, disguise: Disguise | None = None) -> None:
        """Work off what arrived; every message has its answer afterwards, unless the power went."""
        if partner_id in self.cut_short:
            cut = None  # three times in a row would be a crash loop
        masked = self._masked(partner_id, disguise)
        before = self.truth.appointments()
        finished = self.house.sweep(partner_id, cut)
        self.witness.see_answers(partner_id, before)
        self.witness.see_files(partner_id)
        if not finished:
            self.cut_short.add(partner_id)
            return
        self.cut_short.discard(partner_id)
        waiting = self.house.waiting(partner_id)
        for message in self.arrived[partner_id]:
            assert self.witness.receipts[partner_id, message.message_id].name in waiting
        if masked is not None:
            self._check_neutral(partner_id, *masked)
        if len(self.witness.news) == 1:
            self._check_alternatives(partner_id)
        self.arrived[partner_id].clear()
        counts = self.house.agent.lane(partner_id).inbound.counts()
        assert counts["waiting"] == counts["claimed"] == 0

    def _masked(
        self, partner_id: str, disguise: Disguise | None
    ) -> tuple[Message, list[BookingOutcome], int] | None:
        """What the one message that waits would get if everybody in it were known, or nobody."""
        if disguise is None or len(self.arrived[partner_id]) != 1 or partner_id in self.cut_short:
            return None
        (message,) = self.arrived[partner_id]
        with self.house.rehearsal() as rehearsal:
            head = rehearsal.audit_position()
            disguise(rehearsal.connection, message.document)
            outcomes, entries = rehearsal.answers(message.document)
        return message, outcomes, head + entries

    def _check_neutral(
        self, partner_id: str, message: Message, masked: list[BookingOutcome], position: int
    ) -> None:
        """Reading A8: but for the alias of a patient who agreed, the receipt is the same."""
        decided = self.witness.decided[partner_id, message.message_id]
        if decided.verdict.outcome == "processed":
            assert [_nameless(one) for one in decided.outcomes] == [_nameless(one) for one in masked]
            assert decided.position == position + 1
            self.figures["receipts compared"] += 1

    def _check_alternatives(self, partner_id: str) -> None:
        """Of the one line that was decided now: each of them can be had at this moment."""
        ((wish, outcome),) = self.witness.news
        for other in outcome.alternatives:
            time = {"slot_id": other.slot_id, "starts_at": other.starts_at}
            again = wish.model_copy(update={**time, "revision": wish.revision + 1})
            tried = self._rehearsed(partner_id, again)
            assert is_accepted(tried), (wish, other, tried)
            assert (tried.column_id, tried.ends_at) == (other.column_id, other.ends_at)
            self.figures["alternatives tried"] += 1

    def _export(self, partner_id: str, kind: Kind, cut: Cut | None = None) -> Document[Any] | None:
        """The file just made; None if the power went, or the partner gets none of this kind."""
        if kind not in self.house.agent.kinds(partner_id):
            may_not = partner_id in self.witness.revoked or kind is Kind.PATIENTS
            assert may_not
            return None
        self.house.export(partner_id, kind, cut)
        documents = self.witness.see_files(partner_id)
        return next((one for one in documents if one.envelope.kind is kind), None)

    def _deliver(self, partner_id: str, shuffle: Callable[[list[Any]], None] | None = None) -> None:
        documents = self.house.deliver(partner_id)
        for document in documents:
            if document.envelope.kind is Kind.PATIENTS:
                self.witness.patients_may_leave(partner_id, document)
        if shuffle:
            shuffle(documents)
        for document in documents:
            self.partners[partner_id].read(document)

    # --- published free = accepted at that instant -----------------------------------------------

    def _check_offer(self, data: st.DataObject, partner_id: str, slots: list[FreeSlot]) -> None:
        published = {(slot.assignment_id, slot.column_id, slot.starts_at) for slot in slots}
        for _ in range(2):
            slot = data.draw(st.sampled_from(slots or [NO_SLOT]))
            by = timedelta(minutes=data.draw(st.sampled_from([0, 0, -60, -30, -20, -5, 5, 20, 30, 60, 1440])))
            assignment_id = data.draw(st.sampled_from([slot.assignment_id, *map(str, OFFERS)]))
            column_id = data.draw(st.sampled_from([slot.column_id, *map(str, COLUMNS)]))
            start = datetime.fromisoformat(slot.starts_at) + by
            wished = FreeSlot(
                slot_id=f"{assignment_id}-{column_id}-{int(start.timestamp())}",
                assignment_id=assignment_id,
                column_id=column_id,
                starts_at=start.strftime("%Y-%m-%dT%H:%M:%SZ"),
                ends_at=slot.ends_at,
            )
            self._check_slot(partner_id, wished, published, new_patient=data.draw(st.booleans()))

    def _check_slot(
        self, partner_id: str, slot: FreeSlot, published: set[tuple[str, str, str]], *, new_patient: bool
    ) -> None:
        """The very slot, and any column at that start: accepted if published, and only then."""
        trial = Partner(partner_id)
        same_start = [one for one in published if (one[0], one[2]) == (slot.assignment_id, slot.starts_at)]
        in_order = sorted((one[1] for one in same_start), key=lambda key: COLUMNS[int(key)].position)
        itself = [slot.column_id] if slot.column_id in in_order else []
        barred = new_patient and not OFFERS[int(slot.assignment_id)].for_new_patients
        for any_column, free in ((False, itself), (True, in_order)):
            wish = trial.book(
                slot, CALLERS[-1], booking_id="trial", any_column=any_column, new_patient=new_patient
            )
            outcome = self._rehearsed(partner_id, wish)
            assert is_accepted(outcome) == (bool(free) and not barred), (slot, any_column, outcome)
            if is_accepted(outcome):
                assert (outcome.column_id, outcome.starts_at) == (free[0], slot.starts_at)
            elif free:
                assert outcome.reason is BookingReason.NOT_FOR_NEW_PATIENTS
            self.figures["slots tried"] += 1

    def _rehearsed(self, partner_id: str, wish: BookingsRecord) -> BookingOutcome:
        document = Partner(partner_id).bookings_file([wish], self.clock()).document
        with self.house.rehearsal() as rehearsal:
            return rehearsal.answer(document)


# --- disguises -----------------------------------------------------------------------------------


def nobody_is_known(connection: Connection, document: BookingDocument) -> None:
    """Every record bears another name."""
    connection.execute(update(tables.patient).values(family_name="Anders"))


def everybody_has_objected(connection: Connection, document: BookingDocument) -> None:
    partner_id = document.envelope.partner_id
    this = tables.consent.c.partner_id == partner_id
    connection.execute(update(tables.consent).where(this).values(status="DENIED"))


def everybody_is_known_twice(connection: Connection, document: BookingDocument) -> None:
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

NO_SLOT = FreeSlot(
    slot_id="1-1-1806566400",
    assignment_id="1",
    column_id="1",
    starts_at="2027-04-01T08:00:00Z",
    ends_at="2027-04-01T08:20:00Z",
)
"""What a partner without an availability file may still ask for."""


def _nameless(outcome: BookingOutcome) -> BookingOutcome:
    return outcome.model_copy(update={"patient_id": None})
