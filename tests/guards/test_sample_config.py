"""The samples and the documentation say exactly what the models know, and the samples work."""

import re
import sys
from pathlib import Path

import pytest

from agent.config import Config, load_config
from agent.config.model import AgentSettings
from agent.config.partner_model import PartnerSettings
from agent.config.sample import BEGIN, DOCUMENTATION, END, SAMPLES, documentation_tables, sample_yaml
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
    assert (ROOT / name).read_text(encoding="utf-8") == sample_yaml(SAMPLES[name]), REWRITE


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


def section_at(settings: Section, path: tuple[str, ...]) -> Section:
    for name in path:
        settings = getattr(settings, name)
    return settings
