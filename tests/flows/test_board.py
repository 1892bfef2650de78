"""The board: everything the status page shows in one reading, whatever is down, and nobody's name on it."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest

from agent.adapters.good_cycles import FILE_NAME, AuditCheck
from agent.board import Board
from agent.board_reader import KEEP_SECONDS, MOST_SET_ASIDE, BoardReader
from agent.clock import utc_now
from agent.doctor.finding import Check, State
from agent.domain.freshness import Freshness
from agent.domain.heat_map import DAYS
from agent.errors import TransferError
from agent.flows.file_result import FileState
from agent.troubles import Troubles
from exchange_formats.envelope import Kind
from tests.flows.card_index import FAMILY_NAME
from tests.flows.outages import database_away
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, ZAHNZEIT, Stage
from tests.kit.command_line import patients_named_in
from tests.kit.house import PRACTICE_ID


class Seconds:
    """Steady seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def nothing_known(stage: Stage) -> Iterator[None]:
    (stage.house.data_folder / FILE_NAME).unlink(missing_ok=True)
    with stage.agent_with():
        yield
    (stage.house.data_folder / FILE_NAME).unlink(missing_ok=True)


def read(stage: Stage, troubles: Troubles | None = None) -> Board:
    return BoardReader(lambda: stage.agent, troubles or Troubles()).read()


def test_board_shows_the_practice_its_partners_and_what_came(stage: Stage) -> None:
    before = read(stage).series
    taken = stage.slot()
    stage.send(stage.booking(slot=taken))
    declined = stage.send(stage.booking(slot=taken)).outcome
    stage.drop(b"no OpenPGP at all")
    stage.receive()
    stage.agent.export(DENTPORT, Kind.AVAILABILITY)
    stage.agent.cycles.audited(AuditCheck(utc_now(), 17, None))
    board = read(stage)
    assert (board.practice_id, board.time_zone) == (PRACTICE_ID, "Europe/Berlin")
    assert board.practice_name
    assert (board.licence.problem, board.troubles, board.running_since) == (None, (), None)
    assert board.licence.valid_until is not None
    assert board.audit is not None
    assert board.audit.entries == 17
    assert board.key_problems == ()
    assert [key.days_left for key in board.keys if key.key_date.what == "licence"] != [None]

    dentport, zahnzeit = board.partners
    assert (dentport.partner_id, zahnzeit.partner_id) == (DENTPORT, ZAHNZEIT)
    assert dentport.outbound.waiting == len(stage.outbox())
    assert dentport.outbound.waiting_since is not None
    assert dentport.inbound.waiting == 0
    assert dentport.inbound.waiting_since is None
    assert dentport.last_booked_at is not None

    assert before is not None
    assert board.series is not None
    earlier, today = before.partners[DENTPORT][-1], board.series.partners[DENTPORT][-1]
    assert today.accepted == earlier.accepted + 1
    assert today.declined[str(declined.reason)] == earlier.declined.get(str(declined.reason), 0) + 1
    assert today.set_aside == earlier.set_aside + 1

    found = {one.check: one.state for one in board.findings}
    assert (found[Check.GPG], found[Check.TABLES]) == (State.FINE, State.FINE)
    assert found[Check.CONFIGURATION] is State.WARNING, "nobody watches from outside"
    newest = board.quarantine[0]
    assert (newest.partner_id, newest.reason, newest.can_retry) == (DENTPORT, "not_openpgp", True)


@ON_SQLITE_ALONE
def test_heat_map_of_the_board_offers_what_the_partners_get(stage: Stage) -> None:
    document = stage.export(Kind.AVAILABILITY)
    board = read(stage)
    assert board.heat is not None
    assert len(board.heat.days) == DAYS
    offered = {
        column.column_id: sum(cell.offered_minutes for cell in column.cells) for column in board.heat.columns
    }
    with_slots = {int(record.column_id) for record in document.records if record.record == "slot"}
    assert {column_id for column_id, minutes in offered.items() if minutes} == with_slots
    assert all(column.name for column in board.heat.columns)


