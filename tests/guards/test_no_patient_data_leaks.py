"""Promise P11: what is known of patients stands in the database and in sealed files, and nowhere else.

Canary names, contacts and birth dates are planted with the practice and in
the partners' bookings. After a whole exchange, with refusals, quarantine and
failures, at the most talkative log level, no other byte may hold one.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text, update

from agent.adapters import tables
from agent.adapters.practice_schema import agent_tables
from exchange_formats.bookings import BookingPatient
from exchange_formats.envelope import Kind
from exchange_formats.fields import ContactPoint
from tests.flows.card_index import add_patient
from tests.flows.evidence import practice_rows, quarantine_reasons, rows
from tests.flows.outages import FORBIDDEN_NAME, database_away, forbidden_name
from tests.flows.stage import DENTPORT, ZAHNZEIT, Stage
from tests.kit.canaries import CANARIES, FOREIGN_WORD, found_in
from tests.kit.command_line import COMMAND, otv
from tests.kit.house import default_plan, open_house
from tests.kit.leak_watch import require_none_in_folders
from tests.kit.openpgp import short_folder

CANARY = CANARIES["GRANTED"]
GIVEN, FAMILY, MAILBOX, BORN = CANARY.given_name, CANARY.family_name, CANARY.email, CANARY.birth_date
START_SECONDS = 20


@pytest.fixture(params=["sqlite", "postgresql"])
def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A house of its own, whose temporary files lie in its folder and whose agent logs all it can."""
    url = None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql_server")
        url = server.url(server.create_database()).replace(":@", "@")
    plan = default_plan(patients=20, days=10, columns=4, appointments_per_column_and_day=4)
    with short_folder() as folder:
        (folder / "tmp").mkdir()
        monkeypatch.setenv("TMPDIR", str(folder / "tmp"))
        monkeypatch.setattr(tempfile, "tempdir", str(folder / "tmp"))
        with open_house(
            folder, plan, url, logging={"level": "debug"}, offer={"booking_horizon_days": 14}
        ) as house:
            yield Stage(house, house.agent())


def person(stage: Stage, given_name: str = GIVEN, **changes: object) -> BookingPatient:
    contacts = [ContactPoint(system="email", use="home", value=MAILBOX)]
    planted = {"family_name": FAMILY, "birth_date": BORN.isoformat(), "contact_points": contacts}
    return stage.somebody(given_name, **planted | changes)


def plant(stage: Stage) -> None:
    """Patients of every answer, all of them canaries."""
    for number, status in enumerate(("GRANTED", "GRANTED", "OPEN", "DENIED", "NONE")):
        add_patient(
            stage.house.connector,
            f"{GIVEN}{number}",
            FAMILY,
            BORN,
            consents={DENTPORT: status},
            email=MAILBOX,
        )
    add_patient(stage.house.connector, f"{GIVEN}9", FAMILY, BORN, active=False, email=MAILBOX)


def send_everything(stage: Stage) -> None:
    """Bookings that are accepted, declined, refused and quarantined; names of files are foreign text too."""
    partner = stage.partner()
    good = stage.sealed(
        stage.booking(person(stage)),
        *(stage.booking(person(stage, f"{GIVEN}{number}")) for number in range(5)),
    )
    partner.send(good, f"{FOREIGN_WORD}.pgp")
    partner.send(good)
    content = partner.bookings_file(
        [stage.booking(person(stage)), stage.booking(person(stage), slot_id=FOREIGN_WORD)]
    )
    partner.send(partner.gpg.seal(content))
    partner.send(partner.gpg.seal(content.replace(b'"action":"book"', f'"action":"{GIVEN}"'.encode())))
    partner.send(partner.gpg.seal(f"{GIVEN} {FAMILY}\n{MAILBOX}".encode()))
    partner.send(stage.sealed(stage.booking(person(stage)), practice_id=FOREIGN_WORD))
    partner.send(stage.sealed(stage.booking(person(stage)), partner_id=DENTPORT, message_id="m-1"))
    partner.send(stage.sealed(stage.booking(person(stage)), partner_id=DENTPORT, message_id="m-1"))
    other = stage.partner(ZAHNZEIT)
    partner.send(other.gpg.seal(other.bookings_file([stage.booking(person(stage))])))
    partner.send(partner.gpg.seal(content)[:-40])
    forget_to_encrypt(stage, content)


