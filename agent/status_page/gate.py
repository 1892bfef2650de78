"""What every request meets first and every answer passes last, whatever page it is for.

Refuses other sites' names (DNS rebinding), forms sent from elsewhere and large
bodies; puts the strict headers on each answer, also on errors; and lets no
exception out, whose text could quote data.
"""

import ipaddress
from collections.abc import Callable, Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 16 * 1024
SAFE_METHODS = ("GET", "HEAD")
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
NEVER_STORED = "no-store"

Defect: TypeAlias = Callable[[Exception], None]


@dataclass(frozen=True, slots=True)
class Front:
    """How browsers reach the page: names beside `localhost`, and whether the line is encrypted."""

    host: str
    host_names: Collection[str]
    encrypted: bool

    @property
    def scheme(self) -> str:
        return "https" if self.encrypted else "http"

    def answers_to(self, host_header: str) -> bool:
        """An attacker's name may lead here by DNS; an IP address in the header leads nowhere else."""
        name = _without_port(host_header)
        return name in ("localhost", self.host.lower(), *map(str.lower, self.host_names)) or _is_address(name)


class BodyTooLargeError(Exception):
    """Told by `Gate` alone."""


class Gate:
    """Around the whole site."""

    def __init__(self, site: ASGIApp, front: Front, defect: Defect) -> None:
        self._site = site
        self._front = front
        self._defect = defect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        answer = _Answer(send)
        refusal = self._refusal(scope["method"], Headers(scope=scope))
        try:
            if refusal is not None:
                await _plain(refusal)(scope, receive, answer.send)
            else:
                await self._site(scope, _limited(receive), answer.send)
        except BodyTooLargeError:
            await self._instead(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, answer, scope, receive)
        except Exception as error:
            self._defect(error)
            await self._instead(HTTPStatus.INTERNAL_SERVER_ERROR, answer, scope, receive)

    async def _instead(self, status: HTTPStatus, answer: "_Answer", scope: Scope, receive: Receive) -> None:
        if not answer.begun:
            await _plain(status)(scope, receive, answer.send)

    def _refusal(self, method: str, headers: Headers) -> HTTPStatus | None:
        if not self._front.answers_to(headers.get("host", "")):
            return HTTPStatus.MISDIRECTED_REQUEST
        if method not in (*SAFE_METHODS, "POST"):
            return HTTPStatus.METHOD_NOT_ALLOWED
        if method == "POST" and not self._is_from_here(headers):
            return HTTPStatus.FORBIDDEN
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        return None

    def _is_from_here(self, headers: Headers) -> bool:
        """By what browsers say of themselves; without a referrer they call our own forms' origin `null`."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        ours = f"{self._front.scheme}://{headers['host']}"
        if site is None:
            return origin == ours
        return site == "same-origin" and origin in (None, "null", ours)


class _Answer:
    """Passes an answer on with the headers that none goes without."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", NEVER_STORED)
        await self._send(message)


def _limited(receive: Receive) -> Receive:
    """A body without a length may grow until it is too large."""
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_BODY_BYTES:
            raise BodyTooLargeError
        return message

    return limited


def _plain(status: HTTPStatus) -> PlainTextResponse:
    return PlainTextResponse(f"{status.value} {status.phrase}\n", status)


def _without_port(host_header: str) -> str:
    name, separator, port = host_header.lower().rpartition(":")
    return name if separator and port.isdecimal() else host_header.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
