"""docs/threat-model.md is true: every promise and family once, every module, name and test real."""

import pytest

from tests.hostile.case import Family
from tests.kit.linked_pages import (
    beside_links,
    links,
    read_page,
    require_real_modules,
    require_real_tests,
    table_rows,
)

PAGE = read_page("threat-model.md")
PROMISES, FILES, ELSEWHERE = (
    table_rows(PAGE, heading) for heading in ("Promises", "Hostile files", "Elsewhere")
)
EVERY_ROW = [*PROMISES, *FILES, *ELSEWHERE]


def test_each_promise_is_listed_once_and_in_order() -> None:
    assert [row[0].split()[0] for row in PROMISES] == [f"P{number}" for number in range(1, 14)]


def test_each_family_of_the_corpus_is_listed_once_and_in_order() -> None:
    assert [row[0] for row in FILES] == list(Family)


@pytest.mark.parametrize("row", EVERY_ROW, ids=lambda row: row[0][:40])
def test_threat_has_a_defence_and_a_test_that_exist(row: list[str]) -> None:
    assert all(row)
    assert links(row[-2]) and links(row[-1])
    assert not beside_links(row[-2] + row[-1])
    require_real_modules(row[-2])
    require_real_tests(row[-1])


def test_what_is_out_of_scope_is_said_and_what_is_done_all_the_same() -> None:
    rows = table_rows(PAGE, "Out of scope")
    assert len(rows) >= 3
    assert all(len(row) == 2 and all(row) for row in rows)
