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


@dataclass(frozen=True, slots=True)
class StoryPatient:
    """A person with the story it stands for; `answers` are those of the first and of all other partners."""

    story: Story
    answers: tuple[Consent | None, Consent | None]
    person: Person


def story_patients() -> Iterator[StoryPatient]:
    """All of them, always in the same order and with the same data."""
    for story, answers, (given_name, family_name, birth_date), reached_by in _TOLD:
        points = [_contact_point(value) for value in reached_by]
        person = Person(given_name, family_name, birth_date, story is not Story.INACTIVE, points)
        yield StoryPatient(story, answers, person)


def _contact_point(value: str) -> ContactPoint:
    if "@" in value:
        return ContactPoint("email", "home", value)
    is_mobile = any(block in value.replace(" ", "") for block in ("171", "176"))
    return ContactPoint("phone", "mobile" if is_mobile else "home", value)


_Told = tuple[Story, tuple[Consent | None, Consent | None], tuple[str, str, date | None], tuple[str, ...]]
_TWINS_REACHED_BY = ("089 / 99998-417", "familie.hagenbuechner@example.org")
_TOLD: tuple[_Told, ...] = (
    (
        Story.OPEN,
        (_OPEN, _OPEN),
        ("Annegret", "Öttl-Sommerfeldt", date(1968, 4, 17)),
        ("0171 / 39200 11", "annegret.oettl@example.org"),
    ),
    (
        Story.OPEN,
        (None, None),
        ("Bartholomäus", "Zwirnsteiner", date(1991, 9, 3)),
        ("+49 171 3920012",),
    ),
    (
        Story.GRANTED,
        (_GRANTED, _GRANTED),
        ("Matthias", "Weißgerber-Lohse", date(1979, 11, 2)),
        ("(0171) 3920013", "M.Weissgerber@Example.org"),
    ),
    (
        Story.DENIED,
        (_DENIED, _DENIED),
        ("Gülşen", "Karadağ-Bichlmaier", date(1985, 6, 30)),
        ("0176 04069014", "guelsen.karadag@example.org"),
    ),
    (
        Story.DIVIDED,
        (_GRANTED, _DENIED),
        ("Ludwig", "von der Strauchmühle", date(1956, 1, 22)),
        ("0049 89 99998 415",),
    ),
    (Story.INACTIVE, (_GRANTED, _GRANTED), ("Hedwig", "Zirngiebl", date(1938, 12, 6)), ("089 99998416",)),
    (Story.UNDATED, (_GRANTED, _GRANTED), ("Ottokar", "Quastenflosz", None), ("030/23125-417",)),
    (
        Story.UNDATED,
        (_GRANTED, _GRANTED),
        ("Walburga", "Nüßlein-Tanneck", PLACEHOLDER_BIRTH_DATE),
        ("040 66969 418",),
    ),
    (
        Story.TWINS,
        (_GRANTED, _GRANTED),
        ("Lena Marie", "Hagenbüchner", date(2014, 5, 9)),
        _TWINS_REACHED_BY,
    ),
    (Story.TWINS, (_GRANTED, _GRANTED), ("Linus", "Hagenbüchner", date(2014, 5, 9)), _TWINS_REACHED_BY),
    (
        Story.NAMESAKES,
        (_OPEN, _OPEN),
        ("Michael", "Grünwaldner", date(1971, 2, 12)),
        ("0171 3920021", "michael.gruenwaldner@example.org"),
    ),
    (
        Story.NAMESAKES,
        (_OPEN, _OPEN),
        ("Michael", "Grünwaldner", date(1971, 2, 12)),
        ("0221 4710 422", "m.gruenwaldner71@mail.example.org"),
    ),
)
