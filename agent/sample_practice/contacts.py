"""Telephone numbers and e-mail addresses as a reception writes them down.

Every number lies in a range that the Bundesnetzagentur keeps free for films
and books (Mitteilung 148/2021), every address under example.org (RFC 2606):
a message sent by mistake reaches nobody.
"""

import random
import re
import unicodedata
from functools import lru_cache

from agent.domain.practice import ContactPoint
from agent.sample_practice.drawing import drawn, drawn_below

_CITIES = (("30", "23125"), ("69", "90009"), ("40", "66969"), ("221", "4710"), ("89", "99998"))
_MOBILE_BLOCKS = (("171", "39200"), ("176", "040690"))
_DOMAINS = ("example.org", "example.org", "mail.example.org", "post.example.org", "Example.org")
_SPELLINGS = (
    "0{area} {number}",
    "0{area}/{number}",
    "0{area} / {paired}",
    "0{area}-{number}",
    "0{area}{number}",
    "(0{area}) {number}",
    "+49 {area} {number}",
    "+49{area}{number}",
    "+49 (0){area} {paired}",
    "0049 {area} {number}",
    "0{area} {paired}",
)
_PAIRS = re.compile("..?")
_ASCII_ADDRESS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ı": "i", "ł": "l", "đ": "d", "ø": "oe"}
)


def landline(rng: random.Random) -> ContactPoint:
    area, block = drawn(rng, _CITIES)
    return ContactPoint("phone", "home", spelled(rng, area, f"{block}{drawn_below(rng, 1000):03}"))


def mobile(rng: random.Random) -> ContactPoint:
    area, block = drawn(rng, _MOBILE_BLOCKS)
    return ContactPoint("phone", "mobile", spelled(rng, area, f"{block}{drawn_below(rng, 100):02}"))


def email(rng: random.Random, given_name: str, family_name: str) -> ContactPoint:
    """Mostly name and number, as mail providers hand them out."""
    local = f"{_ascii(given_name)}.{_ascii(family_name)}{1 + drawn_below(rng, 999)}"
    return ContactPoint("email", "home", f"{local}@{drawn(rng, _DOMAINS)}")


def spelled(rng: random.Random, area: str, number: str) -> str:
    """One number in one of the spellings found in real card indexes; all mean the same."""
    spelling = drawn(rng, _SPELLINGS)
    if "{paired}" in spelling:
        return spelling.format(area=area, paired=" ".join(_PAIRS.findall(number)))
    return spelling.format(area=area, number=number)


@lru_cache(maxsize=4096)
def _ascii(name: str) -> str:
    if not name.isascii():
        plain = unicodedata.normalize("NFC", name).lower().translate(_ASCII_ADDRESS)
        name = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return "".join(letter for letter in name.lower() if letter.isalnum())
