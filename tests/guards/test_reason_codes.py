"""Every reason that a file or booking can get is explained to partners, once, and nothing else is."""

from enum import StrEnum

import pytest

from agent.errors import QuarantineReason
from exchange_formats.receipts import BookingReason, MessageReason
from tests.kit.partner_guide import table_rows

REASONS = (MessageReason, BookingReason, QuarantineReason)


def rows(reasons: type[StrEnum]) -> list[list[str]]:
    return table_rows(f"`{reasons.__name__}`")


@pytest.mark.parametrize("reasons", REASONS)
def test_each_reason_is_explained_once_and_in_the_order_of_the_code(reasons: type[StrEnum]) -> None:
    assert [row[0] for row in rows(reasons)] == [f"`{reason.value}`" for reason in reasons]


@pytest.mark.parametrize("reasons", REASONS)
def test_each_reason_says_what_it_means_and_what_to_do(reasons: type[StrEnum]) -> None:
    for row in rows(reasons):
        assert len(row) == 3
        assert all(row), row[0]


def test_no_word_stands_for_two_reasons() -> None:
    words = [reason.value for reasons in REASONS for reason in reasons]
    assert len(words) == len(set(words))
