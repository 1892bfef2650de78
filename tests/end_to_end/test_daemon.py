"""The service as a real process: it exchanges, takes up changes, outlasts hanging servers."""

import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from agent.adapters.good_cycles import FILE_NAME as GOOD_CYCLES
from agent.adapters.good_cycles import Step, read_good_cycles
from exchange_formats.bookings import BookingPatient, BookingRecord
from exchange_formats.envelope import Kind
from exchange_formats.fields import ContactPoint
from exchange_formats.receipts import BookingOutcome
from tests.demo.scenes import Offers, booking_of
from tests.flows.card_index import change_appointment
from tests.kit.canaries import BOOKED_EMAIL
from tests.kit.command_line import edited, otv, patients_named_in
from tests.kit.house import House, PartnerSide, default_plan, open_house
from tests.kit.openpgp import short_folder
from tests.kit.service import PATIENCE_SECONDS, Service, gpg_agents, wait_until
from tests.kit.sftp_servers import Misbehaviour

NEVER_BY_THE_CLOCK = 3600
STOPS_WITHIN_SECONDS = 10


@contextmanager
def house_with(**schedule: int) -> Iterator[House]:
    """A small house whose servers are visited and whose settings are looked at every second."""
    plan = default_plan(patients=60, columns=4, days=10)
    times = {"exchange_every_seconds": 1, "reload_every_seconds": 1, "sweep_every_seconds": 1, **schedule}
    offer = {"booking_horizon_days": 10}
    with short_folder() as folder, open_house(folder, plan, schedule=times, offer=offer) as house:
        yield house


class Newcomers:
    """Bookings of new patients, each for a slot of its own, made from what the partner has received."""

    def __init__(self, partner: PartnerSide) -> None:
        self._partner = partner
        self._offers = Offers(partner)
        records = partner.inbox(Kind.REFERENCE_DATA)[-1].records
        self._assignments = {
            record.assignment_id
            for record in records
            if record.record == "appointment_assignment" and record.open_to_new_patients
        }

    def booking(self) -> BookingRecord:
        somebody = BookingPatient(
            given_name="Ayşe",
            family_name=f"Neu{secrets.token_hex(4)}",
            birth_date=date(1991, 6, 17).isoformat(),
            contact_points=[ContactPoint(system="email", use="home", value=BOOKED_EMAIL)],
            new_patient=True,
        )
        return booking_of(self._partner, self._offers.next(self._assignments), somebody)


def has_exports(partner: PartnerSide) -> bool:
    return bool(partner.inbox(Kind.AVAILABILITY) and partner.inbox(Kind.REFERENCE_DATA))


def answers(partner: PartnerSide) -> list[BookingOutcome]:
    """The outcome of every booking in every receipt."""
    records = (record for receipt in partner.inbox(Kind.RECEIPTS) for record in receipt.records)
    return [record for record in records if isinstance(record, BookingOutcome)]


def push(house: House, partner: PartnerSide, *bookings: BookingRecord) -> None:
    """Straight into the inbound folder, as a partner with an account on the practice's server does."""
    waiting = house.data_folder / "inbound" / partner.partner_id / "waiting"
    part = waiting / f"{secrets.token_hex(8)}.part"
    part.write_bytes(partner.gpg.seal(partner.bookings_file(bookings)))
    part.rename(part.with_suffix(".pgp"))


