"""Names and contact points in the one spelling in which they are compared (reading A7).

Comparison is exact after this normalisation, never phonetic. What comes out is
for comparing only: it is never stored, shown or sent.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import phonenumbers

from agent.domain.practice import ContactPoint

PHONE_REGION = "DE"

_UMLAUT = re.compile("([aou])[\u0300-\u036f]*?\u0308")
_APOSTROPHES = frozenset("'’‘‛ʼʻʹʾʿ`´′＇")
_DOTTED_DEGREE = re.compile(r"\b(?:h\. ?c|[bm]\. ?sc|ll\. ?m|ph\. ?d)\.")
_PHONE_NUMBER = re.compile(r"[+＋(]*\s*\d[\W\d_]*")
_WORD = re.compile(r"[^ .]+\.?|\.")

_TITLE_WORDS = "dr drs ddr prof professor pd priv univ dipl bsc msc llm mba phd"
_TITLE_PART_WORDS = (
    "med dent vet rer nat pol phil jur iur theol oec soc agr paed psych "
    "inf ing kfm kffr wirt doz habil hc mult (fh)"
)
_PARTICLE_WORDS = (
    "von vom van zu zum zur und der den dem des de del della delle dello dei di da das do dos du "
    "la le les los las el al af av ter ten te het t am an auf aus im in"
)
_TITLES = frozenset(_TITLE_WORDS.split())
_DOTTED_TITLES = frozenset({"ing.", "mag."})  # without the dot they are names
_TITLE_PARTS = frozenset(_TITLE_PART_WORDS.split())
_PARTICLES = frozenset(_PARTICLE_WORDS.split())
_GENERATIONS = frozenset({"jun", "jr", "junior", "sen", "sr", "senior"})


class NameKey(NamedTuple):
    """A person's names for comparison; two keys are equal exactly if the names count as the same.

    `given` holds each given name, `family` is one text, `particles` are those
    before the family name, wherever they had been entered.
    """

    given: tuple[str, ...]
    family: str
    particles: tuple[str, ...]


@lru_cache(maxsize=32_768)
def normalised_name(given_name: str, family_name: str) -> NameKey:
    """The key of a person's names; a part is empty if its text holds no name.

    Remembered, in memory only, because records without a birth date are
    candidates for every booking.
    """
    given = _without_generation(_without_titles(_words(given_name)))
    family = _without_generation(_without_titles(_words(family_name)))
    leading = 0
    while leading < len(family) - 1 and family[leading] in _PARTICLES:
        leading += 1
    # "Hans von" and "Berg" is how some forms split "Hans von Berg".
    trailing = len(given)
    while trailing > 1 and given[trailing - 1] in _PARTICLES:
        trailing -= 1
    return NameKey(
        tuple(given[:trailing]), " ".join(family[leading:]), tuple(given[trailing:] + family[:leading])
    )


def normalised_contact(contact: ContactPoint) -> tuple[str, str] | None:
    """System and value for comparison: E.164 for a phone, folded for an e-mail; None if it is neither."""
    if contact.system == "email":
        address = unicodedata.normalize("NFC", contact.value.strip()).casefold()
        return ("email", address) if "@" in address else None
    if contact.system == "phone":
        return _normalised_phone(contact.value)
    return None


def _normalised_phone(text: str) -> tuple[str, str] | None:
    # Letters would be read as the keys they share with digits; practices write "(Mutter)" behind a number.
    written = _PHONE_NUMBER.search(text)
    if written is None:
        return None
    try:
        number = phonenumbers.parse(written[0], PHONE_REGION)
    except phonenumbers.NumberParseException:
        return None
    # Possible, not valid: the library cannot know number ranges that are younger than itself.
    if not phonenumbers.is_possible_number(number):
        return None
    return "phone", phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf"} and not character.isspace()


def _spelled(character: str) -> str:
    if character.isspace() or unicodedata.category(character) == "Pd" or character == "\u2212":
        return " "
    if character in _APOSTROPHES or _is_invisible(character) or unicodedata.combining(character):
        return ""
    return character


class _CharacterTable(dict[int, str]):
    """What each character becomes, found out once per character: a table for `str.translate`."""

    def __init__(self, becomes: Callable[[str], str]) -> None:
        super().__init__()
        self._becomes = becomes

    def __missing__(self, code: int) -> str:
        self[code] = self._becomes(chr(code))
        return self[code]


_VISIBLE = _CharacterTable(lambda character: "" if _is_invisible(character) else character)
_SPELLED = _CharacterTable(_spelled)


def _words(name: str) -> list[str]:
    """Folded words; a dot ends a word, so that `Dr.med.` is two."""
    folded = name.casefold() if name.isascii() else _folded(name)
    spelled = folded.translate(_SPELLED)
    if "." not in spelled:
        return spelled.split()
    return _WORD.findall(_DOTTED_DEGREE.sub(lambda degree: re.sub("[. ]", "", degree[0]) + ".", spelled))


def _folded(name: str) -> str:
    """Casefolded and decomposed, with umlauts written out while they can still be told from other marks.

    Invisible characters go first: one between a letter and its mark would hide the umlaut.
    """
    casefolded = unicodedata.normalize("NFC", name.translate(_VISIBLE)).casefold()
    return _UMLAUT.sub(r"\1e", unicodedata.normalize("NFD", casefolded))


def _without_titles(words: list[str]) -> list[str]:
    """Words that are no academic title; `med.` is one only behind `Dr.`. A name of nothing else stays."""
    kept = []
    in_title = False
    for word in words:
        bare = word.rstrip(".")
        in_title = bare in _TITLES or word in _DOTTED_TITLES or (in_title and bare in _TITLE_PARTS)
        if not in_title:
            kept.append(word)
    return kept or words


def _without_generation(words: list[str]) -> list[str]:
    """Without `jun.` or `sen.` at the end, unless that is the whole name."""
    end = len(words)
    while end > 1 and words[end - 1].rstrip(".") in _GENERATIONS:
        end -= 1
    return words[:end]
