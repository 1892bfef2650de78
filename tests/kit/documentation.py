"""The documents as tests read them: pages, headings, links, and the command lines that they show."""

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Any

from typer.main import get_command

from agent.cli.main import app

ROOT = Path(__file__).parents[2]
PROGRAM = "otv-agent"
NO_COMMAND = ("--help", "--version", "...")
_FENCE = re.compile(r"^( *)```(.*?)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^()\s]*)\)")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_ENDS_COMMAND = re.compile(r"^[;|&<>()]+$")


@cache
def pages() -> dict[str, str]:
    """Path -> text of every page; of the changelog only what is not released: the past does not change."""
    paths = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    found = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in sorted(paths)}
    found["CHANGELOG.md"] = "## ".join(found["CHANGELOG.md"].split("\n## ")[:2])
    return found


def anchor(heading: str) -> str:
    """The name under which GitHub lets a link lead to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", text)


def blocks(text: str, language: str) -> list[str]:
    """The blocks of code of one language, without the indentation of a list they may stand in."""
    return [dedent(code) for _, named, code in _FENCE.findall(text) if named == language]


def headings(text: str) -> list[tuple[int, str]]:
    """Depth and words of each heading."""
    return [(len(marks), words) for marks, words in _HEADING.findall(prose(text))]


def links(text: str) -> list[str]:
    """The targets of all links."""
    return _LINK.findall(prose(text))


def sections(text: str, depth: int) -> dict[str, str]:
    """Heading -> text below it, for the headings of this depth."""
    parts = re.split(rf"^{'#' * depth} (.+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


# --- command lines -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """A command line in a text; `whole` if it stands in a block of code, as one would type it."""

    words: tuple[str, ...]
    whole: bool


def shown_commands(text: str) -> list[Shown]:
    """Every command line of the program in a text, in its order."""
    found = []
    for piece, whole in _code(text):
        for line in piece.replace("\\\n", " ").splitlines() if whole else [" ".join(piece.split())]:
            found += [Shown(words, whole) for words in _of_program(line)]
    return found


def _code(text: str) -> Iterator[tuple[str, bool]]:
    """Blocks and inline code, in their order."""
    position = 0
    for fence in [*_FENCE.finditer(text), None]:
        end = fence.start() if fence else len(text)
        for inline in re.findall(r"`([^`]+)`", text[position:end]):
            yield inline, False
        if fence:
            yield fence[3], True
            position = fence.end()


def _of_program(line: str) -> Iterator[tuple[str, ...]]:
    if PROGRAM not in line:
        return
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, "#"
    words: list[str] = []
    for word in [*lexer, ";"]:
        if not _ENDS_COMMAND.match(word):
            words.append(word)
            continue
        words = words[1:] if words[:1] == ["$"] else words
        if words[:1] == ["sudo"]:
            words = words[3:] if words[1:2] == ["-u"] else words[1:]
        if len(words) > 1 and Path(words[0]).name == PROGRAM:
            yield tuple(words[1:])
        words = []


@cache
def command_line() -> Any:
    """The program's own commands, to be asked."""
    return get_command(app)


def fault(shown: Shown) -> str | None:
    """What the command line does not know of it; None: it would be understood."""
    command, words = command_line(), list(shown.words)
    while hasattr(command, "commands"):
        if not words or words[0] in NO_COMMAND or words[0].isupper():
            return None
        word = words.pop(0)
        if word not in command.commands:
            return f"no command {word}"
        command = command.commands[word]
    return _fault_of_words(command, words, shown.whole)


def _fault_of_words(command: Any, words: list[str], whole: bool) -> str | None:
    options = {name: one for one in command.params for name in (*one.opts, *one.secondary_opts)}
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    given = 0
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word == "-":
            given += 1
        elif word.partition("=")[0] not in options and word != "--help":
            return f"no option {word}"
        elif word in options and not options[word].is_flag:
            if not words:
                return f"no value behind {word}" if whole else None
            words.pop(0)
    if any(one.nargs == -1 for one in arguments):
        return None
    if given > len(arguments):
        return "too many words"
    needed = sum(one.required for one in arguments)
    return "a word is missing" if whole and given < needed else None


@cache
def texts_of_the_agent() -> dict[str, str]:
    """Path -> what the agent may say of commands and pages: in its code, its catalogues, its templates."""
    found = {}
    for path in sorted(path for ending in ("py", "po", "html") for path in ROOT.glob(f"agent/**/*.{ending}")):
        text = path.read_text(encoding="utf-8")
        if PROGRAM in text or "docs/" in text:
            found[path.relative_to(ROOT).as_posix()] = _constants(text) if path.suffix == ".py" else text
    return found


def _constants(code: str) -> str:
    constants = [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)]
    return "\n".join(one for one in constants if isinstance(one, str))
