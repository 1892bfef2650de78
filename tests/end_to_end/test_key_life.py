"""The life of keys as an operator lives it, on a house with real gpg and a real SSH server.

Withdrawing takes effect between two steps of an import; our own key is
replaced while files are under way; what ends is told in time, once.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.adapters.audit_log import AuditEntry
from agent.adapters.keyring import PartnerKeyRing
from agent.clock import utc_now
from agent.config import config_fingerprint, load_config
from agent.errors import KeyUnusableError
from agent.flows import receive
from agent.flows.file_result import FileState
from agent.key_calendar import warn_of_keys
from agent.ports import OpenedFile, Sealer
from exchange_formats.codec import decode
from exchange_formats.envelope import Kind
from tests.flows.card_index import change_appointment
from tests.flows.evidence import assert_books_balance, audit
from tests.flows.stage import DENTPORT, Stage
from tests.kit.command_line import edited, otv
from tests.kit.house import PRACTICE_ID, default_plan, open_house
from tests.kit.key_fixtures import at_time
from tests.kit.licensor import Licensor
from tests.kit.openpgp import GpgHome, PartnerGpg, short_folder

DAY = timedelta(days=1)
PAST = utc_now() - 3 * DAY


@pytest.fixture(scope="module")
def whole_stage() -> Iterator[Stage]:
    plan = default_plan(patients=60, columns=4, days=14)
    with short_folder() as folder, open_house(folder, plan) as house:
        yield Stage(house, house.agent())


@pytest.fixture
def stage(whole_stage: Stage) -> Iterator[Stage]:
    yield whole_stage
    for path in whole_stage.outbox():
        path.unlink()
    assert_books_balance(whole_stage)


@contextmanager
def second_key(stage: Stage, *options: str, expires: str = "2y") -> Iterator[PartnerGpg]:
    """Dentport with one more key, pinned and named beside the first; for the agent of the block.

    `options` go to gpg while it is made: a time in the past, at which it was pinned then.
    """
    usual = stage.partner().gpg
    home = GpgHome(stage.house.folder / f"gpg-{stage.number()}")
    practice_key = usual.home.public_key(usual.practice)
    key = PartnerGpg(home, "Dentport <keys@dentport.example>", practice_key, *options, expires=expires)
    file = stage.house.data_folder / "keys/partners/dentport.pgp"
    ring = PartnerKeyRing(file, "gpg")
    if options:
        file.write_bytes(file.read_bytes() + key.public_key)  # as it was pinned in that past
    else:
        ring.pin(key.public_key, utc_now())
    pins = {"fingerprints": [key.fingerprint, usual.fingerprint]}
    settings = stage.house.config_path.parent / "partners/dentport.yaml"
    try:
        with edited(settings, lambda content: content.update(openpgp=pins)), stage.agent_with():
            yield key
    finally:
        home.stop()
        ring.remove(key.fingerprint)


def keys(stage: Stage, *words: str | Path) -> str:
    """`otv-agent keys` with these words, which must work; what it prints."""
    done = otv("keys", *words, config=stage.house.config_path)
    assert done.code == 0, done.text
    return done.out


def events(stage: Stage, name: str) -> list[AuditEntry]:
    return [entry for entry in audit(stage) if entry.event == name]


# --- withdrawing a partner's key ---------------------------------------------------------------


def test_withdrawn_key_books_nothing_though_its_file_waited_before(stage: Stage) -> None:
    with second_key(stage) as key:
        stage.drop(key.seal(stage.partner().bookings_file([stage.booking()])))
        assert "in force now" in keys(stage, "revoke", DENTPORT, key.fingerprint, "--yes")
        assert "revoked before" in keys(stage, "revoke", DENTPORT, key.fingerprint.lower(), "--yes")
        (result,) = stage.receive()
        assert (result.state, result.reason) == (FileState.QUARANTINED, "key_revoked")
        assert stage.take_receipts() == []
        assert stage.send(stage.booking()).outcome.outcome == "accepted"
        (entry,) = [
            one for one in events(stage, "key revoked") if one.details["fingerprint"] == key.fingerprint
        ]
        assert entry.partner_id == DENTPORT


class _Interrupted:
    """The lane's own sealer; between opening and import the operator is at work."""

    def __init__(self, sealer: Sealer, stage: Stage, fingerprint: str) -> None:
        self.seal = sealer.seal
        self._sealer, self._stage, self._fingerprint = sealer, stage, fingerprint

    def open(self, sealed: bytes, now: datetime) -> OpenedFile:
        opened = self._sealer.open(sealed, now)
        keys(self._stage, "revoke", DENTPORT, self._fingerprint, "--yes")
        return opened


