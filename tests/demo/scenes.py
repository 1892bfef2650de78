"""What the partners send in the demo, and what must come of each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from agent.sample_practice import KnownPatient, Story
from exchange_formats.availability import FreeSlot
from exchange_formats.bookings import BookingPatient, BookingRecord
from exchange_formats.envelope import Kind
from exchange_formats.fields import ContactPoint
from exchange_formats.patients import PatientRecord
from tests.kit.canaries import BOOKED_EMAIL
from tests.kit.house import House, PartnerSide


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come of a scene: the state of its file, and of its booking if it had one.

    `known` tells whether the appointment must be on a record that was there
    before, `told` whether the receipt may name the patient.
    """

    file: str
    booking: str = ""
    reason: str | None = None
    known: bool = False
    told: bool = False
    staff_note: str | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """One file: who sends it, the story behind it, its bytes, the booking in it, and what is expected."""

    partner_id: str
    story: str
    sealed: bytes
    booking_id: str | None
    expected: Expected


class Offers:
    """The free slots of one partner's availability file, handed out one by one."""

    def __init__(self, partner: PartnerSide, busy_days: Iterable[tuple[str, str]] = ()) -> None:
        self.all = [
            record for record in partner.inbox(Kind.AVAILABILITY)[-1].records if isinstance(record, FreeSlot)
        ]
        self._taken: set[tuple[str, str]] = set(busy_days)

    def next(self, assignment_ids: set[str]) -> FreeSlot:
        """A slot in a stretch of time that no earlier scene has touched: one booking per column and day."""
        for slot in self.all:
            day = (slot.column_id, slot.starts_at[:10])
            if slot.assignment_id in assignment_ids and day not in self._taken:
                self._taken.add(day)
                return slot
        raise LookupError("the practice offers too little for the demo")


def scenes(house: House) -> Iterator[Scene]:
    """In the order in which they are sent; made from what the partners have received."""
    dentport, zahnzeit = house.partners["dentport"], house.partners["zahnzeit"]
    known = house.generated.known
    offers = Offers(dentport)
    open_to_all = open_to_new_patients(dentport)

    def booked(
        partner: PartnerSide, story: str, slot: FreeSlot, who: BookingPatient, expected: Expected
    ) -> Scene:
        booking = booking_of(partner, slot, who)
        sealed = partner.gpg.seal(partner.bookings_file([booking]))
        return Scene(partner.partner_id, story, sealed, booking.booking_id, expected)

    new_patient = booked(
        dentport, "a new patient", offers.next(open_to_all), newcomer(), Expected("imported", "accepted")
    )
    yield new_patient
    yield booked(
        dentport,
        "a known patient who was never asked (Offen)",
        offers.next(open_to_all),
        _known(known[Story.OPEN][0]),
        Expected("imported", "accepted", known=True),
    )
    yield booked(
        dentport,
        "a known patient who agreed (Ja)",
        offers.next(open_to_all),
        _known(known[Story.GRANTED][0], patient_id=_alias(dentport, known[Story.GRANTED][0])),
        Expected("imported", "accepted", known=True, told=True),
    )
    yield booked(
        dentport,
        "a patient who said Nein",
        offers.next(open_to_all),
        _known(known[Story.DENIED][0]),
        Expected("imported", "accepted", staff_note="denied"),
    )
    yield Scene(
        "dentport",
        "the first file once more",
        new_patient.sealed,
        new_patient.booking_id,
        Expected("duplicate", "accepted"),
    )
    wanted_by_both = offers.next(open_to_all)
    yield booked(
        dentport,
        "a slot that both want: first",
        wanted_by_both,
        _person("Jürgen", "Großmann", date(1958, 11, 2), "j@example.org", new_patient=True),
        Expected("imported", "accepted"),
    )
    yield booked(
        zahnzeit,
        "a slot that both want: second",
        wanted_by_both,
        _person("Nguyễn", "Văn An", date(1984, 3, 9), "an@example.org", new_patient=True),
        Expected("imported", "declined", "slot_taken"),
    )
    yield booked(
        zahnzeit,
        "a new patient, by the other partner",
        offers.next(open_to_all),
        _person("Mária", "Kováčová", date(1979, 8, 30), "m@example.org", new_patient=True),
        Expected("imported", "accepted"),
    )
    booking = booking_of(dentport, offers.next(open_to_all), newcomer())
    yield Scene(
        "dentport",
        "a file signed by the other partner",
        zahnzeit.gpg.seal(dentport.bookings_file([booking])),
        None,
        Expected("quarantined", reason="wrong_signer"),
    )
    whole = dentport.gpg.seal(dentport.bookings_file([booking]))
    yield Scene(
        "dentport",
        "a truncated file",
        whole[: len(whole) * 2 // 3],
        None,
        Expected("quarantined", reason="damaged"),
    )


def booking_of(partner: PartnerSide, slot: FreeSlot, who: BookingPatient) -> BookingRecord:
    """A first revision under a fresh booking id."""
    partner.bookings += 1
    return BookingRecord(
        record="booking",
        booking_id=f"{partner.partner_id}-{partner.bookings:04d}",
        revision=1,
        action="book",
        slot_id=slot.slot_id,
        assignment_id=slot.assignment_id,
        starts_at=slot.starts_at,
        patient=who,
    )


def newcomer() -> BookingPatient:
    """Somebody whom the practice does not know before the demo."""
    return _person("Ayşe", "Yıldız", date(1991, 6, 17), BOOKED_EMAIL, new_patient=True)


def open_to_new_patients(partner: PartnerSide) -> set[str]:
    """The assignments that new patients may book, from the partner's reference data."""
    records = partner.inbox(Kind.REFERENCE_DATA)[-1].records
    return {
        record.assignment_id
        for record in records
        if record.record == "appointment_assignment" and record.open_to_new_patients
    }


def _alias(partner: PartnerSide, patient: KnownPatient) -> str:
    """As the partner finds it: by name and birth date in its patients file."""
    wanted = (patient.given_name, patient.family_name, str(patient.birth_date))
    for record in partner.inbox(Kind.PATIENTS)[-1].records:
        if not isinstance(record, PatientRecord):
            continue
        if (record.given_name, record.family_name, record.birth_date) == wanted:
            return record.patient_id
    raise LookupError("a patient who agreed is missing in the patients file")


def _known(patient: KnownPatient, patient_id: str | None = None) -> BookingPatient:
    assert patient.birth_date is not None
    contacts = [
        ContactPoint.model_validate({"system": point.system, "use": point.use, "value": point.value})
        for point in patient.contact_points
    ] or [ContactPoint(system="email", use="home", value="known@example.org")]
    return BookingPatient(
        given_name=patient.given_name,
        family_name=patient.family_name,
        birth_date=patient.birth_date.isoformat(),
        contact_points=contacts,
        new_patient=False,
        patient_id=patient_id,
    )


def _person(
    given_name: str, family_name: str, birth_date: date, email: str, *, new_patient: bool
) -> BookingPatient:
    return BookingPatient(
        given_name=given_name,
        family_name=family_name,
        birth_date=birth_date.isoformat(),
        contact_points=[ContactPoint(system="email", use="home", value=email)],
        new_patient=new_patient,
    )
