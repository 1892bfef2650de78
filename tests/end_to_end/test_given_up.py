"""What an operator sees and types when a partner could not be served: status, deliver, fetch."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.daemon import Daemon
from tests.kit.command_line import edited, otv
from tests.kit.house import House, default_plan, open_house
from tests.kit.openpgp import short_folder
from tests.kit.service import wait_until
from tests.kit.sftp_servers import Misbehaviour, MuteServer

CLOSED_PORT = 1
SIX_DAYS_SECONDS = 6 * 86_400


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with short_folder() as folder, open_house(folder, default_plan(patients=30, columns=4, days=5)) as house:
        yield house


def outbox(house: House, state: str) -> list[Path]:
    folder = house.data_folder / "outbox" / "dentport" / state
    return sorted(path for path in folder.iterdir() if path.suffix == ".pgp")


def test_operator_sees_what_was_given_up_and_sends_it_again(house: House) -> None:
    only = ("--partner", "dentport")
    partner_file = house.config_path.parent / "partners/dentport.yaml"
    assert otv("export", *only, "--kind", "reference_data", config=house.config_path).code == 0
    (waiting,) = outbox(house, "waiting")
    long_ago = time.time() - SIX_DAYS_SECONDS
    os.utime(waiting, (long_ago, long_ago))
    with edited(partner_file, lambda content: content["sftp"].update(port=CLOSED_PORT)):
        assert otv("deliver", *only, config=house.config_path).code == 40

    shown = otv("status", config=house.config_path)
    assert shown.code == 3
    assert "dentport: 1 file given up after days, see `otv-agent deliver --failed`" in shown.out
    told = otv("status", "--json", config=house.config_path)
    assert (told.code, json.loads(told.out)["partners"]["dentport"]["given_up"]) == (3, 1)
    assert otv("deliver", *only, config=house.config_path).out == "dentport: 0 files delivered\n"

    again = otv("deliver", "--failed", *only, config=house.config_path)
    assert again.out == "dentport: 1 file put back\ndentport: 1 file delivered\n"
    assert [path.name for path in outbox(house, "sent")] == [waiting.name]
    assert otv("status", config=house.config_path).code == 0


def test_status_and_deliver_tell_what_is_delivered_unconfirmed(house: House) -> None:
    server = house.partners["zahnzeit"].server
    only = ("--partner", "zahnzeit")
    otv("export", *only, "--kind", "availability", config=house.config_path)
    server.misbehaviour = Misbehaviour(take_on_close=True)
    done = otv("deliver", *only, config=house.config_path)
    server.misbehaviour = Misbehaviour()
    assert (done.code, done.out) == (0, "zahnzeit: 1 file delivered (1 unconfirmed)\n")
    shown = otv("status", config=house.config_path)
    assert "zahnzeit: 1 file delivered, unconfirmed: taken by its server at once" in shown.out
    assert otv("deliver", *only, config=house.config_path).out == "zahnzeit: 0 files delivered\n"


def test_fetch_from_a_server_that_has_to_be_mended_says_so_and_fetches_all_the_same(house: House) -> None:
    partner = house.partners["dentport"]
    partner.server.misbehaviour = Misbehaviour(refuse_remove=True)
    partner.send(partner.gpg.seal(partner.bookings_file([])))
    first, second = (otv("fetch", "--partner", "dentport", config=house.config_path) for _ in range(2))
    partner.server.misbehaviour = Misbehaviour()
    assert (first.code, first.out) == (3, "dentport: 1 file fetched\n")
    assert (second.code, second.out) == (3, "dentport: 0 files fetched\n")
    assert "fetched files stay in the folder `outgoing`" in first.err
    assert "docs/exchange-formats.md" in first.err
    mended = otv("fetch", "--partner", "dentport", config=house.config_path)
    assert (mended.code, mended.out) == (0, "dentport: 0 files fetched\n")


def test_service_visits_a_failing_server_at_growing_distances_whatever_else_asks_for_a_visit(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.99)
    failing = MuteServer(b"SSH-1.0-out of date\r\n")
    partner_file = house.config_path.parent / "partners/dentport.yaml"
    every_second = edited(
        house.config_path, lambda content: content.update(schedule={"exchange_every_seconds": 1})
    )
    moved = edited(partner_file, lambda content: content["sftp"].update(port=failing.port))
    with every_second, moved:
        daemon = Daemon(house.config_path)
        service = threading.Thread(target=daemon.run)
        service.start()
        try:
            wait_until(lambda: failing.visits >= 1)
            began = time.monotonic()
            wait_until(lambda: failing.visits >= 5)
            # Second by second it would be four, with the exports asking in between even less.
            assert time.monotonic() - began > 5.5
        finally:
            daemon.stop()
            service.join()
            failing.stop()
