"""Who works in the practice, where, and what it offers: staff, rooms, columns, types, assignments.

Columns are dealt out in a fixed pattern: dentists and prophylaxis by turns,
the first dentist with a second chair from five columns on, and a last column
that belongs to nobody and may be double-booked on purpose. Every key here is
the key that the database will hold.
"""

from dataclasses import dataclass

from agent.domain.practice import (
    AppointmentAssignment,
    AppointmentType,
    Practitioner,
    ScheduleColumn,
    TreatmentRoom,
)
from agent.sample_practice.names import ASSISTANTS, DENTISTS, PROPHYLAXIS_STAFF, RECEPTIONISTS

OTV_LOGIN_NAME = "otv"

_DENTIST, _PROPHYLAXIS, _ASSISTANT, _RECEPTION, _INTERFACE = range(1, 6)
ROLES = {
    _DENTIST: ("Zahnärztin/Zahnarzt", ("appointments.write", "findings.write", "patients.write")),
    _PROPHYLAXIS: ("Prophylaxe", ("appointments.read", "findings.write", "patients.read")),
    _ASSISTANT: ("Assistenz (ZFA)", ("appointments.write", "patients.read")),
    _RECEPTION: ("Empfang", ("appointments.write", "billing.read", "patients.write")),
    # The dedicated user's role may do nothing at all (rule R2).
    _INTERFACE: ("Online-Terminvergabe", ()),
}

CHECK_UP, CLEANING, FILLING, ADVICE, PAIN, FIRST_VISIT, ROOT_CANAL, CHILD_CLEANING, X_RAY, DENTURE = range(
    1, 11
)
TYPES = {
    type_id: AppointmentType(type_id, name, minutes)
    for type_id, name, minutes in (
        (CHECK_UP, "Kontrolle", 30),
        (CLEANING, "Prophylaxe", 60),
        (FILLING, "Füllung", 45),
        (ADVICE, "Beratung", 20),
        (PAIN, "Schmerz", 20),
        (FIRST_VISIT, "Neuaufnahme", 45),
        (ROOT_CANAL, "Wurzelbehandlung", 90),
        (CHILD_CLEANING, "Individualprophylaxe Kind", 30),
        (X_RAY, "Röntgen", 10),
        (DENTURE, "Zahnersatz nach Absprache", None),
    )
}

OFFER_CHECK_UP, OFFER_CLEANING, OFFER_FIRST_VISIT, OFFER_PAIN, OFFER_FILLING, OFFER_QUESTIONS = range(1, 7)
OFFER_DENTURE, OFFER_WITHDRAWN = 7, 8


@dataclass(frozen=True, slots=True)
class StaffRow:
    """A staff member; the key is the position in the list, counted from 1."""

    login_name: str
    initials: str
    name: str
    role_id: int
    active: bool = True


@dataclass(frozen=True, slots=True)
class Organisation:
    """The lasting part of the practice; the first practitioner may have two columns, the last has nobody."""

    staff: tuple[StaffRow, ...]
    practitioners: dict[int, Practitioner]
    columns: dict[int, ScheduleColumn]
    rooms: dict[int, TreatmentRoom]
    dentist_columns: tuple[int, ...]
    prophylaxis_columns: tuple[int, ...]
    assignments: dict[int, AppointmentAssignment]
    withdrawn_assignments: frozenset[int]

    @property
    def otv_user(self) -> int:
        return self._staff_in(_INTERFACE)[0]

    @property
    def receptionists(self) -> list[int]:
        return self._staff_in(_RECEPTION)

    @property
    def shared_column(self) -> int:
        """The column without a practitioner, on which overlaps are allowed."""
        return max(self.columns)

    def staff_of(self, practitioner: Practitioner) -> int:
        return next(key for key, row in enumerate(self.staff, 1) if row.name == practitioner.name)

    def _staff_in(self, role_id: int) -> list[int]:
        return [key for key, row in enumerate(self.staff, 1) if row.role_id == role_id and row.active]


