"""The corpus holds what it must: every topic of every family, every reason, and enough cases."""

import pytest

from agent.errors import QuarantineReason
from exchange_formats.receipts import BookingReason, MessageReason
from tests.hostile.case import Family
from tests.hostile.corpus import CASES, HOSTILE, TOPICS

LEAST_CASES = 120


def test_corpus_holds_at_least_so_many_cases_none_of_them_twice() -> None:
    assert len(HOSTILE) >= LEAST_CASES
    assert len({case.title for case in CASES}) == len(CASES)


@pytest.mark.parametrize("family", Family)
def test_family_has_a_case_of_each_of_its_topics_and_of_no_other(family: Family) -> None:
    topics = {case.topic for case in CASES if case.family is family}
    assert topics == {topic.strip() for topic in TOPICS[family].split("·")}


def test_every_reason_of_a_file_has_a_case() -> None:
    expected = {one.reason for case in HOSTILE for one in case.expected}
    assert expected >= {*QuarantineReason, *MessageReason}


def test_every_reason_of_a_booking_has_a_case() -> None:
    expected = {reason for case in HOSTILE for one in case.expected for reason in one.bookings}
    assert expected >= set(BookingReason)
