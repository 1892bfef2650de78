"""How fresh each lane is: what counts as a good cycle, and what is told of a lane that waits or is closed."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from agent.adapters.good_cycles import FILE_NAME, Step
from agent.adapters.hold_ledger import SqlHoldLedger
from agent.adapters.process_lock import sole_process
from agent.clock import utc_now
from agent.domain.sudden_change import Change, Sign
from agent.errors import RefusedByServerError, TransferError
from agent.freshness import Direction, LaneFreshness, lane_freshness, read_standing
from agent.ports import Hold
from agent.recipients import readmit_partner, revoke_partner
from exchange_formats.envelope import Kind
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, ZAHNZEIT, Stage
from tests.kit.sftp_servers import Misbehaviour

MINUTE = timedelta(minutes=1)
OUTBOUND, INBOUND = Direction

pytestmark = ON_SQLITE_ALONE


@pytest.fixture(autouse=True)
def nothing_known(stage: Stage) -> Iterator[None]:
    """Every test begins without a good cycle, and with an empty server that behaves."""
    (stage.house.data_folder / FILE_NAME).unlink(missing_ok=True)
    with stage.agent_with():
        yield
    server = stage.partner().server
    server.misbehaviour = Misbehaviour()
    for path in (server.root / "inbox").iterdir():
        path.unlink()
    (stage.house.data_folder / FILE_NAME).unlink(missing_ok=True)


def fresh(stage: Stage, minutes: int = 0, partner_id: str = DENTPORT) -> dict[Direction, LaneFreshness]:
    """So many minutes from now, in a practice that never closes."""
    agent, now = stage.agent, utc_now() + minutes * MINUTE
    with agent.connector.reading() as connection, agent.practice.database.read() as snapshot:
        standing = read_standing(agent, snapshot, SqlHoldLedger(connection).all_held(), now)
    return dict(lane_freshness(agent, replace(standing, calendar=None))[partner_id])


def colours(stage: Stage, minutes: int = 0, partner_id: str = DENTPORT) -> tuple[str, str]:
    found = fresh(stage, minutes, partner_id)
    return found[OUTBOUND].freshness.value, found[INBOUND].freshness.value


def noted(stage: Stage, step: Step) -> datetime:
    return stage.agent.cycles.known().steps[DENTPORT, step]


def cycle(stage: Stage) -> None:
    stage.agent.export(DENTPORT, Kind.AVAILABILITY)
    stage.agent.exchange(DENTPORT)
    stage.receive()


def test_lane_is_green_after_a_whole_cycle_and_nothing_is_known_of_the_others(stage: Stage) -> None:
    stage.agent.export(DENTPORT, Kind.AVAILABILITY)
    stage.receive()
    assert colours(stage) == ("red", "red"), "the server has not been visited"
    stage.agent.exchange(DENTPORT)
    assert colours(stage) == ("green", "green")
    assert fresh(stage)[OUTBOUND].last_good_at == noted(stage, Step.EXPORTED), "so old is what it has"
    assert fresh(stage)[INBOUND].last_good_at == noted(stage, Step.SWEPT)
    assert colours(stage, partner_id=ZAHNZEIT) == ("red", "red")
    assert fresh(stage, partner_id=ZAHNZEIT)[INBOUND].why.text == "No good cycle is known."


def test_visits_that_fail_are_no_good_cycles_and_both_directions_turn_amber_and_red(stage: Stage) -> None:
    cycle(stage)
    before = fresh(stage)
    stage.partner().server.misbehaviour = Misbehaviour(drop_after_bytes=0)
    stage.agent.export(DENTPORT, Kind.AVAILABILITY)
    with suppress(TransferError):
        stage.agent.exchange(DENTPORT)
    stage.receive()
    assert fresh(stage) == before
    seen = [colours(stage, minutes) for minutes in (0, 12, 22, 32, 62)]
    assert [outbound for outbound, _ in seen] == ["green", "green", "green", "amber", "red"]
    assert [inbound for _, inbound in seen] == ["green", "amber", "red", "red", "red"]
    assert fresh(stage, 62)[OUTBOUND].why.values["minutes"] == 62


def test_file_that_the_server_refused_a_while_ago_is_no_good_cycle_although_the_visit_is(
    stage: Stage,
) -> None:
    stage.agent.export(DENTPORT, Kind.AVAILABILITY)
    stage.partner().server.misbehaviour = Misbehaviour(refuse_write=1)
    with pytest.raises(RefusedByServerError):
        stage.agent.exchange(DENTPORT)
    stage.partner().server.misbehaviour = Misbehaviour()
    result = stage.agent.exchange(DENTPORT)
    assert (result.delivered, result.left) == (0, 1)
    assert fresh(stage)[OUTBOUND].last_good_at is None


def test_visits_alone_keep_no_lane_green_while_nothing_is_exported_or_imported(stage: Stage) -> None:
    cycle(stage)
    old = utc_now() - 65 * MINUTE
    for step in (Step.EXPORTED, Step.SWEPT):
        stage.agent.cycles.good(DENTPORT, step, old)
    stage.agent.exchange(DENTPORT)
    assert colours(stage) == ("red", "red")


def test_partner_without_a_server_is_served_by_exports_and_sweeps(stage: Stage) -> None:
    with stage.agent_with(dentport={"sftp": None}):
        stage.agent.export(DENTPORT, Kind.AVAILABILITY)
        stage.agent.exchange(DENTPORT)
        assert colours(stage) == ("green", "red")
        stage.receive()
        assert colours(stage) == ("green", "green")


@pytest.mark.parametrize(
    ("kind", "expected"), [(Kind.AVAILABILITY, ("amber", "green")), (Kind.BOOKINGS, ("green", "amber"))]
)
def test_lane_is_amber_while_something_waits_for_a_look(
    stage: Stage, kind: Kind, expected: tuple[str, str]
) -> None:
    cycle(stage)
    hold = Hold(DENTPORT, kind, utc_now(), (Change(Sign.SLOTS_LOST, 100, 100),))
    for waiting, colour in ((hold, expected), (replace(hold, released_at=utc_now()), ("green", "green"))):
        with stage.agent.connector.writing() as connection:
            SqlHoldLedger(connection).put(waiting)
        assert colours(stage) == colour
    with stage.agent.connector.writing() as connection:
        SqlHoldLedger(connection).end(DENTPORT, kind)


def test_closed_lane_is_amber_and_says_what_still_goes(stage: Stage) -> None:
    cycle(stage)
    revoke_partner(stage.agent, DENTPORT)
    try:
        assert colours(stage) == ("amber", "amber")
        assert "only removals" in fresh(stage)[OUTBOUND].why.text
        assert "confirmations" in fresh(stage)[INBOUND].why.text
    finally:
        readmit_partner(stage.agent, DENTPORT)


def test_lane_is_red_without_a_licence_and_says_so(stage: Stage) -> None:
    cycle(stage)
    licence = stage.house.data_folder / "licence.pgp"
    away = licence.rename(licence.with_suffix(".away"))
    try:
        assert colours(stage) == ("red", "red")
        assert "licence" in fresh(stage)[INBOUND].why.text
    finally:
        away.rename(licence)


def test_service_that_has_just_started_is_given_time(stage: Stage) -> None:
    stage.agent.cycles.started(utc_now())
    assert colours(stage) == ("red", "red"), "it does not run any more"
    with sole_process(stage.house.data_folder):
        assert colours(stage) == ("amber", "amber")
        assert colours(stage, 10) == ("red", "red")
