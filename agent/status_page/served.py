"""Keeps the status page served as the settings want it, for as long as the daemon runs.

Asked again and again by the daemon's loop, like the folder watcher: settings
or a certificate that changed, a port that was in use, a server that died are
all put right at the next turn. Whatever goes wrong here is a trouble told
once; the exchange never waits for it and never ends by it.
"""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from agent.config import StatusPageSettings
from agent.status_page.access import Token
from agent.status_page.desk import Desk
from agent.status_page.gate import Front
from agent.status_page.server import Certificate, WebServer
from agent.status_page.site import site
from agent.status_page.visitors import Visitors
from agent.troubles import Troubles, told

log = logging.getLogger(__name__)

PLACE = "status page"


@dataclass(frozen=True, slots=True)
class _Wish:
    """What makes a server another one; a renewed certificate does."""

    settings: StatusPageSettings
    certificate: str


class ServedPage:
    """At most one server at a time."""

    def __init__(self, desk: Desk, troubles: Troubles) -> None:
        self._desk = desk
        self._troubles = troubles
        self._served: _Wish | None = None
        self._server: WebServer | None = None

    def follow(self, settings: StatusPageSettings) -> None:
        """Serve by these settings from now on; nothing is done if that is so already."""
        wish = _Wish(settings, _content(settings.tls_certificate) + _content(settings.tls_key))
        if wish == self._served and (self._server is None or self._server.is_alive):
            return
        self.stop()
        try:
            if settings.enabled:
                self._server = self._start(settings)
        except Exception as error:
            self._troubles.met(PLACE, error)
        else:
            self._served = wish
            self._troubles.over(PLACE)

    def ask_to_stop(self) -> None:
        """Returns at once; `stop` then has less to wait for."""
        if self._server is not None:
            self._server.ask_to_stop()

    def stop(self) -> None:
        """Within a few seconds, whatever browsers and databases do."""
        server, self._server, self._served = self._server, None, None
        if server is not None:
            server.stop()

    def _start(self, settings: StatusPageSettings) -> WebServer:
        token = Token(settings.token.read) if settings.token else None
        if token is not None:
            token.digest()  # one that cannot be read is told now, and not when somebody needs it
        visitors = Visitors(settings.is_local, settings.is_encrypted, token)
        front = Front(settings.host, settings.host_names, settings.is_encrypted)
        server = WebServer(
            site(self._desk, visitors, front, _defect), settings.host, settings.port, _certificate(settings)
        )
        server.start()
        log.info("status page at %s", settings.address)
        return server


def _defect(error: Exception) -> None:
    """The line of code alone: an exception's text could quote anything."""
    log.error("%s: %s", PLACE, told(error)[0])


def _certificate(settings: StatusPageSettings) -> Certificate | None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return Certificate(settings.tls_certificate, settings.tls_key)


def _content(file: Path | None) -> str:
    """Changes with the file; what cannot be read is told when it is used."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() if file else ""
    except OSError:
        return "unreadable"
