"""docs/data-protection.md against formats and settings: all that leaves is listed, and nothing else."""

import re

from agent.config.model import RetentionSettings
from agent.tracing import fields_of
from exchange_formats.codec import INBOUND_KINDS
from exchange_formats.envelope import Envelope, Kind, Trailer
from tests.kit.documentation import pages, sections

CHAPTERS = sections(pages()["docs/data-protection.md"], 2)


def rows(chapter: str) -> list[list[str]]:
    """The cells of the chapter's first table, without its header."""
    table = re.search(r"(?:^\|.*\n)+", CHAPTERS[chapter], re.MULTILINE)
    assert table, chapter
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


def test_every_field_that_leaves_is_listed_with_whom_it_is_about_and_no_other() -> None:
    listed = {
        (row[0].strip("`"), row[1].strip("`")): re.findall(r"`(\w+)`", row[2])
        for row in rows("3. Was die Praxis verlässt")
    }
    leaves = {
        ("jede", model.__name__.lower()): [name for name in model.model_fields if name != "record"]
        for model in (Envelope, Trailer)
    }
    for kind in Kind:
        if kind not in INBOUND_KINDS:
            leaves |= {(kind.value, record): list(fields) for record, fields in fields_of(kind).items()}
    assert listed == leaves
    assert all(row[3] for row in rows("3. Was die Praxis verlässt"))


def test_every_retention_is_listed_with_its_default() -> None:
    listed = {row[0].strip("`"): int(row[1]) for row in rows("6. Löschfristen")}
    assert listed == RetentionSettings().model_dump()
