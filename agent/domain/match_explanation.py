"""Says in words why a person would be matched to which record; for the staff, on site.

It judges nothing: what `agent.domain.matching` decided for each partner is put
together by record. Nothing of a record but its number comes out of here.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from agent.domain.consent import usable_birth_date
from agent.domain.matching import Considered, Match, NameLikeness, PersonInBooking, shares_contact
from agent.domain.names import has_title
from agent.domain.practice import Consent, Patient


@dataclass(frozen=True, slots=True)
class WeighedRecord:
    """A record by its number, what speaks for and against it, and the partners it objected to."""

    patient_id: int
    remarks: tuple[str, ...]
    denied_to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MatchExplanation:
    """What was found for one person: the matches by partner id, and all records weighed, by number."""

    person: PersonInBooking
    matches: Mapping[str, Match]
    records: tuple[WeighedRecord, ...]


def explain(person: PersonInBooking, matches: Mapping[str, Match], today: date) -> MatchExplanation:
    """Put together the matches of one person, by partner id; consent is the only thing they differ in."""
    remarks: dict[int, tuple[str, ...]] = {}
    denied_to: dict[int, list[str]] = {}
    for partner_id, match in sorted(matches.items()):
        for one in match.considered:
            patient_id = one.patient.patient_id
            if patient_id not in remarks:
                remarks[patient_id] = _remarks(person, one, today)
            if one.patient.consent is Consent.DENIED:
                denied_to.setdefault(patient_id, []).append(partner_id)
    records = (
        WeighedRecord(patient_id, remarks[patient_id], tuple(denied_to.get(patient_id, ())))
        for patient_id in sorted(remarks)
    )
    return MatchExplanation(person, matches, tuple(records))


def _remarks(person: PersonInBooking, considered: Considered, today: date) -> tuple[str, ...]:
    patient = considered.patient
    dated = usable_birth_date(patient.birth_date, today) is not None
    remarks = [
        considered.names.value,
        _spelling(person, patient) if considered.names is NameLikeness.SAME else None,
        "same birth date" if dated else "no birth date, so never found",
        None if patient.active else "inactive, so never found",
        "a contact point is the same" if shares_contact(person, patient) else None,
    ]
    return tuple(remark for remark in remarks if remark)


def _spelling(person: PersonInBooking, patient: Patient) -> str | None:
    if has_title(person.given_name, person.family_name) or has_title(patient.given_name, patient.family_name):
        return "title ignored"
    return None if _folded(person) == _folded(patient) else "spelled differently"


def _folded(names: PersonInBooking | Patient) -> tuple[str, str]:
    given, family = (
        unicodedata.normalize("NFC", name.strip()).casefold()
        for name in (names.given_name, names.family_name)
    )
    return given, family
