"""A house whose agent dies again and again, and the people around it, who remember what they did.

Partners book, cancel and move, repeat themselves, send junk and acknowledge
removals; staff cancel appointments by hand and change consents. Every wish has a
slot and a person of its own and every booking at most one thing that happens
to it later, so that there is one right end for all of it
(`tests.crash.reckoning`), however often the agent dies on the way.
"""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

import yaml
from sqlalchemy import select

from agent.adapters import tables
from agent.domain.availability import Slot
from agent.domain.sudden_change import Sign
from exchange_formats.acknowledgements import RemovalAcknowledgement
from exchange_formats.bookings import BookingRecord, BookingsRecord
from exchange_formats.envelope import Kind
from tests.crash.inbox import Inbox, digest
from tests.crash.life import Cradle
from tests.crash.openpgp import QuickOpenPgp
from tests.flows.card_index import answer, change_appointment
from tests.flows.stage import DENTPORT, ZAHNZEIT, Stage
from tests.kit.house import House, PartnerSide, default_plan, open_house
from tests.kit.openpgp import short_folder

FAMILY_NAME = "Neuling"
DAYS = 20
NEVER = 100_000
"""So much at once is no sudden change here: half of all bookings are cancelled or moved."""
PARTNERS = (DENTPORT, ZAHNZEIT)

Later = Literal["cancel", "reschedule", "staff cancel"]


@dataclass(slots=True)
class Wish:
    """One booking, and what happened to it since."""

    partner_id: str
    booking: BookingRecord
    assignment_id: int
    later: Later | None = None


@dataclass(slots=True)
class Village:
    """One house, the start program of its agent, and everything that was done around it."""

    seed: int
    house: House
    stage: Stage
    cradle: Cradle
    moods: random.Random
    openers: dict[str, QuickOpenPgp]
    inboxes: dict[str, Inbox]
    slots: list[Slot]
    figures: Counter[str] = field(default_factory=Counter)
    wishes: dict[str, Wish] = field(default_factory=dict)
    """By booking id."""
    messages: dict[str, str] = field(default_factory=dict)
    """Message id -> the partner that signed it for us: each is to get its receipt."""
    refusals: dict[str, str] = field(default_factory=dict)
    """The same for messages that must be refused."""
    put: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(partner, digest of the sealed bytes) -> how often it was handed in."""
    junk: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The part of them that nobody signed as it should be."""
    repeatable: list[tuple[str, bytes]] = field(default_factory=list)
    withdrawn: set[int] = field(default_factory=set)
    consenting: list[int] = field(default_factory=list)
    pushes_only: bool = False
    """Nothing is left on a partner's server: for commands that do not fetch."""
    _digests: dict[Path, str] = field(default_factory=dict)

    # --- what happens --------------------------------------------------------------------------

    def act(self) -> None:
        """One thing, drawn at random."""
        deeds = (
            (self.book, 10), (self.follow_up, 5), (self.staff_cancel, 2), (self.repeat, 2),
            (self.send_junk, 2), (self.send_elsewhere, 1), (self.withdraw, 1), (self.acknowledge, 1),
        )  # fmt: skip
        (deed,) = self.moods.choices([one for one, _ in deeds], [weight for _, weight in deeds])
        deed()

    def book(self, partner_id: str | None = None) -> None:
        """Somebody new, for a slot that nobody else wants."""
        if not self.slots:
            return
        partner_id = partner_id or self.moods.choice(PARTNERS)
        slot = self.slots.pop(0)
        who = self.stage.somebody(family_name=FAMILY_NAME)
        booking = self.stage.booking(who, slot)
        self.wishes[booking.booking_id] = Wish(partner_id, booking, slot.assignment_id)
        self._send(partner_id, booking)
        self.figures["bookings"] += 1

    def follow_up(self) -> None:
        """The partner cancels or moves what it has been told is booked."""
        wish = self._settled_wish()
        if wish is None:
            return
        slot = next((slot for slot in self.slots if slot.assignment_id == wish.assignment_id), None)
        if slot is None or self.moods.random() < 0.5:
            wish.later = "cancel"
            self._send(wish.partner_id, self.stage.cancel(wish.booking))
        else:
            wish.later = "reschedule"
            self.slots.remove(slot)
            self._send(wish.partner_id, self.stage.reschedule(wish.booking, slot))
        self.figures[wish.later] += 1

    def staff_cancel(self) -> None:
        """By hand, in the practice's own book: the partner is to be told."""
        wish = self._settled_wish()
        if wish is not None:
            wish.later = "staff cancel"
            now = datetime.now(UTC).replace(microsecond=0)
            change_appointment(
                self.house.connector, wish.booking.booking_id, status="cancelled", changed_at=now
            )
            self.figures["staff cancel"] += 1

    def repeat(self) -> None:
        """The very bytes of an earlier file."""
        if self.repeatable:
            self._hand_in(*self.moods.choice(self.repeatable))
            self.figures["repeats"] += 1

    def send_junk(self, partner_id: str | None = None) -> None:
        """Noise, a torn file, or one that another partner signed."""
        partner_id = partner_id or self.moods.choice(PARTNERS)
        other = ZAHNZEIT if partner_id == DENTPORT else DENTPORT
        content = self.stage.partner(partner_id).bookings_file([])
        sealed = self.moods.choice([
            self.moods.randbytes(300),
            self.openers[partner_id].seal(content)[:-100],
            self.openers[other].seal(content),
        ])  # fmt: skip
        self.junk[partner_id, digest(sealed)] += 1
        self._hand_in(partner_id, sealed)
        self.figures["junk"] += 1

    def send_elsewhere(self) -> None:
        """Properly signed, and meant for another practice: refused, with a receipt."""
        partner_id = self.moods.choice(PARTNERS)
        content = self.stage.partner(partner_id).bookings_file([], practice_id="elsewhere")
        self.refusals[message_id(content)] = partner_id
        self._hand_in(partner_id, self.openers[partner_id].seal(content))
        self.figures["refused"] += 1

    def withdraw(self) -> None:
        """A patient no longer agrees to be known to dentport."""
        if self.consenting:
            patient_id = self.consenting.pop()
            answer(self.house.connector, patient_id, DENTPORT, "DENIED")
            self.withdrawn.add(patient_id)
            self.figures["withdrawals"] += 1

    def acknowledge(self) -> None:
        """Dentport has erased whom its newest patients file told it to."""
        newest = self.inboxes[DENTPORT].newest_patients
        gone = [one.patient_id for one in newest.records if one.record == "removal"] if newest else []
        if newest is None or not gone:
            return
        lines = [RemovalAcknowledgement(record="removal_acknowledgement", patient_id=one) for one in gone]
        self._send(
            DENTPORT,
            *cast(list[Any], lines),
            kind=Kind.ACKNOWLEDGEMENTS,
            in_reply_to=newest.envelope.message_id,
        )
        self.figures["acknowledgements"] += 1

    def _settled_wish(self) -> Wish | None:
        """A booking whose receipt the partner has read, and to which nothing has happened since."""
        known = [
            wish
            for booking_id, wish in self.wishes.items()
            if wish.later is None and booking_id in self.inboxes[wish.partner_id].outcomes
        ]
        return self.moods.choice(known) if known else None

    def _send(self, partner_id: str, *records: BookingsRecord, **envelope: Any) -> None:
        content = self.stage.partner(partner_id).bookings_file(records, **envelope)
        self.messages[message_id(content)] = partner_id
        sealed = self.openers[partner_id].seal(content)
        self.repeatable.append((partner_id, sealed))
        self._hand_in(partner_id, sealed)

    def _hand_in(self, partner_id: str, sealed: bytes) -> None:
        """Pushed into our folder, or left on the partner's server to be fetched."""
        self.put[partner_id, digest(sealed)] += 1
        if not self.pushes_only and self.moods.random() < 0.5:
            self.stage.partner(partner_id).send(sealed)
            return
        waiting = self.house.data_folder / "inbound" / partner_id / "waiting"
        name = f"b-{self.moods.getrandbits(64):016x}"
        (waiting / f"{name}.part").write_bytes(sealed)
        (waiting / f"{name}.part").rename(waiting / f"{name}.pgp")

    # --- what is there -------------------------------------------------------------------------

    def digest_of(self, path: Path) -> str:
        """Of a file that keeps its content as long as it keeps its name."""
        if path not in self._digests:
            self._digests[path] = digest(path.read_bytes())
        return self._digests[path]

    @property
    def unfinished(self) -> list[Path]:
        """Files that are not at their end, on either side."""
        found: list[Path] = []
        for partner_id in PARTNERS:
            for spool in ("inbound", "outbox"):
                for state in ("drafts", "waiting", "claimed", "released"):
                    found += (self.house.data_folder / spool / partner_id / state).glob("*")
            found += (self.stage.partner(partner_id).server.root / "outgoing").iterdir()
        return found


