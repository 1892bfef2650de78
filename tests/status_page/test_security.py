"""The page's rules, each broken against a real server: names, forms, tokens, headers, sizes, errors."""

import http.client
import re
import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from agent.errors import DatabaseUnavailableError
from agent.status_page.access import TRIES
from agent.status_page.desk import hold_mark
from agent.status_page.gate import HEADERS, MAX_BODY_BYTES
from agent.status_page.server import MAX_CONNECTIONS, Certificate
from tests.kit.canaries import BOOKED_FAMILY_NAME, CANARIES
from tests.kit.service import wait_until
from tests.status_page.boards import FILE_ID, HOLD, SIGNED_FILE_ID
from tests.status_page.certificates import certificate_for
from tests.status_page.desks import TOKEN, PlainDesk, Served, served
from tests.status_page.http import Client, mark_in

RELEASE = f"/holds/{hold_mark(HOLD)}"
DISCARD, RETRY = f"/set-aside/{FILE_ID}/discard", f"/set-aside/{FILE_ID}/retry"
READING = ["/", "/?lang=de", "/series.json", "/metrics"]
ACTING = [RELEASE, DISCARD, RETRY]


@pytest.fixture
def page() -> Iterator[Served]:
    """As on this machine's own address."""
    with served(PlainDesk()) as running:
        yield running


@pytest.fixture
def client(page: Served) -> Client:
    return Client(page.port)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate_for("127.0.0.1", tmp_path_factory.mktemp("tls"))


def trusting(certificate: Certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate.chain))


# --- names and origins ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8487", "localhost.evil.example", "", "127.0.0.1.evil.example", "["]
)
def test_request_under_a_name_that_is_not_ours_is_refused(client: Client, host: str) -> None:
    for path in (*READING, "/static/page.css", "/healthz"):
        answer = client.get(path, host=host)
        assert (answer.status, "Musterstadt" in answer.body) == (421, False)
    assert client.get("/", host=None).status == 400


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "[::1]:8487", "LOCALHOST"])
def test_page_answers_to_this_machines_names_also_through_a_tunnel(client: Client, host: str) -> None:
    assert client.get("/", host=host).status == 200


def test_page_answers_to_a_name_of_the_settings() -> None:
    with served(PlainDesk(), host_names=("otv.praxis.example",)) as page:
        assert Client(page.port).get("/", host="OTV.praxis.example:8487").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example", "sec_fetch_site": "cross-site"},
        {"origin": "http://evil.example", "sec_fetch_site": None},
        {"origin": "null", "sec_fetch_site": "cross-site"},
        {"origin": "null", "sec_fetch_site": None},
        {"origin": None, "sec_fetch_site": None},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"origin": "http://evil.example"},
    ],
)
def test_form_that_was_sent_from_elsewhere_is_refused_though_the_person_is_signed_in(
    page: Served, client: Client, headers: dict[str, str | None]
) -> None:
    client.sign_in(TOKEN)
    mark = mark_in(client.get(RELEASE))
    for path in (*ACTING, "/login", "/logout"):
        assert client.post(path, {"mark": mark, "token": TOKEN}, **headers).status == 403
    assert page.desk.done == []


@pytest.mark.parametrize("headers", [{"origin": "null"}, {"origin": None}, {"sec_fetch_site": None}])
def test_form_of_our_own_is_taken_however_the_browser_says_so(
    client: Client, headers: dict[str, str | None]
) -> None:
    client.sign_in(TOKEN)
    mark = mark_in(client.get(RELEASE))
    assert client.post(RELEASE, {"mark": mark}, **headers).status == 303


# --- token, sign-in, marks -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ACTING)
def test_nobody_acts_without_having_shown_the_token(page: Served, client: Client, path: str) -> None:
    mark = mark_in(client.get("/login"))
    answer = client.post(path, {"mark": mark})
    assert (answer.status, answer.headers["location"]) == (303, "/login")
    client.cookies["otv_session"] = "invented"
    assert client.post(path, {"mark": mark}).status == 303
    assert page.desk.done == []


