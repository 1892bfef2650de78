"""Retries that outlast a weekend, the end of all retries, and the operator's way back."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.clock import utc_now
from agent.errors import DatabaseUnavailableError, RefusedByServerError, TransferError
from agent.flows.give_up import SentAgain
from exchange_formats.envelope import Kind
from exchange_formats.file_names import parse_sealed_name
from tests.flows.card_index import change_appointment
from tests.flows.evidence import audit
from tests.flows.outages import database_away
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, Stage
from tests.kit.sftp_servers import Misbehaviour

CLOSED_PORT = 1
FRIDAY_TO_TUESDAY = timedelta(hours=110)
SIX_DAYS = timedelta(days=6)


@pytest.fixture(autouse=True)
def tidy(stage: Stage) -> Iterator[None]:
    yield
    server = stage.partner().server
    server.misbehaviour = Misbehaviour()
    root = stage.house.data_folder / "outbox" / DENTPORT / "failed"
    for path in (*(server.root / "inbox").iterdir(), *root.iterdir()):
        path.unlink()


def outbox(stage: Stage, state: str) -> list[str]:
    return sorted(path.name for path in (stage.house.data_folder / "outbox" / DENTPORT / state).iterdir())


def inbox(stage: Stage) -> list[str]:
    return sorted(path.name for path in (stage.partner().server.root / "inbox").iterdir())


def server_down(stage: Stage) -> dict[str, Any]:
    path = stage.house.config_path.parent / "partners" / f"{DENTPORT}.yaml"
    return {"sftp": yaml.safe_load(path.read_text())["sftp"] | {"port": CLOSED_PORT}}


def with_receipt(stage: Stage) -> str:
    """The name of the receipt that waits."""
    stage.drop(stage.sealed(stage.booking()))
    stage.receive()
    (name,) = outbox(stage, "waiting")
    return name


def grown_old(stage: Stage, age: timedelta) -> None:
    """As if all that waits had waited so long; the clock itself stays, the audit log holds it to that."""
    since = (utc_now() - age).timestamp()
    for path in stage.outbox():
        os.utime(path, (since, since))


def visit_in_vain(stage: Stage, age: timedelta) -> None:
    """One visit at a server that is down, when the files are so old."""
    grown_old(stage, age)
    with stage.agent_with(dentport=server_down(stage)), pytest.raises(TransferError):
        stage.agent.exchange(DENTPORT)


def events(stage: Stage, name: str) -> list[str]:
    return [entry.event for entry in audit(stage) if entry.details.get("file") == name]


def test_file_still_waits_after_a_long_weekend_and_is_delivered_then(stage: Stage) -> None:
    name = with_receipt(stage)
    for hours in (1, 24, 72):
        visit_in_vain(stage, timedelta(hours=hours))
    visit_in_vain(stage, FRIDAY_TO_TUESDAY)
    assert outbox(stage, "waiting") == [name]
    stage.agent.exchange(DENTPORT)
    assert inbox(stage) == [name]


def test_file_that_failed_for_days_goes_to_failed_with_its_reason_and_audit_entry_and_never_to_sent(
    stage: Stage,
) -> None:
    name = with_receipt(stage)
    visit_in_vain(stage, SIX_DAYS)
    assert outbox(stage, "waiting") == []
    assert outbox(stage, "failed") == [name, f"{name}.reason.json"]
    assert name not in outbox(stage, "sent")
    assert events(stage, name) == ["delivery given up"]
    told = json.loads(
        (stage.house.data_folder / "outbox" / DENTPORT / "failed" / f"{name}.reason.json").read_text()
    )
    assert "Connection refused" in told["reason"]
    stage.agent.exchange(DENTPORT)
    assert inbox(stage) == []


def test_file_sent_again_by_an_operator_arrives_and_has_all_its_time_again(stage: Stage) -> None:
    name = with_receipt(stage)
    visit_in_vain(stage, SIX_DAYS)
    assert stage.agent.send_again(DENTPORT) == SentAgain(1, 0)
    assert outbox(stage, "failed") == []
    with stage.agent_with(dentport=server_down(stage)), pytest.raises(TransferError):
        stage.agent.exchange(DENTPORT)
    assert outbox(stage, "waiting") == [name]
    assert stage.agent.exchange(DENTPORT).delivered == 1
    assert inbox(stage) == [name]
    assert events(stage, name) == ["delivery given up", "delivery resumed", "delivered confirmed"]


@ON_SQLITE_ALONE
def test_agent_that_was_off_for_weeks_delivers_before_it_judges_any_age(stage: Stage) -> None:
    name = with_receipt(stage)
    grown_old(stage, timedelta(days=5 * 7))
    assert stage.agent.exchange(DENTPORT).delivered == 1
    assert inbox(stage) == [name]


def test_fault_of_our_own_gives_nothing_up_however_long_it_lasts(stage: Stage) -> None:
    name = with_receipt(stage)
    grown_old(stage, SIX_DAYS)
    with database_away(stage), pytest.raises(DatabaseUnavailableError):
        stage.agent.exchange(DENTPORT)
    assert outbox(stage, "waiting") == [name]


@ON_SQLITE_ALONE
def test_giving_up_that_cannot_be_recorded_leaves_the_file_waiting(stage: Stage) -> None:
    name = with_receipt(stage)
    grown_old(stage, SIX_DAYS)
    everything_down = stage.agent_with(dentport=server_down(stage))
    with everything_down, database_away(stage), pytest.raises(DatabaseUnavailableError):
        stage.agent.exchange(DENTPORT)
    assert (outbox(stage, "waiting"), outbox(stage, "failed")) == ([name], [])


@ON_SQLITE_ALONE
def test_refused_file_is_left_alone_for_a_while_and_given_up_in_the_end(stage: Stage) -> None:
    name = with_receipt(stage)
    server = stage.partner().server
    server.misbehaviour = Misbehaviour(refuse_write=1)
    with pytest.raises(RefusedByServerError):
        stage.agent.exchange(DENTPORT)
    assert stage.agent.exchange(DENTPORT).delivered == 0
    server.misbehaviour = Misbehaviour()
    assert stage.agent.exchange(DENTPORT).delivered == 0
    assert outbox(stage, "waiting") == [name]
    grown_old(stage, SIX_DAYS)
    server.misbehaviour = Misbehaviour(refuse_write=1)
    with stage.agent_with(), pytest.raises(RefusedByServerError):
        stage.agent.exchange(DENTPORT)
    assert outbox(stage, "failed") == [name, f"{name}.reason.json"]


@ON_SQLITE_ALONE
def test_refused_file_is_tried_again_in_time_and_at_once_after_a_restart_or_a_jump_of_the_clock(
    stage: Stage,
) -> None:
    with_receipt(stage)
    server = stage.partner().server
    moment = utc_now()
    with stage.agent_with(lambda: moment):
        server.misbehaviour = Misbehaviour(refuse_write=1)
        with pytest.raises(RefusedByServerError):
            stage.agent.exchange(DENTPORT)
        visits = server.logins
        for ahead, tried in ((30, False), (65, True), (-3600, True)):
            moment = utc_now() + timedelta(seconds=ahead)
            if tried:
                with pytest.raises(RefusedByServerError):
                    stage.agent.exchange(DENTPORT)
            else:
                assert stage.agent.exchange(DENTPORT).delivered == 0
        assert server.logins == visits + 3
    with stage.agent_with():
        server.misbehaviour = Misbehaviour()
        assert stage.agent.exchange(DENTPORT).delivered == 1


def test_updates_behind_one_that_was_given_up_wait_until_it_is_sent_again_in_order(stage: Stage) -> None:
    booking = stage.booking()
    assert stage.send(booking).outcome.outcome == "accepted"
    change_appointment(stage.house.connector, booking.booking_id, status="cancelled")
    stage.agent.tell_updates(DENTPORT)
    (first,) = outbox(stage, "waiting")
    visit_in_vain(stage, SIX_DAYS)
    assert outbox(stage, "failed") == [first, f"{first}.reason.json"]

    change_appointment(stage.house.connector, booking.booking_id, status="booked")
    stage.agent.tell_updates(DENTPORT)
    (second,) = outbox(stage, "waiting")
    receipt = stage.sealed(stage.booking())
    stage.drop(receipt)
    stage.receive()
    assert stage.agent.exchange(DENTPORT).delivered == 1
    assert [parse_sealed_name(name).kind for name in inbox(stage)] == [Kind.RECEIPTS]  # type: ignore[union-attr]

    stage.agent.send_again(DENTPORT)
    assert stage.agent.exchange(DENTPORT).delivered == 2
    folder = stage.partner().server.root / "inbox"
    arrived = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert [path.name for path in arrived][1:] == [first, second]


@ON_SQLITE_ALONE
def test_snapshot_given_up_is_replaced_by_the_next_one(stage: Stage) -> None:
    old = stage.agent.export(DENTPORT, Kind.REFERENCE_DATA).file_name
    visit_in_vain(stage, SIX_DAYS)
    assert outbox(stage, "failed") == [old, f"{old}.reason.json"]
    new = stage.agent.export(DENTPORT, Kind.REFERENCE_DATA).file_name
    assert (outbox(stage, "failed"), outbox(stage, "waiting")) == ([], [new])
    assert events(stage, old) == ["delivery given up", "export superseded"]


@ON_SQLITE_ALONE
def test_snapshot_put_back_by_hand_into_failed_is_dropped_when_a_newer_one_was_made(stage: Stage) -> None:
    old = stage.agent.export(DENTPORT, Kind.REFERENCE_DATA).file_name
    visit_in_vain(stage, SIX_DAYS)
    failed = stage.house.data_folder / "outbox" / DENTPORT / "failed" / old
    content = failed.read_bytes()
    stage.agent.export(DENTPORT, Kind.REFERENCE_DATA)
    failed.write_bytes(content)
    assert stage.agent.send_again(DENTPORT) == SentAgain(0, 1)


@ON_SQLITE_ALONE
def test_repeated_receipt_that_arrives_settles_the_one_that_was_given_up(stage: Stage) -> None:
    sealed = stage.sealed(stage.booking())
    stage.drop(sealed)
    stage.receive()
    (name,) = outbox(stage, "waiting")
    visit_in_vain(stage, SIX_DAYS)
    stage.drop(sealed)
    stage.receive()
    stage.agent.exchange(DENTPORT)
    assert (inbox(stage), outbox(stage, "failed")) == ([name], [])


@ON_SQLITE_ALONE
def test_after_an_outage_the_newest_availability_goes_and_every_receipt(stage: Stage) -> None:
    receipts = set()
    for day in range(4):
        newest = stage.agent.export(DENTPORT, Kind.AVAILABILITY).file_name
        stage.drop(stage.sealed(stage.booking()))
        stage.receive()
        receipts |= {name for name in outbox(stage, "waiting") if name.startswith("receipts")}
        visit_in_vain(stage, timedelta(days=day))
    stage.agent.exchange(DENTPORT)
    assert len(receipts) == 4
    assert set(inbox(stage)) == {newest, *receipts}


# --- delivered, unconfirmed ------------------------------------------------------------------------


@ON_SQLITE_ALONE
def test_file_that_the_server_takes_at_once_is_sent_once_counted_and_audited_as_unconfirmed(
    stage: Stage,
) -> None:
    name = with_receipt(stage)
    stage.partner().server.misbehaviour = Misbehaviour(take_on_close=True)
    result = stage.agent.exchange(DENTPORT)
    assert (result.delivered, result.unconfirmed) == (1, 1)
    assert stage.agent.exchange(DENTPORT).delivered == 0
    assert name in outbox(stage, "sent")
    assert events(stage, name) == ["delivered unconfirmed"]


# --- files that stay at the partner's --------------------------------------------------------------


@pytest.fixture
def outgoing(stage: Stage) -> Iterator[Path]:
    folder = stage.partner().server.root / "outgoing"
    yield folder
    stage.partner().server.misbehaviour = Misbehaviour()
    for path in folder.iterdir():
        path.unlink()


@ON_SQLITE_ALONE
def test_file_that_may_not_be_removed_is_fetched_once_told_of_and_removed_when_that_is_mended(
    stage: Stage, outgoing: Path
) -> None:
    server = stage.partner().server
    server.misbehaviour = Misbehaviour(refuse_remove=True)
    stage.partner().send(stage.sealed(stage.booking()), "a.pgp")
    stage.arrived[DENTPORT] += 1
    result = stage.agent.exchange(DENTPORT)
    assert result.fetched == 1
    assert "stay in the folder `outgoing`" in result.complaints[0]
    with stage.agent_with():  # also after a restart
        again = stage.agent.exchange(DENTPORT)
        assert (again.fetched, again.complaints) == (0, result.complaints)
    stage.partner().send(stage.sealed(stage.booking()), "b.pgp")
    stage.arrived[DENTPORT] += 1
    assert stage.agent.exchange(DENTPORT).fetched == 1
    assert [one.accepted for one in stage.receive()] == [1, 1]
    server.misbehaviour = Misbehaviour()
    assert stage.agent.exchange(DENTPORT).complaints == ()
    assert list(outgoing.iterdir()) == []


@ON_SQLITE_ALONE
def test_names_that_are_not_utf8_are_counted_and_keep_no_booking_waiting(
    stage: Stage, outgoing: Path
) -> None:
    (outgoing / b"m\xfcller.pgp".decode("utf-8", "surrogateescape")).write_bytes(b"junk")
    stage.partner().send(stage.sealed(stage.booking()))
    stage.arrived[DENTPORT] += 1
    result = stage.agent.exchange(DENTPORT)
    assert (result.fetched, len(result.complaints)) == (1, 1)
    assert result.complaints[0].startswith("1 name(s) in the folder `outgoing` are not UTF-8")
    assert [one.accepted for one in stage.receive()] == [1]
