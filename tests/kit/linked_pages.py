"""Reads pages of docs/ whose tables name modules and tests by links, so that guards can hold them true."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
Link = tuple[str, str]


def read_page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def table_rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its first two lines."""
    section = re.split(r"^## ", page.partition(f"\n## {heading}\n")[2], flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def links(text: str) -> list[Link]:
    """Text and file of every link to a Python file."""
    return re.findall(r"\[([\w.]+)\]\(\.\./([\w/]+\.py)\)", text)


def beside_links(cell: str) -> str:
    """What a cell holds beside its links, which nobody would check."""
    return re.sub(r"\[[\w.]+\]\(\.\./[\w/]+\.py\)|<br>|·|\s", "", cell)


@cache
def defined_names(path: str) -> frozenset[str]:
    """What a module defines at its top level."""
    names = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return frozenset(names)


def require_real_modules(cell: str) -> None:
    """Each link of the cell is a module, or a name in one, that exists."""
    for text, path in links(cell):
        module, _, name = text.partition(".")
        assert path.startswith(("agent/", "exchange_formats/")), path
        assert (ROOT / path).is_file() and Path(path).stem == module, path
        assert not name or name in defined_names(path), text


def require_real_tests(cell: str) -> None:
    """Each link of the cell is a test that exists."""
    for name, path in links(cell):
        assert path.startswith("tests/") and name.startswith("test_"), name
        assert (ROOT / path).is_file() and name in defined_names(path), name
