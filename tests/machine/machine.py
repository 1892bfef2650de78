"""The rules of the machine: who may act next, and what they may choose.

One life is one example of Hypothesis. After every step the witness looks at
what must hold always; at the end everything is settled and looked at again.
"""

import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from exchange_formats.availability import FreeSlot
from exchange_formats.bookings import BookingRecord, BookingsRecord, RescheduleRecord
from exchange_formats.codec import Document
from exchange_formats.envelope import Kind
from tests.machine.book import Standing
from tests.machine.house import Cabinet
from tests.machine.life import DISGUISES, Life, Trial, begin
from tests.machine.paper import Paper
from tests.machine.partner import CANCELLED, Message, Partner, removals
from tests.machine.power import CUTS, Cut
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
)

partners = st.sampled_from(sorted(PARTNERS))
columns = st.sampled_from(sorted(COLUMNS))
offers = st.sampled_from(sorted(OFFERS))
patients = st.sampled_from([ANNA, ANNA, LEA, OHNE, JOERG])
cuts = st.one_of(st.none(), st.none(), st.sampled_from(CUTS))
nudges = st.sampled_from([timedelta(minutes=m) for m in (0, 0, -1440, -60, -30, -10, -5, 10, 20, 60, 1440)])
terms = st.fixed_dictionaries(
    {
        "lead_time_minutes": st.sampled_from([0, 60, 300]),
        "booking_horizon_days": st.integers(3, 5),
        "grid_minutes": st.sampled_from([20, 30]),
        "lead_time_working_days": st.sampled_from([0, 0, 1, 2]),
    },
    optional={"max_appointments_per_day": st.integers(1, 3)},
)
NO_SLOT = FreeSlot(
    slot_id="1-1-1806566400",
    assignment_id="1",
    column_id="1",
    starts_at="2027-04-01T08:00:00Z",
    ends_at="2027-04-01T08:20:00Z",
)
"""What a partner without anything on offer may still ask for."""


