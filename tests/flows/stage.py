"""A house with its agent at work, and what the tests of the three stories do in it.

Files come in as a partner pushes them, straight into the inbound folder, and
leave by the outbox, opened with the partner's own gpg: only the tests of
delivery need the server in between.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml

from agent.app import build
from agent.clock import utc_now
from agent.config import load_config
from agent.domain.availability import Slot, TakenTime, busy_window, free_slots, slot_id
from agent.domain.documents import instant_text
from agent.domain.intervals import instant
from agent.flows.file_result import FileResult
from agent.operations import Agent
from agent.ports import Clock
from exchange_formats.bookings import (
    BookingPatient,
    BookingRecord,
    BookingsRecord,
    CancelRecord,
    RescheduleRecord,
)
from exchange_formats.codec import Document, decode
from exchange_formats.envelope import Kind
from exchange_formats.fields import ContactPoint
from exchange_formats.file_names import parse_sealed_name
from exchange_formats.receipts import BookingOutcome, MessageOutcome
from tests.flows.card_index import BIRTH_DATE, FAMILY_NAME
from tests.kit.house import House, PartnerSide

DENTPORT, ZAHNZEIT = "dentport", "zahnzeit"
HOUR, DAY = 3600, 86400
ROOM = HOUR // 2

ON_SQLITE_ALONE = pytest.mark.parametrize("furnished_stage", ["sqlite"], indirect=True)
"""For what no database has a part in."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one file: the agent's own result, and the receipt as the partner reads it."""

    result: FileResult
    receipt: Document[Any] | None
    plain: bytes | None

    @property
    def verdict(self) -> MessageOutcome:
        assert self.receipt is not None
        first = self.receipt.records[0]
        assert isinstance(first, MessageOutcome)
        return first

    @property
    def outcomes(self) -> list[BookingOutcome]:
        assert self.receipt is not None
        return [record for record in self.receipt.records if isinstance(record, BookingOutcome)]

    @property
    def outcome(self) -> BookingOutcome:
        (only,) = self.outcomes
        return only


