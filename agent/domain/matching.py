"""Which patient a booking is for: one of the practice's records, or a new one.

Part of the receive story, on site and inside the writing transaction. The
result is for the practice alone: a partner must not be able to tell a linked
record from a new one (reading A8).

Hits are candidates in the search set (rule R16) whose birth date and
normalised names equal those of the booking (rule R4, reading A7).

| hits    | hint        | contact points        | result                                       |
|---------|-------------|-----------------------|----------------------------------------------|
| any     | names a hit | -                     | that patient (A3)                            |
| one     | none, other | equal or not          | that patient (A5)                            |
| several | none, other | shared with one hit   | that patient (R19)                           |
| several | none, other | shared with none, two | new patient, each hit `ambiguous` (R19)      |
| none    | any         | -                     | new patient (R18)                            |

A new patient comes with the records it may duplicate, for the staff only (rule R20):

| record of a candidate                                    | kind                 |
|----------------------------------------------------------|----------------------|
| same names, no usable birth date                         | `without_birth_date` |
| same names and birth date, objected to this partner      | `denied`             |
| same names and birth date, not active                    | `inactive`           |
| same birth date, family name; particle or given names    |                      |
| differ, one side's given names all among the other's     | `similar_name`       |
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from agent.domain.consent import in_search_set, usable_birth_date
from agent.domain.contact_points import normalised_contact
from agent.domain.names import NameKey, normalised_name
from agent.domain.practice import Consent, ContactPoint, Patient


class DuplicateKind(StrEnum):
    """Why a record may be the same person as the new patient; never leaves the practice."""

    DENIED = "denied"
    INACTIVE = "inactive"
    WITHOUT_BIRTH_DATE = "without_birth_date"
    AMBIGUOUS = "ambiguous"
    SIMILAR_NAME = "similar_name"


class NameLikeness(StrEnum):
    """How two names compare that have their family name in common; in words for the staff."""

    SAME = "same names"
    PARTICLE_DIFFERS = "a particle of the name differs"
    SOME_GIVEN_NAMES = "some given names are missing or in another order"
    OTHER_GIVEN_NAMES = "other given names"


class PossibleDuplicate(NamedTuple):
    """A record the reception should compare with the new patient."""

    patient_id: int
    kind: DuplicateKind


class Considered(NamedTuple):
    """A record of the same family name that was weighed: a hit, or perhaps a duplicate, or somebody else."""

    patient: Patient
    names: NameLikeness
    is_hit: bool = False
    kind: DuplicateKind | None = None


@dataclass(frozen=True, slots=True)
class PersonInBooking:
    """Who wants to come, as the partner wrote it."""

    given_name: str
    family_name: str
    birth_date: date
    contact_points: tuple[ContactPoint, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """The linked record, or None for a new patient and then what it may duplicate, by patient id.

    `considered` is what the staff may ask for: all that was weighed, in the order of the candidates.
    """

    patient: Patient | None
    possible_duplicates: tuple[PossibleDuplicate, ...] = ()
    considered: tuple[Considered, ...] = field(default=(), compare=False)

    @property
    def patient_id(self) -> int | None:
        return self.patient.patient_id if self.patient else None


def match(
    person: PersonInBooking, candidates: Iterable[Patient], hinted_patient_id: int | None, today: date
) -> Match:
    """Decide by the tables above.

    `candidates` are the records with the person's birth date, and those of the same
    family name without a usable one; more do no harm. `hinted_patient_id` is what the partner's alias
    stands for, None without a hint.
    """
    wanted = normalised_name(person.given_name, person.family_name)
    weighed = (_weighed(person, wanted, patient, today) for patient in candidates)
    considered = tuple(one for one in weighed if one)
    hits = [one.patient for one in considered if one.is_hit]
    chosen = _choose(person, hits, hinted_patient_id)
    if chosen:
        return Match(chosen, considered=considered)
    duplicates = [PossibleDuplicate(one.patient.patient_id, one.kind) for one in considered if one.kind]
    duplicates += [PossibleDuplicate(hit.patient_id, DuplicateKind.AMBIGUOUS) for hit in hits]
    return Match(None, tuple(sorted(duplicates)), considered)


def shares_contact(person: PersonInBooking, patient: Patient) -> bool:
    """Whether a telephone number or an e-mail address of the booking stands in the record."""
    return bool(_contacts(person.contact_points) & _contacts(patient.contact_points))


def _weighed(person: PersonInBooking, wanted: NameKey, patient: Patient, today: date) -> Considered | None:
    key = normalised_name(patient.given_name, patient.family_name)
    # A record without a given or family name equals nobody, least of all another such record.
    if key.family != wanted.family or not (key.family and key.given and wanted.given):
        return None
    names = _likeness(wanted, key)
    if usable_birth_date(patient.birth_date, today) is None:
        same = names is NameLikeness.SAME
        return Considered(patient, names, kind=DuplicateKind.WITHOUT_BIRTH_DATE) if same else None
    if patient.birth_date != person.birth_date:
        return None
    if names is not NameLikeness.SAME:
        similar = names is not NameLikeness.OTHER_GIVEN_NAMES
        return Considered(patient, names, kind=DuplicateKind.SIMILAR_NAME if similar else None)
    if in_search_set(patient.active, patient.consent, patient.birth_date, today):
        return Considered(patient, names, is_hit=True)
    denied = patient.consent is Consent.DENIED
    return Considered(patient, names, kind=DuplicateKind.DENIED if denied else DuplicateKind.INACTIVE)


def _likeness(left: NameKey, right: NameKey) -> NameLikeness:
    if left == right:
        return NameLikeness.SAME
    if left.given == right.given:
        return NameLikeness.PARTICLE_DIFFERS
    shorter, longer = sorted((set(left.given), set(right.given)), key=len)
    return NameLikeness.SOME_GIVEN_NAMES if shorter <= longer else NameLikeness.OTHER_GIVEN_NAMES


def _choose(
    person: PersonInBooking, hits: Sequence[Patient], hinted_patient_id: int | None
) -> Patient | None:
    for hit in hits:
        if hit.patient_id == hinted_patient_id:
            return hit
    if len(hits) > 1:
        wanted = _contacts(person.contact_points)
        hits = [hit for hit in hits if wanted & _contacts(hit.contact_points)]
    return hits[0] if len(hits) == 1 else None


def _contacts(contact_points: Iterable[ContactPoint]) -> set[tuple[str, str]]:
    return {contact for point in contact_points if (contact := normalised_contact(point))}
