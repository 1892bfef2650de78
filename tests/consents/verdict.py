"""Holds a finished file against the oracle: who is in it, what is said of each, and nobody else's mark."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from exchange_formats.envelope import Kind
from tests.consents.oracle import Person

MARK = re.compile(rb"Qx[a-j]{3}zq")
PATIENT_FIELDS = {"record", "patient_id", "given_name", "family_name", "birth_date", "contact_points"}
CONTACT_FIELDS = {"system", "use", "value"}
NO_DAY = "1900-01-01"


def complaints(
    content: bytes, kind: Kind, allowed: Mapping[int, Person], aliases: Mapping[str, int]
) -> list[str]:
    """What is wrong with the file; nothing that names anybody."""
    expected = allowed if kind is Kind.PATIENTS else {}
    known = {mark.encode() for one in expected.values() for mark in [one.given_name[:7]]}
    found = ["a patient who may not be known"] if set(MARK.findall(content)) - known else []
    if kind is not Kind.PATIENTS:
        return found
    told = set()
    for line in content.splitlines()[1:-1]:
        record = json.loads(line)
        patient_id = aliases.get(record["patient_id"], 0)
        if record["record"] == "removal":
            found += ["a removal of somebody who may be known"] if patient_id in expected else []
            found += ["a removal that says more"] if record.keys() != {"record", "patient_id"} else []
            continue
        told.add(patient_id)
        found += _wrong(record, expected.get(patient_id))
    if told != expected.keys():
        found.append(f"{len(told)} patients, and {len(expected)} may be known")
    return found


def _wrong(record: Mapping[str, object], person: Person | None) -> list[str]:
    """What one line says beyond what may be said of this person."""
    if record.keys() != PATIENT_FIELDS or person is None:
        return ["a field or a patient too many"]
    contacts = record["contact_points"]
    assert isinstance(contacts, list)
    if any(point.keys() != CONTACT_FIELDS for point in contacts):
        return ["a contact point that says more"]
    if not {(one["system"], one["use"], one["value"]) for one in contacts} <= person.contacts:
        return ["a contact point of nobody, or of somebody else"]
    names = ((record["given_name"], person.given_name), (record["family_name"], person.family_name))
    if any(str(name)[:7] != stands[:7] for name, stands in names):
        return ["another one's name"]
    today = datetime.now(UTC).date().isoformat()
    born = person.birth_date if NO_DAY < (person.birth_date or "") <= today else None
    return [] if record["birth_date"] == born else ["another birth date"]
