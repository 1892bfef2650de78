"""What is in force: every setting with its value, as YAML that says which values are defaults.

For `otv-agent config show`. It shows where a secret is kept and never what it is.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from agent.config.loading import Config, Partner
from agent.config.section import Section, fields_within, section_of

_PLAIN = re.compile(r"(?!null$|Null$|NULL$)[A-Za-z0-9/_.](?:[A-Za-z0-9/_.+=@ -]*[A-Za-z0-9/_.+=@-])?")

Derived = Mapping[tuple[str, ...], Any]
"""Path of a setting that was left out -> the value that follows from others."""


def effective_agent(config: Config) -> str:
    """The whole of `agent.yaml`, with what it leaves out filled in; loads as it stands."""
    settings = config.settings
    derived: Derived = {
        ("openpgp", "home"): settings.gpg_home,
        ("licence", "file"): settings.licence_file,
    }
    return f"# {config.path}\n" + "".join(f"{line}\n" for line in _lines(settings, derived))


def effective_partner(partner: Partner) -> str:
    """The whole of a partner's file, with the general offer filled in where it makes no exception."""
    derived: dict[tuple[str, ...], Any] = {("inbound_folder",): partner.inbound_folder}
    for name in type(partner.settings.offer).model_fields:
        derived["offer", name] = getattr(partner.offer_terms, name)
    return f"# key ring: {partner.key_ring}\n" + "".join(
        f"{line}\n" for line in _lines(partner.settings, derived)
    )


def _lines(settings: Section, derived: Derived) -> Iterator[str]:
    for path, field in fields_within(type(settings)):
        section = _section_at(settings, path[:-1])
        if section is None:
            continue
        indent, value = "  " * (len(path) - 1), getattr(section, path[-1])
        kind = section_of(field)
        if kind is not None and not kind.written_inline:
            yield f"{indent}{path[-1]}:" if value is not None else f"{indent}#{path[-1]}: none"
        elif value is None:
            yield f"{indent}#{path[-1]}: {_shown(derived[path]) if derived.get(path) is not None else 'none'}"
        else:
            written = path[-1] in section.model_fields_set
            yield f"{indent}{path[-1]}: {_shown(value)}{'' if written else '  # default'}"


def _section_at(settings: Section, path: tuple[str, ...]) -> Section | None:
    section: Section | None = settings
    for name in path:
        section = getattr(section, name) if section is not None else None
    return section


def _shown(value: Any) -> str:
    """One value as YAML in one line."""
    if isinstance(value, Section):
        value = value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_shown, value)) + "]"
    if isinstance(value, bool | int):
        return str(value).lower()
    text = str(value)
    # What could be punctuation or "no value" to YAML is quoted; JSON's quoting is YAML's too.
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
