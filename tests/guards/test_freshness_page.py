"""The page about freshness names every metric with its labels, and the rule's numbers."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from agent.domain.freshness import AMBER_AFTER, DAY, LEAST_INTERVAL, RED_AFTER, STARTING
from agent.metrics import metrics_text
from agent.status import AuditCheckStatus, DirectionStatus, LaneStatus, Status

PAGE = Path("docs/freshness.md").read_text(encoding="utf-8")
AT = "2027-06-01T10:00:00+00:00"
FRESH = DirectionStatus("green", "", AT, 900)
LANE = LaneStatus("", 0, 0, 0, 0, 0, 0, AT, AT, AT, None, 0, [], FRESH, FRESH)
STATUS = Status("p", True, AT, "", 0, "", AuditCheckStatus(AT, 0, None), 0, (), {"dentport": LANE})


def test_page_names_every_metric_with_its_labels_and_no_other() -> None:
    samples = (
        sample
        for family in text_string_to_metric_families(metrics_text(STATUS, ["somewhere"]))
        for sample in family.samples
    )
    emitted = {sample.name: set(sample.labels) for sample in samples}
    rows = re.findall(r"^\| `(otv_agent_[a-z_]+)` \| (.*?) \|", PAGE, re.MULTILINE)
    assert {name: set(re.findall(r"`([a-z]+)`", labels)) for name, labels in rows} == emitted


def test_page_tells_the_numbers_of_the_rule() -> None:
    words = {2: "two", 4: "four", 5: "five"}
    assert f"at most {words[AMBER_AFTER]} intervals" in PAGE
    assert f"more than {words[RED_AFTER]}:" in PAGE
    assert f"less than {words[LEAST_INTERVAL // 60]} minutes" in PAGE
    assert f"first {words[STARTING // 60]} minutes" in PAGE
    assert (DAY, "amber after a day and red after two" in PAGE) == (86_400, True)
