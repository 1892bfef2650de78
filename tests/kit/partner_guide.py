"""The partner's guide as tests read it: sections, tables, examples, commands and jq programs."""

import re
from pathlib import Path

from exchange_formats.envelope import Kind

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "exchange-formats.md").read_text(encoding="utf-8")


def fenced(language: str) -> list[str]:
    """The guide's code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


JQ = [block for block in fenced("sh") if re.search(r"\bjq\b", block)]
COMMANDS = [block for block in fenced("sh") if block not in JQ]


def section(heading: str) -> str:
    """What stands below the one heading that ends with these words, down to the next heading."""
    (text,) = re.findall(rf"^#+ [^\n]*{re.escape(heading)}\n(.*?)(?=^#|\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    return str(text)


def table_rows(heading: str) -> list[list[str]]:
    """The cells of the first table below that heading, without its header."""
    table = re.search(r"(?:^\|.*\n)+", section(heading), re.MULTILINE)
    assert table, heading
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table[0].splitlines()[2:]]


def anchor(heading: str) -> str:
    """The name under which GitHub lets a link lead to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def examples(kind: Kind) -> list[str]:
    """The lines of the committed example file of this kind."""
    file = ROOT / "exchange_formats" / "examples" / f"{kind.value}.ndjson"
    return file.read_text(encoding="utf-8").splitlines()
