"""The partner's guide is true: its tables, examples and jq programs name what the code has, and all of it."""

import json
import re
from typing import get_args

from exchange_formats.bookings import BookingPatient
from exchange_formats.codec import RECORD_TYPES
from exchange_formats.envelope import Envelope, Trailer
from exchange_formats.fields import ContactPoint, Record
from exchange_formats.file_names import parse_sealed_name
from tests.kit.partner_guide import GUIDE, JQ, ROOT, fenced


def record_models() -> dict[str, type[Record]]:
    """Every line there is, by its `record`."""
    models: list[type[Record]] = [Envelope, Trailer]
    for records in RECORD_TYPES.values():
        models += get_args(get_args(records)[0]) if get_args(records) else [records]
    return {get_args(model.model_fields["record"].annotation)[0]: model for model in models}


def documented_fields() -> dict[str, list[str]]:
    """What the guide's tables list, by the name in the heading."""
    sections = re.findall(
        r"^#### Fields of (?:a )?`([a-z_ ]+)`\n(.*?)(?=^#)", GUIDE, re.MULTILINE | re.DOTALL
    )
    return {name: re.findall(r"^\| `([a-z_0-9.]+)` \|", text, re.MULTILINE) for name, text in sections}


def test_the_tables_list_exactly_the_fields_of_each_record() -> None:
    expected = {
        name: [field for field in model.model_fields if field != "record"]
        for name, model in record_models().items()
    }
    expected["booking"] += [f"patient.{field}" for field in BookingPatient.model_fields]
    expected["contact point"] = list(ContactPoint.model_fields)
    assert documented_fields() == expected


def test_every_example_line_stands_in_an_example_file_and_no_record_lacks_one() -> None:
    committed = {
        line
        for file in (ROOT / "exchange_formats" / "examples").glob("*.ndjson")
        for line in file.read_text(encoding="utf-8").splitlines()
    }
    shown = [line for text in fenced("json") for line in text.splitlines()]
    assert set(shown) <= committed
    assert {json.loads(line)["record"] for line in shown} == set(record_models())


def test_jq_programs_use_only_fields_and_records_that_exist() -> None:
    programs = [program for text in JQ for program in re.findall(r"\bjq [^']*'([^']*)'", text)]
    assert len(programs) == sum(len(re.findall(r"\bjq ", text)) for text in JQ)
    fields = {field for model in record_models().values() for field in model.model_fields}
    for program in programs:
        assert set(re.findall(r"\.([a-z_]+)", program)) <= fields
        assert set(re.findall(r"\b([a-z_]+):", program)) <= fields
        assert set(re.findall(r'\brecord(?: ==|:) "([a-z_]+)"', program)) <= set(record_models())


def test_file_names_in_the_guide_are_names_that_the_practice_gives() -> None:
    names = re.findall(r"`((?:availability|receipts|patients|reference_data)-[^`]*\.pgp)`", GUIDE)
    assert names
    assert all(parse_sealed_name(name) for name in names)
