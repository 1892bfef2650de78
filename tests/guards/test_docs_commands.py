"""The documents are true: commands, options, exit codes, settings and links exist, and none is left out."""

import re
from pathlib import Path

import pytest

from agent import errors
from agent.cli.advice import INTERRUPTED
from agent.config.model import AgentSettings
from agent.config.partner_model import PartnerSettings
from agent.config.section import fields_within
from agent.doctor.finding import Check
from agent.documentation.command_page import commands
from agent.documentation.meanings import EXIT_CODES, MEANINGS
from agent.documentation.pages import COMMANDS, TROUBLES, asked_for, written_pages
from agent.documentation.trouble_tables import trouble_tables
from agent.errors import AgentError
from agent.language import Language, LanguageCode
from tests.kit.documentation import (
    ROOT,
    anchor,
    fault,
    headings,
    links,
    pages,
    prose,
    sections,
    shown_commands,
    texts_of_the_agent,
)

REWRITE = "run `python -m agent.documentation` and commit the result"
MAP = "docs/README.md"
MODELS = (AgentSettings, PartnerSettings)
NO_SETTING = (".pgp", ".example")
"""How names of files and servers end that look like a setting's."""
GUIDES = ("docs/admin-guide.md", "docs/admin-handbuch.md")


# --- what is written out of the code -----------------------------------------------------------


@pytest.mark.parametrize("page", [COMMANDS, *TROUBLES])
def test_committed_page_equals_the_code(page: str) -> None:
    assert pages()[page] == written_pages(ROOT)[page], REWRITE


def test_every_error_of_the_tree_has_its_meaning_in_the_order_of_the_tree() -> None:
    tree = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, AgentError)]
    assert list(MEANINGS) == tree


def test_every_exit_code_is_explained_and_no_other() -> None:
    assert set(EXIT_CODES) == {0, INTERRUPTED, *(error.exit_code for error in MEANINGS)}


@pytest.mark.parametrize("page", TROUBLES)
def test_page_of_troubles_asks_for_every_table_once(page: str) -> None:
    assert asked_for(pages()[page]) == list(trouble_tables(Language(LanguageCode.ENGLISH)))


# --- commands ----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", pages())
def test_command_of_a_page_is_one_that_there_is(page: str) -> None:
    faults = {" ".join(one.words): fault(one) for one in shown_commands(pages()[page])}
    assert {words: found for words, found in faults.items() if found} == {}


def test_command_that_the_agent_itself_advises_is_one_that_there_is() -> None:
    faults = {
        f"{path}: {' '.join(one.words)}": found
        for path, text in texts_of_the_agent().items()
        for one in shown_commands(text)
        if (found := fault(one))
    }
    assert faults == {}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("otv-agent keys pin dentport dentport.asc --yes", None),
        ("otv-agent keys pin dentport", "a word is missing"),
        ("otv-agent keys pin dentport dentport.asc other.asc", "too many words"),
        ("otv-agent keys glue dentport", "no command glue"),
        ("$ otv-agent audit export --since 2027-01-01 out.jsonl --sing", "no option --sing"),
        ("otv-agent audit export --since 2027-01-01 \\\n    --sign out.jsonl extra", "too many words"),
        ("sudo -u otv-agent /opt/otv-agent/bin/otv-agent sync --dry", "no option --dry"),
        ("export OTV=1; otv-agent audit show --newest", "no value behind --newest"),
        ("otv-agent status | grep failed # otv-agent nonsense", None),
    ],
)
def test_fault_of_a_command_line_is_found(line: str, found: str | None) -> None:
    (shown,) = shown_commands(f"text\n\n```sh\n{line}\n```\n")
    assert fault(shown) == found


def test_every_command_is_shown_on_a_page_that_somebody_wrote() -> None:
    shown = [one.words for page in pages() if page != COMMANDS for one in shown_commands(pages()[page])]
    missing = {
        name
        for name in commands()
        if tuple(name.split()) not in {words[: len(name.split())] for words in shown}
    }
    assert missing == set()


# --- codes, settings ---------------------------------------------------------------------------


@pytest.mark.parametrize("page", pages())
def test_exit_code_and_setting_of_a_page_are_some_that_there_are(page: str) -> None:
    codes = re.findall(r"(?:exit code|ends with code|Rückgabewert)[ ,]+(?:is )?(\d+)", prose(pages()[page]))
    assert set(map(int, codes)) <= set(EXIT_CODES)
    known = {".".join(path) for model in MODELS for path, _ in fields_within(model)}
    sections = {name.partition(".")[0] for name in known if "." in name}
    known |= {check.value for check in Check}
    named = set(re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", pages()[page]))
    unknown = {name for name in named - known if name.partition(".")[0] in sections}
    assert {name for name in unknown if not name.endswith(NO_SETTING)} == set()


# --- links, the map ----------------------------------------------------------------------------


@pytest.mark.parametrize("page", pages())
def test_link_of_a_page_leads_somewhere(page: str) -> None:
    lost = []
    for target in links(pages()[page]):
        path, _, place = target.partition("#")
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        file = (ROOT / page).parent / path if path else ROOT / page
        if not file.exists() or (place and place not in _anchors(file)):
            lost.append(target)
    assert lost == []


def _anchors(file: Path) -> set[str]:
    return {anchor(words) for _, words in headings(file.read_text(encoding="utf-8"))}


def test_page_that_the_agent_itself_names_is_there() -> None:
    named = {page for text in texts_of_the_agent().values() for page in re.findall(r"docs/[\w-]+\.md", text)}
    assert named
    assert {page for page in named if not (ROOT / page).is_file()} == set()


def test_map_of_the_documents_leads_to_every_page_and_the_readme_to_the_map() -> None:
    listed = {f"docs/{target}" for target in links(pages()[MAP])}
    assert {page for page in pages() if page.startswith("docs/") and page != MAP} <= listed
    assert MAP in links(pages()["README.md"])


# --- two languages -----------------------------------------------------------------------------


def test_english_and_german_guide_have_the_same_chapters_with_the_same_commands() -> None:
    english, german = (sections(pages()[page], 2) for page in GUIDES)
    assert len(english) == len(german)
    for ours, theirs in zip(english.items(), german.items(), strict=True):
        assert ours[0].split(".")[0] == theirs[0].split(".")[0], "the chapters have the same numbers"
        assert shown_commands(ours[1]) == shown_commands(theirs[1]), (ours[0], theirs[0])
        assert len(headings(ours[1])) == len(headings(theirs[1])), (ours[0], theirs[0])
