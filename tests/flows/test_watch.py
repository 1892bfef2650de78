"""Watching from outside: a heartbeat while all is well, one mail at each end of a trouble, and numbers."""

import http.server
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any, Literal

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from prometheus_client.parser import text_string_to_metric_families

from agent.adapters.mail import MailAccount, send_mail
from agent.errors import TransferError, WatcherUnreachableError
from agent.metrics import metrics_text
from agent.status import read_status
from agent.troubles import Troubles
from agent.watch import Watch
from tests.flows.card_index import FAMILY_NAME
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, Stage
from tests.kit.command_line import otv, patients_named_in

DOWN = TransferError("sftp.example:22: cannot connect: Connection refused")
PLACE = "exchange dentport"


class Letterbox:
    """A mail server that keeps what it gets."""

    def __init__(self) -> None:
        self.mails: list[Message] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


class Minutes:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = datetime(2027, 1, 4, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)


@pytest.fixture
def letterbox() -> Iterator[tuple[Letterbox, int]]:
    box = Letterbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


@pytest.fixture
def monitor() -> Iterator[tuple[list[str], int]]:
    """A monitor's web server, and what it was asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *values: Any) -> None:
            """Nothing: the test reads `asked`."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield asked, server.server_address[1]
        server.shutdown()
        thread.join()


def body(mail: Message) -> str:
    content = mail.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()


def mail_settings(port: int) -> dict[str, Any]:
    return {
        "mail": {
            "host": "127.0.0.1", "port": port, "security": "none",
            "sender": "otv@praxis.example", "recipients": ["admin@praxis.example"],
        }
    }  # fmt: skip


@ON_SQLITE_ALONE
def test_trouble_that_lasts_is_mailed_once_at_its_start_and_once_at_its_end(
    stage: Stage, letterbox: tuple[Letterbox, int]
) -> None:
    box, port = letterbox
    troubles, clock = Troubles(), Minutes()
    watch = Watch(troubles, clock)
    with stage.agent_with(settings={"watch": mail_settings(port)}):
        troubles.met(PLACE, DOWN)
        for _ in range(3):
            watch.look(stage.agent)
            assert box.mails == []
            clock.pass_by(5)
        for _ in range(5):
            watch.look(stage.agent)
            clock.pass_by(5)
        (begun,) = box.mails
        troubles.over(PLACE)
        for _ in range(3):
            watch.look(stage.agent)
    assert len(box.mails) == 2
    assert begun["To"] == "admin@praxis.example"
    text = body(begun)
    assert f"{PLACE}: {DOWN}" in text
    assert DOWN.remedy in text
    assert f"{PLACE}: works again." in body(box.mails[1])


@ON_SQLITE_ALONE
def test_mail_server_that_is_down_is_a_trouble_of_its_own_and_the_mail_goes_later(
    stage: Stage, letterbox: tuple[Letterbox, int]
) -> None:
    box, port = letterbox
    troubles, clock = Troubles(), Minutes()
    watch = Watch(troubles, clock)
    troubles.met(PLACE, DOWN)
    with stage.agent_with(settings={"watch": mail_settings(1) | {"hold_minutes": 0}}):
        watch.look(stage.agent)
        assert set(troubles.current()) == {PLACE, "mail"}
    with stage.agent_with(settings={"watch": mail_settings(port) | {"hold_minutes": 0}}):
        watch.look(stage.agent)
    assert len(box.mails) == 1
    assert set(troubles.current()) == {PLACE}


