"""The two predicates, as whole tables."""

from datetime import date

import pytest

from agent.domain.consent import in_search_set, in_transmit_set, usable_birth_date
from agent.domain.practice import Consent

TODAY = date(2027, 1, 11)
BORN = date(1980, 5, 17)


@pytest.mark.parametrize(
    ("active", "consent", "transmitted", "found"),
    [
        (True, Consent.GRANTED, True, True),
        (True, Consent.OPEN, False, True),
        (True, Consent.DENIED, False, False),
        (False, Consent.GRANTED, False, False),
        (False, Consent.OPEN, False, False),
        (False, Consent.DENIED, False, False),
    ],
)
def test_only_active_and_granted_is_transmitted_and_only_active_and_not_denied_is_found(
    active: bool, consent: Consent, transmitted: bool, found: bool
) -> None:
    assert in_transmit_set(active, consent) is transmitted
    assert in_search_set(active, consent, BORN, TODAY) is found


@pytest.mark.parametrize(
    ("birth_date", "usable"),
    [
        (BORN, True),
        (TODAY, True),
        (date(1900, 1, 2), True),
        (None, False),
        (date(1900, 1, 1), False),
        (date(1, 1, 1), False),
        (date(2027, 1, 12), False),
    ],
)
def test_a_missing_placeholder_or_future_birth_date_is_none_and_never_found(
    birth_date: date | None, usable: bool
) -> None:
    assert usable_birth_date(birth_date, TODAY) == (birth_date if usable else None)
    assert in_search_set(True, Consent.OPEN, birth_date, TODAY) is usable
