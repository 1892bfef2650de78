"""A sudden change as reception and administrator meet it: held, told, looked at, released, gone."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, update

from agent.adapters import tables
from exchange_formats.bookings import BookingRecord
from exchange_formats.envelope import Kind
from tests.demo.scenes import Offers, booking_of, newcomer, open_to_new_patients
from tests.kit.command_line import otv, patients_named_in
from tests.kit.house import House, PartnerSide, default_plan, open_house
from tests.kit.openpgp import short_folder
from tests.kit.service import Service, wait_until

GUARD = {"patients_lost_at_least": 3, "bookings_at_least": 3, "bookings_percent": 0}
MANY = 3


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    plan, offer = default_plan(patients=60, columns=4, days=14), {"booking_horizon_days": 5}
    hourly = {"sweep_every_seconds": 3600, "exchange_every_seconds": 1}
    with (
        short_folder() as folder,
        open_house(folder, plan, offer=offer, guard=GUARD, schedule=hourly) as house,
    ):
        yield house


def lose_all_consents(house: House) -> int:
    """What a bad import does; how many patients dentport holds at that moment."""
    consent, told = tables.consent.c, tables.disclosure.c
    with house.connector.writing() as connection:
        granted = consent.partner_id == "dentport", consent.status == "GRANTED"
        connection.execute(update(tables.consent).where(*granted).values(status="OPEN"))
        sent = told.partner_id == "dentport", told.first_sent_at.is_not(None)
        return len(list(connection.scalars(select(told.patient_id).where(*sent))))


def many_bookings(partner: PartnerSide) -> list[BookingRecord]:
    offers, assignments = Offers(partner), open_to_new_patients(partner)
    return [booking_of(partner, offers.next(assignments), newcomer()) for _ in range(MANY)]


def answered(partner: PartnerSide) -> list[str]:
    records: list[Any] = [record for receipt in partner.inbox(Kind.RECEIPTS) for record in receipt.records]
    return [record.outcome for record in records if record.record == "booking_outcome"]


def test_mass_of_removals_is_shown_everywhere_and_goes_when_somebody_agreed(house: House) -> None:
    def run(*words: str, answer: str = "") -> Any:
        done = otv(*words, config=house.config_path, answer=answer)
        assert patients_named_in(done.text, house.connector) == []
        return done

    dentport = house.partners["dentport"]
    assert run("sync").code == 0
    assert run("release").out == "nothing is held\n"
    lost = lose_all_consents(house)
    files = len(dentport.inbox(Kind.AVAILABILITY)), len(dentport.inbox(Kind.PATIENTS))

    held = run("sync")
    assert held.code == 3
    assert f"dentport: patients held: {lost} of {lost} patients to be removed" in held.err
    assert "otv-agent release" in held.err
    # Everything else went, to both.
    assert (len(dentport.inbox(Kind.AVAILABILITY)), len(dentport.inbox(Kind.PATIENTS))) == (
        files[0] + 1,
        files[1],
    )

    assert re.search(f"dentport: patients held for .*: {lost} of {lost} patients", run("status").out)
    (told,) = json.loads(run("status", "--json").out)["partners"]["dentport"]["held"]
    assert (told["kind"], told["released"]) == ("patients", False)
    found = json.loads(run("doctor", "--no-connect", "--json").out)["findings"]
    (waits,) = [one for one in found if one["check"] == "partner.held" and one["state"] == "warning"]
    assert (waits["partner"], "patients held" in waits["said"]) == ("dentport", True)
    assert f"{lost} of {lost} patients to be removed" in run("release").out

    assert run("release", "zahnzeit").code == 2
    declined = run("release", "dentport", answer="n\n")
    assert (declined.code, "not confirmed" in declined.err) == (2, True)
    assert run("sync").code == 3
    assert run("release", "dentport", "--kind", "patients", answer="y\n").code == 0
    assert "released, goes next" in run("release").out
    assert (
        "partner.held         dentport: Nothing is held." in run("doctor", "--no-connect", "--lang", "en").out
    )

    assert run("sync").code == 0
    removals = [one for one in dentport.inbox(Kind.PATIENTS)[-1].records if one.record == "removal"]
    assert len(removals) == lost
    assert run("release").out == "nothing is held\n"
    log = run("audit", "show", "--newest", "200").out
    for event in ("held", "hold released", "hold ended"):
        assert log.count(f'"event": "{event}"') == 1
    assert run("audit", "verify").code == 0


def test_service_holds_one_partners_mass_answers_the_other_and_takes_up_the_release(house: House) -> None:
    dentport, zahnzeit = house.partners["dentport"], house.partners["zahnzeit"]
    assert otv("sync", config=house.config_path).code == 0
    masses = many_bookings(dentport)
    with Service(house.config_path) as service:
        dentport.book(*masses)
        service.wait_for("ERROR +dentport: sudden change of bookings: bookings held: 3 bookings within a day")
        zahnzeit.book(many_bookings(zahnzeit)[-1])
        wait_until(lambda: len(answered(zahnzeit)) == 1)
        assert answered(dentport) == []
        released = otv("release", "dentport", "--yes", config=house.config_path)
        assert "1 file in the inbound folder" in released.out
        assert "A running service takes it up within a minute" in released.out
        wait_until(lambda: len(answered(dentport)) == MANY)
        service.wait_for("INFO +dentport: sudden change of bookings: works again")
        assert service.count("bookings held") == 1
        assert service.stop()[0] == 0
    assert otv("release", config=house.config_path).out == "nothing is held\n"
