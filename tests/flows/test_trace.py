"""`otv-agent trace`: one booking through everything that was written down, for the question on the phone."""

import json
from datetime import timedelta

import pytest

from agent.clock import utc_now
from agent.errors import UsageError
from agent.tracing import trace, what_left
from exchange_formats.envelope import Kind
from tests.flows.card_index import FAMILY_NAME, change_appointment
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, ZAHNZEIT, Stage
from tests.kit.command_line import otv, patients_named_in


def steps(stage: Stage, booking_id: str, partner_id: str = DENTPORT) -> list[str]:
    return [step.what for step in trace(stage.agent, booking_id, None)[partner_id]]


def test_life_of_a_booking_is_told_in_its_order(stage: Stage) -> None:
    booking = stage.booking()
    stage.send(booking)
    later = utc_now() + timedelta(days=40)
    change_appointment(
        stage.house.connector, booking.booking_id, starts_at=later, ends_at=later + timedelta(minutes=30)
    )
    stage.agent.tell_updates(DENTPORT)
    stage.agent.exchange(DENTPORT, fetch_files=False)
    stage.send(stage.cancel(booking))
    told = steps(stage, booking.booking_id)
    assert [what for what in told if what != "delivered confirmed"] == [
        "appointment booked", "file imported", "answered",
        "update told",
        "appointment cancelled", "file imported", "answered",
        "as it stands in the appointment book",
    ]  # fmt: skip
    assert "delivered confirmed" in told


@ON_SQLITE_ALONE
def test_receipt_that_was_delivered_is_part_of_the_trace(stage: Stage) -> None:
    booking = stage.booking()
    stage.drop(stage.sealed(booking))
    stage.receive()
    (receipt,) = stage.outbox(kind=Kind.RECEIPTS)
    stage.agent.exchange(DENTPORT, fetch_files=False)
    (delivered,) = [
        step
        for step in trace(stage.agent, booking.booking_id, DENTPORT)[DENTPORT]
        if "delivered" in step.what
    ]
    assert delivered.details["file"] == receipt.name


@ON_SQLITE_ALONE
def test_id_that_two_partners_use_is_told_for_each_by_itself(stage: Stage) -> None:
    first = stage.booking()
    stage.send(first)
    stage.send(stage.booking(booking_id=first.booking_id), partner_id=ZAHNZEIT)
    found = trace(stage.agent, first.booking_id, None)
    assert list(found) == [DENTPORT, ZAHNZEIT]
    assert list(trace(stage.agent, first.booking_id, ZAHNZEIT)) == [ZAHNZEIT]
    appointments = [
        {step.details["appointment_id"] for step in one if step.what == "appointment booked"}
        for one in found.values()
    ]
    assert [len(one) for one in appointments] == [1, 1]
    assert appointments[0] != appointments[1]


@ON_SQLITE_ALONE
def test_id_that_is_part_of_another_one_brings_none_of_its_steps(stage: Stage) -> None:
    longer, shorter = stage.booking(booking_id="b-77-1"), stage.booking(booking_id="b-77")
    stage.send(longer)
    stage.send(shorter)
    assert steps(stage, "b-77").count("answered") == 1


@ON_SQLITE_ALONE
def test_command_names_nobody_and_says_what_to_do_about_an_unknown_id(stage: Stage) -> None:
    booking = stage.booking()
    stage.send(booking)
    for form in ((), ("--json",)):
        done = otv("trace", booking.booking_id, *form, config=stage.house.config_path)
        assert done.code == 0
        assert FAMILY_NAME not in done.text
        assert booking.patient.given_name not in done.text
    assert {json.loads(line)["partner"] for line in done.out.splitlines()} == {DENTPORT}
    unknown = otv("trace", "b-unknown", config=stage.house.config_path)
    assert unknown.code == 2
    assert "quarantine" in unknown.err
    with pytest.raises(UsageError):
        trace(stage.agent, "b-unknown", ZAHNZEIT)


# --- what has left -------------------------------------------------------------------------------


def test_each_file_that_was_delivered_is_listed_with_what_it_held(stage: Stage) -> None:
    before = len(what_left(stage.agent, DENTPORT, None))
    stage.drop(stage.sealed(stage.booking(), stage.booking()))
    stage.receive()
    exports = {kind: stage.agent.export(DENTPORT, kind) for kind in (Kind.AVAILABILITY, Kind.PATIENTS)}
    assert len(what_left(stage.agent, DENTPORT, None)) == before
    stage.agent.exchange(DENTPORT, fetch_files=False)
    left = {file.kind: file for file in what_left(stage.agent, DENTPORT, None)[before:]}
    assert list(left) == [Kind.RECEIPTS, Kind.AVAILABILITY, Kind.PATIENTS]
    assert (left[Kind.RECEIPTS].records, left[Kind.RECEIPTS].patients) == (3, 0)
    for kind, result in exports.items():
        assert left[kind].records == result.records.total()
    assert left[Kind.PATIENTS].patients == exports[Kind.PATIENTS].records["patient"] > 0
    assert left[Kind.AVAILABILITY].patients == 0
    assert all(file.confirmed for file in left.values())


@ON_SQLITE_ALONE
def test_list_of_what_left_tells_the_fields_of_each_kind_and_names_nobody(stage: Stage) -> None:
    stage.agent.export(DENTPORT, Kind.PATIENTS)
    stage.agent.exchange(DENTPORT, fetch_files=False)
    done = otv("what-left", "--partner", DENTPORT, config=stage.house.config_path)
    assert done.code == 0
    assert "  patient: patient_id, given_name, family_name, birth_date, contact_points" in done.out
    assert patients_named_in(done.text, stage.house.connector) == []
    lines = otv("what-left", "--json", config=stage.house.config_path).out.splitlines()
    assert {json.loads(line)["partner_id"] for line in lines} >= {DENTPORT}


@ON_SQLITE_ALONE
def test_list_of_what_left_since_tomorrow_is_empty(stage: Stage) -> None:
    tomorrow = (utc_now() + timedelta(days=1)).strftime("%Y-%m-%d")
    done = otv("what-left", "--since", tomorrow, config=stage.house.config_path)
    assert done.out.strip() == "nothing has left"
