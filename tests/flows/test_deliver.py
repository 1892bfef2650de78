"""The deliver story and its way back, over real SSH: order, one connection, and servers that fail."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.errors import DatabaseUnavailableError, TransferError
from agent.flows.deliver import deliver
from agent.flows.fetch import fetch
from agent.flows.file_result import FileState
from agent.ports import TransferSession
from exchange_formats.envelope import Kind
from exchange_formats.file_names import parse_sealed_name
from tests.flows.evidence import audit
from tests.flows.outages import CutAt, PowerCutError, database_away
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, Stage
from tests.kit.sftp_servers import Misbehaviour

CLOSED_PORT = 1


@pytest.fixture(autouse=True)
def tidy_server(stage: Stage) -> Iterator[None]:
    """Every test finds an empty server that behaves."""
    yield
    server = stage.partner().server
    server.misbehaviour = Misbehaviour()
    for path in (*(server.root / "inbox").iterdir(), *(server.root / "outgoing").iterdir()):
        path.unlink()


def outbox_folder(stage: Stage, name: str) -> list[str]:
    return sorted(path.name for path in (stage.house.data_folder / "outbox" / DENTPORT / name).iterdir())


def on_server(stage: Stage) -> dict[str, bytes]:
    """What the partner has, in the order in which it was written."""
    paths = sorted(
        (stage.partner().server.root / "inbox").iterdir(), key=lambda path: path.stat().st_mtime_ns
    )
    return {path.name: path.read_bytes() for path in paths}


def kinds(names: list[str]) -> list[Kind | None]:
    parsed = [parse_sealed_name(name) for name in names]
    return [name.kind if name else None for name in parsed]


def with_receipt(stage: Stage) -> Stage:
    """A receipt and a reference data file wait; the receipt came last."""
    stage.agent.export(DENTPORT, Kind.REFERENCE_DATA)
    stage.drop(stage.sealed(stage.booking()))
    stage.receive()
    assert len(stage.outbox()) == 2
    return stage


def sftp_settings(stage: Stage, **changes: Any) -> dict[str, Any]:
    path = stage.house.config_path.parent / "partners" / f"{DENTPORT}.yaml"
    return {"sftp": yaml.safe_load(path.read_text())["sftp"] | changes}


# --- what arrives ----------------------------------------------------------------------------------


def test_waiting_files_arrive_whole_receipts_first_and_go_to_sent(stage: Stage) -> None:
    with_receipt(stage)
    stage.agent.export(DENTPORT, Kind.PATIENTS)
    waiting = {path.name: path.read_bytes() for path in stage.outbox()}
    result = stage.agent.exchange(DENTPORT)
    assert result.delivered == 3
    arrived = on_server(stage)
    assert arrived == waiting
    assert kinds(list(arrived))[0] is Kind.RECEIPTS
    assert outbox_folder(stage, "waiting") == outbox_folder(stage, "claimed") == []
    assert set(waiting) <= set(outbox_folder(stage, "sent"))
    told = [entry.details["file"] for entry in audit(stage) if entry.event == "delivered confirmed"]
    assert set(waiting) <= set(told)


@ON_SQLITE_ALONE
def test_of_snapshots_only_the_newest_of_each_kind_is_sent_and_no_receipt_is_dropped(stage: Stage) -> None:
    newest, dropped = {}, _superseded(stage)
    for _ in range(3):
        newest["reference"] = stage.agent.export(DENTPORT, Kind.REFERENCE_DATA).file_name
        newest["patients"] = stage.agent.export(DENTPORT, Kind.PATIENTS).file_name
        stage.drop(stage.sealed(stage.booking()))
        stage.receive()
    result = stage.agent.exchange(DENTPORT)
    assert result.delivered == 5
    arrived = list(on_server(stage))
    assert sorted(name for name in arrived if not name.startswith("receipts")) == sorted(newest.values())
    assert kinds(arrived).count(Kind.RECEIPTS) == 3
    assert _superseded(stage) == dropped + 4


def _superseded(stage: Stage) -> int:
    return [entry.event for entry in audit(stage)].count("export superseded")


@ON_SQLITE_ALONE
def test_one_connection_serves_a_whole_cycle(stage: Stage) -> None:
    with_receipt(stage)
    for _ in range(3):
        stage.partner().send(stage.sealed(stage.booking()))
        stage.arrived[DENTPORT] += 1
    before = stage.partner().server.logins
    result = stage.agent.exchange(DENTPORT)
    assert (result.delivered, result.fetched) == (2, 3)
    assert stage.partner().server.logins == before + 1
    assert [one.state for one in stage.receive()] == [FileState.IMPORTED] * 3


@ON_SQLITE_ALONE
def test_cycle_with_nothing_to_bring_makes_no_connection(stage: Stage) -> None:
    before = stage.partner().server.logins
    stage.agent.exchange(DENTPORT, fetch_files=False)
    assert stage.partner().server.logins == before


# --- servers that fail -----------------------------------------------------------------------------


@ON_SQLITE_ALONE
def test_server_that_is_down_keeps_the_files_waiting(stage: Stage) -> None:
    with_receipt(stage)
    waiting = outbox_folder(stage, "waiting")
    with stage.agent_with(dentport=sftp_settings(stage, port=CLOSED_PORT)), pytest.raises(TransferError):
        stage.agent.exchange(DENTPORT)
    assert outbox_folder(stage, "waiting") == waiting
    assert stage.agent.exchange(DENTPORT).delivered == 2


@ON_SQLITE_ALONE
def test_connection_lost_in_the_middle_leaves_no_file_under_its_name(stage: Stage) -> None:
    with_receipt(stage)
    waiting = outbox_folder(stage, "waiting")
    stage.partner().server.misbehaviour = Misbehaviour(drop_after_bytes=100)
    with pytest.raises(TransferError):
        stage.agent.exchange(DENTPORT)
    assert [name for name in on_server(stage) if name.endswith(".pgp")] == []
    assert outbox_folder(stage, "waiting") == waiting
    stage.partner().server.misbehaviour = Misbehaviour()
    stage.agent.exchange(DENTPORT)
    assert sorted(on_server(stage).keys() & set(waiting)) == waiting


@ON_SQLITE_ALONE
def test_server_that_hangs_costs_one_deadline_and_not_one_for_each_file(stage: Stage) -> None:
    with_receipt(stage)
    waiting = outbox_folder(stage, "waiting")
    stage.partner().server.misbehaviour = Misbehaviour(hang_at="open")
    with stage.agent_with(dentport=sftp_settings(stage, operation_seconds=1)):
        started = time.monotonic()
        with pytest.raises(TransferError):
            stage.agent.exchange(DENTPORT)
        assert time.monotonic() - started < 5
    assert outbox_folder(stage, "waiting") == waiting


def test_delivery_that_could_not_be_recorded_is_repeated_under_the_same_name(stage: Stage) -> None:
    with_receipt(stage)
    waiting = outbox_folder(stage, "waiting")
    with database_away(stage), pytest.raises(DatabaseUnavailableError):
        stage.agent.exchange(DENTPORT)
    assert outbox_folder(stage, "waiting") == waiting
    assert stage.agent.exchange(DENTPORT).delivered == 2
    assert sorted(on_server(stage)) == waiting


# --- crashes and defects ---------------------------------------------------------------------------


def test_power_cut_before_a_file_is_sent_off_has_it_sent_again_after_the_restart(stage: Stage) -> None:
    with_receipt(stage)
    waiting = outbox_folder(stage, "waiting")
    lane = stage.agent.lane(DENTPORT)
    assert lane.transport is not None
    # What a dead process cannot do, this one must not do either: neither finish nor put back.
    cut = replace(lane, outbox=CutAt(CutAt(lane.outbox, "finish"), "release"))
    with lane.transport.connect() as session, pytest.raises(PowerCutError):
        deliver(stage.agent.practice, cut, session)
    assert len(outbox_folder(stage, "claimed")) == 1
    with stage.agent_with():
        stage.agent.recover()
        assert outbox_folder(stage, "waiting") == waiting
        stage.agent.exchange(DENTPORT)
    assert sorted(on_server(stage)) == waiting


class BrokenSession:
    """A session with a defect in one call."""

    def __init__(self, session: TransferSession, method: str) -> None:
        self._session, self._method = session, method

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            raise ZeroDivisionError
        return getattr(self._session, name)


@ON_SQLITE_ALONE
def test_file_met_by_a_defect_waits_for_the_next_cycle(stage: Stage) -> None:
    with_receipt(stage)
    waiting = outbox_folder(stage, "waiting")
    lane = stage.agent.lane(DENTPORT)
    assert lane.transport is not None
    with lane.transport.connect() as session, pytest.raises(ZeroDivisionError):
        deliver(stage.agent.practice, lane, BrokenSession(session, "upload"))
    assert outbox_folder(stage, "waiting") == waiting
    assert stage.agent.exchange(DENTPORT).delivered == 2


# --- the way back ----------------------------------------------------------------------------------


@ON_SQLITE_ALONE
def test_file_fetched_is_removed_at_the_partners_and_imported(stage: Stage) -> None:
    sealed = stage.sealed(stage.booking())
    stage.partner().send(sealed)
    stage.arrived[DENTPORT] += 1
    assert stage.agent.exchange(DENTPORT).fetched == 1
    assert list((stage.partner().server.root / "outgoing").iterdir()) == []
    assert [result.accepted for result in stage.receive()] == [1]


def test_power_cut_before_the_remote_file_is_removed_fetches_it_again_as_a_duplicate(stage: Stage) -> None:
    stage.partner().send(stage.sealed(stage.booking()))
    lane = stage.agent.lane(DENTPORT)
    assert lane.transport is not None
    with lane.transport.connect() as session, pytest.raises(ZeroDivisionError):
        fetch(stage.agent.practice, lane, BrokenSession(session, "remove"))
    stage.agent.exchange(DENTPORT)
    stage.arrived[DENTPORT] += 2
    states = sorted(result.state for result in stage.receive())
    assert states == [FileState.DUPLICATE, FileState.IMPORTED]
    assert len(stage.take_receipts()) == 1


@ON_SQLITE_ALONE
def test_remote_file_that_is_too_big_keeps_no_other_from_being_fetched(stage: Stage) -> None:
    outgoing: Path = stage.partner().server.root / "outgoing"
    limit = stage.agent.config.settings.inbound.max_message_bytes
    with (outgoing / "aaa-too-big.pgp").open("wb") as big:
        big.truncate(limit + 1)
    stage.partner().send(stage.sealed(stage.booking()), "bbb.pgp")
    stage.arrived[DENTPORT] += 1
    with pytest.raises(TransferError):
        stage.agent.exchange(DENTPORT)
    assert [result.accepted for result in stage.receive()] == [1]
    assert [path.name for path in outgoing.iterdir()] == ["aaa-too-big.pgp"]