def message_id(content: bytes) -> str:
    """Of a plain file."""
    return str(yaml.safe_load(content.split(b"\n")[0])["message_id"])


@contextmanager
def open_village(seed: int, database_url: str | None = None) -> Iterator[Village]:
    """A new one; SQLite unless told otherwise."""
    schedule = dict.fromkeys(
        ("exchange_every_seconds", "reload_every_seconds", "sweep_every_seconds", "updates_every_seconds"), 1
    )
    plan = default_plan(seed=seed, patients=20, columns=4, days=DAYS, appointments_per_column_and_day=2)
    with (
        short_folder() as folder,
        open_house(
            folder,
            plan,
            database_url,
            schedule=schedule,
            offer={"booking_horizon_days": DAYS},
            guard={f"{sign.value}_at_least": NEVER for sign in Sign},
        ) as house,
        Cradle(house.config_path, folder / "lives.log") as cradle,
    ):
        for partner in house.partners.values():
            _never_compress(house, partner)
        stage = Stage(house, house.agent())
        openers = {partner_id: QuickOpenPgp(house.partners[partner_id].gpg) for partner_id in PARTNERS}
        inboxes = {
            partner_id: Inbox(house.partners[partner_id].server.root / "inbox", openers[partner_id])
            for partner_id in PARTNERS
        }
        yield Village(
            seed,
            house,
            stage,
            cradle,
            random.Random(seed),
            openers,
            inboxes,
            list(_slots(stage)),
            consenting=_consenting(house),
        )


def _never_compress(house: House, partner: PartnerSide) -> None:
    """What pysequoia opens is not compressed."""
    file = house.config_path.parent / "partners" / f"{partner.partner_id}.yaml"
    content = yaml.safe_load(file.read_text())
    content["openpgp"]["compression"] = "none"
    file.write_text(yaml.safe_dump(content, sort_keys=False))


def _slots(stage: Stage) -> Iterator[Slot]:
    while True:
        try:
            yield stage.slot()
        except StopIteration:
            return


def _consenting(house: House) -> list[int]:
    consent = tables.consent.c
    agreed = (consent.partner_id == DENTPORT) & (consent.status == "GRANTED")
    with house.connector.reading() as connection:
        return list(connection.scalars(select(consent.patient_id).where(agreed)))
