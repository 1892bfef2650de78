"""The status page of the running service: what happens is seen there, and what is done there happens."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.test_sudden_changes import GUARD, MANY, answered, many_bookings
from tests.kit.command_line import otv, patients_named_in
from tests.kit.house import House, default_plan, open_house
from tests.kit.openpgp import short_folder
from tests.kit.service import Service, wait_until
from tests.status_page.desks import TOKEN
from tests.status_page.http import Client, mark_in
from tests.status_page.test_served import free_port

STOPS_WITHIN_SECONDS = 10


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    plan, offer = default_plan(patients=60, columns=4, days=14), {"booking_horizon_days": 5}
    schedule = {"sweep_every_seconds": 1, "exchange_every_seconds": 1, "reload_every_seconds": 1}
    with short_folder() as folder:
        page = {"port": free_port(), "token": {"file": str(token_file(folder))}}
        with open_house(folder, plan, offer=offer, guard=GUARD, schedule=schedule, status_page=page) as house:
            yield house


def token_file(folder: Path) -> Path:
    file = folder / "page-token"
    file.touch(mode=0o600)
    file.write_text(TOKEN)
    return file


def page_of(house: House) -> Client:
    shown = otv("config", "show", config=house.config_path).out
    section = shown[shown.index("status_page:") :]
    return Client(int(section.partition("port: ")[2].split()[0]))


@contextmanager
def keeps_its_line(client: Client) -> Iterator[None]:
    """A browser with one line on which it was answered, and one on which it never says what it wants."""
    with ExitStack() as lines:
        for words in (b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n", b"GET / HT"):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", client.port), timeout=30))
            line.sendall(words)
        yield


def test_hold_and_junk_are_seen_on_the_page_and_dealt_with_there(house: House) -> None:
    client, dentport = page_of(house), house.partners["dentport"]

    def shown() -> str:
        body = client.get("/?lang=en").body
        assert patients_named_in(body, house.connector) == []
        return body

    def wait_shown(words: str) -> None:
        wait_until(lambda: words in shown(), shown, pause_seconds=0.5)

    taken = socket.create_server(("127.0.0.1", client.port))
    with Service(house.config_path) as service:
        service.wait_for(f"ERROR +status page: .*cannot listen on 127.0.0.1, port {client.port}")
        taken.close()
        service.wait_for("INFO +status page: works again")
        service.wait_for(f"status page at http://127.0.0.1:{client.port}/")
        wait_shown("Online booking works. There is nothing to do.")
        assert "Zahnarztpraxis" in shown()
        assert client.get("/metrics").body.count("otv_agent_") > 10
        assert len(client.get("/series.json").body) > 100

        dentport.send(b"junk of nobody")
        dentport.book(*many_bookings(dentport))
        service.wait_for("sudden change of bookings")
        wait_shown(f"{MANY} bookings within a day")
        wait_shown("not_openpgp")
        assert "Online booking works, and something needs a look soon." in shown()
        assert client.sign_in(TOKEN).status == 303

        (question,) = {word for word in shown().split('"') if word.startswith("/holds/")}
        done = client.post(question, {"mark": mark_in(client.get(question))})
        assert done.headers["location"] == "/?done=released"
        wait_until(lambda: len(answered(dentport)) == MANY)
        (question,) = {word for word in shown().split('"') if word.endswith("/discard")}
        done = client.post(question, {"mark": mark_in(client.get(question))})
        assert done.headers["location"] == "/?done=discarded"
        wait_shown("There is nothing to do.")

        log = otv("audit", "show", "--newest", "200", config=house.config_path).out
        for event in ("hold released", "file discarded"):
            (line,) = [one for one in log.splitlines() if f'"event": "{event}"' in one]
            assert '"operator": "status page"' in line
        assert TOKEN not in "\n".join(service.log)
        with keeps_its_line(client):
            code, seconds = service.stop()
        assert (code, seconds < STOPS_WITHIN_SECONDS) == (0, True)
        assert service.count("cannot listen") == 1