def test_key_of_a_partner_is_shown_with_its_pin_its_window_and_its_end(stage: Stage) -> None:
    with second_key(stage) as key:
        file = stage.house.data_folder / "fresh.pgp"
        file.write_bytes(key.public_key)
        keys(stage, "pin", DENTPORT, file, "--yes")
        file.unlink()
        window = {"fingerprint": key.fingerprint, "valid_from": "2020-02-01", "valid_until": "2020-03-01"}
        pins = {"fingerprints": [window, stage.partner().gpg.fingerprint]}
        settings = stage.house.config_path.parent / "partners/dentport.yaml"
        with edited(settings, lambda content: content.update(openpgp=pins)):
            shown = keys(stage, "show", DENTPORT)
        one = shown.split("\n\n")[" ".join(re.findall("....", key.fingerprint)) in shown.split("\n\n")[1]]
        today = utc_now().date()
        assert f"last pinned {today}, from 2020-02-01 to 2020-03-01; does not count now" in one
        assert re.search(r"cv25519, 25\d bits; encrypts; ", one)
        assert "revoked      no" in one
        assert str(stage.house.data_folder / "keys/partners/dentport.pgp") in one
        keys(stage, "revoke", DENTPORT, key.fingerprint, "--yes")
        assert "revoked      yes, here" in keys(stage, "show", DENTPORT)


def test_own_key_is_shown_and_a_partner_without_any_is_told(stage: Stage) -> None:
    shown = keys(stage, "show")
    fingerprint = load_config(stage.house.config_path).settings.openpgp.fingerprint
    assert " ".join(re.findall("....", fingerprint)) in shown
    assert "signs now" in shown
    assert str(stage.house.data_folder / "gpg") in shown
    ring = stage.house.data_folder / "keys/partners/zahnzeit.pgp"
    content = ring.read_bytes()
    ring.unlink()
    try:
        done = otv("keys", "show", "zahnzeit", config=stage.house.config_path)
    finally:
        ring.write_bytes(content)
    assert (done.code, "keys pin zahnzeit FILE" in done.err) == (30, True)
    assert otv("keys", "show", "nobody", config=stage.house.config_path).code == 2


def test_key_is_shown_also_while_the_database_is_away(stage: Stage) -> None:
    with edited(
        stage.house.config_path, lambda content: content["database"].update(url="sqlite:////nowhere/p.db")
    ):
        shown = keys(stage, "show", DENTPORT)
    assert "counts now" in shown
    assert "unknown: the database cannot be asked" in shown


def test_key_withdrawn_after_its_file_was_opened_is_judged_again_by_the_import(stage: Stage) -> None:
    with second_key(stage) as key:
        agent = stage.agent
        lane = agent.lane(DENTPORT)
        stage.drop(key.seal(stage.partner().bookings_file([stage.booking()])))
        interrupted = replace(lane, sealer=_Interrupted(lane.sealer, stage, key.fingerprint))
        (result,) = receive.sweep(agent.practice, interrupted)
        assert (result.state, result.reason) == (FileState.QUARANTINED, "key_revoked")
        assert stage.take_receipts() == []


