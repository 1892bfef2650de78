"""Each fault of our own against every story: told as ours, nothing half done, healed without help (P9)."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import pytest

from agent.adapters import tables
from agent.adapters.audit_log import ledger_anchors
from agent.adapters.audit_verification import verify
from agent.adapters.watched_clock import WatchedClock
from agent.clock import utc_now
from agent.errors import AgentError
from exchange_formats.envelope import Kind
from tests.faults import database, machine
from tests.faults.target import Fault, Target, linked_programs, openpgp_of
from tests.flows.evidence import quarantine_reasons, values
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, Stage

ANOTHER_PROGRAM = "#!/bin/sh\nexit 0\n"
ALL = {"receive", "export", "exchange"}
SEALING = {"receive", "export"}

ON_SQLITE: dict[str, tuple[Fault, set[str]]] = {
    "database file gone": (database.away, ALL),
    "database file is none": (database.another_file, ALL),
    "disk full for the database": (machine.no_file_grows_beyond(8 * 1024), SEALING),
    "no more handles": (machine.no_more_handles, ALL),
    "gpg gone": (machine.program("gpg", None), SEALING),
    "gpg is another program": (machine.program("gpg", ANOTHER_PROGRAM), SEALING),
    "gpgv is another program": (machine.program("gpgv", ANOTHER_PROGRAM), {"receive"}),
    "gpg-agent killed": (machine.agent_killed, set()),
    "secret keys away": (machine.secret_keys_away, SEALING),
    "drafts cannot be written": (machine.drafts_are_a_file, SEALING),
    "outbox and inbound folder removed": (machine.spool_removed, ALL),
}
ON_POSTGRESQL: dict[str, tuple[Fault, set[str]]] = {
    "database closed to everybody": (database.closed, ALL),
    "disk full": (machine.no_file_grows_beyond(0), ALL),
    "disk full in the middle of a file": (machine.no_file_grows_beyond(500), ALL),
}


@pytest.fixture
def target(stage: Stage) -> Iterator[Target]:
    """The agent of the stage, told to use gpg programs that can be taken away."""
    programs = linked_programs(stage.house.folder / "programs")
    openpgp = {"fingerprint": stage.agent.config.settings.openpgp.fingerprint, **openpgp_of(programs)}
    with stage.agent_with(settings={"openpgp": openpgp}):
        yield Target(stage.house, os.getpid(), programs)


@ON_SQLITE_ALONE
@pytest.mark.parametrize("name", ON_SQLITE)
def test_own_fault_holds_every_story_it_hits_and_heals(stage: Stage, target: Target, name: str) -> None:
    fault, hit = ON_SQLITE[name]
    holds_and_heals(stage, lambda: fault(target), hit)


@pytest.mark.parametrize("furnished_stage", ["postgresql"], indirect=True)
@pytest.mark.parametrize("name", ON_POSTGRESQL)
def test_own_fault_with_postgresql_holds_every_story_it_hits_and_heals(
    stage: Stage, target: Target, name: str
) -> None:
    fault, hit = ON_POSTGRESQL[name]
    holds_and_heals(stage, lambda: fault(target), hit)


@ON_SQLITE_ALONE
@pytest.mark.parametrize("error", [timedelta(hours=1), timedelta(days=365), timedelta(hours=-1)])
def test_clock_that_jumps_holds_every_story_until_it_is_back(stage: Stage, error: timedelta) -> None:
    """Ahead by a year our keys, the licence and every signature would be judged as too old."""
    off = timedelta()

    @contextmanager
    def jump() -> Iterator[None]:
        nonlocal off
        off = error
        yield
        off = timedelta()

    with stage.agent_with(clock=WatchedClock(lambda: utc_now() + off)):
        holds_and_heals(stage, jump, ALL)


@ON_SQLITE_ALONE
def test_disk_below_the_floor_holds_new_work_and_lets_deliver_what_waits(stage: Stage) -> None:
    stage.agent.export(DENTPORT, Kind.REFERENCE_DATA)
    inbox = stage.partner().server.root / "inbox"
    before = len(list(inbox.iterdir()))

    @contextmanager
    def nearly_full() -> Iterator[None]:
        with stage.agent_with(settings={"min_free_mebibytes": 1024 * 1024}):
            yield

    holds_and_heals(stage, nearly_full, ALL)
    assert len(list(inbox.iterdir())) > before


def holds_and_heals(stage: Stage, fault: Callable[[], AbstractContextManager[object]], hit: set[str]) -> None:
    """Two bookings wait, here and on the partner's server, while every story is tried."""
    aside, before = quarantine_reasons(stage, DENTPORT), appointments(stage)
    partner = stage.partner()
    stage.drop(stage.sealed(stage.booking()))
    partner.book(stage.booking())
    stage.arrived[DENTPORT] += 1
    with fault():
        assert hit <= held(stage)
    stage.receive()
    assert held(stage) == set()
    stage.receive()
    assert appointments(stage) == before + 2
    assert quarantine_reasons(stage, DENTPORT) == aside
    stage.agent.exchange(DENTPORT)
    newest = partner.inbox(Kind.RECEIPTS)[-2:]
    assert [one.outcome for receipt in newest for one in receipt.records] == ["processed", "accepted"] * 2
    for folder in (
        stage.house.data_folder / "outbox" / DENTPORT,
        stage.house.data_folder / "inbound" / DENTPORT,
    ):
        assert not any(folder.glob("drafts/*")) and not any(folder.glob("claimed/*"))
    with stage.agent.connector.reading() as connection:
        verify(connection, stage.agent.audit_key, ledger_anchors(connection))


def held(stage: Stage) -> set[str]:
    """The stories that a fault of ours keeps from their work; any other error is a defect."""
    stories: dict[str, Callable[[], object]] = {
        "receive": stage.receive,
        "export": lambda: stage.agent.export(DENTPORT, Kind.REFERENCE_DATA),
        "updates": lambda: stage.agent.tell_updates(DENTPORT),
        "exchange": lambda: stage.agent.exchange(DENTPORT),
    }
    stopped = set()
    for name, story in stories.items():
        try:
            story()
        except AgentError:
            stopped.add(name)
    return stopped


def appointments(stage: Stage) -> int:
    return len(values(stage.house.connector, tables.appointment.c.appointment_id))
