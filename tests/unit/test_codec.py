"""The framing: what a reader accepts, and that it refuses everything else without quoting it."""

import json
import traceback
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange_formats import codec
from exchange_formats.acknowledgements import RemovalAcknowledgement
from exchange_formats.bookings import BookingPatient, BookingRecord
from exchange_formats.codec import DocumentError, decode, decode_inbound, encode
from exchange_formats.envelope import Envelope, Kind
from exchange_formats.fields import ContactPoint, Record
from exchange_formats.file_names import parse_sealed_name, sealed_name
from exchange_formats.patients import PatientLine, PatientRecord
from exchange_formats.receipts import MessageReason
from exchange_formats.schema_export import schemas, written
from tests.hostile.broken_documents import BROKEN, Spoil, line

PACKAGE = Path(codec.__file__).parent
ENVELOPE = Envelope(
    record="envelope",
    format="otv",
    version=1,
    kind=Kind.BOOKINGS,
    message_id="m-1",
    sequence=1,
    practice_id="praxis-1",
    partner_id="dentport",
    created_at="2027-01-04T06:30:00Z",
    time_zone="Europe/Berlin",
)
BOOKING = BookingRecord(
    record="booking",
    booking_id="b-1",
    revision=1,
    action="book",
    slot_id="s-1",
    assignment_id="1",
    starts_at="2027-01-05T08:00:00Z",
    patient=BookingPatient(
        given_name="Jürgen",
        family_name="Groß",
        birth_date="1980-01-31",
        contact_points=[ContactPoint(system="email", use="home", value="j@example.org")],
        new_patient=False,
    ),
)


ACKNOWLEDGING = ENVELOPE.model_copy(update={"kind": Kind.ACKNOWLEDGEMENTS, "in_reply_to": "p-1"})
ACKNOWLEDGEMENT = RemovalAcknowledgement(record="removal_acknowledgement", patient_id="a1")


def file_with(*records: BookingRecord | RemovalAcknowledgement, envelope: Envelope = ENVELOPE) -> bytes:
    return b"".join(encode(envelope, records))


def test_a_bookings_file_survives_encoding_and_decoding() -> None:
    document = decode_inbound(file_with(BOOKING, BOOKING))
    assert document.envelope == ENVELOPE
    assert document.records == (BOOKING, BOOKING)


def test_a_file_without_records_is_whole() -> None:
    assert decode_inbound(file_with()).records == ()


@given(cut=st.integers(min_value=0, max_value=len(file_with(BOOKING)) - 1))
def test_a_file_cut_anywhere_is_refused(cut: int) -> None:
    with pytest.raises(DocumentError):
        decode_inbound(file_with(BOOKING)[:cut])


def test_a_file_that_lost_a_whole_line_is_refused() -> None:
    lines = file_with(BOOKING, BOOKING).splitlines(keepends=True)
    with pytest.raises(DocumentError) as caught:
        decode_inbound(b"".join([lines[0], lines[1], lines[3]]))
    assert caught.value.reason is MessageReason.INVALID_DOCUMENT
    assert caught.value.envelope == ENVELOPE


@pytest.mark.parametrize(
    ("kind", "record"), [(Kind.BOOKINGS, BOOKING), (Kind.ACKNOWLEDGEMENTS, ACKNOWLEDGEMENT)]
)
def test_a_file_of_more_records_than_the_limit_is_refused_before_they_are_read(
    kind: Kind, record: Record
) -> None:
    most = codec.MAX_RECORDS[kind]
    envelope = ACKNOWLEDGING if kind is Kind.ACKNOWLEDGEMENTS else ENVELOPE
    content = file_with(*[record] * most, envelope=envelope)
    assert len(decode_inbound(content).records) == most
    lines = content.splitlines(keepends=True)
    with pytest.raises(DocumentError) as caught:
        decode_inbound(lines[0] + b"{}\n" * (most + 1) + lines[-1])
    assert (caught.value.reason, caught.value.line_number) == (MessageReason.INVALID_DOCUMENT, most + 2)


def replaced(old: str, new: str) -> bytes:
    content = file_with(BOOKING)
    assert old.encode() in content
    return content.replace(old.encode(), new.encode(), 1)


SPOILS = {name: spoil for spoils in BROKEN.values() for name, spoil in spoils.items()}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS.keys())
def test_a_file_with_a_fault_is_refused_and_the_error_quotes_nothing(spoil: Spoil) -> None:
    with pytest.raises(DocumentError) as caught:
        decode_inbound(spoil(file_with(BOOKING)))
    assert caught.value.reason is MessageReason.INVALID_DOCUMENT
    assert "Gro" not in "".join(traceback.format_exception(caught.value))


