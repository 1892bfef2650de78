"""The commented samples, their schemas and the tables of the documentation, written out of the models.

`python -m agent.config.sample` writes them into the source tree; a test holds
the committed files equal, so that a setting cannot be added, renamed or
changed without its sample and its documentation.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from agent.config.json_schema import AGENT_SCHEMA, PARTNER_SCHEMA, SCHEMAS, schema_line, schema_text
from agent.config.model import AgentSettings
from agent.config.partner_model import PartnerSettings
from agent.config.section import Section, fields_within, section_of

SAMPLES: dict[str, type[Section]] = {
    "config/agent.full.yaml": AgentSettings,
    "config/partners/dentport.yaml": PartnerSettings,
}
SCHEMA_FOLDER = "config/schemas"
SCHEMA_LINES = {
    "config/agent.full.yaml": schema_line(f"schemas/{AGENT_SCHEMA}"),
    "config/partners/dentport.yaml": schema_line(f"../schemas/{PARTNER_SCHEMA}"),
}
DOCUMENTATION = "docs/configuration.md"
BEGIN = "<!-- tables written by agent.config.sample: begin -->"
END = "<!-- end -->"

Values = Mapping[tuple[str, ...], Any]
"""Path of a setting -> its value."""

# What could be punctuation or "no value" to YAML is none of this.
_PLAIN = re.compile(r"(?!null$|Null$|NULL$)[A-Za-z0-9/_.](?:[A-Za-z0-9/_.+=@ -]*[A-Za-z0-9/_.+=@-])?")

_INTRODUCTION = """\
# Every setting with its default. A line that begins with `#` and a key is a
# setting that is off or follows from another one. See docs/configuration.md.
"""


def sample_yaml(model: type[Section], values: Values | None = None, left_out: Collection[str] = ()) -> str:
    """A valid YAML file with every setting of `model`, each below its description.

    `values` by path stand where they are given, instead of defaults and examples; sections `left_out` are
    off.
    """
    return _INTRODUCTION + "".join(f"{line}\n" for line in _lines(model, values or {}, left_out))


def settings_table(model: type[Section]) -> str:
    """A Markdown table: key, default, what is allowed, meaning; a section has a row if it may be left out."""
    rows = ["| key | default | allowed | meaning |", "|---|---|---|---|"]
    for path, field in fields_within(model):
        if _subsection(field) is None or (field.default is None and not field.is_required()):
            cells = (f"`{'.'.join(path)}`", _default_cell(field), _allowed_cell(field), field.description)
            rows.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(rows) + "\n"


def documentation_tables() -> str:
    """What stands between BEGIN and END in the documentation."""
    agent, partner = settings_table(AgentSettings), settings_table(PartnerSettings)
    return f"{BEGIN}\n### agent.yaml\n\n{agent}\n### partners/PARTNER.yaml\n\n{partner}{END}"


def write_samples(root: Path) -> None:
    """Bring the samples, their schemas and the documentation's tables below `root` up to date."""
    for name, model in SAMPLES.items():
        text = SCHEMA_LINES[name] + sample_yaml(model)
        (root / name).write_text(text, encoding="utf-8", newline="\n")
    for name in SCHEMAS:
        (root / SCHEMA_FOLDER / name).write_text(schema_text(name), encoding="utf-8", newline="\n")
    documentation = root / DOCUMENTATION
    before, _, rest = documentation.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    documentation.write_text(before + documentation_tables() + after, encoding="utf-8", newline="\n")


def _lines(model: type[Section], values: Values, left_out: Collection[str]) -> Iterator[str]:
    for path, field in fields_within(model):
        if path[0] in left_out:
            continue
        indent = "  " * (len(path) - 1)
        if len(path) == 1 or _subsection(field):
            yield ""
        for line in wrap(field.description or "", width=100 - len(indent)):
            yield f"{indent}# {line}"
        if _subsection(field):
            yield f"{indent}{path[-1]}:"
        else:
            value, is_set = (quoted(values[path]), True) if path in values else _sample_value(field)
            yield f"{indent}{'' if is_set else '#'}{path[-1]}: {flow(value)}"


def _subsection(field: FieldInfo) -> type[Section] | None:
    section = section_of(field)
    return None if section is None or section.written_inline else section


def _sample_value(field: FieldInfo) -> tuple[Any, bool]:
    """The value shown, and whether it is in force: the default, or an example for what must be written."""
    if field.is_required():
        return (field.examples or [None])[0], True
    if field.default is None:
        return (field.examples or [None])[0], False
    return field.default, True


def _default_cell(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    return "none" if field.default is None else f"`{flow(field.default)}`"


def _allowed_cell(field: FieldInfo) -> str:
    section = section_of(field)
    if section is not None:
        return "[secret](#secrets)" if section.written_inline else "section"
    if field.annotation is bool:
        return "`true`, `false`"
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    limits = [getattr(mark, name) for name in ("ge", "le") for mark in field.metadata if hasattr(mark, name)]
    return " to ".join(map(str, limits))


def quoted(value: Any) -> Any:
    """The value with every text in quotes that YAML could misread; JSON's quoting is YAML's too."""
    if isinstance(value, dict):
        return {key: quoted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [quoted(item) for item in value]
    if isinstance(value, bool | int):
        return value
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def flow(value: Any) -> str:
    """A value as YAML in one line; defaults and examples need no quotes, others were `quoted`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return str(value)


if __name__ == "__main__":
    write_samples(Path())