@ON_SQLITE_ALONE
def test_heart_beats_while_all_is_well_and_is_still_while_a_trouble_lasts(
    stage: Stage, monitor: tuple[list[str], int]
) -> None:
    asked, port = monitor
    troubles, clock = Troubles(), Minutes()
    watch = Watch(troubles, clock)
    with stage.agent_with(settings={"watch": {"heartbeat_url": f"http://127.0.0.1:{port}/ping/1"}}):
        for _ in range(10):  # two in ten minutes, one every five
            watch.look(stage.agent)
            clock.pass_by(1)
        assert asked == ["/ping/1"] * 2
        troubles.met(PLACE, DOWN)
        watch.look(stage.agent)
        assert len(asked) == 3, "a short trouble is nobody's business"
        clock.pass_by(20)
        watch.look(stage.agent)
        assert len(asked) == 3
        troubles.over(PLACE)
        watch.look(stage.agent)
        assert len(asked) == 4


@ON_SQLITE_ALONE
def test_monitor_that_fails_stops_nothing_and_is_told_without_its_address(stage: Stage) -> None:
    troubles, clock = Troubles(), Minutes()
    watch = Watch(troubles, clock)
    with stage.agent_with(
        settings={"watch": {"heartbeat_url": "http://127.0.0.1:1/ping/secret", "hold_minutes": 0}}
    ):
        watch.look(stage.agent)
        watch.look(stage.agent)
    (sentence, _) = troubles.current()["heartbeat"]
    assert "secret" not in sentence


@ON_SQLITE_ALONE
def test_metrics_file_holds_the_status_as_numbers_and_names_nobody(stage: Stage, tmp_path: Path) -> None:
    stage.send(stage.booking())
    file = tmp_path / "otv_agent.prom"
    troubles = Troubles()
    troubles.met(PLACE, DOWN)
    with stage.agent_with(settings={"watch": {"metrics_file": str(file)}}):
        Watch(troubles, Minutes()).look(stage.agent)
        status = read_status(stage.agent)
    text = file.read_text()
    numbers = {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert numbers["otv_agent_trouble", PLACE] == 1
    assert numbers["otv_agent_audit_entries",] == status.audit_entries
    assert numbers["otv_agent_files", "archived", DENTPORT] == status.partners[DENTPORT].archived > 0
    booked_at = status.partners[DENTPORT].last_booking_at
    assert booked_at is not None
    moment = numbers["otv_agent_last_success_timestamp_seconds", DENTPORT, "booked"]
    assert moment == datetime.fromisoformat(booked_at).timestamp()
    level = {"green": 0, "amber": 1, "red": 2}
    for direction in ("outbound", "inbound"):
        fresh = getattr(status.partners[DENTPORT], direction)
        assert numbers["otv_agent_freshness", direction, DENTPORT] == level[fresh.freshness]
        good_at = fresh.last_good_cycle_at
        assert numbers.get(("otv_agent_last_good_cycle_timestamp_seconds", direction, DENTPORT)) == (
            good_at and datetime.fromisoformat(good_at).timestamp()
        )
    assert FAMILY_NAME not in text
    assert patients_named_in(text, stage.house.connector) == []


def test_metrics_without_a_database_still_tell_the_troubles() -> None:
    assert 'otv_agent_trouble{place="exchange dentport"} 1.0' in metrics_text(None, [PLACE])


@ON_SQLITE_ALONE
def test_command_prints_the_metrics_and_pings_nobody(stage: Stage, monitor: tuple[list[str], int]) -> None:
    asked, port = monitor
    with stage.agent_with(settings={"watch": {"heartbeat_url": f"http://127.0.0.1:{port}/"}}):
        done = otv("metrics", config=stage.agent.config.path)
        assert otv("sync", "--dry-run", config=stage.agent.config.path).code == 0
    assert "otv_agent_running 0.0" in done.out
    assert asked == []


def test_mail_is_never_sent_in_the_clear_to_a_server_that_offers_no_encryption(
    letterbox: tuple[Letterbox, int],
) -> None:
    box, port = letterbox
    securities: tuple[Literal["tls", "starttls"], ...] = ("tls", "starttls")
    for security in securities:
        account = MailAccount("127.0.0.1", port, security, None, None, "a@b.example", ["c@d.example"])
        with pytest.raises(WatcherUnreachableError):
            send_mail(account, "subject", "text")
    assert box.mails == []
