"""The practice's own side of the book: what staff write into it, and what is true.

All of it is SQL of its own, not the agent's adapters, so that the two check
each other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.domain.practice import Consent
from tests.machine.practice import JOERG, PARTNERS, RECEPTION, MachineClock, record_info, set_consent


class Standing(NamedTuple):
    """A row of the appointment book."""

    appointment_id: int
    column_id: int
    patient_id: int | None
    assignment_id: int | None
    starts_at: datetime
    ends_at: datetime
    status: str
    exclusive: bool

    @property
    def stands(self) -> bool:
        return self.status != "cancelled"


@dataclass(slots=True)
class Reception:
    """The staff's own software: it writes straight into the book, and the database may refuse (P13)."""

    connector: Connector
    clock: MachineClock

    def book(self, column_id: int, starts_at: datetime, minutes: int, exclusive: bool) -> bool:
        """By hand, for somebody who called; False if the database refused."""
        values = {"column_id": column_id, "patient_id": JOERG, "status": "booked", "exclusive": exclusive}
        times = {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=minutes)}
        return self._tried(insert(tables.appointment).values(**values, **times, **record_info(self.clock())))

    def change(self, appointment_id: int, **values: Any) -> bool:
        """Move, lengthen, cancel, bring back; False if the database refused."""
        this = tables.appointment.c.appointment_id == appointment_id
        values |= {"changed_by": RECEPTION, "changed_at": self.clock()}
        return self._tried(update(tables.appointment).where(this).values(values))

    def delete(self, appointment_id: int) -> None:
        """Gone without a trace, as some practice software does it."""
        this = tables.appointment.c.appointment_id == appointment_id
        self._tried(delete(tables.appointment).where(this))

    def answer(self, patient_id: int, partner_id: str, status: str | None) -> None:
        """What the patient says to this partner from now on; None takes the entry away."""
        consent = tables.consent.c
        with self.connector.writing() as connection:
            connection.execute(
                delete(tables.consent).where(
                    consent.patient_id == patient_id, consent.partner_id == partner_id
                )
            )
            if status is not None:
                set_consent(connection, patient_id, partner_id, status, self.clock())

    def set_active(self, patient_id: int, active: bool) -> None:
        this = tables.patient.c.patient_id == patient_id
        self._tried(update(tables.patient).where(this).values(active=active))

    def add_absence(self, practitioner_id: int | None, starts_at: datetime, hours: int) -> None:
        """Of one practitioner, or of the whole practice."""
        times = {"starts_at": starts_at, "ends_at": starts_at + timedelta(hours=hours)}
        self._tried(insert(tables.planned_absence).values(practitioner_id=practitioner_id, **times))

    def switch_offer(self, assignment_id: int, active: bool) -> None:
        this = tables.appointment_assignment.c.assignment_id == assignment_id
        self._tried(update(tables.appointment_assignment).where(this).values(active=active))

    def switch_column(self, column_id: int, active: bool) -> None:
        this = tables.schedule_column.c.column_id == column_id
        self._tried(update(tables.schedule_column).where(this).values(active=active))

    def _tried(self, statement: Any) -> bool:
        with self.connector.writing() as connection:
            try:
                with connection.begin_nested():
                    connection.execute(statement)
            except IntegrityError:
                return False
        return True


# --- what is true ------------------------------------------------------------------------------


class Record(NamedTuple):
    """The rows of the agent's that must fit the book, by partner."""

    answers: dict[str, dict[tuple[str, int], str]]
    """(booking id, revision) -> the receipt line that was given."""
    came: dict[str, dict[str, int]]
    """Booking id -> the appointment that it led to."""
    aliases: dict[str, dict[str, int]]
    """Alias -> patient, of everybody who ever got one."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The database as it stands, read row by row."""

    connector: Connector

    def rows(self, *columns: Any, where: Iterable[Any] = ()) -> list[Any]:
        """The chosen columns of all rows that fulfil the conditions."""
        with self.connector.reading() as connection:
            return list(connection.execute(select(*columns).where(*where)))

    def appointments(self) -> dict[int, Standing]:
        """The whole book."""
        return {row.appointment_id: Standing(*row) for row in self.rows(*_BOOK)}

    def record(self) -> Record:
        """What the agent keeps, of both partners."""
        record = Record(
            {key: {} for key in PARTNERS}, {key: {} for key in PARTNERS}, {key: {} for key in PARTNERS}
        )
        with self.connector.reading() as connection:
            for partner_id, booking_id, revision, line in connection.execute(_ANSWERS):
                record.answers[partner_id][booking_id, revision] = line
            for partner_id, booking_id, appointment_id in connection.execute(_CAME):
                record.came[partner_id][booking_id] = appointment_id
            for partner_id, alias, patient_id in connection.execute(_ALIASES):
                record.aliases[partner_id][alias] = patient_id
        return record

    def transmit_set(self, partner_id: str) -> set[int]:
        """Rule R15, by two plain questions."""
        consent, patient = tables.consent.c, tables.patient.c
        agreed = self.rows(
            consent.patient_id,
            where=[consent.partner_id == partner_id, consent.status == Consent.GRANTED.value],
        )
        active = self.rows(patient.patient_id, where=[patient.active.is_(True)])
        return {row[0] for row in agreed} & {row[0] for row in active}

    def patients(self) -> dict[int, Any]:
        """The card index without contact points."""
        return {row.patient_id: row for row in self.rows(tables.patient)}


_BOOK = [tables.appointment.c[name] for name in Standing._fields]
_LINE, _OWN, _KNOWN = tables.booking.c, tables.partner_appointment.c, tables.disclosure.c
_ANSWERS = select(_LINE.partner_id, _LINE.booking_id, _LINE.revision, _LINE.record)
_CAME = select(_OWN.partner_id, _OWN.booking_id, _OWN.appointment_id)
_ALIASES = select(_KNOWN.partner_id, _KNOWN.alias, _KNOWN.patient_id)
