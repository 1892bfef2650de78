"""docs/rules.md is true: each rule once, with tests of its name; every module, name and test is real."""

import pytest

from tests.kit.linked_pages import (
    ROOT,
    beside_links,
    defined_names,
    links,
    read_page,
    require_real_modules,
    require_real_tests,
    table_rows,
)

PAGE = read_page("rules.md")
RULES = "R1 R2 R3 R4 R5 R6 R7 R8 R10 R11 R13 R14 R15 R16 R18 R19 R20 R21"
READINGS = "A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15 A16"
SENTENCES_ABOUT_TIME = 9

RULE_ROWS = [
    row
    for heading in ("The exchange", "Patients and consent", "Readings")
    for row in table_rows(PAGE, heading)
]
OTHER_ROWS = {heading: table_rows(PAGE, heading) for heading in ("Time", "Decisions")}
EVERY_ROW = [*RULE_ROWS, *OTHER_ROWS["Time"], *OTHER_ROWS["Decisions"]]


def test_each_rule_and_reading_is_listed_once_and_in_order() -> None:
    assert [row[0] for row in RULE_ROWS] == f"{RULES} {READINGS}".split()
    assert len(OTHER_ROWS["Time"]) == SENTENCES_ABOUT_TIME


@pytest.mark.parametrize("row", RULE_ROWS, ids=lambda row: row[0])
def test_rule_is_proved_by_a_test_of_its_name(row: list[str]) -> None:
    assert any(name.startswith(f"test_{row[0].lower()}_") for name, _ in links(row[-1]))


@pytest.mark.parametrize(("heading", "beginning"), [("Time", "test_time_"), ("Decisions", "test_")])
def test_sentence_and_decision_is_proved_by_a_test(heading: str, beginning: str) -> None:
    for row in OTHER_ROWS[heading]:
        assert any(name.startswith(beginning) for name, _ in links(row[-1])), row[0]


def test_every_cell_is_filled_and_says_where_the_rule_is_held() -> None:
    for row in EVERY_ROW:
        assert all(row), row[0]
        assert links(row[-2]), row[0]
        assert not beside_links(row[-2] + row[-1]), row[0]


def test_every_module_and_name_exists() -> None:
    for row in EVERY_ROW:
        require_real_modules(row[-2])


def test_every_test_exists() -> None:
    for row in EVERY_ROW:
        require_real_tests(row[-1])


def test_every_test_of_the_rules_is_listed() -> None:
    folder = ROOT / "tests" / "rules"
    written = {
        (name, path.relative_to(ROOT).as_posix())
        for path in folder.glob("test_*.py")
        for name in defined_names(path.relative_to(ROOT).as_posix())
        if name.startswith("test_")
    }
    assert len(written) > len(RULE_ROWS)
    assert written <= {link for row in EVERY_ROW for link in links(row[-1])}