@pytest.mark.parametrize("path", ACTING)
def test_form_without_its_mark_or_with_another_ones_is_refused(
    page: Served, client: Client, path: str
) -> None:
    client.sign_in(TOKEN)
    other = Client(page.port)
    other.sign_in(TOKEN)
    for mark in ("", "0" * 64, "ä", mark_in(other.get(RELEASE))):
        assert client.post(path, {"mark": mark}).status == 403
    assert page.desk.done == []


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], f"{TOKEN}x", TOKEN.upper(), "ü" * 40])
def test_wrong_token_opens_nothing(client: Client, token: str) -> None:
    answer = client.sign_in(token)
    assert (answer.status, "otv_session" in client.cookies) == (401, False)


def test_cookies_are_out_of_reach_of_scripts_other_sites_and_open_lines(
    client: Client, certificate: Certificate
) -> None:
    plain = client.sign_in(TOKEN).headers["set-cookie"].splitlines()[0].lower()
    assert {"httponly", "samesite=strict", "path=/"} <= set(plain.split("; "))
    with served(PlainDesk(), local=False, certificate=certificate) as page:
        secure = Client(page.port, trusting(certificate)).sign_in(TOKEN).headers["set-cookie"].splitlines()[0]
        assert secure.startswith("__Host-otv_session=")
        assert {"httponly", "samesite=strict", "path=/", "secure"} <= set(secure.lower().split("; "))


def test_sign_in_has_a_new_id_each_time_and_ends_with_signing_out(page: Served, client: Client) -> None:
    client.sign_in(TOKEN)
    first = client.cookies["otv_session"]
    mark = mark_in(client.get("/"))
    assert client.post("/logout", {"mark": mark}).status == 303
    assert "otv_session" not in client.cookies
    client.cookies["otv_session"] = first
    assert client.post(RELEASE, {"mark": mark}).status == 303
    assert page.desk.done == []
    del client.cookies["otv_session"]
    client.sign_in(TOKEN)
    assert client.cookies["otv_session"] != first


def test_who_was_signed_in_before_the_service_began_anew_signs_in_again(client: Client) -> None:
    client.cookies["otv_session"] = "of-the-run-before"
    assert "Sign out" not in client.get("/", accept_language="en").body
    assert client.sign_in(TOKEN).status == 303
    assert "Sign out" in client.get("/", accept_language="en").body
    assert client.sign_in(TOKEN).status == 303, "a second tab"


def test_after_some_wrong_tokens_the_right_one_is_not_looked_at_either(client: Client) -> None:
    for _ in range(TRIES):
        assert client.sign_in("wrong-token-wrong-token").status == 401
    assert client.sign_in(TOKEN).status == 429
    assert "otv_session" not in client.cookies


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/\\evil.example", "/logout", "/holds/../logout"]
)
def test_signing_in_leads_to_no_other_place(client: Client, back: str) -> None:
    assert client.sign_in(TOKEN, back).headers["location"] == "/"


def test_signing_in_leads_back_to_what_was_to_be_done(client: Client) -> None:
    asked = client.get(RELEASE)
    assert asked.headers["location"] == f"/login?back={RELEASE.replace('/', '%2F')}"
    assert RELEASE in client.get(asked.headers["location"]).body
    assert client.sign_in(TOKEN, RELEASE).headers["location"] == RELEASE


def test_page_without_a_token_only_shows_and_says_the_command() -> None:
    with served(PlainDesk(), token=None) as page:
        client = Client(page.port)
        assert client.get("/login").status == 404
        assert client.post("/login", {"token": "", "mark": ""}).status == 404
        shown = client.get("/").body
        assert "otv-agent release dentport" in shown
        assert "<form" not in shown


@pytest.mark.parametrize("token", ["", "short", "x" * 15])
def test_token_that_is_too_short_opens_nothing_and_says_so(token: str) -> None:
    with served(PlainDesk(), token=token) as page:
        client = Client(page.port)
        answer = client.sign_in(token)
        assert (answer.status, "otv-agent config check" in answer.body) == (401, True)
        assert client.cookies.keys() == {"otv_form"}


