"""A short run of the machine; `make machine N=1000` lives longer."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.house import SqliteCabinet
from tests.machine.machine import LifeOfAppointments
from tests.machine.paper import OpenPaper
from tests.machine.practice import make_sqlite_template


@pytest.fixture(scope="session")
def cabinet(tmp_path_factory: pytest.TempPathFactory) -> SqliteCabinet:
    return SqliteCabinet(make_sqlite_template(tmp_path_factory.mktemp("machine")))


def test_whatever_partners_staff_and_clock_do_every_promise_holds(cabinet: SqliteCabinet) -> None:
    class Machine(LifeOfAppointments):
        pass

    Machine.cabinet, Machine.paper = cabinet, OpenPaper()
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
