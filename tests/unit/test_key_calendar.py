"""The calendar's rules: which step has been reached, and what needs nobody because something takes over."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from agent.domain.key_calendar import EXPIRED, KeyDate, warnings_due
from agent.domain.key_pins import PinWindow
from agent.domain.keys import KeyFacts, SubkeyFacts
from agent.domain.keys_in_play import key_dates, own_key_dates, pinned_key_dates
from agent.domain.own_keys import KeyHandover

NOW = datetime(2027, 1, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OLD, NEW = "A" * 40, "B" * 40


def subkey(fingerprint: str, days: float | None, *, can_encrypt: bool = True) -> SubkeyFacts:
    ends_at = None if days is None else NOW + days * DAY
    return SubkeyFacts(
        fingerprint, "ECDH", 256, "cv25519", NOW, ends_at, not can_encrypt, can_encrypt, revoked=False
    )


def key(fingerprint: str, days: float, *subkeys: SubkeyFacts) -> KeyFacts:
    return KeyFacts(
        fingerprint, "EdDSA", 256, "ed25519", NOW, NOW + days * DAY, (), True, True, False, subkeys
    )


def warned(dates: list[KeyDate]) -> set[tuple[str, str]]:
    return {(one.key_date.what, one.key_date.mark) for one in warnings_due(dates, NOW)}


@pytest.mark.parametrize(
    ("days", "step"),
    [
        (60.01, None),
        (60, 60),
        (30.5, 60),
        (30, 30),
        (14, 14),
        (3.1, 14),
        (3, 3),
        (0.001, 3),
        (0, EXPIRED),
        (-400, EXPIRED),
        (None, None),
    ],
)
def test_smallest_step_that_was_reached_is_due(days: float | None, step: int | None) -> None:
    ends_at = None if days is None else NOW + days * DAY
    due = warnings_due([KeyDate("dentport", "key", OLD, NOW, ends_at)], NOW)
    assert [one.step for one in due] == ([] if step is None else [step])


def test_warnings_are_sentences_and_the_most_urgent_comes_first() -> None:
    dates = [
        KeyDate("licence", "licence", "", NOW, NOW + 20.5 * DAY),
        KeyDate("dentport", "key", OLD, NOW, NOW + 1.5 * DAY),
        KeyDate("zahnzeit", "key", NEW, NOW, NOW - DAY),
    ]
    assert [str(one) for one in warnings_due(dates, NOW)] == [
        f"zahnzeit: key {NEW} is expired since 2027-01-03",
        f"dentport: key {OLD} ends on 2027-01-06, in 1 day",
        "licence: licence ends on 2027-01-25, in 20 days",
    ]


def test_subkey_is_warned_of_only_if_it_ends_before_its_key_and_its_siblings() -> None:
    def told(*subkeys: SubkeyFacts) -> set[tuple[str, str]]:
        return warned(list(key_dates("dentport", key(OLD, 500, *subkeys), standing_by=False)))

    assert told(subkey("1", 10)) == {("subkey", "1")}
    assert told(subkey("1", 10), subkey("2", 400)) == set()
    assert told(subkey("1", 10), subkey("2", 400, can_encrypt=False)) == {("subkey", "1")}
    assert told(subkey("1", 10), replace(subkey("2", 400), revoked=True)) == {("subkey", "1")}
    same_end = key(OLD, 10, subkey("1", 10))
    assert warned(list(key_dates("dentport", same_end, standing_by=False))) == {("key", OLD)}


def test_partner_key_with_a_successor_that_is_good_at_its_end_needs_nobody() -> None:
    def told(
        windows: dict[str, PinWindow], *pinned: str, revoked: tuple[str, ...] = ()
    ) -> set[tuple[str, str]]:
        keys = [key(OLD, 10), key(NEW, 500)]
        return warned(list(pinned_key_dates("dentport", keys, pinned, windows, revoked)))

    assert told({}, OLD, NEW) == set()
    assert told({}, OLD) == {("key", OLD)}
    assert told({}, OLD, NEW, revoked=(NEW,)) == {("key", OLD)}
    assert told({}, OLD, NEW, revoked=(OLD,)) == set()
    assert told({NEW: PinWindow(date(2027, 1, 10), None)}, OLD, NEW) == set()
    assert told({NEW: PinWindow(date(2027, 2, 1), None)}, OLD, NEW) == {("key", OLD)}


def test_end_of_a_window_is_warned_of_like_the_end_of_a_key() -> None:
    windows = {NEW: PinWindow(None, date(2027, 1, 10))}
    dates = list(pinned_key_dates("dentport", [key(NEW, 500)], (NEW,), windows, ()))
    assert warned(dates) == {("pin of", NEW)}


@pytest.mark.parametrize(("signs_from", "told"), [(5, set()), (20, {("key", OLD)})])
def test_own_key_that_hands_over_before_its_end_needs_no_renewal(
    signs_from: int, told: set[tuple[str, str]]
) -> None:
    step = KeyHandover(OLD, NEW, NOW, NOW + signs_from * DAY, NOW + 30 * DAY, "", "")
    dates = list(own_key_dates([key(OLD, 10), key(NEW, 700)], OLD, [step], NOW))
    assert warned(dates) == told
