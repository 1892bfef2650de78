"""The receive story under our own faults: no file is blamed, nothing is lost, nothing counts twice."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from agent.adapters import tables
from agent.clock import utc_now
from agent.errors import (
    AgentError,
    ClockBehindError,
    DatabaseError,
    DatabaseUnavailableError,
    GpgUnavailableError,
    KeyUnusableError,
    OtvUserError,
    SchemaMismatchError,
    SpoolError,
)
from agent.flows.file_result import FileState
from agent.flows.receive import sweep
from exchange_formats.receipts import BookingReason
from tests.flows.card_index import add_patient, take_slot
from tests.flows.evidence import assert_books_balance, practice_rows, quarantine_reasons, values
from tests.flows.outages import (
    FORBIDDEN_NAME,
    CutAt,
    CutBeforeCommit,
    PowerCutError,
    database_away,
    forbidden_name,
    wait_for_a_lock,
)
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, ZAHNZEIT, Stage

APPOINTMENT, PATIENT, STAFF = tables.appointment.c, tables.patient.c, tables.staff_member.c
BOOKING = tables.booking.c


Outage = Callable[[Stage], AbstractContextManager[object]]


def appointments(stage: Stage) -> int:
    return len(values(stage.house.connector, APPOINTMENT.appointment_id))


# --- a fault of ours makes files wait, and they are imported when it is over -----------------------


@contextmanager
def otv_user(stage: Stage, **changes: Any) -> Iterator[Stage]:
    """The OTV user is not what it must be."""
    this = STAFF.login_name == "otv"
    with stage.house.connector.writing() as connection:
        before = connection.execute(select(tables.staff_member).where(this)).mappings().one()
        connection.execute(update(tables.staff_member).where(this).values(**changes))
    try:
        yield stage
    finally:
        with stage.house.connector.writing() as connection:
            connection.execute(
                update(tables.staff_member).where(STAFF.staff_id == before["staff_id"]).values(**before)
            )


@contextmanager
def otv_permission(stage: Stage) -> Iterator[Stage]:
    """Somebody gives the OTV user's role a permission."""
    permission = tables.role_permission
    (role,) = values(stage.house.connector, STAFF.role_id, STAFF.login_name == "otv")
    with stage.house.connector.writing() as connection:
        connection.execute(insert(permission).values(role_id=role, permission="patients"))
    try:
        yield stage
    finally:
        with stage.house.connector.writing() as connection:
            connection.execute(delete(permission).where(permission.c.role_id == role))


@contextmanager
def no_folder_for_drafts(stage: Stage) -> Iterator[Stage]:
    """A file stands where the outbox makes its drafts, so that no receipt can be written."""
    folder = stage.house.data_folder / "outbox" / DENTPORT / "drafts"
    folder.rmdir()
    folder.touch()
    try:
        yield stage
    finally:
        folder.unlink()
        folder.mkdir()


@contextmanager
def own_key_gone(stage: Stage) -> Iterator[Stage]:
    """Our secret keys are not where they belong."""
    folder = stage.house.data_folder / "gpg" / "private-keys-v1.d"
    away = folder.rename(folder.with_name("elsewhere"))
    stage.agent.stop_gpg()
    try:
        yield stage
    finally:
        for created in folder.glob("*"):
            created.unlink()
        if folder.exists():
            folder.rmdir()
        away.rename(folder)
        stage.agent.stop_gpg()


def gpg_missing(stage: Stage) -> AbstractContextManager[Stage]:
    openpgp = stage.agent.config.settings.openpgp
    return stage.agent_with(
        settings={"openpgp": {"fingerprint": openpgp.fingerprint, "gpg_program": "/nowhere/gpg"}}
    )


@contextmanager
def clock_behind(stage: Stage) -> Iterator[Stage]:
    """The server's clock is set back while the agent runs."""
    behind = timedelta()
    with stage.agent_with(clock=lambda: utc_now() - behind):
        stage.agent.licence.require()
        behind = timedelta(hours=2)
        yield stage


@pytest.mark.parametrize(
    ("outage", "error"),
    [(otv_permission, OtvUserError), (database_away, DatabaseUnavailableError)],
    ids=["otv user may do things", "database away"],
)
def test_fault_of_the_practice_database_blames_no_file_and_heals(
    stage: Stage, outage: Outage, error: type[AgentError]
) -> None:
    _blames_no_file_and_heals(stage, outage, error)


