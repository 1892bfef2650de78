"""Which pages are written out of the code, whole or in their tables, and writing them."""

import re
from pathlib import Path

from agent.documentation.command_page import command_page
from agent.documentation.trouble_tables import trouble_tables
from agent.language import Language, LanguageCode

COMMANDS = "docs/commands.md"
TROUBLES = {
    "docs/troubleshooting.md": LanguageCode.ENGLISH,
    "docs/fehlersuche.md": LanguageCode.GERMAN,
}
_TABLE = re.compile(
    r"(<!-- table ([\w ]+), written by agent\.documentation -->\n).*?(<!-- end -->)", re.DOTALL
)


def written_pages(root: Path) -> dict[str, str]:
    """Path below `root` -> what should stand there; the text around tables is taken as it stands."""
    pages = {COMMANDS: command_page()}
    for name, code in TROUBLES.items():
        text = (root / name).read_text(encoding="utf-8")
        pages[name] = with_tables(text, trouble_tables(Language(code)))
    return pages


def write_pages(root: Path) -> None:
    """Bring them up to date. Raises KeyError for a table that a page asks for and nobody makes."""
    for name, text in written_pages(root).items():
        (root / name).write_text(text, encoding="utf-8", newline="\n")


def with_tables(text: str, tables: dict[str, str]) -> str:
    """The text with what stands between the marks of each table written anew."""
    return _TABLE.sub(lambda found: found[1] + tables[found[2]] + found[3], text)


def asked_for(text: str) -> list[str]:
    """The names of the tables in a text."""
    return [found[2] for found in _TABLE.finditer(text)]
