"""The known patients, one or two for each story that a demo or a test tells.

They stand first in the card index. Their family names occur in no name list,
so that each is found by name and birth date alone, whatever else is drawn.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from agent.domain.practice import Consent, ContactPoint
from agent.sample_practice.people import PLACEHOLDER_BIRTH_DATE, Person
from agent.sample_practice.plan import Story

_OPEN, _GRANTED, _DENIED = Consent.OPEN, Consent.GRANTED, Consent.DENIED


_OPEN, _GRANTED, _DENIED = Consent.OPEN, Consent.GRANTED, Consent.DENIED


@dataclass(frozen=True, slots=True)
class StoryPatient:
    """A person with the story it stands for; `answers` are those of the first and of all other partners."""

    story: Story
    answers: tuple[Consent | None, Consent | None]
    person: Person


def story_patients() -> Iterator[StoryPatient]:
    """All of them, always in the same order and with the same data."""
    for story, answers, (given_name, family_name, birth_date), contact_points in _TOLD:
        active = story is not Story.INACTIVE
        yield StoryPatient(
            story, answers, Person(given_name, family_name, birth_date, active, list(contact_points))
        )


def _home(number: str) -> ContactPoint:
    return ContactPoint("phone", "home", number)


def _mobile(number: str) -> ContactPoint:
    return ContactPoint("phone", "mobile", number)


def _mail(address: str) -> ContactPoint:
    return ContactPoint("email", "home", address)


_Answers = tuple[Consent | None, Consent | None]
_Told = tuple[Story, _Answers, tuple[str, str, date | None], tuple[ContactPoint, ...]]

_TWINS_BIRTH_DATE = date(2014, 5, 9)
_TWINS_REACHED_BY = (_home("089 / 99998-417"), _mail("familie.hagenbuechner@example.org"))
_NAMESAKES = ("Michael", "Grünwaldner", date(1971, 2, 12))

_TOLD: tuple[_Told, ...] = (
    (
        Story.OPEN,
        (_OPEN, _OPEN),
        ("Annegret", "Öttl-Sommerfeldt", date(1968, 4, 17)),
        (_mobile("0171 / 39200 11"), _mail("annegret.oettl@example.org")),
    ),
    (
        Story.OPEN,
        (None, None),
        ("Bartholomäus", "Zwirnsteiner", date(1991, 9, 3)),
        (_mobile("+49 171 3920012"),),
    ),
    (
        Story.GRANTED,
        (_GRANTED, _GRANTED),
        ("Matthias", "Weißgerber-Lohse", date(1979, 11, 2)),
        (_mobile("(0171) 3920013"), _mail("M.Weissgerber@Example.org")),
    ),
    (
        Story.DENIED,
        (_DENIED, _DENIED),
        ("Gülşen", "Karadağ-Bichlmaier", date(1985, 6, 30)),
        (_mobile("0176 04069014"), _mail("guelsen.karadag@example.org")),
    ),
    (
        Story.DIVIDED,
        (_GRANTED, _DENIED),
        ("Ludwig", "von der Strauchmühle", date(1956, 1, 22)),
        (_home("0049 89 99998 415"),),
    ),
    (
        Story.INACTIVE,
        (_GRANTED, _GRANTED),
        ("Hedwig", "Zirngiebl", date(1938, 12, 6)),
        (_home("089 99998416"),),
    ),
    (
        Story.UNDATED,
        (_GRANTED, _GRANTED),
        ("Ottokar", "Quastenflosz", None),
        (_home("030/23125-417"),),
    ),
    (
        Story.UNDATED,
        (_GRANTED, _GRANTED),
        ("Walburga", "Nüßlein-Tanneck", PLACEHOLDER_BIRTH_DATE),
        (_home("040 66969 418"),),
    ),
    (
        Story.TWINS,
        (_GRANTED, _GRANTED),
        ("Lena Marie", "Hagenbüchner", _TWINS_BIRTH_DATE),
        _TWINS_REACHED_BY,
    ),
    (
        Story.TWINS,
        (_GRANTED, _GRANTED),
        ("Linus", "Hagenbüchner", _TWINS_BIRTH_DATE),
        _TWINS_REACHED_BY,
    ),
    (
        Story.NAMESAKES,
        (_OPEN, _OPEN),
        _NAMESAKES,
        (_mobile("0171 3920021"), _mail("michael.gruenwaldner@example.org")),
    ),
    (
        Story.NAMESAKES,
        (_OPEN, _OPEN),
        _NAMESAKES,
        (_home("0221 4710 422"), _mail("m.gruenwaldner71@mail.example.org")),
    ),
)