def organisation(column_count: int) -> Organisation:
    """A practice with so many columns; the same one for the same number."""
    prophylaxis = tuple(key for key in range(1, column_count) if key % 5 in (3, 0))
    dentists = tuple(key for key in range(1, column_count) if key not in prophylaxis)
    practitioners, owners = _practitioners(dentists, prophylaxis)
    columns = {key: _column(key, owners, practitioners) for key in range(1, column_count)}
    columns[column_count] = ScheduleColumn(
        column_count, "Assistenz", None, column_count, overlaps_allowed=True
    )
    return Organisation(
        staff=_staff(practitioners, len({owners[key] for key in dentists})),
        practitioners=practitioners,
        columns=columns,
        rooms={key: TreatmentRoom(key, f"Behandlungszimmer {key}") for key in columns},
        dentist_columns=dentists,
        prophylaxis_columns=prophylaxis,
        assignments={offer.assignment_id: offer for offer in _offers(dentists, prophylaxis, column_count)},
        withdrawn_assignments=frozenset({OFFER_WITHDRAWN}),
    )


def _practitioners(
    dentists: tuple[int, ...], prophylaxis: tuple[int, ...]
) -> tuple[dict[int, Practitioner], dict[int, int]]:
    """The practitioners, and whose each column is; column 4 is the first dentist's second chair."""
    owners: dict[int, int] = {}
    found: dict[int, Practitioner] = {}
    for group, names in ((dentists, iter(DENTISTS)), (prophylaxis, iter(PROPHYLAXIS_STAFF))):
        for column_id in group:
            if column_id == 4:
                owners[column_id] = owners[1]
                continue
            owners[column_id] = len(found) + 1
            found[len(found) + 1] = Practitioner(len(found) + 1, next(names))
    return found, owners


def _column(column_id: int, owners: dict[int, int], practitioners: dict[int, Practitioner]) -> ScheduleColumn:
    practitioner = practitioners[owners[column_id]]
    second = " (2. Stuhl)" if column_id == 4 and owners[4] == owners[1] else ""
    surname = practitioner.name.split(" ")[-1]
    return ScheduleColumn(column_id, f"{surname}{second}", practitioner.practitioner_id, column_id)


def _staff(practitioners: dict[int, Practitioner], dentist_count: int) -> tuple[StaffRow, ...]:
    rows = [StaffRow(OTV_LOGIN_NAME, "OTV", "Online-Terminvergabe", _INTERFACE)]
    for key, practitioner in practitioners.items():
        role_id = _DENTIST if key <= dentist_count else _PROPHYLAXIS
        rows.append(StaffRow(f"behandler{key}", f"B{key}", practitioner.name, role_id))
    rows += [StaffRow(f"zfa{key}", f"Z{key}", name, _ASSISTANT) for key, name in enumerate(ASSISTANTS, 1)]
    rows += [
        StaffRow(f"empfang{key}", f"E{key}", name, _RECEPTION) for key, name in enumerate(RECEPTIONISTS, 1)
    ]
    rows.append(StaffRow("zfa.ehemalig", "ZE", "Kerstin Ablaß", _ASSISTANT, active=False))
    return tuple(rows)


def _offers(
    dentists: tuple[int, ...], prophylaxis: tuple[int, ...], shared: int
) -> list[AppointmentAssignment]:
    """One of each kind: with buffers, a length of its own, reserved time only, no type, no length."""

    def offer(
        key: int,
        label: str,
        type_id: int | None,
        columns: tuple[int, ...],
        *,
        minutes: int | None = None,
        buffers: tuple[int, int] = (0, 0),
        new_patients: bool = True,
        reserved_only: bool = False,
    ) -> AppointmentAssignment:
        return AppointmentAssignment(
            key, label, type_id, minutes, *buffers, new_patients, frozenset(columns), reserved_only
        )

    return [
        offer(OFFER_CHECK_UP, "Kontrolluntersuchung", CHECK_UP, dentists),
        offer(OFFER_CLEANING, "Professionelle Zahnreinigung", CLEANING, prophylaxis),
        offer(
            OFFER_FIRST_VISIT,
            "Neupatient: Erstuntersuchung",
            FIRST_VISIT,
            dentists,
            minutes=40,
            buffers=(5, 10),
        ),
        # Only in the time that is kept for it each morning.
        offer(OFFER_PAIN, "Schmerzsprechstunde", PAIN, dentists, reserved_only=True),
        offer(OFFER_FILLING, "Füllungstermin", FILLING, dentists, new_patients=False),
        offer(OFFER_QUESTIONS, "Fragen an das Praxisteam", None, (shared,), minutes=15),
        # Neither the offer nor its type has a length: nothing can be offered or booked (reading A14).
        offer(OFFER_DENTURE, "Zahnersatz", DENTURE, dentists[:1], new_patients=False),
        offer(OFFER_WITHDRAWN, "Bleaching-Aktion", ADVICE, prophylaxis, minutes=90),
    ]
