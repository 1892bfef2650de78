"""Make databases, let the agent export from each, twice with a life in between, and judge every file.

The agent is the one of production. Most files are taken as they go into gpg: the document just
before sealing; of every fiftieth database they are really sealed, and opened by the partner.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from agent.clock import utc_now
from agent.errors import UsageError
from agent.flows.export import export, kinds_for
from agent.flows.lane import Lane
from exchange_formats.envelope import Kind
from tests.consents.database import PARTNERS, Practice
from tests.consents.oracle import aliases, allowed
from tests.consents.verdict import complaints
from tests.kit.key_fixtures import KEY_AGE, at_time
from tests.kit.openpgp import KeyWorld, key_world, short_folder
from tests.machine.house import House, SqliteCabinet, open_house
from tests.machine.paper import OpenPaper, Paper, SealedPaper
from tests.machine.practice import make_sqlite_template

SEALED_EVERY = 50
OTHER_KINDS, OTHERS_SHARE = (Kind.AVAILABILITY, Kind.REFERENCE_DATA), 0.2


@dataclass(slots=True)
class Exporter:
    """One agent, before which one database after the other is set."""

    house: House
    paper: Paper
    figures: Counter[str]
    wrong: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        found = self.house.connector.sqlite_file
        assert found is not None
        return Path(found)

    def judge_database(self, name: str, dice: Random) -> None:
        """One database, filled, exported, lived in, exported again."""
        practice = Practice(self.file, dice)
        practice.fill()
        opted_in = {partner_id: dice.random() < 0.8 for partner_id in PARTNERS}
        self.figures["databases"] += 1
        for _ in range(2):
            for partner_id in PARTNERS:
                lane = self._lane(partner_id, opted_in[partner_id])
                others = [kind for kind in OTHER_KINDS if dice.random() < OTHERS_SHARE]
                for kind in (Kind.PATIENTS, *others):
                    self.wrong += [f"{name}: {kind}: {what}" for what in self._exported(lane, kind)]
            practice.live_on()

    def _lane(self, partner_id: str, opted_in: bool) -> Lane:
        lane = self.house.agent.lane(partner_id)
        # Two days of free time: who is free when has no part in this.
        terms = replace(lane.terms, booking_horizon_days=2)
        return replace(lane, receives_patients=opted_in, terms=terms)

    def _exported(self, lane: Lane, kind: Kind) -> list[str]:
        """What is wrong with this partner's file; a kind that it does not get must be refused."""
        practice = self.house.agent.practice
        may_be_known = allowed(self.file, lane.partner_id, lane.receives_patients)
        with practice.database.read() as snapshot:
            due = kind in kinds_for(snapshot, lane)
        try:
            result = export(practice, lane, kind)
        except UsageError:
            return ["a file that is due was refused"] if due or may_be_known else []
        (file,) = [one for one in lane.outbox.waiting() if one.name == result.file_name]
        content = self.paper.read(lane.partner_id, file.path.read_bytes())
        file.path.unlink()
        self.figures["files"] += 1
        self.figures["patients told"] += result.records["patient"]
        self.figures["removals"] += result.records["removal"]
        found = complaints(content, kind, may_be_known, aliases(self.file, lane.partner_id))
        return found if due else [*found, "a file that is not due"]


@contextmanager
def exporter(folder: Path, paper: Paper, figures: Counter[str]) -> Iterator[Exporter]:
    settings = {partner_id: {"receives_patients": True} for partner_id in PARTNERS}
    house = open_house(SqliteCabinet(make_sqlite_template(folder)), paper, utc_now(), settings)
    try:
        yield Exporter(house, paper, figures)
    finally:
        house.close()


def run_databases(seed: str, numbers: range, folder: Path, world: KeyWorld) -> tuple[Counter[str], list[str]]:
    """Figures and complaints of these databases."""
    figures: Counter[str] = Counter()
    wrong: list[str] = []
    sealed = [number for number in numbers if number % SEALED_EVERY == 0]
    figures["really sealed"] = len(sealed)
    unsealed = [number for number in numbers if number % SEALED_EVERY]
    for place, paper, chosen in (("s", SealedPaper(world), sealed), ("o", OpenPaper(), unsealed)):
        (folder / place).mkdir()
        with exporter(folder / place, paper, figures) as one:
            for number in chosen:
                one.judge_database(f"{seed}/{number}", Random(f"{seed}/{number}"))
            wrong += one.wrong
    return figures, wrong


def run_part(seed: str, numbers: range) -> tuple[Counter[str], list[str]]:
    """The same in a process of its own, with keys of its own."""
    with key_world(*at_time(utc_now() - KEY_AGE)) as world, short_folder() as folder:
        return run_databases(seed, numbers, folder, world)