def test_a_later_version_of_the_format_is_named_as_such() -> None:
    with pytest.raises(DocumentError) as caught:
        decode_inbound(replaced('"version":1', '"version":2'))
    assert caught.value.reason is MessageReason.UNSUPPORTED_VERSION


def test_a_receipt_replayed_as_bookings_is_refused_by_its_kind() -> None:
    receipt = ENVELOPE.model_copy(update={"kind": Kind.RECEIPTS})
    with pytest.raises(DocumentError) as caught:
        decode_inbound(file_with(envelope=receipt))
    assert caught.value.reason is MessageReason.WRONG_KIND


def test_an_acknowledgements_file_survives_and_tells_which_file_it_answers() -> None:
    document = decode_inbound(file_with(ACKNOWLEDGEMENT, envelope=ACKNOWLEDGING))
    assert document.envelope.in_reply_to == "p-1"
    assert document.records == (ACKNOWLEDGEMENT,)


@pytest.mark.parametrize(
    "content",
    [file_with(ACKNOWLEDGEMENT), file_with(BOOKING, envelope=ACKNOWLEDGING)],
    ids=["acknowledgement among bookings", "booking among acknowledgements"],
)
def test_a_record_of_another_kind_is_refused(content: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        decode_inbound(content)
    assert caught.value.reason is MessageReason.INVALID_DOCUMENT


def test_the_same_booking_in_another_spelling_has_the_same_digest() -> None:
    in_order = line(lambda one: json.dumps(json.loads(one), sort_keys=True).encode() + b"\n")
    shuffled = in_order(file_with(BOOKING))
    assert shuffled != file_with(BOOKING)
    assert codec.content_digest(decode_inbound(shuffled).records[0]) == codec.content_digest(BOOKING)
    other = BOOKING.model_copy(update={"starts_at": "2027-01-05T08:15:00Z"})
    assert codec.content_digest(other) != codec.content_digest(BOOKING)


@given(
    given_name=st.text(min_size=1),
    value=st.text(min_size=1),
    birth_date=st.dates().map(str) | st.none(),
    contacts=st.integers(0, 3),
)
def test_a_patient_line_is_the_line_of_the_model(
    given_name: str, value: str, birth_date: str | None, contacts: int
) -> None:
    points = [("phone", "mobile", value), ("email", "home", f'"{value}\\'), ("phone", "work", "\x00é")][
        :contacts
    ]
    line = PatientLine("0a1b", given_name, "O'Neill \u2028", birth_date, points).line()
    model = PatientRecord.model_construct(
        record="patient",
        patient_id="0a1b",
        given_name=given_name,
        family_name="O'Neill \u2028",
        birth_date=birth_date,
        contact_points=[
            ContactPoint.model_construct(system=system, use=use, value=text) for system, use, text in points
        ],
    )
    assert line == model.line()


@given(sequence=st.integers(min_value=1, max_value=10**12))
def test_a_sealed_name_can_be_read_back(sequence: int) -> None:
    envelope = ENVELOPE.model_copy(update={"sequence": sequence, "message_id": "0a1b2c3d-ffff"})
    parsed = parse_sealed_name(sealed_name(envelope))
    assert parsed is not None
    assert (parsed.kind, parsed.sequence) == (Kind.BOOKINGS, sequence)


@pytest.mark.parametrize("name", ["", "a.pgp", "bookings-x-00000001-0a1b2c3d.pgp", "../../etc/passwd"])
def test_a_foreign_name_is_not_taken_for_one_of_ours(name: str) -> None:
    assert parse_sealed_name(name) is None


def test_the_committed_schemas_equal_the_models() -> None:
    committed = {path.name: path.read_text("utf-8") for path in (PACKAGE / "schemas").glob("*.json")}
    assert committed == {name: written(schema) for name, schema in schemas().items()}


@pytest.mark.parametrize("kind", list(Kind))
def test_the_example_of_each_kind_is_read_by_the_codec_and_fits_its_schema(kind: Kind) -> None:
    content = (PACKAGE / "examples" / f"{kind.value}.ndjson").read_bytes()
    assert decode(content, kind).records
    validator = jsonschema.Draft202012Validator(schemas()[f"{kind.value}.schema.json"])
    for text in content.splitlines():
        validator.validate(json.loads(text))


@pytest.mark.parametrize("kind", list(Kind))
def test_a_schema_refuses_a_line_with_an_unknown_field(kind: Kind) -> None:
    validator = jsonschema.Draft202012Validator(schemas()[f"{kind.value}.schema.json"])
    for text in (PACKAGE / "examples" / f"{kind.value}.ndjson").read_bytes().splitlines():
        assert not validator.is_valid({**json.loads(text), "note": "x"})
