"""What nobody signed, or somebody else, never has an effect: the corpus of signatures and containers (P1)."""

import pytest

from tests.hostile import container_cases, signature_cases
from tests.hostile.case import Case
from tests.hostile.trial import tried
from tests.hostile.workshop import Workshop

CASES = [*signature_cases.CASES, *container_cases.CASES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_hostile_file_has_its_outcome_its_reason_and_no_other_effect(case: Case, shop: Workshop) -> None:
    assert tried(case, shop).complaints == []