def test_revoked_copy_of_a_pinned_key_ends_it_at_once_and_for_ever(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "dentport.pgp"
    with second_key(stage) as key:
        good = key.public_key
        sealed = key.seal(stage.partner().bookings_file([stage.booking()]))
        key.home.revoke(key.fingerprint)
        file.write_bytes(key.public_key)
        shown = otv("keys", "pin", DENTPORT, file, config=stage.house.config_path, answer="n\n")
        assert (shown.code, "REVOKED by its owner" in shown.out) == (2, True)
        assert "nothing it signed is imported" in keys(stage, "pin", DENTPORT, file, "--yes")
        stage.drop(sealed)
        (result,) = stage.receive()
        assert (result.state, result.reason) == (FileState.QUARANTINED, "key_revoked")
        file.write_bytes(good)
        again = otv("keys", "pin", DENTPORT, file, "--yes", config=stage.house.config_path)
        assert (again.code, "revoked" in again.err) == (30, True)


def test_withdrawn_copy_removed_from_the_ring_is_not_pinned_again(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "dentport.pgp"
    with second_key(stage) as key:
        file.write_bytes(key.public_key)
        keys(stage, "revoke", DENTPORT, key.fingerprint, "--yes")
        told = otv("keys", "pin", DENTPORT, file, "--yes", config=stage.house.config_path)
        assert (told.code, "was revoked" in told.err) == (30, True)
        named = otv("keys", "forget", DENTPORT, key.fingerprint, config=stage.house.config_path)
        assert (named.code, "openpgp.fingerprints" in named.err) == (2, True)
        unknown = otv("keys", "revoke", DENTPORT, "0" * 40, "--yes", config=stage.house.config_path)
        assert (unknown.code, "keys list" in unknown.err) == (2, True)


def test_export_for_a_withdrawn_key_is_held_and_goes_out_for_the_next_one(stage: Stage) -> None:
    with second_key(stage) as key:
        only = {"openpgp": {"fingerprints": [key.fingerprint]}}
        with stage.agent_with(dentport=only):
            keys(stage, "revoke", DENTPORT, key.fingerprint, "--yes")
            with pytest.raises(KeyUnusableError):
                stage.agent.export(DENTPORT, Kind.AVAILABILITY)
            assert stage.outbox() == []
            drafts = stage.house.data_folder / "outbox" / DENTPORT
            assert [path for path in drafts.rglob("*") if path.is_file() and path.suffix == ".draft"] == []
        assert stage.export(Kind.AVAILABILITY).records


def test_files_that_wait_sealed_for_a_withdrawn_key_go_out_sealed_for_the_next_or_are_made_anew(
    stage: Stage,
) -> None:
    partner, told = stage.partner(), stage.booking()
    stage.send(told)
    with second_key(stage) as key:
        change_appointment(stage.house.connector, told.booking_id, status="cancelled")
        stage.drop(stage.sealed(stage.booking()))
        stage.receive()
        stage.agent.tell_updates(DENTPORT)
        stage.agent.export(DENTPORT, Kind.AVAILABILITY)
        waiting = {path.name: key.open(path.read_bytes()) for path in stage.outbox()}
        keys(stage, "revoke", DENTPORT, key.fingerprint, "--yes")
        done = stage.agent.exchange(DENTPORT, fetch_files=False)
        assert (done.delivered, done.outdated) == (2, 1)
        for name, content in waiting.items():
            arrived = partner.server.root / "inbox" / name
            if name.startswith(Kind.AVAILABILITY.value):
                assert not arrived.exists()
            else:
                assert partner.gpg.open(arrived.read_bytes()) == content


def test_key_that_ends_while_its_file_waits_vouches_for_nothing_until_it_is_renewed(
    stage: Stage, tmp_path: Path
) -> None:
    with second_key(stage, *at_time(PAST), expires="2d") as key:
        bookings = stage.partner().bookings_file([stage.booking()])
        # Signed while it was good; the practice's key of today was not yet made then.
        yesterday = (*at_time(PAST + DAY), "--ignore-time-conflict", "--ignore-valid-from")
        stage.drop(key.seal(bookings, *yesterday))
        (result,) = stage.receive()
        assert (result.state, result.reason) == (FileState.QUARANTINED, "key_expired")
        assert stage.take_receipts() == []
        key.home.renew(key.fingerprint, "1y")
        file = tmp_path / "renewed.pgp"
        file.write_bytes(key.public_key)
        keys(stage, "pin", DENTPORT, file, "--yes")
        stage.drop(key.seal(bookings))
        (result,) = stage.receive()
        assert (result.state, result.accepted) == (FileState.IMPORTED, 1)


# --- our own key -------------------------------------------------------------------------------


def test_rotation_that_is_taken_back_leaves_the_old_key_and_says_who_was_told(stage: Stage) -> None:
    nothing = otv("keys", "rotate", "--cancel", "--yes", config=stage.house.config_path)
    assert (nothing.code, "no handover is under way" in nothing.err) == (2, True)
    before = keys(stage, "list")
    soon = str(utc_now().date() + 7 * DAY)
    told = keys(stage, "rotate", "--signs-from", soon, "--yes")
    with stage.agent_with():
        assert stage.agent.hand_over(DENTPORT)
        assert stage.agent.hand_over("zahnzeit")
        for path in stage.outbox(kind=Kind.KEY_HANDOVER):
            path.unlink()  # delivered
        assert otv("keys", "rotate", "--cancel", config=stage.house.config_path).code == 2, "nobody confirmed"
        cancelled = keys(stage, "rotate", "--cancel", "--yes")
    assert "Call dentport: they hold the announcement" in cancelled
    assert list((stage.house.data_folder / "outbox/zahnzeit").rglob("key_handover-*")) == []
    assert re.findall(r"new key +([0-9A-F]{40})", told) == re.findall(r"cancelled +([0-9A-F]{40})", cancelled)
    assert keys(stage, "list") == before
    assert [entry.details["new"] for entry in events(stage, "own key handover cancelled")] == re.findall(
        r"cancelled +([0-9A-F]{40})", cancelled
    )
    with stage.agent_with():
        assert not stage.agent.hand_over(DENTPORT)


def test_own_key_is_handed_over_without_a_file_lost_on_either_side(stage: Stage) -> None:
    house, partner = stage.house, stage.partner().gpg
    old, before = partner.practice, config_fingerprint(house.config_path, house.data_folder)
    today = utc_now().date()
    days = ("--signs-from", str(today + 7 * DAY), "--old-opens-until", str(today + 12 * DAY), "--yes")
    told = keys(stage, "rotate", *days)
    new = re.search(r"new key +([0-9A-F]{40})", told)
    assert new is not None
    assert config_fingerprint(house.config_path, house.data_folder) != before
    again = otv("keys", "rotate", *days, config=house.config_path)
    assert (again.code, "under way" in again.err) == (2, True)
    assert new[1] in keys(stage, "handover")

    with stage.agent_with():
        assert stage.agent.hand_over(DENTPORT)
        assert not stage.agent.hand_over(DENTPORT)
        (file,) = stage.outbox(kind=Kind.KEY_HANDOVER)
        (record,) = decode(partner.open(file.read_bytes()), Kind.KEY_HANDOVER).records
        assert (record.old_fingerprint, record.new_fingerprint) == (old, new[1])
        partner.home.import_key(record.public_key.encode())
        # The old key signs on, and both open.
        stage.export(Kind.AVAILABILITY)
        for key in (old, new[1]):
            partner.practice = key
            sealed = stage.sealed(stage.booking())
            partner.practice = old
            assert stage.send_sealed(sealed).outcome.outcome == "accepted"

    with stage.agent_with(clock=lambda: utc_now() + 7 * DAY):
        partner.practice = new[1]
        result = stage.agent.preview(DENTPORT, Kind.AVAILABILITY)
        assert result.records
        with (house.folder / "signed").open("w+b") as signed:
            stage.agent.lane(DENTPORT).sealer.seal([b"x"], signed)
        assert partner.open((house.folder / "signed").read_bytes()) == b"x"
    partner.practice = old
    listed = keys(stage, "list")
    assert old in listed
    assert new[1] in listed


# --- host keys ---------------------------------------------------------------------------------


def test_host_key_is_shown_compared_pinned_and_revoked_by_commands(stage: Stage) -> None:
    config = stage.house.config_path
    file = config.parent / "partners/dentport.yaml"

    def unknown(content: dict[str, dict[str, object]]) -> None:
        content["sftp"]["host_keys"] = []

    with edited(file, unknown):
        refused = otv("doctor", "--lang", "en", config=config)
        found = re.search(r"host key (SHA256:\S+), which is not pinned", refused.out)
        assert found is not None
        assert "keys pin-host" in refused.out
        declined = otv("keys", "pin-host", DENTPORT, config=config, answer="n\n")
        assert (declined.code, found[1] in declined.out) == (2, True)
        assert "in force" in keys(stage, "pin-host", DENTPORT, "--yes")
        assert "Pinned already" in keys(stage, "pin-host", DENTPORT)
        assert otv("fetch", "--partner", DENTPORT, config=config).code == 0
        assert found[1] in keys(stage, "calendar")
        keys(stage, "revoke-host", DENTPORT, found[1], "--yes")
        assert otv("fetch", "--partner", DENTPORT, config=config).code == 40
        again = otv("keys", "pin-host", DENTPORT, "--yes", config=config)
        assert (again.code, "never comes back" in again.err) == (40, True)
        assert otv("keys", "revoke-host", DENTPORT, "SHA256:x", "--yes", config=config).code == 2
    assert [entry.event for entry in audit(stage) if entry.event.startswith("host key")] == [
        "host key pinned",
        "host key revoked",
    ]
    (stage.house.data_folder / "keys/partners/dentport.hosts").unlink()


# --- the calendar ------------------------------------------------------------------------------


def test_end_of_a_licence_is_told_once_for_each_step_also_by_another_process(stage: Stage) -> None:
    home = GpgHome(stage.house.folder / "gpg-licensor")
    licensor = Licensor(home, home.fingerprints()[0])
    installed, today = stage.house.data_folder / "licence.pgp", datetime.now(UTC).date()
    usual = installed.read_bytes()
    for days, steps in ((9, ["licence: licence"]), (2, ["licence: licence"])):
        licence = licensor.licence(PRACTICE_ID, [DENTPORT, "zahnzeit"], today, today + days * DAY)
        installed.write_bytes(licence)
        assert [one.key_date.subject for one in warn_of_keys(stage.agent)] == steps
        assert warn_of_keys(stage.agent) == []
        with stage.agent_with():
            assert warn_of_keys(stage.agent) == []
    assert [entry.details["what"] for entry in events(stage, "key warning")] == ["licence: licence"] * 2

    looked = otv("doctor", "--lang", "en", config=stage.house.config_path)
    assert (looked.code, looked.out.count("keys.calendar        The licence ends on")) == (0, 1)
    assert "keys: licence: licence ends on" in otv("status", config=stage.house.config_path).out
    (told,) = json.loads(otv("status", "--json", config=stage.house.config_path).out)["keys"]
    assert told.startswith("licence: licence ends on")
    installed.write_bytes(usual)


def test_partner_key_near_its_end_is_a_warning_and_with_a_successor_none(stage: Stage) -> None:
    with second_key(stage, expires="20d") as key:
        only = {"openpgp": {"fingerprints": [key.fingerprint]}}
        subject = f"dentport: key {key.fingerprint}"
        assert warn_of_keys(stage.agent) == []
        with stage.agent_with(dentport=only):
            (warning,) = warn_of_keys(stage.agent)
            assert (warning.key_date.subject, warning.step) == (subject, 30)
    assert "our SSH key" in keys(stage, "calendar")


def test_calendar_that_cannot_be_read_whole_is_told_and_the_rest_is_shown(stage: Stage) -> None:
    ring = stage.house.data_folder / "keys/partners/zahnzeit.pgp"
    whole = ring.read_bytes()
    ring.write_bytes(whole[:-9])
    try:
        told = otv("keys", "calendar", config=stage.house.config_path)
        with pytest.raises(KeyUnusableError, match="damaged"):
            warn_of_keys(stage.agent)
    finally:
        ring.write_bytes(whole)
    assert (told.code, "damaged" in told.err) == (30, True)
    assert stage.partner().gpg.fingerprint in told.out
    assert load_config(stage.house.config_path).partners
