"""What the doctor says of licence, keys, servers and files that wait for somebody."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from agent.doctor import Check, Finding, State, examine
from agent.domain.sudden_change import Change, Sign
from agent.ports import Hold
from exchange_formats.envelope import Kind
from tests.kit.command_line import edited
from tests.kit.house import PRACTICE_ID, House
from tests.kit.licensor import Licensor
from tests.kit.openpgp import GpgHome


def looked_at(house: House, *, connect: bool = False) -> list[Finding]:
    return list(examine(house.config_path, connect=connect))


def of(found: list[Finding], check: Check, partner_id: str | None = None) -> Finding:
    """The one finding of a check, of a partner where it has one for each."""
    (one,) = [one for one in found if one.check is check and one.partner_id == partner_id]
    return one


@contextmanager
def licence(house: House, partner_ids: list[str], days: int) -> Iterator[None]:
    home = GpgHome(house.folder / "gpg-licensor")
    today, file = datetime.now(UTC).date(), house.data_folder / "licence.pgp"
    usual = file.read_bytes()
    licensor = Licensor(home, home.fingerprints()[0])
    since = today - timedelta(days=30)
    file.write_bytes(licensor.licence(PRACTICE_ID, partner_ids, since, today + timedelta(days=days)))
    yield
    file.write_bytes(usual)


@contextmanager
def away(path: Path) -> Iterator[None]:
    path.rename(path.with_suffix(".away"))
    yield
    path.with_suffix(".away").rename(path)


def test_licence_that_is_over_or_names_another_partner_is_failed(house: House) -> None:
    with licence(house, ["dentport"], 40):
        found = looked_at(house)
    assert of(found, Check.LICENCE).state is State.FINE
    assert of(found, Check.PARTNER_LICENCE, "zahnzeit").exit_code == 30
    assert of(found, Check.PARTNER_LICENCE, "dentport").state is State.FINE
    soon = of(found, Check.KEY_CALENDAR)
    assert (soon.state, soon.said.values["days"]) == (State.WARNING, 40)
    with licence(house, ["dentport", "zahnzeit"], -1):
        found = looked_at(house)
    assert (of(found, Check.LICENCE).state, of(found, Check.LICENCE).exit_code) == (State.FAILED, 30)


def test_own_key_that_is_missing_and_a_partner_without_a_key_are_failed(house: House) -> None:
    with (
        away(house.data_folder / "gpg/private-keys-v1.d"),
        away(house.data_folder / "keys/partners/zahnzeit.pgp"),
    ):
        found = looked_at(house)
    assert (of(found, Check.OWN_KEY).state, of(found, Check.OWN_KEY).exit_code) == (State.FAILED, 30)
    assert of(found, Check.PARTNER_KEY, "zahnzeit").state is State.FAILED
    assert of(found, Check.PARTNER_KEY, "dentport").state is State.FINE


def test_pin_that_ends_and_leaves_days_without_any_is_a_warning(house: House) -> None:
    def end_soon(content: dict[str, dict[str, list[object]]]) -> None:
        (pin,) = content["openpgp"]["fingerprints"]
        until = (datetime.now(UTC) + timedelta(days=90)).date().isoformat()
        content["openpgp"]["fingerprints"] = [{"fingerprint": pin, "valid_until": until}]

    with edited(house.config_path.parent / "partners/dentport.yaml", end_soon):
        found = of(looked_at(house), Check.PARTNER_KEY, "dentport")
    assert found.state is State.WARNING
    assert "no pin counts from" in str(found.said.values["remark"])


def test_server_that_refuses_is_failed_and_only_asked_when_it_is_wanted(house: House) -> None:
    file = house.config_path.parent / "partners/dentport.yaml"
    with edited(file, lambda content: content["sftp"].update(port=1)):
        found = looked_at(house, connect=True)
    assert of(found, Check.PARTNER_SERVER, "dentport").exit_code == 40
    assert of(found, Check.PARTNER_SERVER, "zahnzeit").state is State.FINE
    assert Check.PARTNER_SERVER not in {one.check for one in looked_at(house)}


def test_files_that_wait_for_somebody_are_warnings_with_the_command(house: House) -> None:
    agent = house.agent()
    agent.export("dentport", Kind.REFERENCE_DATA)
    outbox = house.data_folder / "outbox/dentport"
    (waiting,) = (outbox / "waiting").iterdir()
    given_up = waiting.rename(outbox / "failed" / waiting.name)
    aside = house.data_folder / "inbound/dentport/quarantine"
    (aside / "0815.pgp").touch()
    reason = {"reason": "not_signed", "authenticated": False, "at": "2026-07-01T10:00:00+00:00"}
    (aside / "0815.reason.json").write_text(json.dumps(reason | {"sha256": None}))
    lost = Hold("dentport", "patients", datetime.now(UTC), (Change(Sign.PATIENTS_LOST, 10, 9),), None)
    with agent.practice.database.write() as work:
        work.holds.put(lost)
    found = looked_at(house)
    with house.connector.writing() as connection:
        connection.execute(text("DELETE FROM hold"))
    for path in (given_up, aside / "0815.pgp", aside / "0815.reason.json"):
        path.unlink()
    for check, command in (
        (Check.HELD, "otv-agent release"),
        (Check.GIVEN_UP, "otv-agent deliver --failed"),
        (Check.QUARANTINE, "otv-agent quarantine list"),
    ):
        waits = of(found, check, "dentport")
        assert (waits.state, waits.exit_code) == (State.WARNING, 0)
        assert waits.remedy is not None
        assert command in waits.remedy.text
        assert of(found, check, "zahnzeit").state is State.FINE


def test_audit_log_that_was_changed_and_times_to_come_are_failed(house: House) -> None:
    house.agent().export("dentport", Kind.REFERENCE_DATA)
    later = "UPDATE audit_entry SET at = '2099-01-01 00:00:00.000000' WHERE sequence = 1"
    with house.connector.writing() as connection:
        usual = connection.scalar(text("SELECT at FROM audit_entry WHERE sequence = 1"))
        connection.execute(text(later))
    found = looked_at(house)
    with house.connector.writing() as connection:
        connection.execute(text("UPDATE audit_entry SET at = :at WHERE sequence = 1"), {"at": usual})
    assert (of(found, Check.AUDIT).state, of(found, Check.AUDIT).exit_code) == (State.FAILED, 50)
    assert (of(found, Check.AUDIT_CLOCK).state, of(found, Check.AUDIT_CLOCK).exit_code) == (State.FAILED, 50)
    assert of(looked_at(house), Check.AUDIT).state is State.FINE


def test_secret_that_is_missing_hides_nothing_that_can_do_without_it(house: House) -> None:
    with away(house.folder / "audit-key"):
        found = looked_at(house)
    failures = [one.check for one in found if one.state is State.FAILED]
    assert failures == [Check.SECRET_FILES, Check.CONFIGURATION]
    assert of(found, Check.GPG).state is State.FINE


def test_database_that_is_away_hides_nothing_that_can_do_without_it(house: House) -> None:
    with away(house.folder / "practice.db"):
        found = looked_at(house)
    assert [one.check for one in found if one.state is State.FAILED] == [Check.DATABASE]
    assert of(found, Check.OWN_KEY).state is State.FINE
    assert of(found, Check.PARTNER_LICENCE, "dentport").state is State.FINE
