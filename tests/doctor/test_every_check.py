"""No check without a test in which it warns or fails."""

import re
from pathlib import Path

from agent.doctor import Check

TIME_SERVER_TESTS = Path(__file__).parents[1] / "contract" / "test_time_server.py"


def test_every_check_is_met_by_a_test() -> None:
    files = [file for file in Path(__file__).parent.glob("test_*.py") if file != Path(__file__)]
    told = "\n".join(file.read_text(encoding="utf-8") for file in [*files, TIME_SERVER_TESTS])
    met = set(re.findall(r"\bCheck\.([A-Z_]+)", told))
    assert set(Check.__members__) - met == set()
