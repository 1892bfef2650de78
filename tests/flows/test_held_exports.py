"""Too much at once on its way out: what is held, what goes on meanwhile, and how it is let go."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from agent import holds, recipients
from agent.adapters import tables
from agent.clock import utc_now
from agent.errors import SuddenChangeError, UsageError
from agent.holds import Hold
from exchange_formats.codec import Document, decode
from exchange_formats.envelope import Kind
from exchange_formats.patients import PatientRecord, RemovalRecord
from tests.flows.card_index import add_patient, answer, lose_appointments
from tests.flows.evidence import audit, rows, values
from tests.flows.held import events, forget, guarded, held, release
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, ZAHNZEIT, Stage
from tests.kit.house import NOTHING_IS_SUDDEN


@pytest.fixture(autouse=True)
def nothing_held(stage: Stage) -> Iterator[None]:
    """Every test begins and ends without a hold, and compares with nothing before it."""
    forget(stage)
    yield
    forget(stage)


# --- what goes out ---------------------------------------------------------------------------------


def people(stage: Stage, count: int) -> list[int]:
    """New patients who agreed to dentport."""
    names = [f"Viele{stage.number()}" for _ in range(count)]
    return [add_patient(stage.house.connector, name, consents={DENTPORT: "GRANTED"}) for name in names]


def answers(stage: Stage, patients: list[int], status: str) -> None:
    for patient_id in patients:
        answer(stage.house.connector, patient_id, DENTPORT, status)


def aliases(stage: Stage, patients: list[int]) -> set[str]:
    told = tables.disclosure.c
    of_these = (told.partner_id == DENTPORT, told.patient_id.in_(patients))
    return set(values(stage.house.connector, told.alias, *of_these))


def listed(document: Document[Any]) -> set[str]:
    return {record.patient_id for record in document.records if isinstance(record, PatientRecord)}


def removed(document: Document[Any]) -> set[str]:
    return {record.patient_id for record in document.records if isinstance(record, RemovalRecord)}


def test_mass_of_removals_is_held_until_it_is_released_and_discloses_nothing_meanwhile(stage: Stage) -> None:
    with guarded(stage, patients_lost_at_least=5):
        patients = people(stage, 6)
        stage.export()
        before = len(events(stage))
        answers(stage, patients[:5], "OPEN")
        outbound = rows(stage.house.connector, tables.outbound_message, tables.disclosure)
        for _ in range(2):
            with pytest.raises(SuddenChangeError, match=r"patients held: 5 of .* patients to be removed"):
                stage.agent.export(DENTPORT, Kind.PATIENTS)
        assert stage.outbox(DENTPORT) == []
        assert rows(stage.house.connector, tables.outbound_message, tables.disclosure) == outbound
        assert events(stage)[before:] == ["held"]

        release(stage, Kind.PATIENTS)
        assert aliases(stage, patients[:5]) <= removed(stage.export())
        assert events(stage)[before:] == ["held", "hold released", "hold ended"]
        assert held(stage) == {}
        # And from here on that is the truth: nothing of it is sudden any more.
        stage.export()


def test_single_withdrawals_are_never_held(stage: Stage) -> None:
    with guarded(stage, patients_lost_at_least=5):
        patients = people(stage, 4)
        stage.export()
        answers(stage, patients, "DENIED")
        assert aliases(stage, patients) <= removed(stage.export())


@ON_SQLITE_ALONE
def test_hold_ends_by_itself_once_the_consents_are_back(stage: Stage) -> None:
    with guarded(stage, patients_lost_at_least=5):
        patients = people(stage, 6)
        stage.export()
        answers(stage, patients, "OPEN")
        with pytest.raises(SuddenChangeError):
            stage.agent.export(DENTPORT, Kind.PATIENTS)
        answers(stage, patients[1:], "GRANTED")
        before = len(events(stage))
        document = stage.export()
        assert aliases(stage, patients[:1]) <= removed(document)
        assert aliases(stage, patients[1:]) <= listed(document)
        assert events(stage)[before:] == ["hold ended"]


@ON_SQLITE_ALONE
def test_release_of_some_removals_does_not_let_those_of_everybody_go(stage: Stage) -> None:
    with guarded(stage, patients_lost_at_least=5):
        patients = people(stage, 12)
        stage.export()
        answers(stage, patients[:6], "OPEN")
        with pytest.raises(SuddenChangeError):
            stage.agent.export(DENTPORT, Kind.PATIENTS)
        seen = held(stage)["patients"]
        holds.release(stage.agent, seen)
        answers(stage, patients, "OPEN")
        with pytest.raises(SuddenChangeError, match="12 of"):
            stage.agent.export(DENTPORT, Kind.PATIENTS)
        hold = held(stage)["patients"]
        assert (hold.released_at, hold.held_at) == (None, seen.held_at)
        with pytest.raises(UsageError, match="changed meanwhile"):
            holds.release(stage.agent, seen)


def test_mass_of_new_patients_is_held_and_the_others_and_every_removal_go(stage: Stage) -> None:
    with guarded(stage, patients_added_at_least=5):
        known = people(stage, 2)
        stage.export()
        newcomers = people(stage, 5)
        answers(stage, known[:1], "DENIED")
        for expected in (["held"], []):
            before = len(events(stage))
            with pytest.raises(SuddenChangeError, match=r"5 new patients .*removals go"):
                stage.agent.export(DENTPORT, Kind.PATIENTS)
            assert events(stage)[before:] == expected
            (path,) = stage.outbox(DENTPORT)
            document = decode(stage.partner().gpg.open(path.read_bytes()), Kind.PATIENTS)
            path.unlink()
            assert aliases(stage, known[:1]) <= removed(document)
            assert aliases(stage, known[1:]) <= listed(document)
            assert not aliases(stage, newcomers) & listed(document)
        told = tables.disclosure.c
        of_these = (told.patient_id.in_(newcomers), told.first_sent_at.is_not(None))
        assert values(stage.house.connector, told.patient_id, *of_these) == []
        release(stage, Kind.PATIENTS)
        assert aliases(stage, newcomers) <= listed(stage.export())


@ON_SQLITE_ALONE
def test_first_file_after_the_opt_in_and_the_last_after_revoking_are_no_surprise(stage: Stage) -> None:
    with guarded(stage, patients_lost_at_least=1, patients_added_at_least=1):
        people(stage, 3)
        stage.export()
        recipients.revoke_partner(stage.agent, DENTPORT)
        try:
            document = stage.export()
        finally:
            recipients.readmit_partner(stage.agent, DENTPORT)
        assert listed(document) == set()
        assert len(removed(document)) >= 3
        assert len(listed(stage.export())) >= 3


def test_availability_of_an_emptied_appointment_book_is_held_and_no_other_kind(stage: Stage) -> None:
    with guarded(stage, taken_minutes_lost_at_least=60):
        stage.export(Kind.AVAILABILITY)
        staff_cancel, staff_rebook = "cancelled", "booked"
        booked = tables.appointment.c.status == staff_rebook
        chosen = values(stage.house.connector, tables.appointment.c.appointment_id, booked)
        set_status(stage, chosen, staff_cancel)
        try:
            with pytest.raises(SuddenChangeError, match=r"availability held: .* minutes of taken time gone"):
                stage.agent.export(DENTPORT, Kind.AVAILABILITY)
            assert stage.outbox(DENTPORT) == []
            assert set(held(stage)) == {"availability"}
            stage.export(Kind.REFERENCE_DATA)
            stage.export(Kind.AVAILABILITY, ZAHNZEIT)  # its first file: nothing to compare with
        finally:
            set_status(stage, chosen, staff_rebook)
        stage.export(Kind.AVAILABILITY)
        assert held(stage) == {}


def set_status(stage: Stage, appointments: list[int], status: str) -> None:
    table = tables.appointment
    with stage.house.connector.writing() as connection:
        connection.execute(
            update(table).where(table.c.appointment_id.in_(appointments)).values(status=status)
        )


@ON_SQLITE_ALONE
def test_practice_that_offers_nothing_any_more_is_held_and_a_smaller_offer_by_setting_is_not(
    stage: Stage,
) -> None:
    with guarded(stage, slots_lost_at_least=100):
        stage.export(Kind.AVAILABILITY)
        guard = {**NOTHING_IS_SUDDEN, "slots_lost_at_least": 100, "slots_lost_percent": 0}
        for offer in ({"booking_horizon_days": 5}, {"grid_minutes": 30}, {"grid_minutes": 15}):
            with stage.agent_with(settings={"guard": guard, "offer": offer}):
                stage.export(Kind.AVAILABILITY)
    with (
        guarded(stage, slots_lost_at_least=100),
        nobody_offers_anything(stage),
        pytest.raises(SuddenChangeError, match=r"([0-9,]+) of \1 free slots gone"),
    ):
        stage.agent.export(DENTPORT, Kind.AVAILABILITY)


class nobody_offers_anything:  # noqa: N801 - reads as what it says
    """A view of the assignments that has lost its rows."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._table = stage, tables.appointment_assignment

    def __enter__(self) -> None:
        with self._stage.house.connector.writing() as connection:
            active = self._table.c.active
            key = self._table.c.assignment_id
            self._chosen = list(connection.scalars(select(key).where(active)))
            connection.execute(update(self._table).where(key.in_(self._chosen)).values(active=False))

    def __exit__(self, *_: object) -> None:
        with self._stage.house.connector.writing() as connection:
            key = self._table.c.assignment_id
            connection.execute(update(self._table).where(key.in_(self._chosen)).values(active=True))


