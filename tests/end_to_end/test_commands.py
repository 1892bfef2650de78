"""Every command as an administrator types it, on a house that is in order."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.core import TyperGroup
from typer.main import get_command

from agent.adapters.process_lock import sole_process
from agent.cli.advice import with_advice
from agent.cli.main import app
from agent.config import load_config
from agent.daemon import Daemon
from agent.errors import TablesBehindError
from exchange_formats.envelope import Kind
from tests.demo.scenes import Offers, booking_of, newcomer, open_to_new_patients
from tests.flows.card_index import change_appointment
from tests.kit.command_line import COMMAND, edited, otv, otv_process, tree
from tests.kit.house import PRACTICE_ID, House, default_plan, open_house
from tests.kit.licensor import Licensor
from tests.kit.openpgp import GpgHome, short_folder
from tests.kit.sftp_servers import Misbehaviour


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    plan, offer = default_plan(patients=60, columns=4, days=14), {"booking_horizon_days": 5}
    with short_folder() as folder, open_house(folder, plan, offer=offer) as house:
        yield house


def commands(group: object, *above: str) -> Iterator[tuple[str, ...]]:
    """The words of every command there is, and of every group."""
    yield above
    if isinstance(group, TyperGroup):
        for name, command in group.commands.items():
            yield from commands(command, *above, name)


# --- the command line itself -------------------------------------------------------------------


@pytest.mark.parametrize("words", list(commands(get_command(app))), ids=" ".join)
def test_help_of_every_command_says_what_it_is_for(words: tuple[str, ...]) -> None:
    done = otv(*words, "--help")
    assert done.code == 0
    assert done.out.strip().startswith(f"Usage: {' '.join(('otv-agent', *words))}")
    assert len(done.out.strip().splitlines()[2].split()) > 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Usage: otv-agent"),
        (("keys",), "Usage: otv-agent keys"),
        (("synchronise",), "No such command"),
        (("sync", "--dryrun"), "--dry-run"),
        (("keys", "pin", "dentport"), "Missing argument"),
        (("audit", "show", "--newest", "many"), "--newest"),
        (("export", "--kind", "invoices"), "--kind"),
    ],
)
def test_wrong_command_line_is_told_with_exit_code_2(words: tuple[str, ...], sentence: str) -> None:
    done = otv(*words)
    assert done.code == 2
    assert sentence in done.text
    assert "error: a defect" not in done.text


def test_version_is_told() -> None:
    done = otv("--version")
    assert (done.code, done.out) == (0, f"otv-agent {version('otv-agent')}\n")


def test_command_as_a_process_ends_with_its_exit_code_and_reads_its_variable(house: House) -> None:
    assert otv_process("synchronise").code == 2
    listening = otv_process(
        "status", "--json", env={**os.environ, "OTV_AGENT_CONFIG": str(house.config_path)}
    )
    assert listening.code == 0
    assert json.loads(listening.out)["practice_id"] == PRACTICE_ID


def test_generated_configuration_is_complete_and_is_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    assert otv("config", "generate", "--output", file).code == 0
    assert otv("config", "check", config=file).out.startswith(f"fine    {file}")
    assert file.read_text(encoding="utf-8") == otv("config", "generate").out
    assert (tmp_path / "agent.schema.json").read_text(encoding="utf-8") == otv("config", "schema").out
    file.write_text("practice_id: praxis-muster\n", encoding="utf-8")
    again = otv("config", "generate", "--output", file)
    assert (again.code, file.read_text(encoding="utf-8")) == (2, "practice_id: praxis-muster\n")


def test_generated_file_of_a_partner_counts_once_it_stands_in_its_folder(tmp_path: Path) -> None:
    otv("config", "generate", "--output", tmp_path / "agent.yaml")
    (tmp_path / "partners").mkdir()
    otv("config", "generate", "--partner", "--output", tmp_path / "partners" / "dentport.yaml")
    assert "dentport.yaml" in otv("config", "check", config=tmp_path / "agent.yaml").out
    shown = otv("config", "show", "--partner", "dentport", config=tmp_path / "agent.yaml")
    assert "partner_id: dentport" in shown.out


def test_mistakes_of_a_configuration_are_all_told_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    text = otv("config", "generate").out.replace("grid_minutes: 15", "grid_minutes: 7")
    file.write_text(text.replace("level: info", "level: loud"), encoding="utf-8")
    lines = text.splitlines()
    done = otv("config", "check", config=file)
    assert done.code == 10
    for key in ("  grid_minutes: 7", "  level: info"):
        assert f"{file}:{lines.index(key) + 1}: " in done.err


def test_configuration_in_force_shows_defaults_and_never_a_secret(house: House) -> None:
    done = otv("config", "show", config=house.config_path)
    assert done.code == 0
    assert "grid_minutes: 15  # default" in done.out
    assert load_config(house.config_path).settings.audit.read_key().decode() not in done.out
    assert otv("config", "show", "--partner", "nobody", config=house.config_path).code == 2


def test_output_that_nobody_reads_to_its_end_is_no_error(house: House) -> None:
    command = [*COMMAND, "practice", "grants", "otv_agent", "--config", str(house.config_path)]
    piped = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$@" | head -n 1', "bash", *command],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert piped.stdout.startswith("GRANT USAGE")
    assert piped.stderr == ""


def test_defect_is_told_by_type_and_place_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise ValueError("Erika Mustermann")

    assert with_advice(broken) == 1
    told = capsys.readouterr()
    assert "ValueError" in told.err
    assert "Mustermann" not in told.err
    assert told.out == ""


def test_interrupt_while_a_server_hangs_ends_the_command_and_loses_nothing(house: House) -> None:
    dentport = house.partners["dentport"]
    before = len(dentport.inbox(Kind.REFERENCE_DATA))
    dentport.server.misbehaviour = Misbehaviour(hang_at="open")
    words = ["sync", "--partner", "dentport", "--config", str(house.config_path)]
    # A shell starts what it runs in the background deaf to interrupts, and its children inherit that.
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    running = subprocess.Popen([*COMMAND, *words], stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, usual)
    wait_until(lambda: any((house.data_folder / "outbox/dentport/claimed").glob("*")))
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)  # the server's deadline is four times that
    dentport.server.misbehaviour = Misbehaviour()
    assert (running.returncode, err.strip()) == (
        130, "interrupted; whatever was under way is taken up again by the next run",
    )  # fmt: skip
    assert otv("deliver", config=house.config_path).code == 0
    assert len(dentport.inbox(Kind.REFERENCE_DATA)) == before + 1


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    ends_at = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends_at, "it did not come to that"
        time.sleep(0.02)


# --- the exchange ------------------------------------------------------------------------------


def test_dry_run_tells_what_would_leave_and_writes_nothing_anywhere() -> None:
    plan = default_plan(patients=60, columns=4, days=5)
    with short_folder() as folder, open_house(folder, plan) as house:
        house.connector.dispose()
        before = tree(folder)
        told = otv("sync", "--dry-run", config=house.config_path)
        assert otv("status", config=house.config_path).code == 0
        assert otv("audit", "verify", config=house.config_path).code == 0
        assert tree(folder) == before
        exported = otv("export", config=house.config_path)
    assert (told.code, exported.code) == (0, 0)
    # Partner, kind, counts; below the title, the head and a rule.
    announced = [line.split(maxsplit=2) for line in told.out.splitlines()[3:]]
    assert [f"{partner}: {kind} ready: {counts.strip()}" for partner, kind, counts in announced] == [
        line.partition(";")[0] for line in exported.out.splitlines()
    ]
    assert [kind for _, kind, _ in announced].count("patients") == 1


def test_sync_delivers_to_both_partners_imports_and_answers(house: House) -> None:
    dentport = house.partners["dentport"]
    receipts = len(dentport.inbox(Kind.RECEIPTS))
    dentport.send(dentport.gpg.seal(dentport.bookings_file([])))
    done = otv("sync", config=house.config_path)
    assert (done.code, done.err) == (0, "")
    assert "dentport: 3 files delivered, 1 fetched" in done.out
    assert "dentport: 1 file received: 1 imported" in done.out
    assert "dentport: 1 file delivered" in done.out
    assert "zahnzeit: 2 files delivered, 0 fetched" in done.out
    assert len(dentport.inbox(Kind.RECEIPTS)) == receipts + 1


def test_steps_of_a_cycle_can_be_done_one_by_one(house: House) -> None:
    zahnzeit = house.partners["zahnzeit"]
    only = ("--partner", "zahnzeit")
    availability = len(zahnzeit.inbox(Kind.AVAILABILITY))
    for _ in range(2):
        assert otv("export", *only, "--kind", "availability", config=house.config_path).code == 0
    assert otv("export", *only, "--kind", "patients", config=house.config_path).out == (
        "zahnzeit: gets no such file\n"
    )
    assert otv("deliver", *only, config=house.config_path).out == "zahnzeit: 1 file delivered\n"
    assert len(zahnzeit.inbox(Kind.AVAILABILITY)) == availability + 1
    zahnzeit.send(zahnzeit.gpg.seal(zahnzeit.bookings_file([])))
    assert otv("fetch", *only, config=house.config_path).out == "zahnzeit: 1 file fetched\n"
    assert "1 imported" in otv("receive", *only, config=house.config_path).out
    assert otv("deliver", *only, config=house.config_path).out == "zahnzeit: 1 file delivered\n"


def test_changes_by_staff_are_announced_by_a_dry_run_and_told_by_the_cycle(house: House) -> None:
    dentport = house.partners["dentport"]
    only, kind = ("--partner", "dentport"), ("--kind", "appointment_updates")
    assert otv("sync", *only, config=house.config_path).code == 0
    open_to_all = open_to_new_patients(dentport)
    booking = booking_of(dentport, Offers(dentport).next(open_to_all), newcomer())
    dentport.book(booking)
    assert ": 1 accepted" in otv("sync", *only, config=house.config_path).out
    assert otv("export", *only, *kind, config=house.config_path).out == "dentport: nothing has changed\n"
    assert "appointment_updates" not in otv("sync", "--dry-run", *only, config=house.config_path).out

    change_appointment(house.connector, booking.booking_id, status="cancelled")
    announced = otv("sync", "--dry-run", *only, config=house.config_path).out
    assert re.search("dentport +appointment_updates +1 appointment_update", announced)
    assert (
        "dentport: appointment_updates ready: 1 appointment_update\n"
        in otv("sync", *only, config=house.config_path).out
    )
    (update,) = dentport.inbox(Kind.APPOINTMENT_UPDATES)
    assert [record.booking_id for record in update.records] == [booking.booking_id]

    partner_file = house.config_path.parent / "partners/dentport.yaml"
    with edited(partner_file, lambda content: content.update(appointment_updates=False)):
        assert otv("export", *only, *kind, config=house.config_path).out == "dentport: gets no such file\n"


def test_receive_with_a_file_set_aside_ends_with_exit_code_3_and_imports_the_rest(house: House) -> None:
    zahnzeit, waiting = house.partners["zahnzeit"], house.data_folder / "inbound/zahnzeit/waiting"
    (waiting / "garbage.pgp").write_bytes(b"not a message")
    (waiting / "good.pgp").write_bytes(zahnzeit.gpg.seal(zahnzeit.bookings_file([])))
    done = otv("receive", config=house.config_path)
    assert done.code == 3
    assert "quarantined (not_openpgp)" in done.out
    assert "zahnzeit: 2 files received: 1 imported, 1 quarantined" in done.out
    assert "zahnzeit: 1 of 2 files set aside in quarantine" in done.err
    assert "garbage" not in done.text


def test_status_tells_what_waits_and_what_was_last(house: House) -> None:
    assert otv("sync", "--partner", "dentport", config=house.config_path).code == 0
    assert otv("export", "--kind", "reference_data", config=house.config_path).code == 0
    told = json.loads(otv("status", "--json", config=house.config_path).out)
    assert (told["practice_id"], told["running"]) == (PRACTICE_ID, False)
    assert told["partners"]["dentport"]["outbox_waiting"] == 1
    last = datetime.fromisoformat(told["partners"]["dentport"]["last_delivered_at"])
    assert datetime.now(UTC) - last < timedelta(minutes=5)
    for direction in ("outbound", "inbound"):
        fresh = told["partners"]["dentport"][direction]
        assert (fresh["freshness"], fresh["why"]) == ("green", "Works as planned.")
        good_at = datetime.fromisoformat(fresh["last_good_cycle_at"])
        assert datetime.now(UTC) - good_at < timedelta(minutes=5)
    shown = otv("status", config=house.config_path).out
    assert "not running" in shown
    assert "licence   valid until" in shown
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert any(line.startswith("dentport 1 0 0 ") for line in lines)
    assert any(line.startswith("zahnzeit ") and line.endswith(" never") for line in lines)
    assert any(line.startswith("dentport outbound green ") for line in lines)
    assert any(line.startswith("dentport inbound green ") for line in lines)
    assert otv("deliver", config=house.config_path).code == 0


def test_sync_takes_a_slot_that_was_booked_out_of_every_partners_offer(house: House) -> None:
    assert otv("sync", config=house.config_path).code == 0
    # The last in turn books: the cycle of the one before it is over by then.
    *_, last = house.partners.values()
    slot = Offers(last).next(open_to_new_patients(last))
    last.book(booking_of(last, slot, newcomer()))
    done = otv("sync", config=house.config_path)
    assert done.code == 0
    assert ": 1 accepted" in done.out
    for partner in house.partners.values():
        assert slot.slot_id not in [one.slot_id for one in Offers(partner).all]


def test_partner_that_is_unknown_or_disabled_is_told_with_those_that_are_not(house: House) -> None:
    unknown = otv("sync", "--partner", "nobody", config=house.config_path)
    assert unknown.code == 2
    assert "enabled are: dentport, zahnzeit" in unknown.err
    file = house.config_path.parent / "partners/zahnzeit.yaml"
    with edited(file, lambda content: content.update(enabled=False)):
        disabled = otv("export", "--partner", "zahnzeit", config=house.config_path)
    assert disabled.code == 2
    assert "enabled are: dentport\n" in disabled.err


# --- looking -----------------------------------------------------------------------------------


def test_doctor_finds_a_house_in_order_fine_and_leaves_no_gpg_agent(house: House) -> None:
    done = otv("doctor", "--lang", "en", config=house.config_path)
    assert (done.code, done.err) == (0, "")
    *lines, summary = done.out.splitlines()
    # Nobody watches this house, no service runs, and an earlier file was set aside; all else is in order.
    warned = [line.split()[1] for line in lines if line.startswith("warning")]
    assert set(warned) - {"partner.quarantine"} == {"configuration", "service"}
    assert "FAILED" not in done.out
    assert summary.endswith(f"failed: 0; warnings: {len(warned)}")
    assert re.search(r"^fine     partner.server +zahnzeit: Its server lets us in", done.out, re.MULTILINE)
    assert not (house.data_folder / "gpg/S.gpg-agent").exists()


def test_doctor_names_every_failure_with_its_remedy_in_german_too(house: House) -> None:
    dentport = house.config_path.parent / "partners/dentport.yaml"
    with edited(dentport, lambda content: content["sftp"].update(port=1)):
        one = otv("doctor", "--lang", "de", config=house.config_path)
        ring = house.data_folder / "keys/partners/zahnzeit.pgp"
        ring.rename(ring.with_suffix(".away"))
        two = json.loads(otv("doctor", "--json", "--lang", "de", config=house.config_path).out)
        ring.with_suffix(".away").rename(ring)
    assert one.code == 40
    refused = r"^FEHLER +partner.server +dentport: Sein Server .*: 127.0.0.1:1: .*Connection refused$"
    assert re.search(refused, one.out, re.MULTILINE)
    assert re.search(r"^Geprüft: \d+; Fehler: 1; Warnungen: [23]$", one.out, re.MULTILINE)
    assert two["exit_code"] == 3
    (failure,) = [
        found for found in two["findings"] if found["check"] == "partner.key" and found["exit_code"]
    ]
    assert (failure["partner"], failure["state"]) == ("zahnzeit", "failed")
    assert failure["remedy"].startswith("Tauschen Sie mit dem Partner einen aktuellen Schlüssel aus")


# --- licence -----------------------------------------------------------------------------------


def test_licence_is_shown_and_replaced_only_by_a_valid_one(house: House, tmp_path: Path) -> None:
    home = GpgHome(house.folder / "gpg-licensor")
    licensor = Licensor(home, home.fingerprints()[0])
    today = datetime.now(UTC).date()
    installed = house.data_folder / "licence.pgp"
    before = installed.read_bytes()
    assert "partners  dentport, zahnzeit\n" in otv("licence", "show", config=house.config_path).out

    file = tmp_path / "licence.pgp"
    file.write_bytes(licensor.licence(PRACTICE_ID, ["dentport"], today, today - timedelta(days=1)))
    refused = otv("licence", "install", file, config=house.config_path)
    assert (refused.code, installed.read_bytes()) == (30, before)

    file.write_bytes(licensor.licence(PRACTICE_ID, ["dentport"], today, today + timedelta(days=9)))
    assert otv("licence", "install", file, config=house.config_path).code == 0
    unlicensed = otv("sync", "--dry-run", "--partner", "zahnzeit", config=house.config_path)
    assert unlicensed.code == 30
    installed.write_bytes(before)


# --- keys --------------------------------------------------------------------------------------


def test_key_is_created_and_its_public_half_is_what_export_prints(house: House) -> None:
    created = otv("keys", "create", "--home", house.folder / "new", "--name", "Zahnarztpraxis Muster")
    assert created.code == 0
    fingerprint = created.out.split()[1]

    def use_it(content: dict[str, dict[str, str]]) -> None:
        content["openpgp"] = {"home": str(house.folder / "new"), "fingerprint": fingerprint}

    with edited(house.config_path, use_it):
        exported = otv("keys", "export", config=house.config_path)
    assert (exported.code, exported.err) == (0, "")
    stranger = GpgHome(house.folder / "stranger")
    stranger.import_key(exported.out.encode())
    assert stranger.fingerprints() == [fingerprint]


def test_partner_without_a_pinned_key_is_listed_with_what_to_do(house: House) -> None:
    ring = house.data_folder / "keys/partners/zahnzeit.pgp"
    before = ring.read_bytes()
    ring.unlink()
    assert "none: otv-agent keys pin zahnzeit FILE" in otv("keys", "list", config=house.config_path).out
    ring.write_bytes(before)


def test_keys_are_listed_with_whole_fingerprints_also_on_a_narrow_terminal(house: House) -> None:
    piped = otv("keys", "list", config=house.config_path).out
    assert house.partners["dentport"].gpg.fingerprint in piped
    command = " ".join([*COMMAND, "keys", "list", "--config", str(house.config_path)])
    terminal = {**os.environ, "COLUMNS": "80", "TERM": "dumb"}
    shown = subprocess.run(
        ["script", "-qec", command, "/dev/null"], check=True, capture_output=True, text=True, env=terminal
    ).stdout
    assert all(partner.gpg.fingerprint in shown for partner in house.partners.values())


def test_key_is_pinned_only_after_its_fingerprint_was_confirmed(house: House, tmp_path: Path) -> None:
    renewed = GpgHome(house.folder / "renewed")
    fingerprint = renewed.create_key("Zahnzeit <keys@zahnzeit.example>")
    renewed.stop()
    file = tmp_path / "zahnzeit.pgp"
    file.write_bytes(renewed.public_key(fingerprint))
    ring = house.data_folder / "keys/partners/zahnzeit.pgp"
    before = ring.read_bytes()

    for answer in ("n\n", ""):
        done = otv("keys", "pin", "zahnzeit", file, config=house.config_path, answer=answer)
        assert (done.code, ring.read_bytes()) == (2, before)
        assert fingerprint in done.out
        assert "nothing was changed" in done.err
    confirmed = otv("keys", "pin", "zahnzeit", file, config=house.config_path, answer="y\n")
    assert confirmed.code == 0
    assert "openpgp.fingerprints of zahnzeit.yaml" in confirmed.out
    listed = otv("keys", "list", config=house.config_path).out
    assert next(line for line in listed.splitlines() if fingerprint in line).split()[-1] == "no"

    again = otv("keys", "pin", "nobody", file, "--yes", config=house.config_path)
    assert (again.code, "there are: dentport, zahnzeit" in again.err) == (2, True)
    assert otv("keys", "pin", "zahnzeit", "/dev/null", "--yes", config=house.config_path).code == 30
    ring.write_bytes(before)


# --- practice ----------------------------------------------------------------------------------


def test_practice_can_be_generated_into_an_empty_database_and_checks_well(house: House) -> None:
    url = f"sqlite:///{house.folder / 'of-its-own' / 'other.db'}"
    with edited(house.config_path, lambda content: content["database"].update(url=url)):
        missing = otv("practice", "check", config=house.config_path)
        few = ("--patients", "60", "--columns", "4")
        made = otv("practice", "generate", *few, config=house.config_path)
        found = otv("practice", "check", config=house.config_path)
        again = otv("practice", "generate", *few, config=house.config_path)
        repeated = otv("practice", "create-tables", config=house.config_path)
    assert missing.code == 20
    assert (made.code, "60 patient" in made.out) == (0, True)
    assert (found.code, found.out) == (0, "the practice database has everything that the agent needs\n")
    assert (again.code, "empty database" in again.err) == (2, True)
    assert repeated.code == 0


def test_practice_check_lists_everything_that_is_missing(house: House) -> None:
    url = f"sqlite:///{house.folder / 'half.db'}"
    with edited(house.config_path, lambda content: content["database"].update(url=url)):
        assert otv("practice", "create-tables", config=house.config_path).code == 0
        done = otv("practice", "check", config=house.config_path)
        found = otv("doctor", "--no-connect", "--lang", "en", config=house.config_path)
    assert done.code == 20
    assert re.search(
        r"^FAILED +database.tables +.*things: \d+; the first: .* is missing$", found.out, re.MULTILINE
    )
    assert "- table or view patient is missing\n" in done.out
    assert f"lacks {done.out.count(chr(10))} thing" in done.err


def test_tables_of_an_older_program_are_refused_until_they_are_migrated(house: House) -> None:
    older = ("ALTER TABLE inbound_message DROP COLUMN arrived_at", "UPDATE schema_version SET version = 1")
    with house.connector.writing() as connection:
        for statement in older:
            connection.execute(text(statement))
    try:
        refused = otv("receive", config=house.config_path)
        with pytest.raises(TablesBehindError):
            Daemon(house.config_path).run()
        lacking = otv("practice", "check", config=house.config_path)
        shown = otv("practice", "migrate", "--dry-run", config=house.config_path)
        again = otv("receive", config=house.config_path)
    finally:
        done = otv("practice", "migrate", config=house.config_path)
    steps = "the agent's tables go from version 1 to version 2:\n  2  Inbound files: when each came to lie"
    assert (refused.code, again.code) == (20, 20)
    assert "run `otv-agent practice migrate`" in refused.err
    assert lacking.out.count("\n") == 1
    assert "version 1, and this program works with version 2" in lacking.out
    assert shown.out.startswith(steps)
    assert shown.out.endswith("nothing has been changed\n")
    assert done.out.startswith(steps)
    assert otv("receive", config=house.config_path).code == 0
    assert "tables migrated" in otv("audit", "show", config=house.config_path).out
    nothing = otv("practice", "migrate", config=house.config_path)
    assert (nothing.code, "nothing to do" in nothing.out) == (0, True)


def test_tables_of_a_newer_program_are_refused_with_the_version_that_is_needed(house: House) -> None:
    with house.connector.writing() as connection:
        connection.execute(text("UPDATE schema_version SET version = 3"))
    refused = [
        otv(*words, config=house.config_path)
        for words in (
            ("receive",),
            ("practice", "check"),
            ("practice", "migrate"),
            ("practice", "create-tables"),
        )
    ]
    with house.connector.writing() as connection:
        connection.execute(text("UPDATE schema_version SET version = 2"))
    assert [done.code for done in refused] == [20] * 4
    for done in refused:
        assert f"this is otv-agent {version('otv-agent')}, which knows them up to version 2" in done.text


def test_grants_are_statements_for_the_role(house: House) -> None:
    done = otv("practice", "grants", "otv_agent", config=house.config_path)
    assert done.code == 0
    assert all(
        line.startswith("GRANT ") and line.endswith('TO "otv_agent";') for line in done.out.splitlines()
    )


# --- audit -------------------------------------------------------------------------------------


def test_audit_is_verified_against_a_head_that_a_partner_holds(house: House) -> None:
    assert otv("sync", config=house.config_path).code == 0
    anchor = str(house.partners["dentport"].inbox(Kind.AVAILABILITY)[-1].envelope.audit_head)
    good = otv("audit", "verify", "--anchor", anchor, config=house.config_path)
    assert (good.code, "unbroken" in good.out) == (0, True)
    sequence, _, mac = anchor.partition(":")
    other_mac = ("1" if mac[0] == "0" else "0") + mac[1:]
    forged = otv("audit", "verify", "--anchor", f"{sequence}:{other_mac}", config=house.config_path)
    assert (forged.code, f"entry {sequence}" in forged.err) == (50, True)
    assert otv("audit", "verify", "--anchor", "yesterday", config=house.config_path).code == 2
    shown = otv("audit", "show", "--newest", "3", "--partner", "zahnzeit", config=house.config_path).out
    entries = [json.loads(line) for line in shown.splitlines()]
    assert [entry["partner"] for entry in entries] == ["zahnzeit"] * 3
    assert entries[0]["sequence"] < entries[-1]["sequence"]


def test_audit_that_was_tampered_with_is_told_by_every_command_that_looks(house: House) -> None:
    with house.connector.writing() as connection:
        connection.execute(text("UPDATE audit_entry SET event = 'export forgotten' WHERE sequence = 1"))
    told = otv("audit", "verify", config=house.config_path)
    assert (told.code, "entry 1" in told.err) == (50, True)
    assert "data protection" in told.err
    assert otv("doctor", "--no-connect", config=house.config_path).code == 50


def test_service_that_cannot_start_says_why_in_its_file_and_commands_write_nothing_there(
    house: House, tmp_path: Path
) -> None:
    file = tmp_path / "log" / "agent.log"
    logs = {"logging": {"file": str(file), "format": "json"}}
    with edited(house.config_path, lambda content: content.update(logs)), sole_process(house.data_folder):
        assert otv("status", config=house.config_path).code == 0
        assert not file.exists()
        assert otv("run", config=house.config_path).code == 50
    (line,) = file.read_text().splitlines()
    told = json.loads(line)
    assert told["level"] == "critical"
    assert "another otv-agent process works on" in told["message"]
