"""What every section of the configuration has in common: closed, frozen, and able to list its keys.

The models in `agent.config.model` and `agent.config.partner_model` are made
of sections. A section never reads a file.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.fields import FieldInfo


class Section(BaseModel):
    """A mapping in YAML whose keys are exactly the attribute names."""

    written_inline: ClassVar[bool] = False
    """Written as one value, `{key: value}`, and so no section to a reader."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False)

    @model_validator(mode="before")
    @classmethod
    def _is_a_section(cls, value: Any) -> Any:
        # A heading whose lines are all commented out is an empty section.
        if value is None:
            return {}
        if not isinstance(value, dict | cls):
            raise ValueError(f"must be a section with the keys {', '.join(cls.model_fields)}")
        return value


def section_of(field: FieldInfo) -> type[Section] | None:
    """The section that a field holds, optional or not; None if it holds a value."""
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Section):
            return candidate
    return None


def entry_section(field: FieldInfo) -> type[Section] | None:
    """The section that each entry of a list is; None if the entries are values."""
    for entry in get_args(field.annotation):
        for candidate in get_args(entry):
            if isinstance(candidate, type) and issubclass(candidate, Section):
                return candidate
    return None


def fields_within(
    model: type[Section], prefix: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every field below `model` with its path, a section before its own fields, in the order of writing."""
    for name, field in model.model_fields.items():
        path = (*prefix, name)
        yield path, field
        section = section_of(field)
        if section is not None and not section.written_inline:
            yield from fields_within(section, path)
