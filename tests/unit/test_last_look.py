"""The last look lets through what may leave, line by line, and stops at the first one that may not."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.last_look import looked_over
from agent.errors import UnfitDocumentError
from exchange_formats.availability import FreeSlot
from exchange_formats.codec import encode
from exchange_formats.envelope import Envelope, Kind
from exchange_formats.patients import PatientLine, PatientRecord, RemovalRecord
from exchange_formats.reference_data import TreatmentRoomRecord

ENVELOPE = Envelope(
    record="envelope",
    format="otv",
    version=1,
    kind=Kind.PATIENTS,
    message_id="m-1",
    sequence=1,
    practice_id="praxis-1",
    partner_id="dentport",
    created_at="2027-01-04T06:30:00Z",
    time_zone="Europe/Berlin",
)
MOBILE = ("phone", "mobile", "+49 (171) 555-0101")
ANNA = PatientLine("a1", "Anna", "Müller", "1980-05-17", [MOBILE, ("email", "home", "anna@example.org")])
BERND = PatientLine("b2", "Bernd", "O'Neill-Łukasz", None, [])
VIET = PatientLine("c3", 'Thị "Mai"', "Đặng\\", "2000-02-29", [("phone", "home", "ab 😀")])


def looked(known: Sequence[str], *records: Any, kind: Kind = Kind.PATIENTS) -> list[bytes]:
    return list(looked_over(encode(ENVELOPE, records), kind, iter(known)))


def test_lines_that_may_leave_go_through_unchanged() -> None:
    records = (ANNA, BERND, VIET, RemovalRecord(patient_id="z9"))
    assert looked(["a1", "b2", "c3"], *records) == list(encode(ENVELOPE, records))
    # Who agreed while the file was made has no line yet.
    assert looked(["a0", "a1", "a2", "b2", "c3", "d4"], *records) == list(encode(ENVELOPE, records))


@pytest.mark.parametrize(
    ("known", "records"),
    [
        ([], (ANNA,)),
        (["b2", "c3"], (ANNA,)),
        (["a1"], (ANNA, BERND)),
        (["a1", "b2"], (ANNA, ANNA)),
        (["a1", "b2"], (ANNA, VIET)),
        (["a1", "b2"], (BERND, ANNA)),
    ],
    ids=["nobody agreed", "not this one", "not the second", "twice", "not this odd one", "out of order"],
)
def test_patient_whom_the_partner_may_not_know_stops_the_file(known: list[str], records: Any) -> None:
    with pytest.raises(UnfitDocumentError, match=f"line {len(records) + 1}: of a patient") as stopped:
        looked(known, *records)
    assert not any(name in str(stopped.value) for name in ("Anna", "Müller", "Bernd", "Thị"))


def changed(**fields: Any) -> bytes:
    return (
        json.dumps(json.loads(ANNA.line()) | fields, ensure_ascii=False, separators=(",", ":")).encode()
        + b"\n"
    )


class Raw:
    """A record that is just its line."""

    record = "patient"

    def __init__(self, text: bytes) -> None:
        self._text = text

    def line(self) -> bytes:
        return self._text


@pytest.mark.parametrize(
    "line",
    [
        changed(insurance="AOK"),
        changed(record="person"),
        changed(given_name=""),
        changed(given_name="A" * 101),
        changed(given_name=" Anna"),
        changed(family_name="Müller\u202e"),
        changed(family_name="Mü\u0085ller"),
        changed(birth_date="17.05.1980"),
        changed(birth_date="1981-02-29"),
        changed(birth_date="1980-04-31"),
        changed(contact_points=[{"system": "fax", "use": "home", "value": "0171"}]),
        changed(contact_points=[{"system": "phone", "use": "home", "value": "0171", "rank": 1}]),
        changed(contact_points=[{"system": "phone", "use": "home", "value": "12"}]),
        changed(contact_points=[{"system": "phone", "use": "home", "value": "0171"}] * 51),
        changed(contact_points="0171 5550101"),
        changed() [:-1] + b',"note":"x"}\n',
        changed() + changed(),
        changed()[:-20],
        b"\xff\n",
        b"",
        b'{"record":"slot"}\n',
        b' {"record":"envelope"}\n',
    ],
)  # fmt: skip
def test_line_beyond_the_published_form_stops_the_file_and_is_not_quoted(line: bytes) -> None:
    with pytest.raises(UnfitDocumentError, match="line 2: ") as stopped:
        looked(["a1", "a1"], Raw(line))
    assert "Anna" not in str(stopped.value)
    assert stopped.value.__cause__ is None


NINE, TEN = "2027-01-05T08:00:00Z", "2027-01-05T09:00:00Z"
SLOT = FreeSlot(slot_id="s-1", assignment_id="1", column_id="1", starts_at=NINE, ends_at=TEN)


def test_other_files_hold_their_own_records_and_never_a_patient() -> None:
    room = TreatmentRoomRecord(room_id="1", name="Zimmer 1")
    assert len(looked([], SLOT, SLOT, kind=Kind.AVAILABILITY)) == 4
    assert len(looked([], room, kind=Kind.REFERENCE_DATA)) == 3
    for kind, record in ((Kind.AVAILABILITY, ANNA), (Kind.REFERENCE_DATA, ANNA), (Kind.AVAILABILITY, room)):
        with pytest.raises(UnfitDocumentError, match="line 2: a record"):
            looked(["a1"], record, kind=kind)


@given(
    given_name=st.text(min_size=1, max_size=120),
    birth_date=st.dates().map(str) | st.none() | st.text(max_size=10),
    value=st.text(max_size=30) | st.from_regex(r"\+?[0-9 ]{2,20}"),
)
def test_the_quick_look_sees_what_the_model_sees(given_name: str, birth_date: str | None, value: str) -> None:
    raw = {
        "record": "patient",
        "patient_id": "a1",
        "given_name": given_name,
        "family_name": "Müller",
        "birth_date": birth_date,
        "contact_points": [{"system": "phone", "use": "home", "value": value}],
    }
    line = json.dumps(raw, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"
    try:
        PatientRecord.model_validate_json(line)
    except ValueError:
        with pytest.raises(UnfitDocumentError):
            looked(["a1"], Raw(line))
    else:
        assert looked(["a1"], Raw(line))[1] == line
