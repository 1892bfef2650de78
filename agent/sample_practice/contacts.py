"""Telephone numbers and e-mail addresses as a reception writes them down.

Every number lies in a range that the Bundesnetzagentur keeps free for films
and books (Mitteilung 148/2021), every address under example.org (RFC 2606):
a message sent by mistake reaches nobody.
"""

import random
import unicodedata

from agent.domain.practice import ContactPoint

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
_ASCII_ADDRESS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ı": "i", "ł": "l", "đ": "d", "ø": "oe"}
)


def landline(rng: random.Random) -> ContactPoint:
    area, block = rng.choice(_CITIES)
    return ContactPoint("phone", "home", spelled(rng, area, f"{block}{rng.randrange(1000):03}"))


def mobile(rng: random.Random) -> ContactPoint:
    area, block = rng.choice(_MOBILE_BLOCKS)
    return ContactPoint("phone", "mobile", spelled(rng, area, f"{block}{rng.randrange(100):02}"))


def email(rng: random.Random, given_name: str, family_name: str) -> ContactPoint:
    """Mostly name and number, as mail providers hand them out."""
    local = f"{_ascii(given_name)}.{_ascii(family_name)}{rng.randrange(1, 1000)}"
    return ContactPoint("email", "home", f"{local}@{rng.choice(_DOMAINS)}")


def spelled(rng: random.Random, area: str, number: str) -> str:
    """One number in one of the spellings found in real card indexes; all mean the same."""
    paired = " ".join(number[at : at + 2] for at in range(0, len(number), 2))
    return rng.choice(_SPELLINGS).format(area=area, number=number, paired=paired)


def _ascii(name: str) -> str:
    if not name.isascii():
        plain = unicodedata.normalize("NFC", name).lower().translate(_ASCII_ADDRESS)
        name = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return "".join(letter for letter in name.lower() if letter.isalnum())