@ON_SQLITE_ALONE
def test_board_names_no_patient(stage: Stage) -> None:
    stage.send(stage.booking())
    shown = repr(asdict(read(stage)))
    assert FAMILY_NAME not in shown
    assert patients_named_in(shown, stage.house.connector) == []


def test_board_without_a_database_says_so_and_shows_what_needs_none(stage: Stage) -> None:
    stage.agent.export(DENTPORT, Kind.AVAILABILITY)
    reader = BoardReader(lambda: stage.agent, Troubles())
    assert reader.read().heat is not None
    with database_away(stage):
        board = reader.read()
        never_read = read(stage)
    for found in (board, never_read):
        assert [trouble.place for trouble in found.troubles] == ["database"]
        assert (found.heat, found.series, found.practice_name, found.open_notes) == (None, None, None, None)
        assert [partner.partner_id for partner in found.partners] == [DENTPORT, ZAHNZEIT]
        assert found.partners[0].outbound.waiting == len(stage.outbox())
        checks = {one.check for one in found.findings}
        assert Check.DISK in checks
        assert Check.TABLES not in checks
    assert reader.read().troubles == ()


@ON_SQLITE_ALONE
def test_troubles_are_shown_with_their_beginning_the_longest_first(stage: Stage) -> None:
    moments = iter([utc_now(), utc_now() - timedelta(hours=1)])
    troubles = Troubles(lambda: next(moments))
    for place in ("exchange zahnzeit", "exchange dentport"):
        troubles.met(place, TransferError("cannot connect"))
    shown = read(stage, troubles).troubles
    assert [one.place for one in shown] == ["exchange dentport", "exchange zahnzeit"]
    assert [one.remedy for one in shown] == [TransferError.remedy] * 2
    assert None not in [one.since for one in shown]


@ON_SQLITE_ALONE
def test_folder_that_cannot_be_listed_is_a_trouble_and_the_rest_is_shown(stage: Stage) -> None:
    failed = stage.house.data_folder / "outbox" / DENTPORT / "failed"
    stage.agent.prepare()
    failed.rmdir()
    failed.write_text("no folder")
    try:
        board = read(stage)
    finally:
        failed.unlink()
        stage.agent.prepare()
    assert [trouble.place for trouble in board.troubles] == [DENTPORT]
    assert len(board.partners) == 2
    assert board.given_up == ()


@ON_SQLITE_ALONE
def test_what_is_costly_is_computed_once_a_minute_and_anew_for_another_wiring(stage: Stage) -> None:
    steady = Seconds()
    reader = BoardReader(lambda: stage.agent, Troubles(), steady=steady)
    first = reader.read()
    steady.now = KEEP_SECONDS
    assert reader.read().heat is first.heat
    steady.now = KEEP_SECONDS + 1
    second = reader.read()
    assert second.heat is not first.heat
    assert second.heat == first.heat
    with stage.agent_with():
        assert reader.read().heat is not second.heat


@ON_SQLITE_ALONE
def test_flood_of_files_in_quarantine_is_shown_by_its_newest(stage: Stage, tmp_path: Path) -> None:
    for number in range(3):
        stage.drop(b"junk %d" % number)
    results = stage.receive()
    assert {result.state for result in results} == {FileState.QUARANTINED}
    everything = read(stage).quarantine
    assert [row.at for row in everything] == sorted((row.at for row in everything), reverse=True)
    assert {result.file_id for result in results} <= {row.file_id for row in everything}
    assert len(everything) <= MOST_SET_ASIDE


@ON_SQLITE_ALONE
def test_board_is_read_by_several_threads_at_once(stage: Stage) -> None:
    reader = BoardReader(lambda: stage.agent, Troubles())
    boards: list[Board] = []
    threads = [Thread(target=lambda: boards.append(reader.read())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {replace(board, now=boards[0].now).heat is boards[0].heat for board in boards} == {True}
    assert {board.partners[0].outbound.freshness for board in boards} <= set(Freshness)
    assert len(boards) == 4
