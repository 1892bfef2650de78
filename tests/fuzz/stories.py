"""Send documents and spoiled files through the whole receive story: real keys, folders and database.

Whatever comes in, the sweep goes on: one end of four for every file, nothing left waiting, one
receipt for what somebody signed and none for the rest (promises P1, P3, P4). Of what is refused no
row of the practice may bear a trace.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import yaml

from agent.clock import utc_now
from agent.config import load_config
from agent.errors import QuarantineReason
from agent.flows.file_result import FileResult, FileState
from exchange_formats.codec import Document, decode
from exchange_formats.envelope import Kind
from exchange_formats.receipts import BookingOutcome, MessageReason
from tests.flows.evidence import practice_rows
from tests.fuzz.bytewise import spoiled
from tests.fuzz.documents import document, judged
from tests.fuzz.findings import FindingError
from tests.fuzz.vocabulary import Place
from tests.kit.openpgp import KeyWorld
from tests.machine.house import House, SqliteCabinet, open_house
from tests.machine.paper import SealedPaper
from tests.machine.practice import CALLERS, DENTPORT, PRACTICE_ID, ZAHNZEIT, make_sqlite_template

REASONS = {*MessageReason, *QuarantineReason}
SETTINGS = {DENTPORT: {"may_cancel": True, "may_reschedule": True, "receives_patients": True}, ZAHNZEIT: {}}
TIMES = ("08:00", "08:30", "09:00", "09:15", "13:00", "13:30", "14:15")
"""In UTC; open in summer and in winter, but for the last."""


@dataclass(slots=True)
class Reception:
    """One practice that receives everything, one file after the other."""

    house: House
    paper: SealedPaper
    sent: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Sealed files that came before, and what is in them, to come again."""
    booked: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    """To single bookings, by reason."""
    _rows: dict[str, list[str]] = field(default_factory=dict)

    def place(self, dice: Random) -> Place:
        """Where documents go: nearly always to the right practice, by the right partner."""
        usual = dice.random() < 0.9
        now = self.house.clock()
        days = [(now + timedelta(days=day)).date() for day in range(1, 15)]
        starts = [f"{day}T{minute}:00Z" for day in days if day.weekday() < 5 for minute in TIMES]
        return Place(
            PRACTICE_ID if usual else dice.choice((PRACTICE_ID, "elsewhere")),
            DENTPORT if usual else ZAHNZEIT,
            now if usual else now + timedelta(days=dice.choice((-40, 0, 3))),
            tuple(starts),
            tuple((who.given_name, who.family_name, str(who.birth_date)) for who in CALLERS),
            tuple(self.booked[-5:]),
        )

    def story(self, dice: Random) -> str:
        """One file from its making to its end, in one word. Raises FindingError."""
        self.house.clock.now = utc_now()
        content = document(dice, self.place(dice), spoil=0.4)
        sealed = self.paper.write(DENTPORT, content)
        if self.sent and dice.random() < 0.15:
            sealed, content = dice.choice(self.sent)
        elif dice.random() < 0.25:
            sealed = spoiled(dice, sealed, [sealed])
        self.sent = [*self.sent[-20:], (sealed, content)]
        before = self._rows or practice_rows(self.house.connector)
        result = self._received(sealed)
        self._rows = practice_rows(self.house.connector)
        if (self._rows != before) > (result.accepted > 0):
            raise FindingError(f"{result.state}, nothing accepted, and the practice's rows changed", content)
        self._require_end(result, content)
        return f"{result.state} {result.reason or ''}".strip()

    def _received(self, sealed: bytes) -> FileResult:
        lane = self.house.agent.lane(DENTPORT)
        folder = self.house.agent.config.partners[DENTPORT].inbound_folder
        (folder / f"f-{len(list(folder.iterdir()))}.pgp").write_bytes(sealed)
        try:
            results = list(self.house.agent.receive(DENTPORT))
        except Exception as error:
            raise FindingError(f"the sweep stops: {type(error).__name__}: {error}", sealed) from error
        counts = lane.inbound.counts()
        if len(results) != 1 or counts["waiting"] + counts["claimed"]:
            raise FindingError(f"{len(results)} files came to an end, and there stand {counts}", sealed)
        return results[0]

    def _require_end(self, result: FileResult, content: bytes) -> None:
        """A closed reason, and a receipt exactly if somebody signed."""
        if (result.reason is not None) != (result.state in (FileState.REFUSED, FileState.QUARANTINED)):
            raise FindingError(f"{result.state} with reason {result.reason}", content)
        if result.reason is not None and result.reason not in REASONS:
            raise FindingError("a reason that is in no list", content)
        receipts = self._taken_receipts()
        if len(receipts) != (result.state is not FileState.QUARANTINED):
            raise FindingError(f"{len(receipts)} receipts for a file that was {result.state}", content)
        if result.state is FileState.IMPORTED:
            self._require_answers(result, content, receipts[0])

    def _taken_receipts(self) -> list[Document[Any]]:
        """What waits for the partner, as it opens it."""
        receipts = []
        for file in self.house.agent.lane(DENTPORT).outbox.waiting():
            receipts.append(decode(self.paper.read(DENTPORT, file.path.read_bytes()), Kind.RECEIPTS))
            file.path.unlink()
        return receipts

    def _require_answers(self, result: FileResult, content: bytes, receipt: Document[Any]) -> None:
        """One answer to each line of a document that a second reader finds lawful too."""
        _, lawful = judged(content)
        if lawful is None:
            raise FindingError("imported, though unlawful", content)
        answers = [record for record in receipt.records if isinstance(record, BookingOutcome)]
        self.booked += [one.booking_id for one in answers if one.appointment_status == "booked"]
        self.answers.update(one.reason or one.appointment_status or "" for one in answers)
        asked = len(lawful.records) if lawful.envelope.kind is Kind.BOOKINGS else 0
        if not len(answers) == result.accepted + result.declined == asked:
            raise FindingError(f"{len(answers)} answers to {asked} lines", content)


@contextmanager
def reception(world: KeyWorld, folder: Path) -> Iterator[Reception]:
    """A practice of its own, whose template lies in `folder`."""
    paper = SealedPaper(world)
    house = open_house(SqliteCabinet(make_sqlite_template(folder)), paper, utc_now(), SETTINGS)
    _give_own_key(house, world)
    try:
        yield Reception(house, paper)
    finally:
        house.close()


def _give_own_key(house: House, world: KeyWorld) -> None:
    """The practice's real key, to which is sealed what nobody signed."""
    file = house.agent.config.path
    settings = yaml.safe_load(file.read_text())
    settings["openpgp"] = {"fingerprint": world.practice_fingerprint, "home": str(world.practice.folder)}
    file.write_text(yaml.safe_dump(settings))
    house.agent = replace(house.agent, config=load_config(file))
    house.restart()