# --- from other machines -------------------------------------------------------------------------


@pytest.mark.parametrize("path", READING)
def test_from_other_machines_nothing_is_read_without_the_token(certificate: Certificate, path: str) -> None:
    with served(PlainDesk(), local=False, certificate=certificate) as page:
        client = Client(page.port, trusting(certificate))
        answer = client.get(path)
        assert answer.status in (303, 401)
        assert "Musterstadt" not in answer.body
        assert "otv_agent" not in answer.body
        assert client.get("/healthz").body == "ok\n"
        client.sign_in(TOKEN)
        assert client.get(path).status == 200


def test_metrics_are_read_by_a_machine_that_shows_the_token(certificate: Certificate) -> None:
    with served(PlainDesk(), local=False, certificate=certificate) as page:
        client = Client(page.port, trusting(certificate))
        assert client.get("/metrics", authorization=f"Bearer {TOKEN}").body == "otv_agent_running 1.0\n"
        assert client.get("/", authorization=f"Bearer {TOKEN}").status == 303
        for wrong in ("Bearer wrong", f"Basic {TOKEN}", TOKEN):
            assert client.get("/metrics", authorization=wrong).status == 401


def test_bearer_token_is_guessed_no_more_often_than_another(certificate: Certificate) -> None:
    with served(PlainDesk(), local=False, certificate=certificate) as page:
        client = Client(page.port, trusting(certificate))
        for _ in range(TRIES):
            client.get("/metrics", authorization="Bearer wrong")
        assert client.get("/metrics", authorization=f"Bearer {TOKEN}").status == 401


# --- acting --------------------------------------------------------------------------------------


def test_release_names_the_very_numbers_that_were_seen(page: Served, client: Client) -> None:
    client.sign_in(TOKEN)
    asked = client.get(RELEASE)
    assert "1,180 of 1,250 patients" in asked.body
    done = client.post(RELEASE, {"mark": mark_in(asked)})
    assert (done.status, done.headers["location"]) == (303, "/?done=released")
    assert page.desk.done == [("release", hold_mark(HOLD))]
    again = client.post(RELEASE, {"mark": mark_in(asked)})
    assert (again.status, "it has changed" in again.body) == (409, True)
    assert client.get(RELEASE).status == 409


def test_discard_asks_once_more_and_happens_by_a_form_alone(page: Served, client: Client) -> None:
    client.sign_in(TOKEN)
    asked = client.get(DISCARD)
    assert "cannot be brought back" in asked.body
    assert page.desk.done == []
    done = client.post(DISCARD, {"mark": mark_in(asked)})
    assert (done.status, done.headers["location"]) == (303, "/?done=discarded")
    assert page.desk.done == [("discard", FILE_ID)]


def test_retry_is_offered_only_where_it_may_come_to_another_end(page: Served, client: Client) -> None:
    client.sign_in(TOKEN)
    shown = client.get("/").body
    assert f'action="{RETRY}"' in shown
    assert f"/set-aside/{SIGNED_FILE_ID}/retry" not in shown
    assert client.post(RETRY, {"mark": mark_in(client.get("/"))}).headers["location"] == "/?done=retried"
    assert page.desk.done == [("retry", FILE_ID)]


@pytest.mark.parametrize("path", [*ACTING, "/logout"])
def test_nothing_happens_by_a_link(page: Served, client: Client, path: str) -> None:
    client.sign_in(TOKEN)
    client.get(path)
    client.ask("HEAD", path)
    assert page.desk.done == []
    assert client.get("/").body.count("/logout") == 1


# --- every answer --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/login", 200),
        ("GET", "/series.json", 200),
        ("GET", "/static/page.css", 200),
        ("GET", "/metrics", 200),
        ("GET", "/healthz", 200),
        ("GET", RELEASE, 303),
        ("GET", "/nowhere", 404),
        ("GET", "/static/..%2Fsite.py", 404),
        ("GET", "/static/page.html", 404),
        ("GET", "/%00", 404),
        ("POST", "/", 405),
        ("DELETE", "/", 405),
        ("TRACE", "/", 405),
        ("POST", "/login", 403),
        ("HEAD", "/", 200),
    ],
)
def test_every_answer_has_the_strict_headers_and_no_servers_name(
    client: Client, method: str, path: str, status: int
) -> None:
    answer = client.ask(method, path)
    assert answer.status == status
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "server" not in answer.headers
    if "/static/" not in path or status != 200:
        assert answer.headers["cache-control"] == "no-store"


