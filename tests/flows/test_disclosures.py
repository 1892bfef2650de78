"""`otv-agent disclosures` as typed: the answer to a patient's question, and the end of a partner's lane."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from agent.adapters import tables
from agent.clock import utc_now
from exchange_formats.acknowledgements import RemovalAcknowledgement
from exchange_formats.envelope import Kind
from exchange_formats.patients import PatientRecord
from exchange_formats.receipts import BookingOutcome
from tests.flows.card_index import add_patient, answer
from tests.flows.evidence import audit, rows, values
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, ZAHNZEIT, Stage
from tests.kit.command_line import Finished, otv, patients_named_in


def asked(stage: Stage, *words: object, reply: str = "") -> Finished:
    """The command; whatever it prints names no patient."""
    done = otv("disclosures", *map(str, words), config=stage.house.config_path, answer=reply)
    assert patients_named_in(done.text, stage.house.connector) == []
    return done


def in_json(stage: Stage, patient_id: int) -> dict[str, list[dict[str, object]]]:
    found: dict[str, Any] = json.loads(asked(stage, patient_id, "--json").out)
    assert found.pop("patient_id") == patient_id
    assert abs(utc_now() - datetime.fromisoformat(found.pop("asked_at"))) < timedelta(minutes=1)
    return found


def known(stage: Stage) -> tuple[int, str]:
    """A patient who agreed to dentport and was sent to it: number and alias."""
    name = f"Auskunft{stage.number()}"
    patient_id = add_patient(stage.house.connector, name, consents={DENTPORT: "GRANTED"})
    (alias,) = [
        one.patient_id
        for one in stage.export().records
        if isinstance(one, PatientRecord) and one.given_name == name
    ]
    return patient_id, alias


def booked(stage: Stage) -> tuple[int, str, BookingOutcome]:
    """A patient whom nobody was told of, who books through zahnzeit: number, booking and its answer."""
    name = f"Bucht{stage.number()}"
    patient_id = add_patient(stage.house.connector, name)
    booking = stage.booking(stage.somebody(name, new_patient=False))
    return patient_id, booking.booking_id, stage.send(booking, partner_id=ZAHNZEIT).outcome


# --- one patient -------------------------------------------------------------------------------


def test_answer_tells_how_far_the_removal_of_a_patient_is(stage: Stage) -> None:
    patient_id, alias = known(stage)
    told = [asked(stage, patient_id).out]
    answer(stage.house.connector, patient_id, DENTPORT, "DENIED")
    told.append(asked(stage, patient_id).out)
    document = stage.export()
    told.append(asked(stage, patient_id).out)
    line = RemovalAcknowledgement(record="removal_acknowledgement", patient_id=alias)
    stage.send(line, kind=Kind.ACKNOWLEDGEMENTS, in_reply_to=document.envelope.message_id)  # type: ignore[arg-type]
    told.append(asked(stage, patient_id).out)
    for text in told:
        assert {"Dentport", alias, "birth", "date,"} <= set(text.split())
    for text, state in zip(
        told, ("none: the patient agrees", "due: goes with", "not confirmed yet", "confirmed 20"), strict=True
    ):
        assert state in " ".join(text.split())


def test_answer_tells_an_appointment_as_the_partner_was_told_last(stage: Stage) -> None:
    patient_id, booking_id, outcome = booked(stage)
    (first,) = in_json(stage, patient_id)["appointments"]
    assert {key: first[key] for key in ("partner_id", "partner_name", "booking_id", "status")} == {
        "partner_id": ZAHNZEIT, "partner_name": "Zahnzeit", "booking_id": booking_id, "status": "booked",
    }  # fmt: skip
    assert (str(first["column_id"]), first["starts_at"], first["ends_at"]) == (
        outcome.column_id, outcome.starts_at, outcome.ends_at,
    )  # fmt: skip
    came, appointment = tables.partner_appointment.c, tables.appointment
    (key,) = values(stage.house.connector, came.appointment_id, came.booking_id == booking_id)
    with stage.house.connector.writing() as connection:
        this = appointment.c.appointment_id == key
        connection.execute(update(appointment).where(this).values(status="cancelled"))
    stage.agent.tell_updates(ZAHNZEIT)
    (second,) = in_json(stage, patient_id)["appointments"]
    assert (second["status"], second["first_told_at"]) == ("cancelled", first["first_told_at"])
    text = asked(stage, patient_id).out
    assert {"Zahnzeit", booking_id, "cancelled"} <= set(text.split())
    assert "patients files" not in text.split("\n\n")[0]


@ON_SQLITE_ALONE
def test_answer_for_machines_tells_each_sort_of_data_and_every_moment(stage: Stage) -> None:
    patient_id, alias = known(stage)
    found = in_json(stage, patient_id)
    (one,) = found["patients_files"]
    assert found["appointments"] == []
    assert one["first_sent_at"] == one["last_sent_at"]
    assert {key: value for key, value in one.items() if not key.endswith("sent_at")} == {
        "partner_name": "Dentport",
        "partner_id": DENTPORT,
        "alias": alias,
        "sent": ["given name", "family name", "birth date", "phone numbers", "mail addresses"],
        "removal_due": False,
        "removal_told_at": None,
        "removal_confirmed_at": None,
    }


@ON_SQLITE_ALONE
def test_patient_nobody_was_told_of_is_answered_and_the_log_names_no_number(stage: Stage) -> None:
    patient_id = add_patient(stage.house.connector, "Niemandem", consents={DENTPORT: "GRANTED"})
    done = asked(stage, patient_id)
    assert (done.code, done.out) == (0, f"no partner was ever told of patient {patient_id}\n")
    entry = audit(stage)[-1]
    assert (entry.event, entry.partner_id, entry.details) == ("disclosures asked", None, {})


@ON_SQLITE_ALONE
@pytest.mark.parametrize("words", [(), (1, "--revoke-partner", ZAHNZEIT), ("Mustermann",)])
def test_command_that_asks_for_nothing_or_for_two_things_is_refused(
    stage: Stage, words: tuple[object, ...]
) -> None:
    before = rows(stage.house.connector)
    assert asked(stage, *words).code == 2
    assert rows(stage.house.connector) == before


# --- a partner's lane --------------------------------------------------------------------------


@pytest.fixture
def readmitted(stage: Stage) -> Iterator[Stage]:
    """Whatever happened, both lanes are open afterwards."""
    yield stage
    for partner_id in (DENTPORT, ZAHNZEIT):
        assert asked(stage, "--readmit-partner", partner_id, "--yes").code == 0


@ON_SQLITE_ALONE
@pytest.mark.parametrize("reply", ["n\n", ""])
def test_partner_is_revoked_only_after_somebody_read_what_it_means(stage: Stage, reply: str) -> None:
    before = rows(stage.house.connector)
    done = asked(stage, "--revoke-partner", DENTPORT, reply=reply)
    assert done.code == 2
    assert "erase everybody it holds" in done.out
    assert rows(stage.house.connector) == before


def test_revoking_says_how_many_removals_are_open_and_again_how_far_it_is(readmitted: Stage) -> None:
    stage = readmitted
    known(stage)
    done = asked(stage, "--revoke-partner", DENTPORT, reply="y\n")
    assert (done.code, "removals are not confirmed yet" in done.out) == (0, True)
    document = stage.export()
    held = sorted({one.patient_id for one in document.records if one.record == "removal"})
    assert f"{len(held)} removals" in done.out
    assert otv("export", "--kind", "availability", "-p", DENTPORT, config=stage.house.config_path).code == 0
    assert stage.outbox() == []
    lines = [RemovalAcknowledgement(record="removal_acknowledgement", patient_id=alias) for alias in held[1:]]
    stage.send(*lines, kind=Kind.ACKNOWLEDGEMENTS, in_reply_to=document.envelope.message_id)  # type: ignore[arg-type]
    again = asked(stage, "--revoke-partner", DENTPORT, "--yes")
    assert "1 removal is not confirmed yet" in again.out
    assert done.out.split("revoked ")[1][:20] == again.out.split("revoked ")[1][:20]


@ON_SQLITE_ALONE
def test_readmitting_says_what_it_means_and_whether_there_was_anything_to_do(readmitted: Stage) -> None:
    stage = readmitted
    asked(stage, "--revoke-partner", ZAHNZEIT, "--yes")
    assert stage.agent.kinds(ZAHNZEIT) in {(), (Kind.PATIENTS,)}
    done = asked(stage, "--readmit-partner", ZAHNZEIT, reply="y\n")
    assert "same alias" in done.out
    assert done.out.endswith("zahnzeit: readmitted\n")
    assert Kind.AVAILABILITY in stage.agent.kinds(ZAHNZEIT)
    assert "was not revoked" in asked(stage, "--readmit-partner", ZAHNZEIT, "--yes").out


@ON_SQLITE_ALONE
def test_partner_that_is_mistyped_is_told_with_the_names_there_are(stage: Stage) -> None:
    done = asked(stage, "--revoke-partner", "dentprot", "--yes")
    assert done.code == 2
    assert "dentport, zahnzeit" in done.err
