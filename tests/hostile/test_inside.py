"""What the partner signed is read strictly and booked once: payloads, sequences, folders, good files."""

import pytest

from tests.hostile import folder_cases, good_files, payload_cases, sequence_cases
from tests.hostile.case import Case
from tests.hostile.trial import tried
from tests.hostile.workshop import Workshop

# The codec's own tests spoil documents in every way; every third of them goes through the whole story here,
# and all of them in `make corpus`.
CASES = [
    *payload_cases.UNREADABLE[::3],
    *(case for case in payload_cases.CASES if case not in payload_cases.UNREADABLE),
    *sequence_cases.CASES,
    *folder_cases.CASES,
    *good_files.CASES,
]
# PGPy still names ciphers where older versions of its library kept them.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_hostile_content_has_its_outcome_its_reason_and_no_other_effect(case: Case, shop: Workshop) -> None:
    assert tried(case, shop).complaints == []
