"""What the models found wrong, as sentences that say where and what to do.

Second step of loading: from pydantic's errors and the document's lines to
`file:line: yaml.path: ...`. A value is never repeated, only keys are.
"""

from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from agent.config.section import Section, entry_section, fields_within, section_of
from agent.config.yaml_source import YamlDocument, YamlPath, dotted

_SENTENCES = {
    "value_error": "{error}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "has too few entries: write at least {min_length}",
    "too_long": "has too many entries: write at most {max_length}",
    "literal_error": "must be {expected}",
    "tuple_type": "must be a list: one line `- value` for each entry",
}


def problems_of(error: ValidationError, model: type[Section], document: YamlDocument) -> list[str]:
    """One sentence for each error, in the order of lines."""
    found = sorted(error.errors(include_url=False), key=lambda one: document.line(one["loc"]))
    return [document.problem(one["loc"], _sentence(one, model)) for one in found]


def _sentence(error: ErrorDetails, model: type[Section]) -> str:
    kind = error["type"]
    if kind == "extra_forbidden":
        return _unknown_key(error["loc"], model)
    if kind == "missing":
        return f"is missing. {_description(error['loc'], model)}"
    if error["input"] is None:
        return "has no value: write one, or remove the line"
    if kind in _SENTENCES:
        return _SENTENCES[kind].format(**error.get("ctx", {}))
    return error["msg"]


def _unknown_key(path: YamlPath, model: type[Section]) -> str:
    section, key = _section_at(path[:-1], model), str(path[-1])
    for near in get_close_matches(key.lower(), section.model_fields, n=1):
        return f"is not a known key: did you mean `{near}`?"
    for elsewhere, _ in fields_within(model):
        if elsewhere[-1] == key:
            return f"is not a known key here: did you mean `{dotted(elsewhere)}`?"
    return f"is not a known key: remove it; known here are {', '.join(section.model_fields)}"


def _section_at(path: YamlPath, model: type[Section]) -> type[Section]:
    for name in (part for part in path if isinstance(part, str)):
        field = model.model_fields[name]
        model = section_of(field) or entry_section(field) or model
    return model


def _description(path: YamlPath, model: type[Section]) -> str:
    field = _section_at(path[:-1], model).model_fields[str(path[-1])]
    return f"{field.description}"
