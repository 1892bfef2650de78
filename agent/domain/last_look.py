"""The last look at a document: every finished line, just before it is sealed (promise P10).

Whoever made the lines has decided already; nothing of that is believed here. What goes through is a
record that its kind of file may hold, with no field and no character beyond the published form,
about somebody whom the database, asked anew in the same snapshot, lets this partner know.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from agent.errors import UnfitDocumentError
from exchange_formats.codec import RECORD_TYPES
from exchange_formats.envelope import Kind
from exchange_formats.patients import PatientRecord, RemovalRecord

# In UTF-8, as the lines are: letters of western languages, no space at either end.
_NAME = rb"(?! )[A-Za-z' .\xc3-\xc9\x80-\xbf-]{1,100}+(?<! )"
_DAY = (
    rb"[12][0-9]{3}-(?:02-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:0[1-9]|[12][0-9]|30)"
    rb"|(?:0[13578]|1[02])-31)"
)
_CONTACT = (
    rb'\{"system":"(?:phone|email)","use":"(?:home|work|mobile)",'
    rb'"value":"[A-Za-z0-9+(][A-Za-z0-9@._/+() -]{2,199}+(?<! )"\}'
)
_PLAIN_PATIENT = re.compile(
    rb'\{"record":"patient","patient_id":"([A-Za-z0-9]{1,64}+)","given_name":"' + _NAME
    + rb'","family_name":"' + _NAME + rb'","birth_date":(?:null|"' + _DAY
    + rb'"),"contact_points":\[(?:' + _CONTACT + rb"(?:," + _CONTACT + rb"){0,49}+)?+\]\}\n"
)  # fmt: skip
"""Nearly every patient; who does not fit is judged by the model, which costs many times as much."""
_PATIENTS_FILE: TypeAdapter[PatientRecord | RemovalRecord] = TypeAdapter(RECORD_TYPES[Kind.PATIENTS])
_FRAME = (b'{"record":"envelope",', b'{"record":"trailer",')


def looked_over(lines: Iterable[bytes], kind: Kind, may_be_known: Iterator[str]) -> Iterator[bytes]:
    """The same lines; `may_be_known` are the aliases of whom the partner may know, in the order of the file.

    Raises UnfitDocumentError before the first line that is not to leave.
    """
    if kind is Kind.PATIENTS:
        return _patients_file(lines, may_be_known)
    return _nobody_named(lines, (*_FRAME, *_beginnings(kind)))


def _patients_file(lines: Iterable[bytes], may_be_known: Iterator[str]) -> Iterator[bytes]:
    plain = _PLAIN_PATIENT.fullmatch
    for number, line in enumerate(lines, start=1):
        found = plain(line)
        alias = found[1].decode() if found else _patient_in(line, number)
        # In step with the database's own list, which may name more: who agreed this minute has no line yet.
        if alias is not None and alias not in may_be_known:
            raise UnfitDocumentError(f"line {number}: of a patient whom the partner may not know")
        yield line


def _patient_in(line: bytes, number: int) -> str | None:
    """Whom a patient's line names; None for a line that names nobody."""
    if line.startswith(_FRAME):
        return None
    try:
        record = _PATIENTS_FILE.validate_json(line)
    except ValidationError:
        record = None  # the text of the error would quote the line
    if record is None:
        raise UnfitDocumentError(f"line {number}: not in the published form of a patients file")
    return record.patient_id if isinstance(record, PatientRecord) else None


def _nobody_named(lines: Iterable[bytes], beginnings: tuple[bytes, ...]) -> Iterator[bytes]:
    for number, line in enumerate(lines, start=1):
        if not line.startswith(beginnings):
            raise UnfitDocumentError(f"line {number}: a record that this kind of file does not hold")
        yield line


def _beginnings(kind: Kind) -> tuple[bytes, ...]:
    """How the lines of this kind of file begin: with the name of the record."""
    union, *_ = get_args(RECORD_TYPES[kind])
    models: tuple[Any, ...] = get_args(union)
    return tuple(f'{{"record":"{model.model_fields["record"].default}",'.encode() for model in models)
