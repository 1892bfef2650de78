"""A browser's part without a browser: whole requests, each with exactly the headers that a test wants."""

import http.client
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from tests.kit.canaries import found_in

SECONDS = 30
_MARK = re.compile(r'name="mark" value="([0-9a-f]{64})"')


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers in lower case (a repeated one joined), body; it may name no patient."""

    status: int
    headers: Mapping[str, str]
    body: str

    def __post_init__(self) -> None:
        assert found_in(f"{self.headers} {self.body}".encode()) == []


@dataclass(slots=True)
class Client:
    """Keeps cookies as a browser does; `scheme` and `host` as it would say them."""

    port: int
    context: ssl.SSLContext | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: bytes | str = "", **headers: str | None) -> Answer:
        """Headers by their names with `_` for `-`; None leaves one out that would be sent otherwise."""
        sent = {"host": f"127.0.0.1:{self.port}"}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if method == "POST":
            sent |= {
                "content-type": "application/x-www-form-urlencoded",
                "origin": self.origin,
                "sec-fetch-site": "same-origin",
            }
        for name, value in headers.items():
            sent.pop(name.replace("_", "-"), None)
            if value is not None:
                sent[name.replace("_", "-")] = value
        return self._exchange(method, path, body.encode() if isinstance(body, str) else body, sent)

    def get(self, path: str, **headers: str | None) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, fields: Mapping[str, str], **headers: str | None) -> Answer:
        return self.ask("POST", path, urlencode(fields), **headers)

    def sign_in(self, token: str, back: str = "") -> Answer:
        """As a person does: the form, then the token."""
        mark = mark_in(self.get("/login"))
        return self.post("/login", {"mark": mark, "token": token, "back": back})

    def _exchange(self, method: str, path: str, body: bytes, sent: Mapping[str, str]) -> Answer:
        if self.context is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        else:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=SECONDS, context=self.context
            )
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            length = {"content-length": str(len(body))} if method == "POST" else {}
            for name, value in (length | dict(sent)).items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            self._keep(response)
            headers: dict[str, str] = {}
            for name, value in response.getheaders():
                joined = f"{headers[name.lower()]}\n{value}" if name.lower() in headers else value
                headers[name.lower()] = joined
            return Answer(response.status, headers, response.read().decode())
        finally:
            connection.close()

    def _keep(self, response: http.client.HTTPResponse) -> None:
        for value in response.headers.get_all("set-cookie", []):
            name, _, rest = value.partition("=")
            content = rest.partition(";")[0].strip('"')
            if "max-age=0" in value.lower():
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = content


def mark_in(answer: Answer) -> str:
    """The mark of the page's first form."""
    found = _MARK.search(answer.body)
    assert found, answer.body
    return found[1]
