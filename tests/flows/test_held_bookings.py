"""Too much at once on its way in: what waits, what goes on meanwhile, and how it is let go."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from agent import recipients
from agent.adapters import tables
from agent.clock import utc_now
from agent.errors import SuddenChangeError
from agent.flows.file_result import FileState
from exchange_formats.bookings import BookingRecord
from exchange_formats.envelope import Kind
from exchange_formats.receipts import MessageReason
from tests.flows.evidence import rows
from tests.flows.held import forget, guarded, held, release
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, ZAHNZEIT, Stage
from tests.kit.house import NOTHING_IS_SUDDEN

BOOKINGS = Kind.BOOKINGS.value


@pytest.fixture(autouse=True)
def nothing_held(stage: Stage) -> Iterator[None]:
    """Every test begins and ends without a hold, and compares with nothing before it."""
    forget(stage)
    yield
    forget(stage)


def many(stage: Stage, count: int) -> list[BookingRecord]:
    return [stage.booking() for _ in range(count)]


def accepted_today(stage: Stage, action: str) -> int:
    """What this house has seen of it already, in other tests."""
    with stage.agent.practice.database.write() as work:
        since = utc_now() - timedelta(days=1)
        return sum(
            work.ledger.accepted_since(DENTPORT, since).get(one, 0)
            for one in ((action,) if action == "book" else ("cancel", "reschedule"))
        )


def waiting(stage: Stage, partner_id: str = DENTPORT) -> int:
    return stage.agent.lane(partner_id).inbound.counts()["waiting"]


def test_mass_of_bookings_waits_unanswered_while_other_partners_go_on(stage: Stage) -> None:
    with guarded(stage, bookings_at_least=accepted_today(stage, "book") + 5):
        assert [one.outcome for one in stage.send(*many(stage, 4)).outcomes] == ["accepted"] * 4
        stage.take_receipts()
        before = rows(stage.house.connector, tables.booking, tables.patient, tables.appointment)
        for wishes in (many(stage, 3), many(stage, 1), many(stage, 2)):
            stage.drop(stage.sealed(*wishes))
        for _ in range(2):
            with pytest.raises(SuddenChangeError, match=r"bookings held: .*wait for their answers"):
                stage.receive()
        assert (waiting(stage), stage.take_receipts()) == (3, [])
        assert rows(stage.house.connector, tables.booking, tables.patient, tables.appointment) == before
        assert stage.send(stage.booking(), partner_id=ZAHNZEIT).outcome.outcome == "accepted"

        (change,) = held(stage)[BOOKINGS].changes
        assert change.amount == accepted_today(stage, "book") + 6
        release(stage, Kind.BOOKINGS)
        assert [result.accepted for result in stage.receive()] == [3, 1, 2]
        assert len(stage.take_receipts()) == 3
        assert held(stage) == {}
        # It is counted anew from here on: a single booking more is not too much again.
        assert stage.send(stage.booking()).outcome.outcome == "accepted"


@ON_SQLITE_ALONE
def test_release_of_what_waits_does_not_let_go_what_comes_after_it(stage: Stage) -> None:
    with guarded(stage, bookings_at_least=accepted_today(stage, "book") + 3):
        stage.drop(stage.sealed(*many(stage, 3)))
        with pytest.raises(SuddenChangeError):
            stage.receive()
        release(stage, Kind.BOOKINGS)
        late = held(stage)[BOOKINGS].changes[0].amount // 20 + 1  # beyond the tolerance
        stage.drop(stage.sealed(*many(stage, late)))
        results, problem = worked_off(stage)
        assert [result.accepted for result in results] == [3]
        assert problem is not None
        assert waiting(stage) == 1
        assert held(stage)[BOOKINGS].released_at is None
        release(stage, Kind.BOOKINGS)
        assert [result.accepted for result in stage.receive()] == [late]


def worked_off(stage: Stage) -> tuple[list[Any], SuddenChangeError | None]:
    results = []
    try:
        for result in stage.agent.receive(DENTPORT):
            results.append(result)
    except SuddenChangeError as error:
        return results, error
    return results, None


def test_mass_of_cancellations_waits_and_so_does_the_booking_behind_it(stage: Stage) -> None:
    with guarded(stage, cancellations_at_least=accepted_today(stage, "cancel") + 4):
        bookings = many(stage, 5)
        stage.send(*bookings)
        assert stage.send(stage.cancel(bookings[0])).outcome.outcome == "accepted"
        stage.drop(stage.sealed(*(stage.cancel(one) for one in bookings[1:])))
        stage.drop(stage.sealed(stage.booking()))
        with pytest.raises(
            SuddenChangeError, match=r"of its .* appointments cancelled or moved within a day"
        ):
            stage.receive()
        assert waiting(stage) == 2
        release(stage, Kind.BOOKINGS)
        assert [result.accepted for result in stage.receive()] == [4, 1]


@ON_SQLITE_ALONE
def test_repeats_and_cancellations_that_are_not_permitted_are_no_mass(stage: Stage) -> None:
    bookings = many(stage, 4)
    first = stage.sealed(*bookings)
    stage.send_sealed(first)
    limits = {
        "bookings_at_least": accepted_today(stage, "book") + 2,
        "cancellations_at_least": accepted_today(stage, "cancel") + 2,
    }
    guard = {**NOTHING_IS_SUDDEN, "bookings_percent": 0, "cancellations_percent": 0, **limits}
    with stage.agent_with(settings={"guard": guard}, dentport={"may_cancel": False}):
        assert stage.send_sealed(first).result.state is FileState.DUPLICATE
        again = stage.send(*bookings, stage.booking())
        assert again.result.accepted == 5
        refused = stage.send(*(stage.cancel(one) for one in bookings))
        assert refused.result.declined == 4
        assert held(stage) == {}


@ON_SQLITE_ALONE
def test_held_bookings_of_a_stolen_key_are_refused_once_the_partner_is_revoked(stage: Stage) -> None:
    with guarded(stage, bookings_at_least=accepted_today(stage, "book") + 3):
        stage.drop(stage.sealed(*many(stage, 3)))
        with pytest.raises(SuddenChangeError):
            stage.receive()
        recipients.revoke_partner(stage.agent, DENTPORT)
        try:
            assert held(stage) == {}
            (result,) = stage.receive()
        finally:
            recipients.readmit_partner(stage.agent, DENTPORT)
        assert (result.state, result.reason) == (FileState.REFUSED, MessageReason.PARTNER_REVOKED)


@ON_SQLITE_ALONE
def test_held_file_that_is_gone_leaves_no_hold_behind(stage: Stage) -> None:
    with guarded(stage, bookings_at_least=accepted_today(stage, "book") + 3):
        stage.drop(stage.sealed(*many(stage, 3)))
        with pytest.raises(SuddenChangeError):
            stage.receive()
        (released,) = (stage.house.data_folder / "inbound" / DENTPORT / "released").iterdir()
        released.unlink()
        stage.arrived[DENTPORT] -= 1
        assert stage.send(stage.booking()).outcome.outcome == "accepted"
        assert held(stage) == {}


@ON_SQLITE_ALONE
def test_held_file_that_the_partner_sends_again_counts_once_and_gets_one_answer(stage: Stage) -> None:
    before = accepted_today(stage, "book")
    with guarded(stage, bookings_at_least=before + 3):
        wishes = many(stage, 3)
        sealed = stage.sealed(*wishes)
        for again in (sealed, sealed, stage.sealed(*wishes)):
            stage.drop(again)
        with pytest.raises(SuddenChangeError):
            stage.receive()
        assert held(stage)[BOOKINGS].changes[0].amount == before + 3
        release(stage, Kind.BOOKINGS)
        states = [result.state for result in stage.receive()]
        assert states == [FileState.IMPORTED, FileState.DUPLICATE, FileState.IMPORTED]
        assert accepted_today(stage, "book") == before + 3
        assert held(stage) == {}


@ON_SQLITE_ALONE
def test_flood_of_held_files_is_counted_only_as_far_as_one_sweep_may_look(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.flows.hold_bookings.MOST_LOOKED_AT", 2)
    before = accepted_today(stage, "book")
    with guarded(stage, bookings_at_least=before + 2):
        for _ in range(4):
            stage.drop(stage.sealed(*many(stage, 2)))
        with pytest.raises(SuddenChangeError):
            stage.receive()
        assert held(stage)[BOOKINGS].changes[0].amount == before + 4
        while waiting(stage):
            release(stage, Kind.BOOKINGS)
            worked_off(stage)
        assert held(stage) == {}
