"""A few lives of the machine, the same ones every time; `make machine` draws as many others as you like."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from agent.clock import utc_now
from tests.kit.openpgp import KeyWorld
from tests.machine.house import SqliteCabinet
from tests.machine.machine import LifeOfAppointments
from tests.machine.paper import OpenPaper, Paper, SealedPaper
from tests.machine.practice import make_sqlite_template


@pytest.fixture(scope="module")
def cabinet(tmp_path_factory: pytest.TempPathFactory) -> SqliteCabinet:
    return SqliteCabinet(make_sqlite_template(tmp_path_factory.mktemp("machine")))


def lived(cabinet: SqliteCabinet, paper: Paper, lives: int, steps: int) -> Counter[str]:
    """What happened in so many lives of so many steps."""

    class Machine(LifeOfAppointments):
        pass

    Machine.cabinet, Machine.paper, Machine.figures = cabinet, paper, Counter()
    phases = [Phase.generate, Phase.shrink]
    if isinstance(paper, SealedPaper):
        # Signatures bear the time of this computer, and are believed for two weeks.
        Machine.starts = (utc_now(),)
        phases = [Phase.generate]  # each shorter life would cost seconds
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=lives,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return Machine.figures


def test_every_promise_holds_whatever_partners_staff_and_clock_do(cabinet: SqliteCabinet) -> None:
    figures = lived(cabinet, OpenPaper(), lives=8, steps=25)
    # A machine in which nothing happens would hold every promise.
    for event in ("book accepted", "book slot_taken", "updates", "receipts compared", "times tried"):
        assert figures[event] > 0, figures


def test_every_promise_holds_with_files_sealed_by_real_keys(
    cabinet: SqliteCabinet, openpgp_world: KeyWorld
) -> None:
    figures = lived(cabinet, SealedPaper(openpgp_world), lives=2, steps=6)
    assert figures["book accepted"] > 0, figures