def test_service_exchanges_with_both_partners_holds_the_house_and_ends_clean() -> None:
    with house_with(sweep_every_seconds=NEVER_BY_THE_CLOCK) as house, Service(house.config_path) as service:
        dentport, zahnzeit = house.partners["dentport"], house.partners["zahnzeit"]
        wait_until(lambda: has_exports(dentport) and has_exports(zahnzeit))
        wait_until(lambda: bool(dentport.inbox(Kind.PATIENTS)))

        dentport.book(Newcomers(dentport).booking())
        wait_until(lambda: len(answers(dentport)) == 1)
        # No sweep is due for an hour: only the folder's event can have told.
        push(house, zahnzeit, Newcomers(zahnzeit).booking())
        wait_until(lambda: len(answers(zahnzeit)) == 1)
        # Both took the first slot they were offered; the one who came second is told so.
        assert [answers(partner)[0].reason for partner in (dentport, zahnzeit)] == [None, "slot_taken"]

        second = otv("sync", config=house.config_path)
        assert (second.code, "another otv-agent process works" in second.err) == (50, True)
        assert "agent     running" in otv("status", config=house.config_path).out
        assert otv("doctor", config=house.config_path).code == 0

        assert gpg_agents(house.data_folder / "gpg")
        code, seconds = service.stop()
        assert code == 0
        assert seconds < STOPS_WITHIN_SECONDS
        assert gpg_agents(house.data_folder / "gpg") == []
        assert service.log[-1].split()[-1] == "stopped"
        assert service.count(" stopping$") == 1
        assert service.count("audit log: all [0-9]+ entries in order$") == 1
        known = read_good_cycles(house.data_folder / GOOD_CYCLES)
        assert known.steps.keys() == {(partner_id, step) for partner_id in house.partners for step in Step}
        assert known.running_since is not None
        assert service.count("^(ERROR|CRITICAL|WARNING)") == 0
        assert patients_named_in("\n".join(service.log), house.connector) == []


def test_service_takes_up_a_new_partner_and_refuses_a_broken_change() -> None:
    with house_with(sweep_every_seconds=NEVER_BY_THE_CLOCK) as house:
        partner_file = house.config_path.parent / "partners/zahnzeit.yaml"
        ring = house.data_folder / "keys/partners/zahnzeit.pgp"
        kept = {file: file.read_bytes() for file in (partner_file, ring)}
        for file in kept:
            file.unlink()
        dentport, zahnzeit = house.partners["dentport"], house.partners["zahnzeit"]
        with Service(house.config_path) as service:
            wait_until(lambda: has_exports(dentport))
            for file, content in reversed(kept.items()):
                file.write_bytes(content)
            service.wait_for("configuration changed: now 2 partner")
            wait_until(lambda: has_exports(zahnzeit))
            push(house, zahnzeit, Newcomers(zahnzeit).booking())
            wait_until(lambda: len(answers(zahnzeit)) == 1)

            with edited(house.config_path, lambda content: content.update(surprise=True)):
                service.wait_for("ERROR .*the old one stays in force.*agent.yaml:.*surprise")
                push(house, dentport, Newcomers(dentport).booking())
                wait_until(lambda: len(answers(dentport)) == 1)
                house.config_path.write_text("database: [")
                service.wait_for("the old one stays in force", times=2)
            service.wait_for("the old one stays in force.*works again")
            assert service.count("the old one stays in force") == 3
            assert service.stop()[0] == 0


def test_service_serves_one_partner_while_the_other_ones_server_hangs_and_ends_in_time() -> None:
    with house_with() as house:
        dentport, zahnzeit = house.partners["dentport"], house.partners["zahnzeit"]
        dentport.server.misbehaviour = Misbehaviour(hang_at="open")
        with Service(house.config_path) as service:
            wait_until(lambda: any((house.data_folder / "outbox/dentport/claimed").glob("*")))
            wait_until(lambda: has_exports(zahnzeit))
            zahnzeit.book(Newcomers(zahnzeit).booking())
            wait_until(lambda: len(answers(zahnzeit)) == 1)
            code, seconds = service.stop()
            assert (code, seconds < STOPS_WITHIN_SECONDS) == (0, True)
            assert service.count("the next start takes it up again") == 1
        dentport.server.misbehaviour = Misbehaviour()
        # On a busy machine the first visit may have begun, and hung, before every export was ready.
        assert otv("sync", config=house.config_path).code == 0
        assert has_exports(dentport)


