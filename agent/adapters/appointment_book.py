"""Writes patients, appointments and notes into the practice's own tables, as the OTV user.

The import story reads its matching candidates here and carries out what the
rules decided, inside one write transaction. It never updates a patient or a
contact point that the practice keeps (reading A5), and it never commits.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from agent.adapters import tables
from agent.adapters.database_errors import patients_readable
from agent.adapters.overlap_guard import GUARD_NAME
from agent.domain.consent import PLACEHOLDER_BIRTH_DATE, usable_birth_date
from agent.domain.names import normalised_name
from agent.domain.practice import Consent, ContactPoint, Patient
from agent.errors import DatabaseError, SlotTakenError
from agent.ports import NewAppointment, NewPatient, StandingAppointment

POSTGRESQL_EXCLUSION_VIOLATION = "23P01"
ONE_DAY = timedelta(days=1)


class SqlAppointmentBook:
    """`AppointmentBook` over one open write transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._undated: dict[date, dict[str, list[int]]] = {}
        self._undated_created = False
        self._partners_with_page: set[str] = set()

    def candidates(self, partner_id: str, family_name: str, birth_date: date, today: date) -> list[Patient]:
        """Active or not, whatever the consent."""
        patient = tables.patient.c
        family = normalised_name("", family_name).family
        undated = patient.patient_id.in_(self._undated_by_family(today).get(family, ()))
        if usable_birth_date(birth_date, today) is None:
            return self._patients(partner_id, undated)
        return self._patients(partner_id, or_(patient.birth_date == birth_date, undated))

    def create_patient(self, patient: NewPatient, author: int, now: datetime) -> int:
        patient_id: int = self._connection.execute(
            insert(tables.patient).returning(tables.patient.c.patient_id),
            {
                "given_name": patient.given_name,
                "family_name": patient.family_name,
                "birth_date": patient.birth_date,
                "active": True,
                **_record_info(author, now),
            },
        ).scalar_one()
        self._add_contact_points(patient_id, patient.contact_points)
        # The day is in UTC here and local where it is asked for: one day of doubt counts as undated.
        if usable_birth_date(patient.birth_date, now.date() - ONE_DAY) is None:
            self._undated_created = True
            self._undated.clear()
        return patient_id

    def add_appointment(self, appointment: NewAppointment, author: int, now: datetime) -> int:
        with self._guarded():
            appointment_id: int = self._connection.execute(
                insert(tables.appointment).returning(tables.appointment.c.appointment_id),
                {
                    "column_id": appointment.column_id,
                    "patient_id": appointment.patient_id,
                    "type_id": appointment.type_id,
                    "assignment_id": appointment.assignment_id,
                    "starts_at": appointment.starts_at,
                    "ends_at": appointment.ends_at,
                    "status": "booked",
                    "exclusive": True,
                    **_record_info(author, now),
                },
            ).scalar_one()
        return appointment_id

    def appointment(self, appointment_id: int) -> StandingAppointment | None:
        table = tables.appointment.c
        row = self._connection.execute(
            select(
                table.appointment_id,
                table.column_id,
                table.patient_id,
                table.assignment_id,
                table.starts_at,
                table.ends_at,
                table.status,
            ).where(table.appointment_id == appointment_id)
        ).one_or_none()
        return None if row is None else StandingAppointment(*row)

    def move_appointment(
        self,
        appointment_id: int,
        column_id: int,
        starts_at: datetime,
        ends_at: datetime,
        author: int,
        now: datetime,
    ) -> None:
        with self._guarded():
            self._change(
                appointment_id,
                {"column_id": column_id, "starts_at": starts_at, "ends_at": ends_at},
                author,
                now,
            )

    def cancel_appointment(self, appointment_id: int, reason: str, author: int, now: datetime) -> None:
        cancelled = {"status": "cancelled", "cancelled_by": author, "cancelled_at": now}
        self._change(appointment_id, {**cancelled, "cancellation_reason": reason}, author, now)

    def has_overlap(
        self,
        patient_id: int,
        starts_at: datetime,
        ends_at: datetime,
        *,
        without_appointment: int | None = None,
    ) -> bool:
        table = tables.appointment.c
        overlapping = select(table.appointment_id).where(
            table.patient_id == patient_id,
            table.status != "cancelled",
            table.starts_at < ends_at,
            table.ends_at > starts_at,
        )
        if without_appointment is not None:
            overlapping = overlapping.where(table.appointment_id != without_appointment)
        return bool(self._connection.scalar(select(overlapping.exists())))

    def _change(self, appointment_id: int, values: dict[str, Any], author: int, now: datetime) -> None:
        self._connection.execute(
            update(tables.appointment)
            .where(tables.appointment.c.appointment_id == appointment_id)
            .values(**values, changed_by=author, changed_at=now)
        )

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """In a savepoint: on PostgreSQL a refused statement would spoil the rest of the transaction."""
        try:
            with self._connection.begin_nested():
                yield
        except IntegrityError as error:
            if _is_overlap(error):
                raise SlotTakenError("the column already holds an appointment at this time") from None
            # Without a cause, here and above: a driver's text can quote the row it refused.
            raise DatabaseError(
                "the appointment book refused an appointment: a column, patient, type, assignment or staff "
                "member that it names is not there, or another rule of the database forbids it"
            ) from None

    def ensure_consent_page(self, partner_id: str, partner_name: str, author: int, now: datetime) -> bool:
        if partner_id in self._partners_with_page:
            return False
        self._partners_with_page.add(partner_id)
        self._insert_if_absent(tables.booking_partner, {"partner_id": partner_id, "name": partner_name})
        return self._insert_if_absent(
            tables.consent_page, {"partner_id": partner_id, "created_by": author, "created_at": now}
        )

    def add_note(
        self,
        kind: str,
        partner_id: str,
        patient_id: int,
        other_patient_id: int | None,
        appointment_id: int,
        now: datetime,
    ) -> None:
        self._connection.execute(
            insert(tables.staff_note),
            {
                "kind": kind,
                "partner_id": partner_id,
                "patient_id": patient_id,
                "other_patient_id": other_patient_id,
                "appointment_id": appointment_id,
                "created_at": now,
            },
        )

    def savepoint_undone(self) -> None:
        """Forget what was written since; called when the savepoint around it was rolled back."""
        self._partners_with_page.clear()

    def _undated_by_family(self, today: date) -> Mapping[str, list[int]]:
        """Numbers of the records without a birth date, by normalised family name: there may be thousands.

        Kept for the transaction, but never with somebody in it whom a savepoint may still undo.
        """
        kept = self._undated.get(today)
        if kept is not None:
            return kept
        patient = tables.patient.c
        missing = or_(
            patient.birth_date.is_(None),
            patient.birth_date <= PLACEHOLDER_BIRTH_DATE,
            patient.birth_date > today,
        )
        names = select(patient.patient_id, patient.given_name, patient.family_name).where(missing)
        found: defaultdict[str, list[int]] = defaultdict(list)
        for patient_id, given_name, family_name in self._connection.execute(names):
            found[normalised_name(given_name, family_name).family].append(patient_id)
        if not self._undated_created:
            self._undated[today] = found
        return found

    def _patients(self, partner_id: str, condition: ColumnElement[bool]) -> list[Patient]:
        patient, contact_point, consent = tables.patient, tables.contact_point, tables.consent
        rows = self._connection.execute(
            select(
                patient.c.patient_id,
                patient.c.given_name,
                patient.c.family_name,
                patient.c.birth_date,
                patient.c.active,
                consent.c.status,
                contact_point.c.system,
                contact_point.c.use,
                contact_point.c.value,
            )
            .outerjoin_from(
                patient,
                consent,
                and_(consent.c.patient_id == patient.c.patient_id, consent.c.partner_id == partner_id),
            )
            .outerjoin(contact_point, contact_point.c.patient_id == patient.c.patient_id)
            .where(condition)
            .order_by(patient.c.patient_id, contact_point.c.contact_point_id)
        )
        with patients_readable():
            return [_patient(tuple(group)) for _, group in groupby(rows, key=attrgetter("patient_id"))]

    def _add_contact_points(self, patient_id: int, contact_points: Iterable[ContactPoint]) -> None:
        rows = [
            {"patient_id": patient_id, "system": point.system, "use": point.use, "value": point.value}
            for point in contact_points
        ]
        if rows:
            self._connection.execute(insert(tables.contact_point), rows)

    def _insert_if_absent(self, table: Table, row: dict[str, Any]) -> bool:
        """The database decides: the practice software may add the same row at the same moment."""
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(table).values(row).on_conflict_do_nothing().returning(*table.primary_key)
        return self._connection.execute(statement).first() is not None


def _record_info(author: int, now: datetime) -> dict[str, Any]:
    return {"created_by": author, "created_at": now, "changed_by": author, "changed_at": now}


def _patient(rows: Sequence[Any]) -> Patient:
    """One patient from its rows, one per contact point, or a single one without."""
    first = rows[0]
    return Patient(
        patient_id=first.patient_id,
        given_name=first.given_name,
        family_name=first.family_name,
        birth_date=first.birth_date,
        active=first.active,
        consent=Consent(first.status) if first.status else Consent.OPEN,
        contact_points=tuple(ContactPoint(row.system, row.use, row.value) for row in rows if row.system),
    )


def _is_overlap(error: IntegrityError) -> bool:
    """PostgreSQL's exclusion constraint, or the trigger that does its work on SQLite."""
    cause = error.orig
    if isinstance(cause, sqlite3.IntegrityError):
        return str(cause) == GUARD_NAME
    return getattr(cause, "sqlstate", None) == POSTGRESQL_EXCLUSION_VIOLATION
