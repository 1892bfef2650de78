"""The samples and the documentation say exactly what the models know, and the samples work."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from agent.config import Config, load_config
from agent.config.effective import effective_agent, effective_partner
from agent.config.json_schema import AGENT_SCHEMA, PARTNER_SCHEMA, SCHEMAS, schema_text
from agent.config.model import AgentSettings
from agent.config.partner_model import PartnerSettings
from agent.config.sample import (
    BEGIN,
    DOCUMENTATION,
    END,
    SAMPLES,
    SCHEMA_FOLDER,
    SCHEMA_LINES,
    documentation_tables,
    sample_yaml,
)
from agent.config.section import Section, fields_within

ROOT = Path(__file__).parents[2]
REWRITE = "run `python -m agent.config.sample` and commit the result"


def load_sample(name: str, folder: Path, *, everything_on: bool = False) -> Config:
    """The sample as an admin would put it into place; `everything_on` takes the `#` from before keys."""
    (folder / "partners").mkdir()
    for source, target in ((name, "agent.yaml"), ("partners/dentport.yaml",) * 2):
        text = (ROOT / "config" / source).read_text(encoding="utf-8")
        if sys.platform == "win32":
            text = text.replace(" /", " C:/")
        if everything_on:
            text = re.sub(r"^( *)#(?=[a-z_]+:)", r"\1", text, flags=re.MULTILINE)
        (folder / target).write_text(text, encoding="utf-8")
    return load_config(folder / "agent.yaml")


@pytest.mark.parametrize("name", SAMPLES)
def test_committed_sample_equals_the_model(name: str) -> None:
    written = SCHEMA_LINES[name] + sample_yaml(SAMPLES[name])
    assert (ROOT / name).read_text(encoding="utf-8") == written, REWRITE


@pytest.mark.parametrize("name", SCHEMAS)
def test_committed_schema_equals_the_model(name: str) -> None:
    assert (ROOT / SCHEMA_FOLDER / name).read_text(encoding="utf-8") == schema_text(name), REWRITE


@pytest.mark.parametrize("name", SAMPLES)
def test_schema_line_of_a_sample_leads_to_its_schema(name: str) -> None:
    first = (ROOT / name).read_text(encoding="utf-8").partition("\n")[0]
    schema = ((ROOT / name).parent / first.partition("$schema=")[2]).resolve()
    assert SCHEMAS[schema.name] is SAMPLES[name]
    assert schema.is_file()


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("agent.full.yaml", AGENT_SCHEMA),
        ("agent.minimal.yaml", AGENT_SCHEMA),
        ("partners/dentport.yaml", PARTNER_SCHEMA),
    ],
)
@pytest.mark.parametrize("everything_on", [False, True])
def test_sample_is_right_by_its_schema_too(name: str, schema: str, everything_on: bool) -> None:
    assert not list(_validator(schema).iter_errors(_as_an_editor_reads(name, everything_on)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("offer", "grid"), 15),
        (("offer", "grid_minutes"), 61),
        (("schedule", "exchange_every_seconds"), "often"),
        (("logging", "level"), "loud"),
        (("database",), None),
    ],
)
def test_schema_finds_what_an_editor_can_find(path: tuple[str, ...], value: object) -> None:
    document = _as_an_editor_reads("agent.full.yaml")
    section = document
    for part in path[:-1]:
        section = section[part]
    section[path[-1]] = value
    assert [
        list(error.absolute_path)[: len(path) - 1] for error in _validator(AGENT_SCHEMA).iter_errors(document)
    ]


@pytest.mark.parametrize("everything_on", [False, True])
def test_what_is_shown_as_in_force_loads_and_is_the_same(tmp_path: Path, everything_on: bool) -> None:
    before = load_sample("agent.full.yaml", tmp_path, everything_on=everything_on)
    (tmp_path / "agent.yaml").write_text(effective_agent(before), encoding="utf-8")
    partner = tmp_path / "partners" / "dentport.yaml"
    partner.write_text(effective_partner(before.partners["dentport"]), encoding="utf-8")
    after = load_config(tmp_path / "agent.yaml")
    assert (after.settings, after.partners) == (before.settings, before.partners)


def test_value_that_yaml_would_misread_is_shown_in_quotes(tmp_path: Path) -> None:
    name = "Zahn: #1, [Praxis] & 'Söhne' \\\\"
    before = load_sample("agent.full.yaml", tmp_path)
    file = tmp_path / "partners" / "dentport.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("DentPort", f'"{name}"'), encoding="utf-8")
    shown = effective_partner(load_config(before.path).partners["dentport"])
    file.write_text(shown, encoding="utf-8")
    assert load_config(before.path).partners["dentport"].settings.name == name.replace("\\\\", "\\")


def test_committed_tables_of_the_documentation_equal_the_models() -> None:
    text = (ROOT / DOCUMENTATION).read_text(encoding="utf-8")
    assert text[text.index(BEGIN) : text.index(END) + len(END)] == documentation_tables(), REWRITE


def test_minimal_sample_loads_and_says_only_what_is_required(tmp_path: Path) -> None:
    settings = load_sample("agent.minimal.yaml", tmp_path).settings
    required = {path for path, field in fields_within(AgentSettings) if field.is_required()}
    written = {
        path
        for path, _ in fields_within(AgentSettings)
        if path[-1] in section_at(settings, path[:-1]).model_fields_set
    }
    # The password is the one exception: nobody runs PostgreSQL without.
    assert written == required | {("database", "password")}


def test_full_sample_loads_with_the_defaults_of_the_model(tmp_path: Path) -> None:
    settings = load_sample("agent.full.yaml", tmp_path).settings
    for path, field in fields_within(AgentSettings):
        if not field.is_required():
            assert getattr(section_at(settings, path[:-1]), path[-1]) == field.default


def test_full_sample_loads_with_every_setting_turned_on(tmp_path: Path) -> None:
    config = load_sample("agent.full.yaml", tmp_path, everything_on=True)
    for settings in (config.settings, config.partners["dentport"].settings):
        for path, _ in fields_within(type(settings)):
            assert getattr(section_at(settings, path[:-1]), path[-1]) is not None, path


@pytest.mark.parametrize("model", [AgentSettings, PartnerSettings])
def test_every_setting_is_described_in_one_sentence(model: type[Section]) -> None:
    for path, field in fields_within(model):
        description = field.description or ""
        assert description.endswith("."), path
        assert "\n" not in description, path
        assert ". " not in description, path


def test_samples_are_all_that_is_in_the_folder() -> None:
    """A sample that nobody loads would rot."""
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / "config").rglob("*.yaml")}
    assert found == {*SAMPLES, "config/agent.minimal.yaml"}


def _validator(schema: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schema_text(schema)))


def _as_an_editor_reads(name: str, everything_on: bool = False) -> Any:
    text = (ROOT / "config" / name).read_text(encoding="utf-8")
    if everything_on:
        text = re.sub(r"^( *)#(?=[a-z_]+:)", r"\1", text, flags=re.MULTILINE)
    return yaml.safe_load(text)


def section_at(settings: Section, path: tuple[str, ...]) -> Section:
    for name in path:
        settings = getattr(settings, name)
    return settings