@ON_SQLITE_ALONE
def test_reference_data_that_lost_its_assignments_is_held(stage: Stage) -> None:
    with guarded(stage, reference_data_lost_at_least=2):
        stage.export(Kind.REFERENCE_DATA)
        with (
            nobody_offers_anything(stage),
            pytest.raises(SuddenChangeError, match=r"reference_data held: .* records of one sort gone"),
        ):
            stage.agent.export(DENTPORT, Kind.REFERENCE_DATA)
        stage.export(Kind.REFERENCE_DATA)
        assert held(stage) == {}


# --- updates ---------------------------------------------------------------------------------------


def test_appointments_that_vanish_by_the_dozen_are_not_cancelled_until_an_operator_says_so(
    stage: Stage,
) -> None:
    stage.agent.tell_updates(DENTPORT)
    with guarded(stage, appointments_deleted_at_least=21):
        tomorrow = utc_now() + timedelta(days=1)
        lose_appointments(stage.house.connector, DENTPORT, [f"few-{n}" for n in range(20)], tomorrow)
        assert stage.agent.tell_updates(DENTPORT) == 20
        lose_appointments(stage.house.connector, DENTPORT, [f"many-{n}" for n in range(21)], tomorrow)
        told = rows(stage.house.connector, tables.partner_appointment, tables.update_message)
        for _ in range(2):
            with pytest.raises(SuddenChangeError, match=r"appointment_updates held: 21 of its .* deleted"):
                stage.agent.tell_updates(DENTPORT)
        assert rows(stage.house.connector, tables.partner_appointment, tables.update_message) == told
        assert stage.agent.preview_updates(DENTPORT) == 21
        release(stage, Kind.APPOINTMENT_UPDATES)
        assert stage.agent.tell_updates(DENTPORT) == 21
        assert held(stage) == {}