class LifeOfAppointments(RuleBasedStateMachine):
    """Two partners, the staff, the agent and the clock."""

    cabinet: ClassVar[Cabinet]
    paper: ClassVar[Paper]
    starts: ClassVar[tuple[datetime, ...]] = (BEFORE_SPRING, BEFORE_AUTUMN)
    figures: ClassVar[Counter[str]] = Counter()
    """Of all lives so far."""

    def __init__(self) -> None:
        super().__init__()
        self.life: Life

    @initialize(data=st.data(), dentport=terms, zahnzeit=terms, may_cancel=st.booleans())
    def the_practice_opens(
        self, data: st.DataObject, dentport: dict[str, Any], zahnzeit: dict[str, Any], may_cancel: bool
    ) -> None:
        """Up to three days before the clock changes; both partners know what is free, and have booked."""
        start = data.draw(st.sampled_from(self.starts)) + timedelta(hours=data.draw(st.integers(0, 70)))
        may = {"may_cancel": may_cancel, "may_reschedule": not may_cancel}
        settings: dict[str, dict[str, Any]] = {
            DENTPORT: {
                "receives_patients": True,
                "may_cancel": True,
                "may_reschedule": True,
                "offer": dentport,
            },
            ZAHNZEIT: {**may, "offer": zahnzeit},
        }
        self.life = begin(self.cabinet, self.paper, start, settings, self.figures)
        self.figures["lives"] += 1
        for partner_id, partner in self.life.partners.items():
            for kind in (Kind.AVAILABILITY, Kind.PATIENTS):
                self.life.export(partner_id, kind)
            self.life.deliver(partner_id)
            wishes = [self._booking(data, partner) for _ in range(2)]
            self.life.arrive(partner_id, partner.bookings_file(wishes, self.life.clock()))
            self.life.sweep(partner_id)
            self.life.deliver(partner_id)

    @invariant()
    def promises_hold(self) -> None:
        self.figures["steps"] += 1
        self.life.witness.check_always()

    def teardown(self) -> None:
        """The end of a life in which nothing went wrong: all is settled, and true."""
        if not hasattr(self, "life"):
            return
        try:
            if sys.exc_info()[0] is None:
                for partner_id in PARTNERS:
                    self.life.settle(partner_id)
                self.life.witness.check_author()
                self.life.witness.check_always()
                self.life.house.verify_audit(self.life.witness.anchors)
        finally:
            self.life.house.close()

    # --- partners ------------------------------------------------------------------------------

    @rule(data=st.data(), partner_id=partners, at_once=st.sampled_from([True, True, True, False]), cut=cuts)
    def partner_books(self, data: st.DataObject, partner_id: str, at_once: bool, cut: Cut | None) -> None:
        """One file; or it is held back, and comes later, behind younger ones."""
        partner = self.life.partners[partner_id]
        wishes: list[BookingsRecord] = [self._booking(data, partner)]
        wishes += [self._wish(data, partner) for _ in range(data.draw(st.integers(0, 2)))]
        message = partner.bookings_file(wishes, self.life.clock())
        if at_once:
            self._send(data, partner_id, message, cut)
        else:
            partner.held.append(message)

    @rule(data=st.data(), any_column=st.booleans())
    def both_partners_want_the_same(self, data: st.DataObject, any_column: bool) -> None:
        slot = self._slot(data, self.life.partners[DENTPORT])
        for partner_id, partner in self.life.partners.items():
            wish = partner.book(slot, data.draw(st.sampled_from(CALLERS)), any_column=any_column)
            self.life.arrive(partner_id, partner.bookings_file([wish], self.life.clock()))
        for partner_id in data.draw(st.permutations(sorted(PARTNERS))):
            self.life.sweep(partner_id)

    @rule(data=st.data(), partner_id=partners, cut=cuts, held=st.sampled_from([False, False, True]))
    def partner_changes_its_mind(
        self, data: st.DataObject, partner_id: str, cut: Cut | None, held: bool
    ) -> None:
        """Cancels or moves what it booked before, or what it books in the same file."""
        partner = self.life.partners[partner_id]
        wishes = [self._change(data, partner) for _ in range(data.draw(st.integers(1, 2)))]
        message = partner.bookings_file(wishes, self.life.clock())
        if held:
            partner.held.append(message)
        else:
            self._send(data, partner_id, message, cut)

    @rule(data=st.data(), partner_id=partners)
    def partner_sends_something_odd(self, data: st.DataObject, partner_id: str) -> None:
        """A line again, other content under its number, somebody else's booking, a cancelled one again."""
        partner, other = self.life.partners[partner_id], self.life.other(self.life.partners[partner_id])
        wish = data.draw(st.sampled_from(partner.wishes))
        foreign = data.draw(st.sampled_from(sorted(other.revisions)))
        odd: list[Callable[[], BookingsRecord]] = [
            lambda: wish,
            lambda: self._altered(data, partner, wish),
            lambda: partner.cancel(foreign),
            lambda: partner.book(self._slot(data, partner), CALLERS[-1], booking_id=foreign),
            lambda: partner.book(self._slot(data, partner), CALLERS[-1], booking_id=wish.booking_id),
            lambda: partner.cancel(wish.booking_id).model_copy(update={"revision": wish.revision}),
        ]
        which = data.draw(st.lists(st.integers(0, len(odd) - 1), min_size=1, max_size=2))
        self._send(data, partner_id, partner.bookings_file([odd[one]() for one in which], self.life.clock()))

    @precondition(lambda self: any(partner.held for partner in self.life.partners.values()))
    @rule(data=st.data(), swept=st.booleans())
    def held_back_message_arrives(self, data: st.DataObject, swept: bool) -> None:
        partner = self._one_with(data, lambda partner: partner.held)
        message = data.draw(st.sampled_from(partner.held))
        partner.held.remove(message)
        self.life.arrive(partner.partner_id, message)
        if swept:
            self.life.sweep(partner.partner_id)

    @rule(data=st.data())
    def partner_repeats_a_message(self, data: st.DataObject) -> None:
        partner = self._one_with(data, lambda partner: partner.sent)
        self.life.arrive(partner.partner_id, data.draw(st.sampled_from(partner.sent)))
        self.life.sweep(partner.partner_id)

    @rule(data=st.data(), is_wrong=st.sampled_from([False, False, False, True]))
    def partner_acknowledges_removals(self, data: st.DataObject, is_wrong: bool) -> None:
        """Of the newest file or an old one; sometimes of aliases that nobody told it to erase."""
        partner = self.life.partners[DENTPORT]
        file = partner.patient_files[-data.draw(st.integers(1, len(partner.patient_files)))]
        self._acknowledge(file, [*partner.patients, "0000000000000000"] if is_wrong else None)

    # --- staff ---------------------------------------------------------------------------------

    @precondition(lambda self: self.life.truth.appointments())
    @rule(data=st.data(), column_id=columns, on_purpose=st.booleans(), by=nudges)
    def staff_move_an_appointment(
        self, data: st.DataObject, column_id: int, on_purpose: bool, by: timedelta
    ) -> None:
        """Or make it longer; also onto another one, if they mean to."""
        one = self._appointment(data)
        longer = timedelta(minutes=data.draw(st.sampled_from([0, 0, 10, 30])))
        times = {"starts_at": one.starts_at + by, "ends_at": one.ends_at + by + longer}
        self.life.reception.change(one.appointment_id, column_id=column_id, exclusive=not on_purpose, **times)

    @precondition(lambda self: self.life.truth.appointments())
    @rule(data=st.data(), status=st.sampled_from(["cancelled", "cancelled", "booked", "booked", "arrived"]))
    def staff_set_a_status(self, data: st.DataObject, status: str) -> None:
        self.life.reception.change(self._appointment(data).appointment_id, status=status)

    @precondition(lambda self: self.life.truth.appointments())
    @rule(data=st.data())
    def staff_delete_an_appointment(self, data: st.DataObject) -> None:
        one = self._appointment(data)
        self.life.witness.deleted.add(one.appointment_id)
        self.life.reception.delete(one.appointment_id)

    @rule(data=st.data(), partner_id=partners, minutes=st.sampled_from([10, 20, 60]), exclusive=st.booleans())
    def staff_book_by_hand(self, data: st.DataObject, partner_id: str, minutes: int, exclusive: bool) -> None:
        slot = self._slot(data, self.life.partners[partner_id])
        starts_at = datetime.fromisoformat(slot.starts_at)
        self.life.reception.book(int(slot.column_id), starts_at, minutes, exclusive)

    @rule(
        patient_id=patients,
        answers=st.lists(
            st.sampled_from(["GRANTED", "GRANTED", "DENIED", "OPEN", None]), min_size=1, max_size=3
        ),
        follows=st.sampled_from(["nothing", "delivery", "file", "file, delivery", "file, delivery, reply"]),
    )
    def patient_answers(self, patient_id: int, answers: list[str | None], follows: str) -> None:
        """Agrees, objects, takes it back; a file may be on its way, or follow and be acknowledged."""
        for status in answers:
            self.life.reception.answer(patient_id, DENTPORT, status)
            if "file" in follows:
                self.life.export(DENTPORT, Kind.PATIENTS)
            if "delivery" in follows:
                self.life.deliver(DENTPORT)
            if "reply" in follows:
                self._acknowledge(self.life.partners[DENTPORT].patient_files[-1])

    @rule(patient_id=patients, active=st.booleans())
    def staff_put_a_record_away_or_back(self, patient_id: int, active: bool) -> None:
        self.life.reception.set_active(patient_id, active)

    @rule(
        data=st.data(),
        what=st.sampled_from(["absence", "offer", "column", "everything on"]),
        assignment_id=offers,
        column_id=columns,
    )
    def staff_change_what_is_offered(
        self, data: st.DataObject, what: str, assignment_id: int, column_id: int
    ) -> None:
        if what == "absence":
            slot = self._slot(data, self.life.partners[DENTPORT])
            who, hours = data.draw(st.sampled_from([None, BIRKE])), data.draw(st.integers(1, 8))
            self.life.reception.add_absence(who, datetime.fromisoformat(slot.starts_at), hours)
        else:
            self.life.reception.switch_offer(assignment_id, what != "offer")
            self.life.reception.switch_column(column_id, what != "column")

    # --- the agent -----------------------------------------------------------------------------

    @rule(data=st.data(), partner_id=partners, cut=cuts, minutes=st.sampled_from([10, 59, 59, 600]))
    def agent_exports_availability(
        self, data: st.DataObject, partner_id: str, cut: Cut | None, minutes: int
    ) -> None:
        """Asked for at once are times on offer or near by; the first ones also after some minutes."""
        document = self.life.export(partner_id, Kind.AVAILABILITY, cut)
        if document is not None:
            slots = self.life.witness.check_slots(partner_id, document)
            self.life.check_offer(partner_id, slots, [self._trial(data, slots) for _ in range(2)])
            for slot in sorted(slots, key=lambda slot: slot.starts_at)[:3]:
                self.life.check_on_the_way(partner_id, document.envelope, slot, minutes)

    @rule(partner_id=st.sampled_from([DENTPORT, DENTPORT, ZAHNZEIT]), cut=cuts)
    def agent_exports_patients(self, partner_id: str, cut: Cut | None) -> None:
        self.life.export(partner_id, Kind.PATIENTS, cut)

    @rule(patient_id=patients, status=st.sampled_from(["DENIED", None]))
    def patient_withdraws_while_the_file_is_made(self, patient_id: int, status: str | None) -> None:
        """Not before and not after: the file in the outbox must be true all the same."""
        withdraws = partial(self.life.reception.answer, patient_id, DENTPORT, status)
        self.life.export(DENTPORT, Kind.PATIENTS, meanwhile=withdraws)

    @rule(partner_id=partners, cut=cuts)
    def agent_tells_updates(self, partner_id: str, cut: Cut | None) -> None:
        self.life.tell_updates(partner_id, cut)

    @rule(data=st.data(), partner_id=partners)
    def agent_settles_everything(self, data: st.DataObject, partner_id: str) -> None:
        """With reference data too; the partner reads the files in any order."""
        self.life.export(partner_id, Kind.REFERENCE_DATA)
        self.life.settle(partner_id, data.draw(st.randoms(use_true_random=False)).shuffle)

    @rule(partner_id=partners)
    def agent_delivers(self, partner_id: str) -> None:
        self.life.deliver(partner_id)

    @rule()
    def agent_restarts(self) -> None:
        self.life.house.restart()
        self.life.house.verify_audit(self.life.witness.anchors)

    @rule(partner_id=partners, really=st.sampled_from([False, False, True]))
    def practice_revokes_or_readmits(self, partner_id: str, really: bool) -> None:
        """Readmits whoever is revoked, and now and then revokes one."""
        if partner_id in self.life.revoked:
            self.life.house.readmit(partner_id)
            self.life.revoked.discard(partner_id)
        elif really:
            self.life.house.revoke(partner_id)
            self.life.revoked.add(partner_id)

    @rule(minutes=st.sampled_from([1, 10, 30, 120, 600, 1440]))
    def time_passes(self, minutes: int) -> None:
        self.life.clock.forward(minutes)

    # --- choices -------------------------------------------------------------------------------

    def _send(self, data: st.DataObject, partner_id: str, message: Message, cut: Cut | None = None) -> None:
        """Arrives, is worked off, and mostly the answer is fetched."""
        self.life.arrive(partner_id, message)
        self.life.sweep(partner_id, cut, data.draw(st.sampled_from(DISGUISES)))
        if data.draw(st.booleans()):
            self.life.deliver(partner_id)

    def _acknowledge(self, file: Document[Any], aliases: list[str] | None = None) -> None:
        """What the file told to erase, unless other aliases are given."""
        partner = self.life.partners[DENTPORT]
        chosen = removals(file) if aliases is None else aliases
        message = partner.acknowledgement(file.envelope.message_id, chosen, self.life.clock())
        self.life.arrive(DENTPORT, message)
        self.life.sweep(DENTPORT)

    def _wish(self, data: st.DataObject, partner: Partner) -> BookingsRecord:
        is_change = data.draw(st.sampled_from([False, False, True]))
        return self._change(data, partner) if is_change else self._booking(data, partner)

    def _change(self, data: st.DataObject, partner: Partner) -> BookingsRecord:
        """Of an appointment that the partner knows of, or of the booking that it has just written."""
        known = partner.view.booking_ids()
        standing = [one for one in known if partner.view.state(one) != CANCELLED]
        booking_id = data.draw(st.sampled_from([*standing, *standing, *known, max(partner.revisions)]))
        if data.draw(st.booleans()):
            return partner.cancel(booking_id)
        return self._move(data, partner, booking_id)

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
        if isinstance(wish, BookingRecord | RescheduleRecord):
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

    def _trial(self, data: st.DataObject, slots: list[FreeSlot]) -> Trial:
        """A time on offer, or one not far from it."""
        slot = data.draw(st.sampled_from(slots or [NO_SLOT]))
        return Trial(
            data.draw(st.sampled_from([int(slot.assignment_id), *OFFERS])),
            data.draw(st.sampled_from([int(slot.column_id), *COLUMNS])),
            datetime.fromisoformat(slot.starts_at) + data.draw(nudges),
            data.draw(st.booleans()),
        )

    def _appointment(self, data: st.DataObject) -> Standing:
        return data.draw(st.sampled_from(sorted(self.life.truth.appointments().values())))

    def _one_with(self, data: st.DataObject, what: Callable[[Partner], Any]) -> Partner:
        chosen = [partner_id for partner_id in sorted(PARTNERS) if what(self.life.partners[partner_id])]
        return self.life.partners[data.draw(st.sampled_from(chosen))]
