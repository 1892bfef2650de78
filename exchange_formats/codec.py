"""Documents to lines and back; reading is strict, so that two parsers cannot see two things.

A file is UTF-8, one JSON object a line, every line ended by `\\n`: envelope,
records, trailer. Refused are duplicate keys, NaN and huge numbers, deep or
long lines, unknown fields, another order of lines, too many bookings, and a
record count that does not fit. Errors name the line, never what stands in it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from exchange_formats import FORMAT, VERSION
from exchange_formats.acknowledgements import RemovalAcknowledgement
from exchange_formats.appointment_updates import AppointmentUpdateRecord
from exchange_formats.availability import AvailabilityRecord
from exchange_formats.bookings import BookingsRecord
from exchange_formats.envelope import Envelope, Kind, Trailer
from exchange_formats.fields import Line, Record
from exchange_formats.key_handover import KeyHandoverRecord
from exchange_formats.patients import PatientsRecord
from exchange_formats.receipts import MessageReason, ReceiptRecord
from exchange_formats.reference_data import ReferenceRecord

MAX_LINE_BYTES = 64 * 1024
MAX_BRACKETS_IN_LINE = 64
MAX_NUMBER_CHARACTERS = 17
MAX_RECORDS = {Kind.BOOKINGS: 100, Kind.ACKNOWLEDGEMENTS: 50_000}
"""In a partner's file: all of it is one transaction, and each booking costs a judgement."""

RECORD_TYPES: dict[Kind, Any] = {
    Kind.AVAILABILITY: AvailabilityRecord,
    Kind.REFERENCE_DATA: ReferenceRecord,
    Kind.PATIENTS: PatientsRecord,
    Kind.BOOKINGS: BookingsRecord,
    Kind.RECEIPTS: ReceiptRecord,
    Kind.APPOINTMENT_UPDATES: AppointmentUpdateRecord,
    Kind.ACKNOWLEDGEMENTS: RemovalAcknowledgement,
    Kind.KEY_HANDOVER: KeyHandoverRecord,
}

INBOUND_KINDS = (Kind.BOOKINGS, Kind.ACKNOWLEDGEMENTS)
"""What a partner may send."""

RecordT = TypeVar("RecordT", bound=Record)


@dataclass(frozen=True, slots=True)
class Document(Generic[RecordT]):
    """A whole file that was read and found in order."""

    envelope: Envelope
    records: tuple[RecordT, ...]


BookingDocument = Document[BookingsRecord]
AcknowledgementDocument = Document[RemovalAcknowledgement]
InboundDocument = BookingDocument | AcknowledgementDocument


class DocumentError(ValueError):
    """The file cannot be processed; `envelope` is there if at least the first line could be read."""

    def __init__(self, reason: MessageReason, line_number: int, envelope: Envelope | None = None) -> None:
        super().__init__(f"line {line_number}: {reason.value}")
        self.reason = reason
        self.line_number = line_number
        self.envelope = envelope


def encode(envelope: Envelope, records: Iterable[Line]) -> Iterator[bytes]:
    """The lines of a file, lazily; the trailer counts what went before it."""
    yield envelope.line()
    count = 0
    for count, record in enumerate(records, start=1):  # noqa: B007 - the last number is the count
        yield record.line()
    yield Trailer(record="trailer", record_count=count).line()


def decode(content: bytes, *kinds: Kind) -> Document[Any]:
    """Read a whole file of one of these kinds. Raises DocumentError."""
    count = content.count(b"\n")
    if count < 2 or not content.endswith(b"\n"):
        raise DocumentError(MessageReason.INVALID_DOCUMENT, max(count, 1))
    envelope = _envelope(content[: content.index(b"\n")])
    if envelope.kind not in kinds:
        raise DocumentError(MessageReason.WRONG_KIND, 1, envelope)
    most = MAX_RECORDS.get(envelope.kind, count)
    if count - 2 > most:
        raise DocumentError(MessageReason.INVALID_DOCUMENT, most + 2, envelope)
    # Only now: millions of tiny lines would cost twenty times their size.
    lines = content.split(b"\n")[:-1]
    records = tuple(
        _validated(_RECORDS[envelope.kind], text, number, envelope)
        for number, text in enumerate(lines[1:-1], start=2)
    )
    trailer = _validated(_TRAILER, lines[-1], len(lines), envelope)
    if trailer.record_count != len(records):
        raise DocumentError(MessageReason.INVALID_DOCUMENT, len(lines), envelope)
    return Document(envelope, records)


def decode_inbound(content: bytes) -> InboundDocument:
    """Read a file of a partner; `envelope.kind` says which of the two it is. Raises DocumentError."""
    return decode(content, *INBOUND_KINDS)


def content_digest(record: Record) -> str:
    """SHA-256 of a record's content, the same for every spelling of the same JSON object."""
    canonical = json.dumps(record.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


_RECORDS: dict[Kind, TypeAdapter[Any]] = {kind: TypeAdapter(of) for kind, of in RECORD_TYPES.items()}
_ENVELOPE: TypeAdapter[Envelope] = TypeAdapter(Envelope)
_TRAILER: TypeAdapter[Trailer] = TypeAdapter(Trailer)


def _envelope(text: bytes) -> Envelope:
    raw = _strict_object(text, 1, None)
    if raw.get("format") == FORMAT and raw.get("version") != VERSION:
        raise DocumentError(MessageReason.UNSUPPORTED_VERSION, 1)
    envelope: Envelope = _model(_ENVELOPE, text, 1, None)
    return envelope


def _validated(model: TypeAdapter[Any], text: bytes, number: int, envelope: Envelope) -> Any:
    _strict_object(text, number, envelope)
    return _model(model, text, number, envelope)


def _model(model: TypeAdapter[Any], text: bytes, number: int, envelope: Envelope | None) -> Any:
    try:
        return model.validate_json(text)
    except ValidationError:
        # Neither message nor cause: pydantic's text quotes the input.
        raise DocumentError(MessageReason.INVALID_DOCUMENT, number, envelope) from None


def _strict_object(text: bytes, number: int, envelope: Envelope | None) -> dict[str, Any]:
    """What pydantic's parser lets pass: duplicate keys, NaN, numbers of any length."""
    brackets = text.count(b"{") + text.count(b"[")
    try:
        if len(text) > MAX_LINE_BYTES or brackets > MAX_BRACKETS_IN_LINE:
            raise ValueError
        raw = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_no_number,
            parse_float=_no_number,
            parse_int=_short_integer,
        )
    except (ValueError, RecursionError):
        raise DocumentError(MessageReason.INVALID_DOCUMENT, number, envelope) from None
    if not isinstance(raw, dict):
        raise DocumentError(MessageReason.INVALID_DOCUMENT, number, envelope)
    return raw


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate key")
    return result


def _no_number(text: str) -> Any:
    raise ValueError("no format has fractions, NaN or infinity")


def _short_integer(text: str) -> int:
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise ValueError("number too long")
    return int(text)
