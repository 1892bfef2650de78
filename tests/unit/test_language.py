"""Sentences in two languages, and moments as people in Germany write them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from agent.language import Language, LanguageCode, preferred_language, sentence

NOON = datetime(2026, 7, 1, 10, 5, tzinfo=UTC)
GERMAN, ENGLISH = Language(LanguageCode.GERMAN), Language(LanguageCode.ENGLISH)


def test_sentence_without_german_is_said_in_english_with_its_values() -> None:
    unknown = sentence("not translated: {what}", what=sentence("{count} files", count=3))
    assert GERMAN.say(unknown) == "not translated: 3 files"


def test_moments_are_said_in_the_practices_time_zone() -> None:
    assert GERMAN.moment(NOON) == "01.07.26, 12:05"
    assert ENGLISH.moment(NOON) == "01/07/2026, 12:05"
    assert GERMAN.day(date(2026, 7, 1)) == "Mi. 1.7."
    assert ENGLISH.day(date(2026, 7, 1)) == "Wed 1 Jul"


def test_passed_time_is_said_in_one_unit_and_never_lies_ahead() -> None:
    assert GERMAN.ago(NOON - timedelta(minutes=3, seconds=20), NOON) == "vor 3 Minuten"
    assert ENGLISH.ago(NOON - timedelta(hours=5), NOON) == "5 hours ago"
    assert "in " not in ENGLISH.ago(NOON + timedelta(hours=1), NOON)


@pytest.mark.parametrize(
    ("name", "language"),
    [("de_DE.UTF-8", "de"), ("de_AT", "de"), ("en_US.UTF-8", "en"), ("fr_FR.UTF-8", "en"), ("C", "en")],
)
def test_language_follows_the_accounts_locale(
    monkeypatch: pytest.MonkeyPatch, name: str, language: str
) -> None:
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LC_CTYPE", "C.UTF-8")
    monkeypatch.setenv("LANG", name)
    assert preferred_language() == language
