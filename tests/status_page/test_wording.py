"""Shares, days and numbers as the page says them."""

from datetime import UTC, date, datetime

import pytest

from agent.domain.heat_map import HeatCell
from agent.domain.sudden_change import Change, Sign
from agent.errors import QuarantineReason
from agent.language import Language, LanguageCode
from agent.status_page import wording
from exchange_formats.envelope import Kind

GERMAN, ENGLISH = Language(LanguageCode.GERMAN), Language(LanguageCode.ENGLISH)


def test_what_ends_at_midnight_has_the_day_before_as_its_last() -> None:
    assert wording.last_day(datetime(2027, 11, 24, tzinfo=UTC)) == date(2027, 11, 23)
    assert wording.last_day(datetime(2027, 11, 24, 9, 0, tzinfo=UTC)) == date(2027, 11, 24)


@pytest.mark.parametrize(
    ("cell", "busy", "offered"),
    [
        (HeatCell(0, 0, 0), 0, 0),
        (HeatCell(480, 480, 0), 10, 0),
        (HeatCell(480, 240, 5), 5, 1),
        (HeatCell(480, 600, 480), 10, 10),
    ],
)
def test_shade_is_the_busy_share_and_a_little_offered_is_never_nothing(
    cell: HeatCell, busy: int, offered: int
) -> None:
    assert (wording.busy_step(cell), wording.offered_step(cell)) == (busy, offered)


def test_numbers_have_the_languages_own_separators() -> None:
    lost = Change(Sign.PATIENTS_LOST, 1_250, 1_180)
    assert ENGLISH.say(wording.change(lost, ENGLISH)) == "1,180 of 1,250 patients to be removed"
    assert GERMAN.say(wording.change(lost, GERMAN)) == "1.180 von 1.250 Patienten zu löschen"
    assert wording.hours(390, GERMAN) == "6,5"
    assert (wording.seconds(1.44, GERMAN), wording.seconds(None, GERMAN)) == ("1,4 s", "–")
    assert wording.seconds(7200, ENGLISH) == "2 hours"


def test_fingerprint_is_in_groups_and_a_files_name_as_it_is() -> None:
    assert wording.mark("A1" * 20) == " ".join(["A1A1"] * 10)
    assert wording.mark("dentport_ssh_key") == "dentport_ssh_key"


def test_every_kind_that_waits_or_is_held_and_every_reason_has_words() -> None:
    for kind in Kind:
        if kind is not Kind.ACKNOWLEDGEMENTS:
            assert ENGLISH.say(wording.kind(kind.value)) != kind.value or kind in (
                Kind.BOOKINGS,
                Kind.RECEIPTS,
            )
    assert all(wording.advice(reason.value) for reason in QuarantineReason)
    assert wording.advice("unheard-of") is None
    assert wording.kind("unheard-of") == "unheard-of"
