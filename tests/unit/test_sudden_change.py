"""When a change is too large to be believed, and what a release covers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.model import GuardSettings
from agent.domain.sudden_change import Change, Limit, Sign, covers, excessive, in_words

LIMITS = {sign: Limit(percent=50, at_least=100) for sign in Sign}
AMOUNTS = st.integers(0, 10_000)
CHANGES = st.builds(Change, st.sampled_from(Sign), base=AMOUNTS, amount=AMOUNTS)


def slots_lost(base: int, amount: int) -> Change:
    return Change(Sign.SLOTS_LOST, base, amount)


@pytest.mark.parametrize(
    ("base", "amount", "held"),
    [
        (1200, 900, True),
        (1200, 601, True),
        (1200, 600, False),
        (199, 100, True),
        (150, 99, False),
        (0, 0, False),
    ],
)
def test_change_is_held_only_if_it_is_large_in_number_and_in_share(
    base: int, amount: int, held: bool
) -> None:
    assert bool(excessive([slots_lost(base, amount)], LIMITS)) is held


def test_growth_from_nothing_is_held_by_its_number_alone() -> None:
    added = [Change(Sign.PATIENTS_ADDED, 0, amount) for amount in (99, 100)]
    assert excessive(added, LIMITS) == (added[1],)


def test_what_grows_where_something_is_lost_is_never_held() -> None:
    assert excessive([slots_lost(100, -5000)], LIMITS) == ()


def test_each_sign_has_limits_of_its_own_in_the_settings_and_the_defaults_suit_a_practice() -> None:
    limits = GuardSettings().limits()
    assert set(limits) == set(Sign)
    daily = [
        Change(Sign.PATIENTS_LOST, 25, 19),
        Change(Sign.PATIENTS_LOST, 3000, 600),
        Change(Sign.PATIENTS_ADDED, 0, 49),
        Change(Sign.SLOTS_LOST, 120, 99),
        Change(Sign.SLOTS_LOST, 12_000, 6_000),
        Change(Sign.REFERENCE_DATA_LOST, 2, 1),
        Change(Sign.BOOKINGS, 150, 60),
        Change(Sign.BOOKINGS, 600, 240),
        Change(Sign.CANCELLATIONS, 300, 60),
        Change(Sign.APPOINTMENTS_DELETED, 20, 20),
    ]
    assert excessive(daily, limits) == ()
    disasters = [
        Change(Sign.PATIENTS_LOST, 40, 20),
        Change(Sign.PATIENTS_ADDED, 500, 2500),
        Change(Sign.SLOTS_LOST, 1200, 1200),
        Change(Sign.TAKEN_MINUTES_LOST, 40_000, 40_000),
        Change(Sign.REFERENCE_DATA_LOST, 4, 3),
        Change(Sign.BOOKINGS, 60, 250),
        Change(Sign.CANCELLATIONS, 600, 250),
        Change(Sign.APPOINTMENTS_DELETED, 600, 21),
    ]
    assert excessive(disasters, limits) == tuple(disasters)


def test_release_of_a_loss_does_not_let_the_loss_of_everything_go() -> None:
    assert covers([slots_lost(1200, 900)], [slots_lost(1200, 900)])
    assert not covers([slots_lost(1200, 900)], [slots_lost(1200, 1200)])
    assert not covers([slots_lost(1200, 1190)], [slots_lost(1200, 1200)])
    assert covers([slots_lost(1200, 1200)], [slots_lost(1200, 1200)])


def test_release_outlives_a_single_booking_and_withdrawal_and_not_much_more() -> None:
    assert covers([Change(Sign.PATIENTS_LOST, 1000, 600)], [Change(Sign.PATIENTS_LOST, 1000, 630)])
    assert not covers([Change(Sign.PATIENTS_LOST, 1000, 600)], [Change(Sign.PATIENTS_LOST, 1000, 631)])


def test_release_of_one_sign_says_nothing_of_another() -> None:
    assert not covers([slots_lost(1200, 900)], [Change(Sign.TAKEN_MINUTES_LOST, 1200, 900)])


@given(st.lists(CHANGES))
def test_release_covers_just_what_was_seen_and_nothing_at_all(changes: list[Change]) -> None:
    seen = {change.sign: change for change in changes}.values()
    assert covers(seen, seen)
    assert covers(seen, [])


@given(CHANGES, AMOUNTS)
def test_release_covers_every_smaller_change_that_leaves_something(seen: Change, amount: int) -> None:
    smaller = Change(seen.sign, seen.base, min(amount, seen.amount))
    assert covers([seen], [smaller]) or smaller.empties


@pytest.mark.parametrize("sign", Sign)
def test_every_sign_is_told_in_words_with_its_numbers(sign: Sign) -> None:
    assert "1,500" in in_words([Change(sign, 2600, 1500)])
    assert "2,600" in in_words([Change(sign, 2600, 1500)])
