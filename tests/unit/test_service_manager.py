"""What the service manager is told, and that nobody's absence matters."""

import os
import socket
from pathlib import Path

import pytest

from agent.adapters.service_manager import ServiceManager


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "180000000"}, 60.0),
        ({"WATCHDOG_USEC": "180000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "180000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_sign_of_life_is_due_three_times_in_the_watchdogs_period_if_it_waits_for_this_process(
    environment: dict[str, str], seconds: float | None
) -> None:
    assert ServiceManager(environment).sign_every_seconds == seconds


def test_abstract_address_is_told_as_well() -> None:
    name = f"otv-agent-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}")
        ServiceManager({"NOTIFY_SOCKET": f"@{name}"}).started()
        assert manager.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "@nobody-listens"])
def test_manager_that_is_not_there_is_no_failure(address: str) -> None:
    ServiceManager({"NOTIFY_SOCKET": address}).works()


def test_manager_that_does_not_listen_never_blocks(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        for _ in range(10_000):
            ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify")}).works()