def forget_to_encrypt(stage: Stage, content: bytes) -> None:
    """What a partner pushes in the clear: under a good name, and under one that is not accepted."""
    waiting = stage.agent.config.partners[DENTPORT].inbound_folder
    (waiting / "plain.pgp").write_bytes(content)
    (waiting / "signed.pgp").write_bytes(stage.partner().gpg.sign(content))
    stray = waiting / "patients.csv"
    stray.write_bytes(content)
    os.utime(stray, (0, 0))


def test_no_patient_data_stands_anywhere_but_in_the_database_and_in_sealed_files(stage: Stage) -> None:
    plant(stage)
    said = [otv("sync", "--dry-run", config=stage.house.config_path).text, sync(stage)]
    send_everything(stage)
    said.append(sync(stage))
    said += failures(stage)
    said += staff_ask(stage)
    if stage.house.connector.dialect == "sqlite":
        said.append(serve(stage))

    assert len(quarantine_reasons(stage, DENTPORT)) == 9
    assert f"{GIVEN}4" in str(practice_rows(stage.house.connector))
    assert FAMILY in str(stage.partner().inbox(Kind.PATIENTS)[0].records)
    assert all("exit code" not in one for one in said)
    assert found_in("\n".join(said).encode()) == []
    assert found_in(str(rows(stage.house.connector, *agent_tables())).encode()) == []
    require_none_in_folders()
    database = b"".join(file.read_bytes() for file in stage.house.folder.glob("practice.db*"))
    assert bool(found_in(database)) == (stage.house.connector.dialect == "sqlite")


def sync(stage: Stage) -> str:
    return otv("sync", config=stage.house.config_path).text


def staff_ask(stage: Stage) -> list[str]:
    """What the reception is told of people by name: numbers and reasons."""
    config, person = stage.house.config_path, (f"{GIVEN}2 {FAMILY}", BORN.isoformat(), "--email", MAILBOX)
    asked = [otv("match", *person, config=config), otv("match", *person[:1], config=config)]
    asked.append(otv("duplicates", "list", config=config))
    assert [one.code for one in asked] == [0, 2, 0]
    assert "would go to record" in asked[0].out
    return [one.text for one in asked]


def failures(stage: Stage) -> list[str]:
    """What is said when the database refuses a patient's row, cannot be read, or is away."""
    said = []
    partner = stage.partner()
    with forbidden_name(stage.house.connector):
        partner.send(stage.sealed(stage.booking(person(stage, family_name=FORBIDDEN_NAME))))
        said.append(sync(stage))
    assert "refused" in said[-1]
    if stage.house.connector.dialect == "sqlite":
        with stage.house.connector.writing() as connection:
            connection.execute(
                text(f"UPDATE patient SET birth_date = '{BORN:%d.%m.%Y}' WHERE patient_id = 3")
            )
        said.append(otv("export", config=stage.house.config_path).text)
        with stage.house.connector.writing() as connection:
            patient = tables.patient
            connection.execute(update(patient).where(patient.c.patient_id == 3).values(birth_date=BORN))
    partner.send(stage.sealed(stage.booking(person(stage))))
    with database_away(stage):
        said.append(sync(stage))
    said.append(sync(stage))
    return said


def serve(stage: Stage) -> str:
    """The service as a process of its own, until it has answered a booking."""
    command = [*COMMAND, "run", "--config", str(stage.house.config_path)]
    partner = stage.partner()
    answered = len(partner.inbox(Kind.RECEIPTS))
    partner.send(stage.sealed(stage.booking(person(stage))))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        ends_at = time.monotonic() + START_SECONDS
        while len(partner.inbox(Kind.RECEIPTS)) == answered and time.monotonic() < ends_at:
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=START_SECONDS)
    assert len(partner.inbox(Kind.RECEIPTS)) == answered + 1
    return said
