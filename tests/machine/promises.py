"""What must hold, judged after every step without the agent's rules.

The witness reads what the agent has decided, right after each story and before
anybody else moves, keeps it for ever, and holds against it whatever comes
later: other decisions, the book, and every file that leaves.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from agent.adapters import tables
from agent.ports import AuditHead
from exchange_formats.appointment_updates import AppointmentUpdateRecord
from exchange_formats.availability import FreeSlot
from exchange_formats.bookings import BookingsRecord
from exchange_formats.codec import Document
from exchange_formats.envelope import Kind
from exchange_formats.patients import PatientRecord
from exchange_formats.receipts import BookingOutcome, MessageOutcome, ReceiptRecord
from tests.machine.answers import Situation, check_line, check_repeat, full_days
from tests.machine.book import Record, Standing, Truth
from tests.machine.house import House, Made
from tests.machine.partner import CANCELLED, Message, View, known_state, removals
from tests.machine.practice import NAMES, OFFERS, OTV_USER, PARTNERS
from tests.machine.reckoning import (
    Answers,
    Life,
    Removals,
    as_accepted,
    clash,
    is_accepted,
    local_day,
    share,
    standing,
    state_of,
    was_booked,
)

NEWS_FOR = timedelta(days=7)
MAX_MESSAGE_AGE = timedelta(days=14)
PATIENT_FIELDS = {"record", "patient_id", "given_name", "family_name", "birth_date", "contact_points"}
CONTACT_FIELDS = {"system", "use", "value"}
_RECEIPT_RECORD: TypeAdapter[MessageOutcome | BookingOutcome] = TypeAdapter(ReceiptRecord)


class Decided(NamedTuple):
    """The answer to one message, as the ledger keeps it."""

    position: int
    verdict: MessageOutcome
    outcomes: list[BookingOutcome]


@dataclass(slots=True)
class Witness:
    """All that was decided in one life."""

    house: House
    truth: Truth
    figures: Counter[str]
    told: dict[str, View] = field(default_factory=lambda: {key: View() for key in PARTNERS})
    """What each partner was told by decisions, delivered or not."""
    messages: dict[tuple[str, str], Message] = field(default_factory=dict)
    decided: dict[tuple[str, str], Decided] = field(default_factory=dict)
    lines: dict[tuple[str, str], Answers] = field(default_factory=lambda: defaultdict(dict))
    """By partner and booking id."""
    news: list[tuple[BookingsRecord, BookingOutcome]] = field(default_factory=list)
    """The lines that the last look found newly decided."""
    receipts: dict[tuple[str, str], Made] = field(default_factory=dict)
    updates: dict[tuple[str, str], list[AppointmentUpdateRecord]] = field(default_factory=dict)
    removals: dict[str, Removals] = field(default_factory=lambda: {key: Removals() for key in PARTNERS})
    aliases: dict[str, dict[str, int]] = field(default_factory=lambda: {key: {} for key in PARTNERS})
    anchors: set[AuditHead] = field(default_factory=set)
    appointments: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)

    # --- always --------------------------------------------------------------------------------

    def check_always(self) -> None:
        """Whatever was done last."""
        book, record = self.truth.appointments(), self.truth.record()
        self._nobody_is_booked_twice(book)
        self._nothing_is_gone(book)
        for partner_id in PARTNERS:
            self._outcomes_are_for_ever(partner_id, record)
            self._appointments_are_those_of_accepted_books(partner_id, record)
            self._aliases_never_change(partner_id, record)

    def _nobody_is_booked_twice(self, book: Mapping[int, Standing]) -> None:
        """Promise P13, for what is exclusive."""
        exclusive = [one for one in book.values() if one.stands and one.exclusive]
        for left, right in combinations(exclusive, 2):
            together = right.starts_at < left.ends_at and left.starts_at < right.ends_at
            assert not (together and share(left.column_id, right.column_id)), (left, right)

    def _nothing_is_gone(self, book: Mapping[int, Standing]) -> None:
        """Only staff delete (s. 630f BGB)."""
        self.appointments |= book.keys()
        assert self.appointments - book.keys() <= self.deleted

    def _outcomes_are_for_ever(self, partner_id: str, record: Record) -> None:
        assert record.answers[partner_id] == {
            (booking_id, revision): outcome.model_dump_json()
            for (partner, booking_id), answers in self.lines.items()
            if partner == partner_id
            for revision, (_, outcome) in answers.items()
        }

    def _appointments_are_those_of_accepted_books(self, partner_id: str, record: Record) -> None:
        came = record.came[partner_id]
        assert came.keys() == {
            booking_id
            for (partner, booking_id), answers in self.lines.items()
            if partner == partner_id and was_booked(answers)
        }
        assert len(set(came.values())) == len(came)
        assert set(came.values()) <= self.appointments

    def _aliases_never_change(self, partner_id: str, record: Record) -> None:
        before, now = self.aliases[partner_id], record.aliases[partner_id]
        assert before.items() <= now.items()
        assert len(set(now.values())) == len(now)
        self.aliases[partner_id] = now

    def check_author(self) -> None:
        """Rule R2: what the agent made, and nothing else, is signed by its user."""
        row, came = tables.appointment.c, self.truth.record().came
        made = {one[0] for one in self.truth.rows(row.appointment_id, where=[row.created_by == OTV_USER])}
        assert made == {key for keys in came.values() for key in keys.values()} - self.deleted

    # --- bookings ------------------------------------------------------------------------------

    def see_answers(self, partner_id: str, before: Mapping[int, Standing]) -> None:
        """What was decided since the last look; `before` is the book as it stood then."""
        book, came = dict(before), self.truth.record().came[partner_id]
        self.news.clear()
        for row in self._new_answers(partner_id):
            message = self.messages[partner_id, row.in_reply_to]
            line = tables.receipt_line.c
            this = [line.partner_id == partner_id, line.message_id == row.message_id]
            texts = self.truth.rows(line.record, line.position, where=this)
            texts.sort(key=lambda text: text.position)
            verdict, *outcomes = (_RECEIPT_RECORD.validate_json(text.record) for text in texts)
            answer = Decided(int(row.audit_head.split(":")[0]), verdict, outcomes)
            self.decided[partner_id, message.message_id] = answer
            self._check_verdict(partner_id, message, answer)
            self._see_lines(partner_id, message, answer, book, came)
            self.told[partner_id].read(answer.position, [verdict, *outcomes])
        self._accepted_times_were_free(partner_id)

    def _new_answers(self, partner_id: str) -> list[Any]:
        row = tables.inbound_message.c
        rows = self.truth.rows(tables.inbound_message, where=[row.partner_id == partner_id])
        new = [one for one in rows if (partner_id, one.in_reply_to) not in self.decided]
        return sorted(new, key=lambda one: one.receipt_sequence)

    def _check_verdict(self, partner_id: str, message: Message, answer: Decided) -> None:
        """Refused as a whole only if revoked or too old."""
        written_at = datetime.fromisoformat(message.document.envelope.created_at)
        too_old = self.house.clock() - written_at > MAX_MESSAGE_AGE
        is_bookings = message.document.envelope.kind is Kind.BOOKINGS
        if too_old:
            expected = "time_out_of_bounds"
        elif partner_id in self.revoked and is_bookings:
            expected = "partner_revoked"
        else:
            expected = None
        assert answer.verdict.reason == expected
        assert answer.verdict.outcome == ("refused" if expected else "processed")
        wishes = message.document.records if is_bookings and not expected else ()
        assert [(one.booking_id, one.revision) for one in answer.outcomes] == [
            (wish.booking_id, wish.revision) for wish in wishes
        ]
        self.figures[f"message {expected or message.document.envelope.kind}"] += 1
        if not expected and not is_bookings:
            aliases = [record.patient_id for record in message.document.records]
            self.removals[partner_id].acknowledged(message.document.envelope.in_reply_to or "", aliases)

    def _see_lines(
        self,
        partner_id: str,
        message: Message,
        answer: Decided,
        book: dict[int, Standing],
        came: Mapping[str, int],
    ) -> None:
        """Each line has one answer for ever, and the right one."""
        written_at = datetime.fromisoformat(message.document.envelope.created_at)
        lane = self.house.agent.lane(partner_id)
        situation = Situation(lane, self.house.clock(), written_at, book, came)
        may_be_named = self._may_be_known(partner_id)
        for wish, outcome in zip(message.document.records, answer.outcomes, strict=False):
            # At the moment of the decision; a receipt that is asked for again is the same for ever.
            assert outcome.patient_id is None or outcome.patient_id in may_be_named, outcome
            answers = self.lines[partner_id, wish.booking_id]
            appointment_id = came.get(wish.booking_id, 0)
            life = Life(answers, book.get(appointment_id))
            first = answers.get(wish.revision)
            if first is not None:
                check_repeat(wish, outcome, *first)
                self.figures["line repeated"] += 1
                continue
            check_line(situation, wish, outcome, life)
            answers[wish.revision] = (wish, outcome)
            self.news.append((wish, outcome))
            self.figures[f"{wish.action} {outcome.reason or outcome.outcome}"] += 1
            if is_accepted(outcome):
                book[appointment_id] = as_accepted(appointment_id, wish, outcome, life.appointment)

    def _accepted_times_were_free(self, partner_id: str) -> None:
        """By the whole book as it stands after the import: no clash, not in the past, not above the cap."""
        situation = self._situation(partner_id)
        book, came = situation.book, situation.came
        placed = {wish.booking_id for wish, outcome in self.news if outcome.appointment_status == "booked"}
        for booking_id in sorted(placed):
            mine = book[came[booking_id]]
            if not mine.stands:
                continue
            assert mine.starts_at >= self.house.clock()
            assert mine.assignment_id in OFFERS and mine.column_id in OFFERS[mine.assignment_id].columns
            assert not [other for other in book.values() if clash(mine, other)], (mine, book)
            assert local_day(mine) not in full_days(situation, without=mine.appointment_id), (mine, book)
            state = self.told[partner_id].state(booking_id)
            assert state == state_of(mine), (state, mine)

    def _situation(self, partner_id: str) -> Situation:
        """As it is now."""
        book, came = self.truth.appointments(), self.truth.record().came[partner_id]
        lane, now = self.house.agent.lane(partner_id), self.house.clock()
        return Situation(lane, now, now, book, came)

    # --- updates -------------------------------------------------------------------------------

    def see_updates(self, partner_id: str) -> None:
        """What was decided to tell: the truth, all of it, and nothing that was told already."""
        head, line, told = tables.update_message.c, tables.update_line.c, self.told[partner_id]
        rows = self.truth.rows(tables.update_message, where=[head.partner_id == partner_id])
        for row in sorted(rows, key=lambda one: one.sequence):
            if (partner_id, row.message_id) in self.updates:
                continue
            texts = self.truth.rows(line.record, where=[line.message_id == row.message_id])
            records = [AppointmentUpdateRecord.model_validate_json(text[0]) for text in texts]
            assert records
            for record in records:
                state = told.state(record.booking_id)
                assert state is not None
                assert known_state(record) != state, ("an echo", record)
            self.updates[partner_id, row.message_id] = records
            told.read(int(row.audit_head.split(":")[0]), records)
            self.figures["updates"] += len(records)

    def check_told(self, partner_id: str) -> None:
        """After a whole run no change is left untold; a revoked partner is told none."""
        if partner_id not in self.revoked:
            self.check_view(partner_id, self.told[partner_id])

    def check_view(self, partner_id: str, view: View) -> None:
        """Every appointment of the partner that is or was to come, as it stands in the book."""
        book, recent = self.truth.appointments(), self.house.clock() - NEWS_FOR
        for booking_id, appointment_id in self.truth.record().came[partner_id].items():
            known, stands = view.state(booking_id), book.get(appointment_id)
            assert known is not None, booking_id
            is_off = stands is None or not stands.stands
            # That somebody has come, or has not, is told to nobody.
            is_news = is_off or (stands is not None and stands.status == "booked")
            expected = CANCELLED if stands is None or is_off else state_of(stands)
            if is_news and known != expected:
                ends = [stands.ends_at] if stands else []
                ends += [datetime.fromisoformat(known.ends_at)] if known.ends_at else []
                assert max(ends) <= recent, (booking_id, known, stands)

    # --- files ---------------------------------------------------------------------------------

    def see_files(self, partner_id: str) -> list[Document[Any]]:
        """Look through what has come into the outbox; the new documents."""
        self._see_recorded_patients_files(partner_id)
        made = self.house.made(partner_id)
        for one in made:
            self._check_file(partner_id, one)
        return [one.document for one in made]

    def _check_file(self, partner_id: str, made: Made) -> None:
        envelope = made.document.envelope
        assert envelope.partner_id == partner_id
        assert envelope.audit_head is not None
        sequence, mac = envelope.audit_head.split(":")
        self.anchors.add(AuditHead(int(sequence), mac))
        self.figures[f"file {envelope.kind}"] += 1
        if envelope.kind is Kind.PATIENTS:
            self.check_patients_may_leave(partner_id, made.document)
            self._check_patients_file(partner_id, made)
            return
        assert not [name for name in NAMES if name.encode() in made.content], envelope.kind
        if envelope.kind is Kind.RECEIPTS:
            self._check_receipt(partner_id, made)
        elif envelope.kind is Kind.APPOINTMENT_UPDATES:
            decided = self.updates[partner_id, envelope.message_id]
            assert list(made.document.records) == decided

    def _check_receipt(self, partner_id: str, made: Made) -> None:
        """What was decided, word for word, the same whenever it is asked for."""
        key = (partner_id, str(made.document.envelope.in_reply_to))
        decided = self.decided[key]
        assert list(made.document.records) == [decided.verdict, *decided.outcomes]
        assert self.receipts.setdefault(key, made) == made

    def check_patients_may_leave(self, partner_id: str, document: Document[Any]) -> None:
        """Rule R15 at this moment, by the book of names itself."""
        allowed, holder = self.truth.transmit_set(partner_id), self.truth.record().aliases[partner_id]
        patients = [record for record in document.records if isinstance(record, PatientRecord)]
        assert {holder[record.patient_id] for record in patients} <= allowed
        if patients:
            assert self.house.agent.lane(partner_id).receives_patients
            assert partner_id not in self.revoked

    def _check_patients_file(self, partner_id: str, made: Made) -> None:
        """Rule R14, and reading A9: everybody who may be known, and every removal that is due."""
        for line in made.content.splitlines()[1:-1]:
            record = json.loads(line)
            if record["record"] == "patient":
                assert record.keys() == PATIENT_FIELDS
                assert all(contact.keys() == CONTACT_FIELDS for contact in record["contact_points"])
        card_index, holder = self.truth.patients(), self.truth.record().aliases[partner_id]
        for record in made.document.records:
            if isinstance(record, PatientRecord):
                row = card_index[holder[record.patient_id]]
                born = row.birth_date.isoformat() if row.birth_date else None
                assert (record.given_name, record.family_name) == (row.given_name, row.family_name)
                assert record.birth_date == born
        self.figures["removals"] += len(removals(made.document))

    def _see_recorded_patients_files(self, partner_id: str) -> None:
        """Also those that were recorded and never reached the outbox, because the power went."""
        row, known = tables.outbound_message.c, self.removals[partner_id]
        rows = self.truth.rows(
            row.message_id,
            row.sequence,
            where=[row.partner_id == partner_id, row.kind == Kind.PATIENTS.value],
        )
        for message_id, sequence in sorted(rows, key=lambda one: one.sequence):
            if message_id not in known.sequences:
                known.recorded(message_id, sequence, self._may_be_known(partner_id))

    def check_patients_file_is_whole(self, partner_id: str, document: Document[Any]) -> None:
        """The file just made: everybody who may be known, and every removal that is due, no more."""
        allowed = self._may_be_known(partner_id)
        patients = {one.patient_id for one in document.records if isinstance(one, PatientRecord)}
        assert patients == allowed
        assert set(removals(document)) == self.removals[partner_id].due(allowed)

    def _may_be_known(self, partner_id: str) -> set[str]:
        """Aliases of the transmit set, as long as the partner is to get any patient."""
        lane = self.house.agent.lane(partner_id)
        if not lane.receives_patients or partner_id in self.revoked:
            return set()
        allowed = self.truth.transmit_set(partner_id)
        return {
            alias for alias, patient in self.truth.record().aliases[partner_id].items() if patient in allowed
        }

    def check_slots(self, partner_id: str, document: Document[Any]) -> list[FreeSlot]:
        """Nothing on offer is too soon, lies in anybody's time or on a day that is full; the slots."""
        situation = self._situation(partner_id)
        earliest = situation.now + timedelta(minutes=situation.lane.terms.lead_time_minutes)
        full = full_days(situation)
        slots = [record for record in document.records if isinstance(record, FreeSlot)]
        for slot in slots:
            mine = standing(slot)
            assert mine.starts_at >= earliest, slot
            assert local_day(mine) not in full, slot
            assert not [other for other in situation.book.values() if clash(mine, other)], slot
        return slots
