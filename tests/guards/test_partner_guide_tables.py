"""The partner's guide is true: its tables, examples and jq programs name what the code has, and all of it."""

import json
import re
from typing import Any, get_args

from pydantic import TypeAdapter

from exchange_formats.codec import INBOUND_KINDS, RECORD_TYPES
from exchange_formats.envelope import Envelope, Kind, Trailer
from exchange_formats.fields import Record
from exchange_formats.file_names import parse_sealed_name
from tests.kit.partner_guide import GUIDE, JQ, anchor, examples, fenced, section, table_rows


def word_of(model: type[Record], field: str) -> str:
    (word,) = get_args(model.model_fields[field].annotation)
    return str(word)


def line_models() -> dict[str, type[Record]]:
    """Every line there is, by its `record`; where several share one, with the action behind it."""
    models: list[type[Record]] = [Envelope, Trailer]
    for records in RECORD_TYPES.values():
        models += get_args(get_args(records)[0]) if get_args(records) else [records]
    return {
        " ".join(word_of(model, tag) for tag in ("record", "action") if tag in model.model_fields): model
        for model in models
    }


def inner_model(annotation: Any) -> type[Record] | None:
    """The model of a field that holds objects, one or a list of them."""
    parts = (annotation, *get_args(annotation))
    return next((one for one in parts if isinstance(one, type) and issubclass(one, Record)), None)


def tables() -> dict[str, dict[str, type[Record]]]:
    """What needs a table: heading -> field as the guide writes it -> the model that has the field.

    The fields of an object stand in the table of its line, those of a list's items in one of their own.
    """
    result: dict[str, dict[str, type[Record]]] = {}

    def add(heading: str, model: type[Record], prefix: str = "") -> None:
        fields = result.setdefault(heading, {})
        for name, field in model.model_fields.items():
            if name == "record":
                continue
            fields[prefix + name] = model
            inner = inner_model(field.annotation)
            if inner is None:
                continue
            if isinstance(field.annotation, type):
                add(heading, inner, f"{name}.")
            else:
                add(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", inner.__name__).lower(), inner)

    for heading, model in line_models().items():
        add(heading, model)
    return result


def documented() -> dict[str, dict[str, str]]:
    """What the guide's tables say: heading -> field -> type."""
    headings = re.findall(
        r"^#### Fields of (?:an? )?(`[a-z_ ]+`(?:, action `[a-z]+`)?)$", GUIDE, re.MULTILINE
    )
    return {
        " ".join(re.findall(r"`([^`]+)`", heading)): {
            row[0].strip("`"): row[1] for row in table_rows(heading)
        }
        for heading in headings
    }


def schema_of(model: type[Record], field: str) -> dict[str, Any]:
    properties: dict[str, dict[str, Any]] = TypeAdapter(model).json_schema()["properties"]
    return properties[field.rpartition(".")[2]]


def test_the_tables_list_exactly_the_fields_of_each_record() -> None:
    written = {heading: list(fields) for heading, fields in documented().items()}
    assert written == {heading: list(fields) for heading, fields in tables().items()}


def test_the_type_of_a_field_names_its_words_and_says_whether_it_may_be_null() -> None:
    for heading, fields in tables().items():
        for field, model in fields.items():
            schema = schema_of(model, field)
            choices = schema.get("anyOf", [schema])
            words = [word for one in choices for word in one.get("enum", [one.get("const")])]
            cell = documented()[heading][field]
            assert re.findall(r'"([^"]+)"', cell) == [word for word in words if word], (heading, field)
            assert ("null" in cell) == ({"type": "null"} in choices), (heading, field)


def test_the_overview_names_every_kind_with_its_direction() -> None:
    rows = table_rows("1. Overview")
    assert [row[0] for row in rows] == [f"`{kind.value}`" for kind in Kind]
    senders = {Kind(row[0].strip("`")): (row[1], row[2]) for row in rows}
    for kind, direction in senders.items():
        inbound = kind in INBOUND_KINDS
        assert direction == (("partner", "practice") if inbound else ("practice", "partner"))
        (arrow,) = re.findall(
            rf"^.*\b{kind.value}\b.*$", section("1. Overview").split("```")[1], re.MULTILINE
        )
        assert ("<───" if inbound else "───>") in arrow


def test_every_example_line_stands_in_an_example_file_and_no_record_lacks_one() -> None:
    shown = [line for text in fenced("json") for line in text.splitlines()]
    assert set(shown) <= {line for kind in Kind for line in examples(kind)}
    parsed = [json.loads(line) for line in shown]
    tags = {" ".join(line[tag] for tag in ("record", "action") if tag in line) for line in parsed}
    assert tags == set(line_models())


def test_jq_programs_use_only_fields_records_and_kinds_that_exist() -> None:
    programs = [program for text in JQ for program in re.findall(r"\bjq [^']*'([^']*)'", text)]
    assert len(programs) == sum(len(re.findall(r"\bjq ", text)) for text in JQ)
    fields = {field for table in tables().values() for field in table} | {"record"}
    words = {"record": {heading.split()[0] for heading in tables()}, "kind": {kind.value for kind in Kind}}
    for program in programs:
        assert set(re.findall(r"\.([a-z_]+)", program)) <= fields
        assert set(re.findall(r"\b([a-z_]+):", program)) <= fields
        for field, known in words.items():
            assert set(re.findall(rf'\b{field}(?: ==|:) "([a-z_]+)"', program)) <= known


def test_file_names_in_the_guide_are_names_that_the_practice_gives() -> None:
    kinds = "|".join(kind.value for kind in Kind if kind not in INBOUND_KINDS)
    names = re.findall(rf"`((?:{kinds})-[^`]*\.pgp)`", GUIDE)
    assert names
    assert all(parse_sealed_name(name) for name in names)


def test_links_within_the_guide_lead_to_its_headings() -> None:
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", GUIDE, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    links = re.findall(r"\[([^\]]+)\]\(#([^)]+)\)", GUIDE)
    assert {target for _, target in links} <= {anchor(heading) for heading in headings}
    for text, target in links:
        number = re.fullmatch(r"section (\d+)", text)
        if number and re.match(r"\d", target):
            assert target.startswith(f"{number[1]}-"), text
