"""Who may be sent to a partner, and who may be found for one: two questions, two predicates.

The export asks `in_transmit_set` for every patient, again just before sealing;
matching asks `in_search_set`. Neither is ever derived from the other, because
a patient who has not been asked yet may be found on site but never leaves it.
"""

from datetime import date

from agent.domain.practice import Consent

PLACEHOLDER_BIRTH_DATE = date(1900, 1, 1)
"""What is entered where none is known (reading A7); nobody living was born on it or earlier."""


def in_transmit_set(active: bool, consent: Consent) -> bool:
    """Rule R15 and reading A1: agreed to this partner, and active; silence is no agreement."""
    return active and consent is Consent.GRANTED


def in_search_set(active: bool, consent: Consent, birth_date: date | None, today: date) -> bool:
    """Rule R16: active, has not objected to this partner, and has a birth date to be found by."""
    return active and consent is not Consent.DENIED and usable_birth_date(birth_date, today) is not None


def usable_birth_date(birth_date: date | None, today: date) -> date | None:
    """The birth date itself; None where it is missing, a placeholder or in the future (reading A7)."""
    if birth_date is None or not PLACEHOLDER_BIRTH_DATE < birth_date <= today:
        return None
    return birth_date
