"""Every reason that a file or booking can get is explained to partners, once, and nothing else is."""

import re
from enum import StrEnum

import pytest

from agent.errors import QuarantineReason
from exchange_formats.receipts import BookingReason, MessageReason
from tests.kit.partner_guide import GUIDE

REASONS = (MessageReason, BookingReason, QuarantineReason)


def table_rows(name: str) -> list[list[str]]:
    """The rows, without the header, of the table in the section whose heading ends with `name`."""
    (section,) = re.findall(rf"^### [^\n]*`{name}`\n(.*?)(?=^#)", GUIDE, re.MULTILINE | re.DOTALL)
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.parametrize("reasons", REASONS)
def test_each_reason_is_explained_once_and_in_the_order_of_the_code(reasons: type[StrEnum]) -> None:
    assert [row[0] for row in table_rows(reasons.__name__)] == [f"`{reason.value}`" for reason in reasons]


@pytest.mark.parametrize("reasons", REASONS)
def test_each_reason_says_what_it_means_and_what_to_do(reasons: type[StrEnum]) -> None:
    for row in table_rows(reasons.__name__):
        assert len(row) == 3
        assert all(row), row[0]


def test_no_word_stands_for_two_reasons() -> None:
    words = [reason.value for reasons in REASONS for reason in reasons]
    assert len(words) == len(set(words))
