"""A desk over plain values, to serve the site without an agent; what is done to it, it remembers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from agent.board import Board
from agent.errors import UsageError
from agent.status_page.access import Token
from agent.status_page.desk import hold_mark
from agent.status_page.gate import Front
from agent.status_page.server import Certificate, WebServer
from agent.status_page.site import site
from agent.status_page.visitors import Visitors
from tests.status_page.boards import bad_board

TOKEN = "a-token-of-the-tests-0815"


@dataclass(slots=True)
class PlainDesk:
    """Keeps the contract of `agent.status_page.desk.Desk`."""

    shown: Board = field(default_factory=bad_board)
    done: list[tuple[str, str]] = field(default_factory=list)
    fault: Exception | None = None

    def board(self) -> Board:
        if self.fault is not None:
            raise self.fault
        return self.shown

    def metrics(self) -> str:
        return "otv_agent_running 1.0\n"

    def release(self, mark: str) -> None:
        left = tuple(one for one in self.shown.holds if hold_mark(one) != mark)
        if left == self.shown.holds:
            raise UsageError("the numbers have changed meanwhile")
        self.shown = replace(self.shown, holds=left)
        self.done.append(("release", mark))

    def retry(self, file_id: str) -> None:
        self._take("retry", file_id)

    def discard(self, file_id: str) -> None:
        self._take("discard", file_id)

    def _take(self, word: str, file_id: str) -> None:
        left = tuple(one for one in self.shown.quarantine if one.file_id != file_id)
        if left == self.shown.quarantine:
            raise UsageError("no file of that id is in quarantine")
        self.shown = replace(self.shown, quarantine=left)
        self.done.append((word, file_id))


@dataclass(slots=True)
class Served:
    """A site that answers now."""

    desk: PlainDesk
    server: WebServer
    defects: list[Exception]

    @property
    def port(self) -> int:
        return self.server.port


@contextmanager
def served(
    desk: PlainDesk,
    *,
    local: bool = True,
    token: str | None = TOKEN,
    certificate: Certificate | None = None,
    host_names: tuple[str, ...] = (),
) -> Iterator[Served]:
    """On a free port; as on a loopback address, or as if other machines reached it."""
    encrypted = certificate is not None
    visitors = Visitors(local, encrypted, Token(lambda: token) if token is not None else None)
    defects: list[Exception] = []
    whole = site(desk, visitors, Front("127.0.0.1", host_names, encrypted), defects.append)
    server = WebServer(whole, "127.0.0.1", 0, certificate)
    server.start()
    try:
        yield Served(desk, server, defects)
    finally:
        server.stop()
