"""`otv-agent rehearse`: it tells what an export then does, and leaves no trace but its folder."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from agent.adapters import tables
from agent.holds import held
from exchange_formats.codec import decode
from exchange_formats.envelope import Kind
from tests.flows.card_index import add_patient, change_appointment
from tests.flows.evidence import rows
from tests.flows.stage import DENTPORT, ZAHNZEIT, Stage
from tests.kit.canaries import found_in
from tests.kit.command_line import Finished, edited, otv, tree
from tests.kit.house import default_plan, open_house
from tests.kit.openpgp import short_folder

ON_SQLITE_ALONE = pytest.mark.parametrize("stage", ["sqlite"], indirect=True)
KINDS = (Kind.AVAILABILITY, Kind.REFERENCE_DATA, Kind.PATIENTS)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    url = None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql_server")
        url = server.url(server.create_database()).replace(":@", "@")
    plan = default_plan(patients=30, columns=4, days=10)
    with short_folder() as folder, open_house(folder, plan, url) as house:
        yield Stage(house, house.agent())


def rehearsed(stage: Stage, into: Path, *words: str, partner_id: str = DENTPORT) -> Finished:
    return otv("rehearse", partner_id, "--into", into, *words, config=stage.house.config_path)


def report(stage: Stage, into: Path, *words: str) -> dict[str, Any]:
    done = rehearsed(stage, into, *words)
    assert done.code == 0, done.text
    kinds: list[dict[str, Any]] = json.loads((into / "rehearsal.json").read_text())["kinds"]
    return {one["kind"]: one for one in kinds}


def test_it_tells_what_the_export_then_sends_and_no_state_moves(stage: Stage, tmp_path: Path) -> None:
    patient_id = add_patient(stage.house.connector, "Vorschau", consents={DENTPORT: "GRANTED"})
    database, data = rows(stage.house.connector), tree(stage.house.data_folder)
    told = report(stage, tmp_path / "r", "--write-documents")
    assert (rows(stage.house.connector), tree(stage.house.data_folder)) == (database, data)

    for kind in KINDS:
        content = (tmp_path / "r" / told[kind]["document"]).read_bytes()
        document = decode(content, kind)
        assert document.envelope.message_id == "rehearsal"
        sent = stage.agent.export(DENTPORT, kind)
        if kind is not Kind.AVAILABILITY:  # its window moves with the clock
            assert told[kind]["records"] == dict(sent.records)
            assert len(document.records) == sent.records.total()
        assert told[kind]["difference"] == {"first_file": True}
        assert told[kind]["held"] is None
    assert patient_id in sent.first_disclosures
    assert "Vorschau" in content.decode()
    assert '"patient_id":"new' in content.decode()
    assert stat.S_IMODE((tmp_path / "r").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "r").iterdir()} == {0o600}


def test_it_names_nobody_unless_documents_are_asked_for(stage: Stage, tmp_path: Path) -> None:
    told = report(stage, tmp_path / "r")
    assert [file.name for file in (tmp_path / "r").iterdir()] == ["rehearsal.json"]
    assert found_in((tmp_path / "r" / "rehearsal.json").read_bytes()) == []
    assert "given_name" in told[Kind.PATIENTS]["fields"]["patient"]
    assert told[Kind.PATIENTS]["document"] is None


def test_difference_is_told_by_day_and_column_by_sort_and_by_patients(stage: Stage, tmp_path: Path) -> None:
    for kind in KINDS:
        stage.agent.export(DENTPORT, kind)
    unchanged = report(stage, tmp_path / "before")
    assert unchanged[Kind.AVAILABILITY]["difference"] == {"slots": []}
    assert unchanged[Kind.REFERENCE_DATA]["difference"] == {}
    due = unchanged[Kind.PATIENTS]["due_at"]
    assert due is not None and due > unchanged[Kind.PATIENTS]["compared_with"]

    assert stage.send(stage.booking()).outcome.outcome == "accepted"
    add_patient(stage.house.connector, "Neu", consents={DENTPORT: "GRANTED"})
    _withdraw_one(stage)
    changed = report(stage, tmp_path / "after")
    slots = changed[Kind.AVAILABILITY]["difference"]["slots"]
    assert slots
    assert all(one["now"] < one["before"] for one in slots)
    assert {one["column_id"] for one in slots} <= {str(number) for number in range(1, 5)}
    before = unchanged[Kind.PATIENTS]["records"]["patient"]
    assert changed[Kind.PATIENTS]["difference"] == {"added": 1, "kept": before - 1, "removed": 1}
    printed = rehearsed(stage, tmp_path / "printed").out
    assert "1 new to the partner" in printed
    assert f"{slots[0]['day']}, column {slots[0]['column_id']}: {slots[0]['before']} before" in printed


def _withdraw_one(stage: Stage) -> None:
    known, consent = tables.disclosure.c, tables.consent
    with stage.house.connector.writing() as connection:
        sent = connection.scalars(select(known.patient_id).where(known.partner_id == DENTPORT)).first()
        whose = (consent.c.patient_id == sent, consent.c.partner_id == DENTPORT)
        connection.execute(update(consent).where(*whose).values(status="DENIED"))


def test_what_staff_changed_and_what_the_guard_would_hold_is_told(stage: Stage, tmp_path: Path) -> None:
    stage.agent.export(DENTPORT, Kind.REFERENCE_DATA)
    answer = stage.send(stage.booking())
    change_appointment(stage.house.connector, answer.outcome.booking_id, status="cancelled")
    guard = {"reference_data_lost_percent": 0, "reference_data_lost_at_least": 1}
    with stage.house.connector.writing() as connection:
        offer = tables.appointment_assignment
        connection.execute(update(offer).where(offer.c.assignment_id == 1).values(active=False))
    with edited(stage.house.config_path, lambda content: content.update(guard=guard)):
        told = report(stage, tmp_path / "held")
        printed = rehearsed(stage, tmp_path / "printed").out
    assert told[Kind.APPOINTMENT_UPDATES]["difference"] == {"changed": 1}
    assert "records of one sort gone" in told[Kind.REFERENCE_DATA]["held"]
    counts = told[Kind.REFERENCE_DATA]["difference"]["appointment_assignment"]
    assert counts["now"] == counts["before"] - 1
    assert "would hold it: " in printed
    assert held(stage.agent) == []


@ON_SQLITE_ALONE
def test_partner_that_is_not_enabled_or_not_licensed_is_rehearsed_and_it_says_so(
    stage: Stage, tmp_path: Path
) -> None:
    partner = stage.house.config_path.parent / "partners" / f"{ZAHNZEIT}.yaml"
    licence = stage.house.data_folder / "licence.pgp"
    content = licence.read_bytes()
    licence.write_bytes(b"nothing")
    try:
        with edited(partner, lambda content: content.update(enabled=False)):
            done = rehearsed(stage, tmp_path / "r", partner_id=ZAHNZEIT)
    finally:
        licence.write_bytes(content)
    assert done.code == 0, done.text
    assert done.out.startswith("nothing would leave: ")
    assert "patients:" not in done.out


@ON_SQLITE_ALONE
@pytest.mark.parametrize("where", ["in the data folder", "readable", "in use", "a file", "beside nothing"])
def test_folder_that_is_not_private_new_or_empty_is_refused(stage: Stage, tmp_path: Path, where: str) -> None:
    folder = tmp_path / "r"
    if where == "in the data folder":
        (tmp_path / "link").symlink_to(stage.house.data_folder)
        folder = tmp_path / "link" / "r"
    elif where == "readable":
        folder.mkdir(mode=0o750)
    elif where == "in use":
        folder.mkdir(mode=0o700)
        (folder / "theirs").touch()
    elif where == "a file":
        folder.touch()
    else:
        folder = folder / "deeper"
    before = tree(tmp_path)
    done = rehearsed(stage, folder, "--write-documents")
    assert (done.code, tree(tmp_path)) == (2, before), done.text


@ON_SQLITE_ALONE
def test_folder_that_is_empty_and_private_is_used_and_left_empty_where_it_fails(
    stage: Stage, tmp_path: Path
) -> None:
    (tmp_path / "r").mkdir(mode=0o700)
    with edited(
        stage.house.config_path, lambda content: content["database"].update(url="sqlite:////no/p.db")
    ):
        assert rehearsed(stage, tmp_path / "r", "--write-documents").code == 20
    assert list((tmp_path / "r").iterdir()) == []
    assert rehearsed(stage, tmp_path / "r").code == 0