@ON_SQLITE_ALONE
@pytest.mark.parametrize(
    ("outage", "error"),
    [
        (lambda stage: otv_user(stage, active=False), OtvUserError),
        (lambda stage: otv_user(stage, login_name="renamed"), OtvUserError),
        (gpg_missing, GpgUnavailableError),
        (own_key_gone, KeyUnusableError),
        (clock_behind, ClockBehindError),
        (no_folder_for_drafts, SpoolError),
    ],
    ids=[
        "otv user inactive",
        "otv user missing",
        "gpg missing",
        "own key gone",
        "clock behind",
        "no folder for drafts",
    ],
)
def test_fault_of_ours_blames_no_file_and_heals(
    stage: Stage, outage: Outage, error: type[AgentError]
) -> None:
    _blames_no_file_and_heals(stage, outage, error)


def _blames_no_file_and_heals(stage: Stage, outage: Outage, error: type[AgentError]) -> None:
    stage.send(stage.booking())
    quarantined, before = quarantine_reasons(stage, DENTPORT), appointments(stage)
    for _ in range(2):
        stage.drop(stage.sealed(stage.booking()))
    junk = stage.drop(b"nobody signed this")
    with outage(stage):
        # Oftener than a file may crash: faults of ours are not counted against it.
        for _ in range(5):
            with pytest.raises(error):
                stage.receive()
        assert quarantine_reasons(stage, DENTPORT).keys() == quarantined.keys()
    assert stage.agent.lane(DENTPORT).inbound.counts()["waiting"] == 3
    states = [result.state for result in stage.receive()]
    assert sorted(states)[-1] == FileState.QUARANTINED and len(states) == 3
    assert not junk.exists()
    assert appointments(stage) == before + 2
    assert len(stage.take_receipts()) == 2


def test_database_that_came_back_holds_all_that_was_answered(stage: Stage) -> None:
    """What is written must be in the database that stands at the address, not in one that was moved away."""
    stage.send(stage.booking())
    with database_away(stage):
        stage.drop(stage.sealed(stage.booking(booking_id=f"away-{stage.number()}")))
        with pytest.raises(DatabaseUnavailableError):
            stage.receive()
        assert stage.outbox() == []
    stage.receive()
    assert len(stage.take_receipts()) == 1


def test_booking_that_a_rule_of_the_database_forbids_waits_and_keeps_no_other_waiting(stage: Stage) -> None:
    forbidden = stage.booking(stage.somebody(family_name=FORBIDDEN_NAME))
    before = appointments(stage)
    with forbidden_name(stage.house.connector):
        stage.drop(stage.sealed(stage.booking(), forbidden))
        stage.drop(stage.sealed(stage.booking()))
        for _ in range(4):
            with pytest.raises(DatabaseError) as raised:
                stage.receive()
            assert FORBIDDEN_NAME not in str(raised.value)
        assert appointments(stage) == before + 1
        assert stage.agent.lane(DENTPORT).inbound.counts()["waiting"] == 1
    assert [result.accepted for result in stage.receive()] == [2]
    assert len(stage.take_receipts()) == 2


@ON_SQLITE_ALONE
def test_birth_date_that_is_none_in_the_card_index_makes_files_wait(stage: Stage) -> None:
    """SQLite takes any text for a date; PostgreSQL does not."""
    spoiled = add_patient(stage.house.connector, "Verschrieben")
    with stage.house.connector.writing() as connection:
        connection.execute(text(f"UPDATE patient SET birth_date = '17.05.1980' WHERE patient_id = {spoiled}"))
    stage.drop(stage.sealed(stage.booking()))
    for _ in range(5):
        with pytest.raises(SchemaMismatchError) as raised:
            stage.receive()
        assert "1980" not in str(raised.value)
    with stage.house.connector.writing() as connection:
        connection.execute(
            update(tables.patient).where(PATIENT.patient_id == spoiled).values(birth_date=None)
        )
    assert [result.accepted for result in stage.receive()] == [1]


# --- the power goes between two steps --------------------------------------------------------------


def sweep_until_the_power_goes(stage: Stage, part: str, method: str) -> None:
    """One sweep in which everything ends at a call of `part.method`."""
    practice, lane = stage.agent.practice, stage.agent.lane(DENTPORT)
    if part == "database":
        practice = replace(practice, database=CutBeforeCommit(practice.database))  # type: ignore[arg-type]
    else:
        lane = replace(lane, **{part: CutAt(getattr(lane, part), method)})  # type: ignore[arg-type]
    with pytest.raises(PowerCutError):
        list(sweep(practice, lane))


