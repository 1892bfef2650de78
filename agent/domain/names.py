"""Names in the one spelling in which they are compared (reading A7).

Comparison is exact after this normalisation, never phonetic. What comes out is
for comparing only: it is never stored, shown or sent.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from agent.domain.titles import degrees_joined, without_titles

_UMLAUT = re.compile("([aou])[\u0300-\u036f]*?\u0308")
# Letters that Unicode does not take apart, spelled as in passports (ICAO Doc 9303-3, section 6).
_TRANSLITERATED = {
    "æ": "ae", "œ": "oe", "ø": "oe", "ð": "d", "đ": "d", "þ": "th", "ħ": "h", "ı": "i", "ł": "l", "ŧ": "t",
}  # fmt: skip
_APOSTROPHES = frozenset("'’‘‛ʼʽʻʹʾʿ`´′＇")
# Default_Ignorable_Code_Point beyond the format characters (Cf): joiners, fillers, variation selectors.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
# Canonical combining classes Han reading, nukta, kana voicing, virama: part of the letter, no accent.
_LETTER_PARTS = frozenset({6, 7, 8, 9})
_WORD = re.compile(r"[^ .]+\.?")

_PARTICLE_WORDS = (
    "von vom van zu zum zur und der den dem des de del della delle dello dei di da das do dos du y "
    "la le les los las el al af av ter ten te het t am an auf aus im in v. d. z. "
    "freiherr freifrau freiin graf graefin baron baronin"
)
_PARTICLES = frozenset(_PARTICLE_WORDS.split())
# Behind a name `jun` and `sen` may stand for `jun.` and `sen.`, or be Jun and Şen: for people to say.
_PARTICLES_BEHIND = _PARTICLES | {"jun", "sen"}


class NameKey(NamedTuple):
    """A person's names for comparison; two keys are equal exactly if the names count as the same.

    `given` holds each given name; `family` is one text without particles. Each of the
    `particles` comes with the number of family words before it: 0 for one before the
    name, wherever it had been entered (`Hans von` + `Berg`, `Berg, von`).
    """

    given: tuple[str, ...]
    family: str
    particles: tuple[tuple[int, str], ...]


@lru_cache(maxsize=32_768)
def normalised_name(given_name: str, family_name: str) -> NameKey:
    """The key of a person's names; a part is empty if its text holds no name.

    Remembered, in memory only, because every record without a birth date may be
    meant by every booking.
    """
    given = without_titles(_words(given_name))
    # "Hans von" and "Berg" is how some forms split "Hans von Berg".
    end = len(given)
    while end > 1 and given[end - 1] in _PARTICLES:
        end -= 1
    family, particles = _split_particles(without_titles(_words(family_name)))
    moved = [(0, word) for word in given[end:]]
    return NameKey(tuple(given[:end]), " ".join(family), tuple(moved + particles))


def has_title(given_name: str, family_name: str) -> bool:
    """Whether an academic title, `jun.` or `sen.` is passed over in comparing."""
    return any(without_titles(words) != words for words in (_words(given_name), _words(family_name)))


def readings(full_name: str) -> Iterator[tuple[str, str]]:
    """Given and family name, in each way one text can be read; `Family, Given` only in that one.

    Readings that count as the same names come once; none if the text holds no two names.
    """
    family, comma, given = full_name.partition(",")
    words = full_name.split()
    splits = [(" ".join(words[:end]), " ".join(words[end:])) for end in range(1, len(words))]
    seen = set()
    for split in [(given.strip(), family.strip())] if comma else splits:
        key = normalised_name(*split)
        if key.given and key.family and key not in seen:
            seen.add(key)
            yield split


def _is_invisible(character: str) -> bool:
    if character.isspace():
        return False
    return unicodedata.category(character) in {"Cc", "Cf"} or bool(_IGNORABLE.match(character))


def _spelled(character: str) -> str:
    if character.isspace() or unicodedata.category(character) == "Pd" or character in "\u2212,":
        return " "
    if character in _APOSTROPHES or _is_invisible(character):
        return ""
    if unicodedata.combining(character) not in {0, *_LETTER_PARTS}:
        return ""
    return _TRANSLITERATED.get(character, character)


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
    """Folded words; a dot ends a word, so that `Dr.med.` is two, and what holds no letter is none."""
    folded = name.casefold() if name.isascii() else _folded(name)
    spelled = folded.translate(_SPELLED)
    words = _WORD.findall(degrees_joined(spelled)) if "." in spelled else spelled.split()
    return [word for word in words if word.isalpha() or any(map(str.isalnum, word))]


def _folded(name: str) -> str:
    """Casefolded and decomposed, with umlauts written out while they can still be told from other marks.

    Invisible characters go first: one between a letter and its mark would hide the umlaut.
    """
    casefolded = unicodedata.normalize("NFC", name.translate(_VISIBLE)).casefold()
    return _UMLAUT.sub(r"\1e", unicodedata.normalize("NFD", casefolded))


def _split_particles(words: Sequence[str]) -> tuple[list[str], list[tuple[int, str]]]:
    """A family name's words without its particles, at least one if there are any, and the particles."""
    family: list[str] = []
    particles: list[tuple[int, str]] = []
    for number, word in enumerate(words, start=1):
        last_chance = not family and number == len(words)
        if not last_chance and word in (_PARTICLES_BEHIND if family else _PARTICLES):
            particles.append((len(family), word))
        else:
            family.append(word)
    # One behind the whole name is one before it, as in an index: `Berg, von`.
    placed = ((before % len(family), word) for before, word in particles)
    return family, sorted(placed, key=itemgetter(0))
