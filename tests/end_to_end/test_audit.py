"""The audit log as operator, partner and data protection officer use it, also after a restored backup."""

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from agent.adapters import tables
from agent.clock import utc_now
from exchange_formats.codec import Document
from exchange_formats.envelope import Kind
from tests.kit.command_line import Finished, otv, patients_named_in
from tests.kit.house import House, default_plan, open_house
from tests.kit.openpgp import short_folder

FILE_KINDS = (Kind.AVAILABILITY, Kind.REFERENCE_DATA, Kind.PATIENTS, Kind.RECEIPTS)


@pytest.fixture
def house() -> Iterator[House]:
    plan, offer = default_plan(patients=20, columns=4, days=5), {"booking_horizon_days": 5}
    with short_folder() as folder, open_house(folder, plan, offer=offer) as house:
        assert otv("sync", "--partner", "dentport", config=house.config_path).code == 0
        yield house


def received(house: House) -> list[Document[object]]:
    return [document for kind in FILE_KINDS for document in house.partners["dentport"].inbox(kind)]


def heads_file(house: House, name: str = "heads.tsv") -> Path:
    """What the partner's guide has its engineer hand over."""
    file = house.folder / name
    lines = [f"{one.envelope.audit_head}\t{one.envelope.message_id}\n" for one in received(house)]
    file.write_text("".join(lines))
    return file


def audit(house: House, *words: str | Path) -> Finished:
    return otv("audit", *words, config=house.config_path)


def exchange(house: House) -> Finished:
    """Another round, in which a message of the partner's comes and is answered."""
    dentport = house.partners["dentport"]
    dentport.send(dentport.gpg.seal(dentport.bookings_file([])))
    return otv("sync", "--partner", "dentport", config=house.config_path)


def database_put_back(house: House, copy: Path) -> None:
    """The practice restores a backup of its database."""
    house.connector.dispose()
    for leftover in house.folder.glob("practice.db-*"):
        leftover.unlink()
    copy.replace(house.folder / "practice.db")


def database_copied(house: House) -> Path:
    copy = house.folder / "backup.db"
    with (
        closing(sqlite3.connect(house.folder / "practice.db")) as now,
        closing(sqlite3.connect(copy)) as then,
    ):
        now.backup(then)
    return copy


def position(heads: Path) -> int:
    return max(int(line.split(":")[0]) for line in heads.read_text().splitlines())


def highest(house: House, kind: Kind) -> int:
    return max(document.envelope.sequence for document in house.partners["dentport"].inbox(kind))


def test_database_that_went_back_holds_everything_until_somebody_accepts_what_is_lost(house: House) -> None:
    copy = database_copied(house)
    assert exchange(house).code == 0
    before = {kind: highest(house, kind) for kind in (Kind.AVAILABILITY, Kind.RECEIPTS)}
    held = heads_file(house)
    assert audit(house, "accept-restore").out.startswith("the database holds all")

    dentport = house.partners["dentport"]
    dentport.send(dentport.gpg.seal(dentport.bookings_file([])))
    for step in ("fetch", "receive"):  # a receipt is left waiting, of which the copy knows nothing
        assert otv(step, "--partner", "dentport", config=house.config_path).code == 0

    database_put_back(house, copy)
    files = len(received(house))
    stopped = exchange(house)
    assert (stopped.code, "the database is older than the agent's work" in stopped.err) == (20, True)
    assert len(received(house)) == files
    told = audit(house, "verify")
    assert (told.code, "the database is an older copy" in told.err) == (50, True)

    assert audit(house, "accept-restore").code == 2  # nobody says yes
    accepted = audit(house, "accept-restore", "--yes")
    assert (accepted.code, "accepted; the audit log goes on with entry" in accepted.out) == (0, True)
    assert exchange(house).code == 0
    assert {kind for kind, number in before.items() if highest(house, kind) <= number} == set()
    verified = audit(house, "verify", "--heads", held, "--heads", heads_file(house, "later.tsv"))
    assert verified.code == 0
    assert "are lost to a restored backup, as an entry admits" in verified.out
    assert position(house.folder / "later.tsv") > position(held)


