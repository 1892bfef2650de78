"""`make demo` tells the whole exchange and ends well; on PostgreSQL the CI runs it beside the tests."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.kit.command_line import otv

STORIES = (
    "a new patient", "a known patient who was never asked (Offen)", "a known patient who agreed (Ja)",
    "a patient who said Nein", "the first file once more", "a slot that both want: second",
    "a file signed by the other partner", "a truncated file",
)  # fmt: skip


def test_demo_ends_with_every_outcome_as_expected() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.demo"],
        check=False, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"Done in \d+ s on sqlite: every outcome is as expected\.", done.stdout)
    words = " ".join(done.stdout.replace("│", " ").split())
    assert [story for story in STORIES if not all(word in words for word in story.split())] == []
    assert "NO: " not in done.stdout
    assert re.search(r"Audit: \d+ entries, unbroken", done.stdout)
    looked_at = re.search(r"Everything lies in (\S+):", done.stdout)
    assert looked_at is not None
    try:
        for words in re.findall(r"otv-agent (.+) --config (\S+)", done.stdout):
            assert otv(*words[0].split(), config=Path(words[1])).code == 0
    finally:
        shutil.rmtree(looked_at[1])
