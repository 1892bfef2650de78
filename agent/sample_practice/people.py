"""The patients of a believable practice: households with names, birth dates and contact points.

Families share a name and a telephone, twins a birth date as well; and the
card index is as untidy as a real one: titles inside names, names in
capitals, letters composed differently, missing and made-up birth dates.
Nothing here knows the database.
"""

import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, count

from agent.domain.practice import ContactPoint
from agent.sample_practice import contacts
from agent.sample_practice.drawing import drawn, drawn_by_weight
from agent.sample_practice.names import GERMAN, POOLS, TITLES, NamePool

PLACEHOLDER_BIRTH_DATE = date(1900, 1, 1)
DAYS_OF_A_YEAR = 365.2425

_POOL_WEIGHTS = tuple(accumulate(pool.weight for pool in POOLS))


@dataclass(slots=True)
class Person:
    """A patient before being given a number."""

    given_name: str
    family_name: str
    birth_date: date | None
    active: bool
    contact_points: list[ContactPoint]


def people(rng: random.Random, today: date) -> Iterator[Person]:
    """Endless patients, household by household; `today` is the day of which ages are reckoned."""
    for number in count():
        # The first household always has twins, so that even the smallest practice does.
        household = _family(rng, today, twins=True) if number == 0 else _household(rng, today)
        for person in household:
            _leave_traces(rng, person)
            yield person


def _household(rng: random.Random, today: date) -> list[Person]:
    kind = rng.random()
    if kind < 0.45:
        pool = _pool(rng)
        woman = rng.random() < 0.52
        return [_adult(rng, pool, today, _adult_age(rng), woman=woman, family_name=_family_name(rng, pool))]
    if kind < 0.70:
        return _couple(rng, today, age=_adult_age(rng))
    return _family(rng, today, twins=rng.random() < 0.03)


def _couple(rng: random.Random, today: date, age: int) -> list[Person]:
    pool = _pool(rng)
    shared = _family_name(rng, pool)
    own_names = rng.random()
    woman = _adult(rng, pool, today, age, woman=True, family_name=shared)
    if own_names < 0.08 and "-" not in shared:
        woman.family_name = f"{shared}-{_family_name(rng, GERMAN)}"
    his_name = _family_name(rng, pool) if own_names > 0.85 else shared
    man = _adult(rng, pool, today, max(18, age + rng.randint(-4, 6)), woman=False, family_name=his_name)
    _share_landline(rng, [woman, man])
    return [woman, man]


def _family(rng: random.Random, today: date, *, twins: bool) -> list[Person]:
    mother_age = rng.randint(24, 52)
    mother, father = _couple(rng, today, mother_age)
    # Every other year of age at most, so that nobody is born four months after a brother.
    ages = range(0, min(17, mother_age - 22), 2)
    number = min(drawn(rng, (1, 1, 2, 2, 3)), len(ages))
    births = [_birth_date(rng, today, age) for age in rng.sample(ages, number)]
    if twins:
        births.append(births[0])
    children: list[Person] = []
    for birth_date in births:
        children.append(_child(rng, father.family_name, birth_date, mother, children))
    return [mother, father, *children]


def _adult(
    rng: random.Random, pool: NamePool, today: date, age: int, *, woman: bool, family_name: str
) -> Person:
    generation = 0 if age >= 66 else 1 if age >= 32 else 2
    given_name = _given_name(rng, pool, generation, woman)
    reachable: list[ContactPoint] = []
    if rng.random() < 0.85:
        reachable.append(contacts.mobile(rng))
    if rng.random() < (0.75 if age < 66 else 0.35):
        reachable.append(contacts.email(rng, given_name, family_name))
    if not reachable or rng.random() < 0.35:
        reachable.append(contacts.landline(rng))
    return Person(given_name, family_name, _birth_date(rng, today, age), True, reachable)


def _child(
    rng: random.Random, family_name: str, birth_date: date, mother: Person, siblings: list[Person]
) -> Person:
    """Reached through the mother; no two children of a family have one name."""
    taken = {sibling.given_name for sibling in siblings}
    while (given_name := _given_name(rng, GERMAN, generation=2, woman=rng.random() < 0.5)) in taken:
        pass
    return Person(given_name, family_name, birth_date, True, mother.contact_points[:2])


def _share_landline(rng: random.Random, household: list[Person]) -> None:
    if rng.random() < 0.5:
        shared = contacts.landline(rng)
        for person in household:
            person.contact_points.insert(0, shared)


def _leave_traces(rng: random.Random, person: Person) -> None:
    """What years of typing at a busy counter do to a record."""
    person.active = rng.random() >= 0.05
    chance = rng.random()
    if chance < 0.010:
        person.birth_date = None
    elif chance < 0.015:
        person.birth_date = PLACEHOLDER_BIRTH_DATE
    elif chance < 0.030:
        person.given_name = f"{drawn(rng, TITLES)} {person.given_name}"
    elif chance < 0.035:
        person.family_name = f"{drawn(rng, TITLES)} {person.family_name}"
    elif chance < 0.040:
        person.family_name = f"{person.family_name} {drawn(rng, ('jun.', 'sen.', 'jr.'))}"
    elif chance < 0.045:
        person.family_name = person.family_name.upper()
    elif chance < 0.050:
        person.family_name = unicodedata.normalize("NFD", person.family_name)


def _pool(rng: random.Random) -> NamePool:
    return drawn_by_weight(rng, POOLS, _POOL_WEIGHTS)


def _family_name(rng: random.Random, pool: NamePool) -> str:
    return drawn_by_weight(rng, pool.families, pool.family_weights)


def _given_name(rng: random.Random, pool: NamePool, generation: int, woman: bool) -> str:
    names = (pool.women if woman else pool.men)[generation]
    name = drawn(rng, names)
    if rng.random() < 0.06:
        second = drawn(rng, names)
        return name if second == name or "-" in name else f"{name} {second}"
    return name


def _adult_age(rng: random.Random) -> int:
    return int(rng.triangular(18, 97, 46))


def _birth_date(rng: random.Random, today: date, age: int) -> date:
    """Some day of the year in which somebody of that age was born; never in the future."""
    return today - timedelta(days=int((age + rng.random()) * DAYS_OF_A_YEAR) + 1)