def test_history_cut_everywhere_at_once_is_seen_by_what_a_partner_holds(house: House) -> None:
    assert exchange(house).code == 0
    held = heads_file(house)
    good = audit(house, "verify", "--heads", held)
    assert (good.code, "heads from outside were held against it: all are accounted for" in good.out) == (
        0,
        True,
    )

    with house.connector.writing() as connection:
        for table in (tables.inbound_message, tables.receipt_line, tables.outbound_message):
            connection.execute(delete(table))
        connection.execute(delete(tables.audit_entry).where(tables.audit_entry.c.sequence > 3))
    (house.data_folder / "audit-head").unlink()
    assert audit(house, "verify").code == 0
    told = audit(house, "verify", "--heads", held)
    assert (told.code, "broken at entry 4: the chain ends before it" in told.err) == (50, True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "holds no audit head"),
        ("# nothing\n\n", "holds no audit head"),
        ("1:abc\n", "line 1: an audit head looks like"),
        ("0:" + "0" * 64 + "\nErika Mustermann\n", "line 2: an audit head looks like"),
    ],
)
def test_list_of_heads_that_is_none_is_told_without_quoting_it(
    house_config: Path, tmp_path: Path, content: str, words: str
) -> None:
    file = tmp_path / "heads.tsv"
    file.write_text(content)
    told = otv("audit", "verify", "--heads", file, config=house_config)
    assert (told.code, words in told.err, "Mustermann" in told.text) == (2, True, False)
    assert otv("audit", "verify", "--heads", tmp_path / "missing", config=house_config).code == 2


@pytest.fixture
def house_config(tmp_path: Path) -> Path:
    """Never read: the list is looked at first."""
    return tmp_path / "agent.yaml"


def test_export_is_verified_signed_and_holds_no_patient(house: House) -> None:
    assert exchange(house).code == 0
    file = house.folder / "audit.jsonl"
    done = audit(house, "export", file, "--sign")
    assert (done.code, "the whole chain is unbroken" in done.out) == (0, True)
    first, *entries, last = (json.loads(line) for line in file.read_text().splitlines())
    assert (first["record"], first["version"], first["practice_id"]) == (
        "audit_export", 1, "praxis-musterstadt",
    )  # fmt: skip
    assert [entry["sequence"] for entry in entries] == list(range(1, len(entries) + 1))
    assert entries[0].keys() == {"record", "sequence", "at", "event", "partner_id", "details", "mac"}
    assert last == {
        "record": "end", "entries": len(entries), "verified": True, "fault": None,
        "chain_entries": len(entries), "head": f"{len(entries)}:{entries[-1]['mac']}", "lost": [],
    }  # fmt: skip
    assert patients_named_in(file.read_text(), house.connector) == []
    home = house.partners["dentport"].gpg.home.folder
    checked = subprocess.run(
        ["gpg", "--homedir", home, "--batch", "--trust-model", "always", "--verify", f"{file}.sig", file],
        check=False, capture_output=True, timeout=60,
    )  # fmt: skip
    assert checked.returncode == 0
    assert audit(house, "export", file).code == 2  # never over an older one

    today, tomorrow = (f"{utc_now() + timedelta(days=days):%Y-%m-%d}" for days in (0, 1))
    chosen = audit(house, "export", "-", "--since", today, "--until", today, "--partner", "dentport")
    lines = [json.loads(line) for line in chosen.out.splitlines()]
    assert [line["partner_id"] for line in lines[1:-1]] == ["dentport"] * lines[-1]["entries"]
    assert lines[-1]["head"] == last["head"]
    assert json.loads(audit(house, "export", "-", "--since", tomorrow).out.splitlines()[-1])["entries"] == 0
    assert audit(house, "export", "-", "--sign").code == 2

    with house.connector.writing() as connection:
        entry = tables.audit_entry
        connection.execute(update(entry).where(entry.c.sequence == 3).values(event="nothing"))
    broken = audit(house, "export", house.folder / "broken.jsonl")
    assert (broken.code, "entry 3: it was edited" in broken.err) == (50, True)
    *_, verdict = (json.loads(line) for line in (house.folder / "broken.jsonl").read_text().splitlines())
    assert (verdict["entries"], verdict["verified"]) == (2, False)
    assert "entry 3: it was edited" in verdict["fault"]
