"""The partner's guide as tests read it: its text, its blocks of examples, commands and jq programs."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "exchange-formats.md").read_text(encoding="utf-8")


def fenced(language: str) -> list[str]:
    """The guide's code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


JQ = [block for block in fenced("sh") if re.search(r"\bjq\b", block)]
COMMANDS = [block for block in fenced("sh") if block not in JQ]
