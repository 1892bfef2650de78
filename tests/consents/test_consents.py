"""A few databases, the same ones every time; `make consents` makes as many others as you like."""

import json
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agent.errors import UnfitDocumentError
from agent.flows.export import export
from agent.ports import ConsentedPatient, Database, PracticeSnapshot
from exchange_formats.envelope import Kind
from tests.consents.database import Practice
from tests.consents.oracle import Person
from tests.consents.run import exporter, run_databases
from tests.consents.verdict import complaints
from tests.flows.evidence import rows
from tests.kit.openpgp import KeyWorld
from tests.machine.paper import OpenPaper


def test_no_file_of_any_database_tells_of_anybody_who_may_not_be_known(
    openpgp_world: KeyWorld, tmp_path: Path
) -> None:
    figures, wrong = run_databases("every-time-the-same", range(12), tmp_path, openpgp_world)
    assert wrong == []
    # Practices in which nobody agrees, or nobody withdraws, would prove nothing.
    assert min(figures[what] for what in ("patients told", "removals", "really sealed")) > 0


# --- the verdict finds something -------------------------------------------------------------------

ANNA = Person("Qxaaazq", "Qxaaazq", "1980-05-17", frozenset({("email", "home", "Qxaaazq0@example.org")}))
BERND = Person("Qxaabzq", "Qxaabzq", None, frozenset())
LINE: dict[str, Any] = {
    "record": "patient",
    "patient_id": "a1",
    "given_name": "Qxaaazq",
    "family_name": "Qxaaazq",
    "birth_date": "1980-05-17",
    "contact_points": [{"system": "email", "use": "home", "value": "Qxaaazq0@example.org"}],
}
CONTACT = LINE["contact_points"][0]


def judged(*lines: dict[str, Any], kind: Kind = Kind.PATIENTS) -> list[str]:
    """Anna and Bernd are patients, and Anna alone may be known."""
    content = b"{}\n" + b"".join(json.dumps(line).encode() + b"\n" for line in lines) + b"{}\n"
    return complaints(content, kind, {1: ANNA}, {"a1": 1, "b2": 2})


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (LINE, LINE | {"patient_id": "b2", "given_name": "Qxaabzq", "family_name": "Qxaabzq"}),
        (LINE | {"patient_id": "b2"},),
        (LINE | {"patient_id": "z9"},),
        (LINE | {"insurance": "AOK"},),
        (LINE | {"family_name": "Qxaabzq"},),
        (LINE | {"birth_date": "1980-05-18"},),
        (LINE | {"contact_points": [CONTACT | {"rank": 1}]},),
        (LINE | {"contact_points": [CONTACT | {"value": "Qxaabzq0@example.org"}]},),
        (LINE | {"contact_points": [CONTACT | {"value": "nobody@example.org"}]},),
        (LINE, {"record": "removal", "patient_id": "a1"}),
        (LINE, {"record": "removal", "patient_id": "b2", "reason": "withdrawn"}),
    ],
)
def test_verdict_finds_every_sort_of_wrong_file(lines: tuple[dict[str, Any], ...]) -> None:
    assert judged(*lines)
    assert judged(LINE, {"record": "removal", "patient_id": "b2"}) == []


def test_verdict_finds_a_patient_in_a_file_of_another_kind() -> None:
    assert judged({"record": "slot", "name": "Qxaaazq"}, kind=Kind.AVAILABILITY)


# --- the last look stands behind the first ---------------------------------------------------------


@dataclass(frozen=True)
class Mistaken:
    """A database in which agreed also who comes next in the card index."""

    database: Database

    @contextmanager
    def read(self) -> Iterator[PracticeSnapshot]:
        with self.database.read() as snapshot:
            yield MistakenSnapshot(snapshot)

    def write(self) -> Any:
        return self.database.write()


class MistakenSnapshot:
    """The real one, but for whom it takes for consented."""

    def __init__(self, snapshot: PracticeSnapshot) -> None:
        self._snapshot = snapshot

    def __getattr__(self, name: str) -> Any:
        return getattr(self._snapshot, name)

    def consented_patients(self, partner_id: str) -> Generator[ConsentedPatient, None, None]:
        with closing(self._snapshot.consented_patients(partner_id)) as stream:
            for one in stream:
                yield one
                # The next number in the card index, whom nobody asked.
                stranger = one.patient._replace(patient_id=one.patient.patient_id + 1)
                yield one._replace(patient=stranger, alias=f"{one.alias}x")


def test_export_that_is_mistaken_about_consents_is_stopped_by_the_last_look(tmp_path: Path) -> None:
    with exporter(tmp_path, OpenPaper(), Counter()) as one:
        practice = Practice(one.file, Random(5))
        while practice.patients < 5:
            practice.fill()
        agent = one.house.agent
        lane = agent.lane("dentport")
        export(agent.practice, lane, Kind.PATIENTS)
        waiting, before = one.house.waiting("dentport"), rows(one.house.connector)
        mistaken = replace(agent.practice, database=Mistaken(agent.practice.database))
        with pytest.raises(UnfitDocumentError, match="may not know"):
            export(mistaken, lane, Kind.PATIENTS)
        after = rows(one.house.connector)
        assert one.house.waiting("dentport") == waiting
        assert {name for name in after if after[name] != before[name]} == {"sequence_number"}
        assert list((agent.config.settings.data_folder / "outbox" / "dentport" / "drafts").iterdir()) == []
