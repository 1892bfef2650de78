"""Gives people their numbers, their record information and each partner's consent.

It keeps nothing of a patient but the number of the active ones, so that a
practice of any size passes through in batches.
"""

import random
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import chain, islice
from typing import Any, NamedTuple

from agent.domain.practice import Consent
from agent.sample_practice.drawing import drawn, drawn_below
from agent.sample_practice.people import Person, people
from agent.sample_practice.plan import KnownPatient, PracticePlan, Story
from agent.sample_practice.stories import StoryPatient, story_patients

Row = dict[str, Any]
PAGE_AGE_DAYS = 400
"""How long the partners' consent pages have existed."""
_INDEX_AGE_DAYS = 7300
"""How long the practice has kept its card index."""


class PatientRows(NamedTuple):
    """Rows of some patients, for three tables."""

    patients: list[Row]
    contact_points: list[Row]
    consents: list[Row]


class CardIndex:
    """The patients of one plan, from the first to the last, once."""

    def __init__(self, plan: PracticePlan, authors: list[int]) -> None:
        self._plan = plan
        self._authors = authors
        self._rng = random.Random(f"{plan.seed} patients")
        self._opened_at = datetime.combine(plan.first_day, time(0), UTC)
        self._shares = (plan.granted_share, plan.granted_share + plan.denied_share)
        self._next_contact_point = 1
        self.active_ids = array("L")
        self.known: dict[Story, tuple[KnownPatient, ...]] = {}

    def batches(self, size: int) -> Iterator[PatientRows]:
        """All patients, so many at a time."""
        numbered = enumerate(self._people(), 1)
        while batch := list(islice(numbered, size)):
            rows = PatientRows([], [], [])
            for patient_id, (person, story) in batch:
                self._add(rows, patient_id, person, story)
            yield rows

    def _people(self) -> Iterator[tuple[Person, StoryPatient | None]]:
        known = ((told.person, told) for told in story_patients())
        drawn = ((person, None) for person in people(self._rng, self._plan.first_day))
        return islice(chain[tuple[Person, StoryPatient | None]](known, drawn), self._plan.patients)

    def _add(self, rows: PatientRows, patient_id: int, person: Person, story: StoryPatient | None) -> None:
        if person.active:
            self.active_ids.append(patient_id)
        if story:
            self._remember(patient_id, story)
        rows.patients.append(self._patient(patient_id, person))
        for point in person.contact_points:
            rows.contact_points.append(
                {
                    "contact_point_id": self._next_contact_point,
                    "patient_id": patient_id,
                    "system": point.system,
                    "use": point.use,
                    "value": point.value,
                }
            )
            self._next_contact_point += 1
        for position, partner_id in enumerate(self._plan.partner_names):
            answer = story.answers[min(position, 1)] if story else self._answer()
            if answer:
                rows.consents.append(self._consent(partner_id, patient_id, answer))

    def _remember(self, patient_id: int, story: StoryPatient) -> None:
        person = story.person
        patient = KnownPatient(
            patient_id, person.given_name, person.family_name, person.birth_date, tuple(person.contact_points)
        )
        self.known[story.story] = (*self.known.get(story.story, ()), patient)

    def _patient(self, patient_id: int, person: Person) -> Row:
        created_at = self._moment(_INDEX_AGE_DAYS)
        return {
            "patient_id": patient_id,
            "given_name": person.given_name,
            "family_name": person.family_name,
            "birth_date": person.birth_date,
            "active": person.active,
            "created_by": drawn(self._rng, self._authors),
            "created_at": created_at,
            "changed_by": drawn(self._rng, self._authors),
            "changed_at": max(created_at, self._moment(_INDEX_AGE_DAYS)),
        }

    def _answer(self) -> Consent | None:
        drawn = self._rng.random()
        if drawn < self._shares[0]:
            return Consent.GRANTED
        if drawn < self._shares[1]:
            return Consent.DENIED
        return Consent.OPEN if self._rng.random() < 0.5 else None

    def _consent(self, partner_id: str, patient_id: int, answer: Consent) -> Row:
        return {
            "partner_id": partner_id,
            "patient_id": patient_id,
            "status": answer.value,
            "changed_by": drawn(self._rng, self._authors),
            "changed_at": self._moment(PAGE_AGE_DAYS),
        }

    def _moment(self, within_days: int) -> datetime:
        """Some moment of the days before the window."""
        return self._opened_at - timedelta(seconds=1 + drawn_below(self._rng, within_days * 86_400 - 1))