@dataclass(slots=True)
class Stage:
    """One house and its agent; every test works with patients and slots of its own."""

    house: House
    agent: Agent
    arrived: dict[str, int] = field(default_factory=lambda: {DENTPORT: 0, ZAHNZEIT: 0})
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _slots: Iterator[Slot] | None = None

    def number(self) -> int:
        """Another one at every call."""
        return next(self._numbers)

    def partner(self, partner_id: str = DENTPORT) -> PartnerSide:
        return self.house.partners[partner_id]

    # --- what a partner sends --------------------------------------------------------------------

    def slot(self) -> Slot:
        """A slot on offer to new patients, far from every other one that was handed out.

        What stands there may begin or end half an hour later: its column is free and open until then.
        """
        if self._slots is None:
            self._slots = self._spaced_slots()
        return next(self._slots)

    def _spaced_slots(self) -> Iterator[Slot]:
        terms, now = self.agent.lane(DENTPORT).terms, instant(utc_now())
        window = (now + 3 * DAY, now + 80 * DAY)
        with self.agent.practice.database.read() as snapshot:
            calendar = snapshot.calendar()
            taken = TakenTime(snapshot.busy(busy_window(calendar, window)))
        slots = sorted(free_slots(calendar, taken, terms, now, window), key=lambda slot: slot.start)
        offered = {(slot.column_id, slot.assignment_id, slot.start) for slot in slots}
        later = range(0, ROOM + 1, terms.grid_minutes * 60)
        free_from: dict[int, int] = {}
        for slot in slots:
            offer = calendar.assignments[slot.assignment_id]
            # One person may have two columns.
            who = calendar.columns[slot.column_id].practitioner_id or 0
            has_room = all(
                (slot.column_id, slot.assignment_id, slot.start + step) in offered for step in later
            )
            if offer.open_to_new_patients and has_room and slot.start >= free_from.get(who, 0):
                free_from[who] = slot.end + HOUR
                yield slot

    def somebody(self, given_name: str | None = None, **changes: Any) -> BookingPatient:
        """A person as a partner writes it down; nobody knows it unless it is given a name."""
        number = self.number()
        contact = ContactPoint(system="email", use="home", value=f"neu{number}@example.org")
        values: dict[str, Any] = {
            "given_name": given_name or f"Neuling{number}",
            "family_name": FAMILY_NAME,
            "birth_date": BIRTH_DATE.isoformat(),
            "contact_points": [contact],
            "new_patient": True,
        }
        return BookingPatient(**(values | changes))

    def booking(
        self, who: BookingPatient | None = None, slot: Slot | None = None, **changes: Any
    ) -> BookingRecord:
        """A wish for a slot that nobody else has or wants, unless one is given."""
        slot = slot or self.slot()
        values: dict[str, Any] = {
            "record": "booking",
            "booking_id": f"b-{self.number():05d}",
            "revision": 1,
            "action": "book",
            "slot_id": slot_id(slot),
            "assignment_id": str(slot.assignment_id),
            "starts_at": instant_text(slot.start),
            "patient": who or self.somebody(),
        }
        return BookingRecord(**(values | changes))

    def cancel(self, booking: BookingRecord | RescheduleRecord, **changes: Any) -> CancelRecord:
        """The next revision of a booking: not wanted any more."""
        values: dict[str, Any] = {
            "record": "booking",
            "booking_id": booking.booking_id,
            "revision": booking.revision + 1,
            "action": "cancel",
        }
        return CancelRecord(**(values | changes))

    def reschedule(
        self, booking: BookingRecord | RescheduleRecord, slot: Slot, **changes: Any
    ) -> RescheduleRecord:
        """The next revision of a booking: another time."""
        values: dict[str, Any] = {
            "record": "booking",
            "booking_id": booking.booking_id,
            "revision": booking.revision + 1,
            "action": "reschedule",
            "slot_id": slot_id(slot),
            "assignment_id": str(slot.assignment_id),
            "starts_at": instant_text(slot.start),
        }
        return RescheduleRecord(**(values | changes))

    def sealed(self, *bookings: BookingsRecord, partner_id: str = DENTPORT, **envelope: Any) -> bytes:
        partner = self.partner(partner_id)
        return partner.gpg.seal(partner.bookings_file(bookings, **envelope))

    # --- in and out ------------------------------------------------------------------------------

    def drop(self, sealed: bytes, partner_id: str = DENTPORT) -> Path:
        """Put a file where the partner pushes it, complete at once."""
        path = self.agent.config.partners[partner_id].inbound_folder / f"b-{uuid.uuid4().hex}.pgp"
        path.write_bytes(sealed)
        self.arrived[partner_id] += 1
        return path

    def receive(self, partner_id: str = DENTPORT) -> list[FileResult]:
        return list(self.agent.receive(partner_id))

    def send(self, *bookings: BookingsRecord, partner_id: str = DENTPORT, **envelope: Any) -> Answer:
        """Seal, drop and receive one file; `envelope` changes fields of its first line."""
        return self.send_sealed(self.sealed(*bookings, partner_id=partner_id, **envelope), partner_id)

    def send_sealed(self, sealed: bytes, partner_id: str = DENTPORT) -> Answer:
        self.take_receipts(partner_id)
        self.drop(sealed, partner_id)
        (result,) = self.receive(partner_id)
        receipts = self.take_receipts(partner_id)
        assert len(receipts) <= 1
        return Answer(result, *(receipts[0] if receipts else (None, None)))

    def outbox(self, partner_id: str = DENTPORT, kind: Kind | None = None) -> list[Path]:
        """The files that wait, of one kind or of all."""
        folder = self.house.data_folder / "outbox" / partner_id / "waiting"
        named = {path: parse_sealed_name(path.name) for path in sorted(folder.iterdir())}
        return [path for path, name in named.items() if kind is None or (name and name.kind is kind)]

    def take_receipts(self, partner_id: str = DENTPORT) -> list[tuple[Document[Any], bytes]]:
        """The waiting receipts, opened by the partner, and their plain bytes; they are taken away."""
        taken = []
        for path in self.outbox(partner_id, Kind.RECEIPTS):
            content = self.partner(partner_id).gpg.open(path.read_bytes())
            taken.append((decode(content, Kind.RECEIPTS), content))
            path.unlink()
        return taken

    def export(self, kind: Kind = Kind.PATIENTS, partner_id: str = DENTPORT) -> Document[Any]:
        return decode(self.export_plain(kind, partner_id), kind)

    def export_plain(self, kind: Kind = Kind.PATIENTS, partner_id: str = DENTPORT) -> bytes:
        """Export, and open what came out as the partner does; the file is taken away."""
        result = self.agent.export(partner_id, kind)
        (path,) = [one for one in self.outbox(partner_id) if one.name == result.file_name]
        content = self.partner(partner_id).gpg.open(path.read_bytes())
        path.unlink()
        return content

    # --- another agent in the same house ---------------------------------------------------------

    @contextmanager
    def agent_with(
        self, clock: Clock = utc_now, settings: Mapping[str, Any] | None = None, **partners: Mapping[str, Any]
    ) -> Iterator["Stage"]:
        """The same house run by another clock, with other settings of the agent or of a partner."""
        copy = self.house.folder / f"config-{self.number()}"
        copytree(self.house.config_path.parent, copy)
        _change(copy / "agent.yaml", settings or {})
        for partner_id, changes in partners.items():
            _change(copy / "partners" / f"{partner_id}.yaml", changes)
        usual, self.agent = self.agent, build(load_config(copy / "agent.yaml"), clock)
        try:
            yield self
        finally:
            self.agent.close()
            self.agent = usual


def _change(path: Path, changes: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | dict(changes)))
