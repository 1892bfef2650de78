"""Whatever is said to people has its German, and the German says the same names and numbers."""

import re
from collections import Counter

import pytest

from tests.kit.translatable import GERMAN, Key, catalogue, texts, translatable

PLACEHOLDER = re.compile(r"\{[a-z_]*\}|%\([a-z_]+\)[a-z]")
COMMAND = re.compile(r"`[^`]+`")

SAID = translatable()
TRANSLATED = texts(catalogue())
ADVICE = "`python -m tests.kit.translatable` puts the catalogue in order and leaves room for what is missing"


def forms(key: Key) -> tuple[str, ...]:
    return (key,) if isinstance(key, str) else key


def test_every_sentence_has_a_german_text_and_none_is_left_over() -> None:
    missing = {key for key in SAID if not all(TRANSLATED.get(key, ("",)))}
    assert missing == set(), ADVICE
    assert TRANSLATED.keys() - SAID == set(), ADVICE


def test_catalogue_holds_each_sentence_once() -> None:
    # Two that were added side by side: which one is said would depend on their order.
    keys = re.findall(r"^msgid (.+?)(?=^msg)", GERMAN.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert [key for key, count in Counter(keys).items() if count > 1] == []


@pytest.mark.parametrize("sign", [PLACEHOLDER, COMMAND], ids=["placeholders", "commands"])
def test_german_text_has_the_same_placeholders_and_commands(sign: re.Pattern[str]) -> None:
    for key, german in TRANSLATED.items():
        allowed = {frozenset(sign.findall(form)) for form in forms(key)}
        for form in german:
            assert frozenset(sign.findall(form)) in allowed, key


def test_german_speaks_politely_and_not_in_english() -> None:
    for key, german in TRANSLATED.items():
        for form in german:
            assert not re.search(r"\b(du|dein|deine|deinen|dir|dich|euch)\b", form, re.IGNORECASE), key
            # A single word may be the same; a sentence that is was forgotten.
            assert form not in forms(key) or len(form.split()) < 3, key