# --- letting go ------------------------------------------------------------------------------------


@ON_SQLITE_ALONE
def test_release_is_audited_with_its_numbers_and_who_did_it(stage: Stage) -> None:
    with guarded(stage, reference_data_lost_at_least=2):
        stage.export(Kind.REFERENCE_DATA)
        with nobody_offers_anything(stage):
            with pytest.raises(SuddenChangeError):
                stage.agent.export(DENTPORT, Kind.REFERENCE_DATA)
            release(stage, Kind.REFERENCE_DATA)
            told = [entry for entry in audit(stage) if entry.event == "hold released"][-1]
            assert (told.partner_id, told.details["kind"]) == (DENTPORT, "reference_data")
            assert told.details["operator"]
            (change,) = held(stage)["reference_data"].changes
            assert told.details["reference_data_lost"] == f"{change.amount} of {change.base}"
            stage.export(Kind.REFERENCE_DATA)
        stage.export(Kind.REFERENCE_DATA)


@ON_SQLITE_ALONE
def test_release_of_what_is_no_more_held_or_held_otherwise_is_refused(stage: Stage) -> None:
    hold = Hold(DENTPORT, "availability", utc_now(), ())
    with pytest.raises(UsageError):
        holds.release(stage.agent, hold)
    with stage.agent.practice.database.write() as work:
        work.holds.put(hold)
    with pytest.raises(UsageError):
        holds.release(stage.agent, replace(hold, kind="patients"))
