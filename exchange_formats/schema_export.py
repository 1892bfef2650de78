"""The JSON Schemas (2020-12) of every line, made from the models.

`python -m exchange_formats.schema_export FOLDER` writes them; a test holds the
committed files equal. One schema per kind describes any line of such a file.
"""

import json
import sys
from pathlib import Path
from typing import Any, Union

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from exchange_formats.codec import INBOUND_KINDS, RECORD_TYPES
from exchange_formats.envelope import Envelope, Trailer


def schemas() -> dict[str, dict[str, Any]]:
    """File name -> schema of one line: the envelope, a record of that kind, or the trailer."""
    result = {}
    for kind, records in RECORD_TYPES.items():
        any_line: Any = Union[Envelope, records, Trailer]  # noqa: UP007
        # A line we write always has every field; in a line we read the nullable ones may be left out.
        mode: JsonSchemaMode = "validation" if kind in INBOUND_KINDS else "serialization"
        schema = TypeAdapter(any_line).json_schema(mode=mode)
        result[f"{kind.value}.schema.json"] = {
            "$schema": GenerateJsonSchema.schema_dialect,
            "title": f"one line of a file of kind {kind.value}",
            **schema,
        }
    return result


def written(schema: dict[str, Any]) -> str:
    """A schema as it stands in its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    folder = Path(sys.argv[1])
    for name, schema in schemas().items():
        (folder / name).write_text(written(schema), encoding="utf-8")


if __name__ == "__main__":
    main()
