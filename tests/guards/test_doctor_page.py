"""docs/doctor.md names every check there is, and none besides."""

import re
from pathlib import Path

from agent.doctor import Check

PAGE = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")


def test_page_lists_the_checks_in_the_order_in_which_they_are_told() -> None:
    assert re.findall(r"^\| `([a-z_.]+)` \|", PAGE, re.MULTILINE) == [check.value for check in Check]