def test_policy_allows_nothing_inline_and_nothing_from_elsewhere(client: Client) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "unsafe" not in policy
    assert {part.split()[1] for part in policy.split("; ")} <= {"'none'", "'self'"}
    for path in ("/", "/login", "/nowhere"):
        shown = client.get(path).body
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?! src=)", shown)
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", shown)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 20_000,
        b"GET /\x00 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ],
)
def test_what_is_no_request_is_answered_as_strictly_and_quoted_nowhere(
    client: Client, request_bytes: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", client.port), timeout=30) as line:
        line.sendall(request_bytes)
        answer = b"".join(iter(lambda: line.recv(4096), b"")).decode()
    assert answer.startswith("HTTP/1.1 400 ")
    for name, value in HEADERS.items():
        assert f"{name}: {value}\r\n" in answer
    assert "yyy" not in answer


def test_exception_that_nobody_expected_is_told_without_a_word_of_it(page: Served, client: Client) -> None:
    page.desk.fault = ValueError(f"{BOOKED_FAMILY_NAME} {CANARIES['GRANTED'].email}")
    answer = client.get("/")
    assert (answer.status, answer.body) == (500, "Internal Server Error")
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    # The answer goes first.
    wait_until(lambda: page.defects == [page.desk.fault])


def test_database_that_is_down_is_told_with_what_to_do(page: Served, client: Client) -> None:
    page.desk.fault = DatabaseUnavailableError("host db.praxis.example does not answer")
    answer = client.get("/", accept_language="de")
    assert answer.status == 503
    assert "Prüfen Sie, ob der Datenbankserver läuft" in answer.body
    assert "db.praxis.example" not in answer.body
    assert page.defects == []


# --- too much ------------------------------------------------------------------------------------


def test_body_that_is_too_large_is_refused_with_and_without_a_length(client: Client) -> None:
    mark = mark_in(client.get("/login"))
    body = f"mark={mark}&token=" + "x" * MAX_BODY_BYTES
    assert client.ask("POST", "/login", body).status == 413
    assert client.ask("POST", "/login", content_length="-1").status in (400, 413)
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body.encode())
    assert client.ask("POST", "/login", chunk, content_length=None, transfer_encoding="chunked").status == 413


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "multipart/form-data; boundary=x", "application/json", "multipart/form-data"],
)
def test_form_of_another_kind_does_nothing(page: Served, client: Client, content_type: str) -> None:
    client.sign_in(TOKEN)
    body = '--x\r\ncontent-disposition: form-data; name="mark"; filename="a"\r\n\r\nx\r\n--x--\r\n'
    assert client.ask("POST", RELEASE, body, content_type=content_type).status in (400, 403)
    assert (page.desk.done, page.defects) == ([], [])


def test_flood_of_connections_is_cut_off_and_the_page_serves_on(page: Served, client: Client) -> None:
    idle = [socket.create_connection(("127.0.0.1", page.port), timeout=30) for _ in range(MAX_CONNECTIONS)]
    try:
        ends_at = time.monotonic() + 30
        refused = 0
        while not refused and time.monotonic() < ends_at:
            try:
                client.get("/healthz")
            except (ConnectionError, http.client.HTTPException):
                refused += 1
        assert refused
    finally:
        for one in idle:
            one.close()
    ends_at = time.monotonic() + 30
    while True:
        try:
            assert client.get("/healthz").status == 200
            break
        except (ConnectionError, http.client.HTTPException):
            assert time.monotonic() < ends_at


def test_names_and_messages_from_outside_are_text_and_never_markup(page: Served, client: Client) -> None:
    assert "port 22: &lt;refused&gt;" in client.get("/").body
