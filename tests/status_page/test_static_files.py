"""The files that the page brings along: exactly those, others' as their makers left them."""

import hashlib
import re
from pathlib import Path

from agent.status_page import static_files

FOLDER = Path(static_files.__file__).with_name("static")
NOTES = {"THIRD-PARTY.md", "uPlot.LICENSE.txt"}


def test_others_files_are_unchanged_since_their_digest_was_noted() -> None:
    noted = dict(re.findall(r"\| (\S+) \| ([0-9a-f]{64}) \|", (FOLDER / "THIRD-PARTY.md").read_text()))
    assert {name: hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() for name in noted} == noted
    assert noted.keys() == {name for name in static_files.TYPES if name.startswith("uPlot")}


def test_every_file_that_is_there_is_served_or_a_note() -> None:
    assert {file.name for file in FOLDER.iterdir()} == static_files.TYPES.keys() | NOTES


def test_our_own_files_ask_for_nothing_from_elsewhere() -> None:
    for name in ("page.css", "page.js", "charts.js"):
        assert not re.search(r"https?://|@import|url\(", (FOLDER / name).read_text(encoding="utf-8")), name
    assert "url(" not in (FOLDER / "uPlot.min.css").read_text(encoding="utf-8")