def test_trouble_of_the_service_is_told_once_at_its_start_and_once_at_its_end() -> None:
    with house_with() as house, Service(house.config_path) as service:
        dentport = house.partners["dentport"]
        wait_until(lambda: has_exports(dentport))
        licence, away = house.data_folder / "licence.pgp", house.folder / "away.pgp"
        dentport.server.misbehaviour = Misbehaviour(drop_after_bytes=0)
        licence.rename(away)
        push(house, dentport, Newcomers(dentport).booking())
        service.wait_for("ERROR +dentport: receiving: no licence file")
        service.wait_for("ERROR +exchange zahnzeit: no licence file")
        time.sleep(1.5)  # time enough to say everything twice
        away.rename(licence)
        service.wait_for("INFO +dentport: receiving: works again")
        service.wait_for("INFO +exchange zahnzeit: works again")
        service.wait_for("ERROR +exchange dentport: 127.0.0.1.*connection was lost")
        visits = dentport.server.logins
        wait_until(lambda: dentport.server.logins > visits + 1)
        dentport.server.misbehaviour = Misbehaviour()
        service.wait_for("INFO +exchange dentport: works again")
        wait_until(lambda: len(answers(dentport)) == 1)
        assert service.count("dentport: receiving: ") == 2
        assert service.count("exchange zahnzeit: ") == 2
        assert service.count("exchange dentport: .*connection was lost") == 1
        assert service.stop()[0] == 0


def test_service_takes_a_booked_slot_out_of_every_offer_and_tells_what_staff_change() -> None:
    with house_with(updates_every_seconds=1) as house, Service(house.config_path) as service:
        dentport, zahnzeit = house.partners["dentport"], house.partners["zahnzeit"]
        wait_until(lambda: has_exports(dentport) and has_exports(zahnzeit))
        booking = Newcomers(zahnzeit).booking()
        assert booking.slot_id in offered(dentport)
        zahnzeit.book(booking)
        # The next availability files are due in a quarter of an hour.
        wait_until(lambda: booking.slot_id not in offered(dentport))
        wait_until(lambda: booking.slot_id not in offered(zahnzeit))
        assert [answer.outcome for answer in answers(zahnzeit)] == ["accepted"]

        change_appointment(house.connector, booking.booking_id, status="cancelled")
        wait_until(lambda: bool(zahnzeit.inbox(Kind.APPOINTMENT_UPDATES)))
        change_appointment(house.connector, booking.booking_id, status="booked")
        wait_until(lambda: len(zahnzeit.inbox(Kind.APPOINTMENT_UPDATES)) == 2)
        told = [update.records[0] for update in zahnzeit.inbox(Kind.APPOINTMENT_UPDATES)]
        assert [one.appointment_status for one in told] == ["cancelled", "booked"]
        assert {one.booking_id for one in told} == {booking.booking_id}
        assert dentport.inbox(Kind.APPOINTMENT_UPDATES) == []
        assert service.stop()[0] == 0
        assert service.count("^(ERROR|CRITICAL|WARNING)") == 0


def offered(partner: PartnerSide) -> set[str]:
    """The slots in the newest availability file."""
    records = partner.inbox(Kind.AVAILABILITY)[-1].records
    return {record.slot_id for record in records if record.record == "slot"}


def test_service_tells_the_service_manager_that_it_started_works_and_stops() -> None:
    with house_with() as house, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = house.folder / "notify"
        manager.bind(str(address))
        manager.settimeout(PATIENCE_SECONDS)
        with Service(house.config_path, NOTIFY_SOCKET=str(address), WATCHDOG_USEC="3000000") as service:
            told = [manager.recv(100) for _ in range(3)]
            assert service.stop()[0] == 0
        # The first sign of life may come before the word that all is started: the manager takes both.
        assert sorted(told) == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
        manager.setblocking(False)
        while told[-1] != b"STOPPING=1":
            told.append(manager.recv(100))
