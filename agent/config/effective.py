"""What is in force: every setting with its value, as YAML that says which values are defaults.

For `otv-agent config show`. It shows where a secret is kept and never what it is.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from agent.config.loading import Config, Partner
from agent.config.sample import flow, quoted
from agent.config.section import Section, fields_within, section_of

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
    return flow(quoted(_plain(value)))


def _plain(value: Any) -> Any:
    """Sections that are written inline as what they consist of."""
    if isinstance(value, Section):
        return value.model_dump(mode="json", exclude_none=True)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