@pytest.mark.parametrize(
    ("part", "method"),
    [
        ("sealer", "open"),
        ("database", "commit"),
        ("outbox", "draft"),
        ("sealer", "seal"),
        ("inbound", "archive"),
    ],
)
def test_power_cut_in_any_gap_leaves_one_appointment_and_one_receipt(
    stage: Stage, part: str, method: str
) -> None:
    before = appointments(stage)
    stage.drop(stage.sealed(stage.booking()))
    sweep_until_the_power_goes(stage, part, method)
    assert_books_balance(stage)
    committed = part not in {"database"} and method != "open"
    assert appointments(stage) == before + committed
    stage.agent.recover()
    (result,) = stage.receive()
    assert result.state is (FileState.DUPLICATE if committed else FileState.IMPORTED)
    assert appointments(stage) == before + 1
    ((receipt, _),) = stage.take_receipts()
    assert [outcome.outcome for outcome in receipt.records[1:]] == ["accepted"]
    assert list((stage.house.data_folder / "outbox" / DENTPORT / "drafts").iterdir()) == []


@ON_SQLITE_ALONE
def test_receipt_after_a_power_cut_equals_the_one_that_was_sent_before(stage: Stage) -> None:
    stage.drop(stage.sealed(stage.booking()))
    sweep_until_the_power_goes(stage, "inbound", "archive")
    ((_, before),) = stage.take_receipts()
    stage.receive()
    ((_, after),) = stage.take_receipts()
    assert after == before


@ON_SQLITE_ALONE
def test_power_cut_while_a_refused_file_is_set_aside_leaves_it_refused_once(stage: Stage) -> None:
    stage.drop(stage.sealed(stage.booking(), practice_id="elsewhere"))
    sweep_until_the_power_goes(stage, "inbound", "quarantine")
    assert [result.reason for result in stage.receive()] == ["wrong_practice"]
    assert len(stage.take_receipts()) == 1


@ON_SQLITE_ALONE
@pytest.mark.parametrize(
    "cut", [("sealer", "open"), ("outbox", "draft")], ids=["at opening", "after its import"]
)
def test_good_file_at_which_the_power_went_four_times_is_answered_all_the_same(
    stage: Stage, cut: tuple[str, str]
) -> None:
    """Chance is no fault of the file: a process made to try it outlives it."""
    booking = stage.booking()
    stage.drop(stage.sealed(booking))
    for _ in range(4):
        sweep_until_the_power_goes(stage, *cut)
    (result,) = stage.receive()
    expected = FileState.IMPORTED if cut == ("sealer", "open") else FileState.DUPLICATE
    assert (result.state, result.reason) == (expected, None)
    assert len(stage.take_receipts()) == 1
    assert len(values(stage.house.connector, BOOKING.revision, BOOKING.booking_id == booking.booking_id)) == 1


# --- somebody else wants the same slot at the same moment -------------------------------------------


@pytest.mark.parametrize("furnished_stage", ["postgresql"], indirect=True)
@pytest.mark.parametrize("staff_commits", [True, False])
def test_slot_that_the_staff_takes_while_the_booking_is_written(stage: Stage, staff_commits: bool) -> None:
    """On PostgreSQL alone: on SQLite the reception and the agent never write at the same moment."""
    slot, given_name = stage.slot(), f"Wettlauf{stage.number()}"
    stage.drop(stage.sealed(stage.booking(stage.somebody(given_name), slot)))
    inserted = threading.Event()

    def reception() -> None:
        with stage.house.connector._engine.connect() as connection:
            take_slot(connection, slot)
            inserted.set()
            wait_for_a_lock(stage.house.connector)
            connection.commit() if staff_commits else connection.rollback()

    thread = threading.Thread(target=reception)
    thread.start()
    assert inserted.wait(10)
    (result,) = stage.receive()
    thread.join()
    ((receipt, _),) = stage.take_receipts()
    found = values(stage.house.connector, PATIENT.patient_id, PATIENT.given_name == given_name)
    if staff_commits:
        assert (result.accepted, receipt.records[1].reason, found) == (0, BookingReason.SLOT_TAKEN, [])
    else:
        assert (result.accepted, len(found)) == (1, 1)


def test_slot_that_two_partners_want_at_once_goes_to_one_of_them(stage: Stage) -> None:
    slot, before = stage.slot(), appointments(stage)
    for partner_id in (DENTPORT, ZAHNZEIT):
        stage.drop(stage.sealed(stage.booking(slot=slot), partner_id=partner_id), partner_id)
    accepted: list[int] = []
    threads = [
        threading.Thread(
            target=lambda partner_id: accepted.extend(one.accepted for one in stage.receive(partner_id)),
            args=(partner_id,),
        )
        for partner_id in (DENTPORT, ZAHNZEIT)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(accepted) == [0, 1]
    assert appointments(stage) == before + 1


@ON_SQLITE_ALONE
def test_practice_rows_are_untouched_by_files_that_wait(stage: Stage) -> None:
    before = practice_rows(stage.house.connector)
    stage.drop(stage.sealed(stage.booking()))
    with otv_permission(stage), pytest.raises(OtvUserError):
        stage.receive()
    assert practice_rows(stage.house.connector) == before
    stage.receive()
