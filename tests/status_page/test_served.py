"""The page as a guest of the service: served as the settings want it, and never in the service's way."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.config import SecretRef, StatusPageSettings
from agent.status_page.served import PLACE, ServedPage
from agent.troubles import Troubles
from tests.status_page.certificates import certificate_for
from tests.status_page.desks import TOKEN, PlainDesk
from tests.status_page.http import Client
from tests.status_page.test_security import trusting

STOPS_WITHIN_SECONDS = 4


@pytest.fixture
def troubles() -> Troubles:
    return Troubles()


@pytest.fixture
def page(troubles: Troubles) -> Iterator[ServedPage]:
    served = ServedPage(PlainDesk(), troubles)
    yield served
    served.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def settings(port: int | None = None, **changes: object) -> StatusPageSettings:
    return StatusPageSettings.model_validate({"port": port or free_port(), **changes})


def answers(port: int) -> bool:
    try:
        return Client(port).get("/healthz").status == 200
    except ConnectionError:
        return False


def test_settings_that_change_are_followed_and_the_same_ones_leave_the_server_alone(
    page: ServedPage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "agent")
    first, second = settings(), settings()
    for _ in range(3):
        page.follow(first)
    assert answers(first.port)
    page.follow(second)
    assert (answers(first.port), answers(second.port)) == (False, True)
    page.follow(second.model_copy(update={"enabled": False}))
    assert not answers(second.port)
    assert [record.message for record in caplog.records] == [
        f"status page at {first.address}",
        f"status page at {second.address}",
    ]


def test_port_in_use_is_told_once_and_served_when_it_is_free(
    page: ServedPage, troubles: Troubles, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        wish = settings(other.getsockname()[1])
        for _ in range(3):
            page.follow(wish)
        message, remedy = troubles.current()[PLACE]
        assert f"cannot listen on 127.0.0.1, port {wish.port}" in message
        assert remedy
    page.follow(wish)
    assert troubles.current() == {}
    assert answers(wish.port)
    assert sum(record.levelname == "ERROR" for record in caplog.records) == 1


@pytest.mark.parametrize("fault", ["missing", "no PEM", "passphrase", "another key"])
def test_certificate_that_cannot_be_used_is_told_and_never_asks_anybody(
    page: ServedPage, troubles: Troubles, tmp_path: Path, fault: str
) -> None:
    certificate = certificate_for("127.0.0.1", tmp_path, b"secret" if fault == "passphrase" else None)
    if fault == "missing":
        certificate.key.unlink()
    elif fault == "no PEM":
        certificate.chain.write_text("not a certificate")
    elif fault == "another key":
        (tmp_path / "other").mkdir()
        certificate.key.write_bytes(certificate_for("127.0.0.1", tmp_path / "other").key.read_bytes())
    wish = settings(tls_certificate=str(certificate.chain), tls_key=str(certificate.key))
    page.follow(wish)
    assert str(certificate.chain) in troubles.current()[PLACE][0]
    assert not answers(wish.port)


def test_renewed_certificate_is_taken_up(page: ServedPage, tmp_path: Path) -> None:
    certificate = certificate_for("127.0.0.1", tmp_path)
    old = trusting(certificate)
    wish = settings(tls_certificate=str(certificate.chain), tls_key=str(certificate.key))
    page.follow(wish)
    assert Client(wish.port, old).get("/healthz").status == 200
    new = trusting(certificate_for("127.0.0.1", tmp_path))
    page.follow(wish)
    assert Client(wish.port, new).get("/healthz").status == 200
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        Client(wish.port, old).get("/healthz")


def test_token_that_cannot_be_read_is_told_before_anybody_needs_it(
    page: ServedPage, troubles: Troubles, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    wish = settings(token=SecretRef(file=file))
    page.follow(wish)
    assert str(file) in troubles.current()[PLACE][0]
    file.touch(mode=0o600)
    file.write_text(TOKEN)
    page.follow(wish)
    assert troubles.current() == {}
    assert Client(wish.port).sign_in(TOKEN).status == 303


def test_stop_waits_for_no_browser(troubles: Troubles) -> None:
    """One that sends half a request, one that keeps its line, and one whose answer never comes."""
    begun, go_on = threading.Event(), threading.Event()

    class SlowDesk(PlainDesk):
        def metrics(self) -> str:
            begun.set()
            go_on.wait(60)
            return ""

    page, wish = ServedPage(SlowDesk(), troubles), settings()
    page.follow(wish)
    lines = [socket.create_connection(("127.0.0.1", wish.port), timeout=30) for _ in range(3)]
    try:
        lines[0].sendall(b"POST /login HTTP/1.1\r\nhost: local")
        lines[1].sendall(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert begun.wait(30)
        started = time.monotonic()
        page.stop()
        assert time.monotonic() - started < STOPS_WITHIN_SECONDS
        assert not answers(wish.port)
        ordinary = [one for one in threading.enumerate() if not one.daemon]
        assert ordinary == [threading.main_thread()], "a thread that would keep the process"
    finally:
        go_on.set()
        for line in lines:
            line.close()
