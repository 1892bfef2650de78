"""A web server in a thread of this process, bounded in connections, sizes and times.

The only module that knows uvicorn. The status page is a guest in the daemon: a
flood of connections must not use up its files, and a browser that hangs must
not keep it from stopping.
"""

import asyncio
import logging
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from agent.errors import ConfigError
from agent.status_page.gate import HEADERS

MAX_CONNECTIONS = 64
CONNECTION_SECONDS = 60.0
"""However slowly somebody sends, and whatever for."""
MAX_HEADER_BYTES = 16 * 1024
STOP_SECONDS = 2.0
BACKLOG = 64


@dataclass(frozen=True, slots=True)
class Certificate:
    """Two PEM files."""

    chain: Path
    key: Path


class BoundedProtocol(H11Protocol):
    """One connection, cut off after a while; one too many is not served at all."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._end = self.loop.call_later(CONNECTION_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        end = getattr(self, "_end", None)
        if end is not None:
            end.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP never gets as far as the site; its answer is as strict, and quotes nothing."""
        lines = ["HTTP/1.1 400 Bad Request", *(f"{name}: {value}" for name, value in HEADERS.items())]
        lines += ["cache-control: no-store", "content-length: 0", "connection: close", "", ""]
        self.transport.write("\r\n".join(lines).encode("ascii"))
        self.transport.close()


class WebServer:
    """Serves one site from `start` to `stop`; made anew for each start."""

    def __init__(self, site: ASGIApp, host: str, port: int, certificate: Certificate | None) -> None:
        """Raises ConfigError for a certificate that is none, or an address that is taken."""
        context = _tls(certificate) if certificate is not None else None
        self._socket = _listening(host, port)
        self.port: int = self._socket.getsockname()[1]
        # Its own log would tell paths and quote errors.
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)
        config = Config(
            site,
            http=BoundedProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ssl_context_factory=None if context is None else (lambda *_: context),
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            timeout_graceful_shutdown=1,
            backlog=BACKLOG,
        )
        self._server = Server(config)
        self._asked_at: float | None = None
        self._thread = threading.Thread(target=self._serve, name="status-page", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def ask_to_stop(self) -> None:
        """Begin nothing more; returns at once."""
        if self._asked_at is None:
            self._asked_at = time.monotonic()
        self._server.should_exit = True

    def stop(self) -> None:
        """Within a few seconds of having been asked to, whatever browsers do; nothing keeps the process."""
        self.ask_to_stop()
        if self._thread.ident is not None and self._asked_at is not None:
            self._thread.join(max(0.0, self._asked_at + STOP_SECONDS - time.monotonic()))
        self._socket.close()

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind)
    except OSError as error:
        raise _unusable(host, port, error) from error
    try:
        # On Windows this option would let two programs share a port.
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise _unusable(host, port, error) from error
    return listening


def _unusable(host: str, port: int, error: OSError) -> ConfigError:
    """Another program listens there, or this machine has no such address."""
    what = f"cannot listen on {host}, port {port} ({error.strerror or type(error).__name__})"
    return ConfigError([f"status_page: {what}: choose another `port` or `host`"])


def _tls(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a word of its own OpenSSL would ask for a passphrase on the terminal, and wait.
        context.load_cert_chain(certificate.chain, certificate.key, password=lambda: "")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = "cannot be read" if getattr(error, "filename", None) else "are no pair of PEM files"
        files = f"{certificate.chain} and {certificate.key}"
        raise ConfigError([f"status_page: {files} {reason}: see docs/status-page.md"]) from None
    return context
