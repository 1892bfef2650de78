"""Reads the practice through one open transaction: calendar, taken time, staff, consented patients.

Export reads it inside a consistent snapshot, import inside the writing
transaction; both get the same rows turned into the same values. Nothing is
decided here: filters in SQL only narrow what the rules judge again, and
nothing is ever written.
"""

from collections import defaultdict
from collections.abc import Collection, Generator
from datetime import date, datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    func,
    or_,
    select,
)

from agent.adapters import tables
from agent.adapters.changed_appointments import read_changes
from agent.adapters.database_errors import patients_readable
from agent.adapters.epoch import epoch
from agent.adapters.hold_ledger import SqlHoldLedger
from agent.adapters.practice_calendar import read_calendar
from agent.adapters.row_stream import streamed
from agent.domain.intervals import Interval, merged, utc_datetime
from agent.domain.practice import Consent, ContactPoint, Patient, PracticeCalendar, StaffMember
from agent.errors import SchemaMismatchError
from agent.ports import ChangedAppointment, ConsentedPatient, GoodState, Hold, PracticeIdentity, SnapshotFile

_NO_CONTACT = (None, None, None, None)
# Looked up for every patient; calling the enum costs ten times as much.
_ANSWERS = {answer.value: answer for answer in Consent}


class SqlPracticeSnapshot:
    """`agent.ports.PracticeSnapshot` on a connection from `agent.adapters.database`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def identity(self) -> PracticeIdentity:
        """Raises SchemaMismatchError unless there is exactly one practice."""
        rows = self._connection.execute(select(tables.practice)).all()
        if len(rows) != 1:
            raise SchemaMismatchError(f"table practice holds {len(rows)} rows, and must hold one")
        practice = rows[0]
        return PracticeIdentity(
            practice.practice_id, practice.name, practice.federal_state, practice.time_zone
        )

    def calendar(self) -> PracticeCalendar:
        practice = self.identity()
        return read_calendar(self._connection, practice.time_zone, practice.federal_state)

    def busy(
        self,
        window: Interval,
        column_ids: Collection[int] | None = None,
        *,
        without_appointment: int | None = None,
    ) -> dict[int, list[Interval]]:
        appointment = tables.appointment.c
        buffers = self._buffers()
        longest_before = max((before for before, _ in buffers.values()), default=0)
        longest_after = max((after for _, after in buffers.values()), default=0)
        statement = select(
            appointment.column_id,
            appointment.assignment_id,
            epoch(self._connection, appointment.starts_at),
            epoch(self._connection, appointment.ends_at),
        ).where(
            appointment.ends_at > utc_datetime(window[0] - longest_after),
            appointment.starts_at < utc_datetime(window[1] + longest_before),
            appointment.status != "cancelled",
            # Always by column, even for all of them: the index begins with it.
            appointment.column_id.in_(
                select(tables.schedule_column.c.column_id) if column_ids is None else list(column_ids)
            ),
        )
        if without_appointment is not None:
            statement = statement.where(appointment.appointment_id != without_appointment)
        taken = defaultdict(list)
        for column_id, assignment_id, start, end in self._connection.execute(statement):
            before, after = buffers.get(assignment_id, (0, 0))
            if end + after > window[0] and start - before < window[1]:
                taken[column_id].append((start - before, end + after))
        return {column_id: merged(intervals) for column_id, intervals in taken.items()}

    def _buffers(self) -> dict[int, tuple[int, int]]:
        """Seconds before and after, also of assignments that are switched off: their appointments stand."""
        assignment = tables.appointment_assignment.c
        rows = self._connection.execute(
            select(
                assignment.assignment_id, assignment.buffer_before_minutes, assignment.buffer_after_minutes
            )
        )
        return {key: (max(before, 0) * 60, max(after, 0) * 60) for key, before, after in rows}

    def booked_starts(
        self, partner_id: str, window: Interval, *, without_appointment: int | None = None
    ) -> list[int]:
        appointment, booked = tables.appointment.c, tables.partner_appointment.c
        statement = (
            select(epoch(self._connection, appointment.starts_at))
            .join(tables.partner_appointment, booked.appointment_id == appointment.appointment_id)
            .where(
                booked.partner_id == partner_id,
                appointment.status != "cancelled",
                appointment.starts_at >= utc_datetime(window[0]),
                appointment.starts_at < utc_datetime(window[1]),
            )
            .order_by(appointment.starts_at)
        )
        if without_appointment is not None:
            statement = statement.where(appointment.appointment_id != without_appointment)
        return list(self._connection.scalars(statement))

    def newest_file(self, partner_id: str, kind: str) -> SnapshotFile | None:
        sent = tables.outbound_message.c
        row = self._connection.execute(
            select(sent.sequence, sent.patient_count)
            .where(sent.partner_id == partner_id, sent.kind == kind)
            .order_by(sent.sequence.desc())
            .limit(1)
        ).one_or_none()
        return None if row is None else SnapshotFile(*row)

    def revoked_keys(self, partner_id: str) -> frozenset[str]:
        revoked = tables.revoked_key.c
        found = select(revoked.fingerprint).where(revoked.partner_id == partner_id)
        return frozenset(self._connection.scalars(found))

    def revoked_at(self, partner_id: str) -> datetime | None:
        revoked = tables.revoked_partner.c
        return self._connection.scalar(select(revoked.revoked_at).where(revoked.partner_id == partner_id))

    def changed_appointments(self, partner_id: str, ends_after: datetime) -> list[ChangedAppointment]:
        return read_changes(self._connection, partner_id, ends_after)

    def staff_member(self, login_name: str) -> StaffMember | None:
        staff, permission = tables.staff_member.c, tables.role_permission.c
        row = self._connection.execute(
            select(tables.staff_member).where(staff.login_name == login_name)
        ).one_or_none()
        if row is None:
            return None
        permissions = select(permission.permission).where(permission.role_id == row.role_id)
        return StaffMember(
            row.staff_id,
            row.login_name,
            row.initials,
            row.name,
            row.active,
            frozenset(self._connection.scalars(permissions)),
        )

    def consented_patients(self, partner_id: str) -> Generator[ConsentedPatient, None, None]:
        """Two streams in patient order, merged; a contact point without its patient is an error.

        Raises SchemaMismatchError when the streams do not fit together,
        which would otherwise lose contact points in silence, and when a birth
        date or an answer is none. Left half-way, close it: an open stream holds
        the snapshot beyond the end of its transaction on SQLite.
        """
        to_date = date.fromisoformat if self._connection.dialect.name == "sqlite" else _same
        with (
            patients_readable(),
            streamed(self._connection, _patients(partner_id)) as patients,
            streamed(self._connection, _contacts(partner_id)) as contacts,
        ):
            owner, system, use, value = next(contacts, _NO_CONTACT)
            for patient_id, given_name, family_name, born, active, status, alias, disclosed in patients:
                points = []
                while owner == patient_id:
                    points.append(ContactPoint(system, use, value))
                    owner, system, use, value = next(contacts, _NO_CONTACT)
                birth_date = to_date(born) if born else None
                patient = Patient(
                    patient_id,
                    given_name,
                    family_name,
                    birth_date,
                    bool(active),
                    _ANSWERS[status],
                    tuple(points),
                )
                yield ConsentedPatient(patient, alias, bool(disclosed))
        if owner is not None:
            raise SchemaMismatchError("contact points do not come in the order of their patients")

    def known_aliases(self, partner_id: str) -> Generator[str, None, None]:
        with streamed(self._connection, _known(partner_id)) as rows:
            yield from map(itemgetter(0), rows)

    def removed_aliases(self, partner_id: str) -> list[str]:
        disclosure = tables.disclosure.c
        statement = self._removals(partner_id, disclosure.alias).order_by(disclosure.patient_id)
        return list(self._connection.scalars(statement))

    def good_state(self, partner_id: str, kind: str) -> GoodState | None:
        return SqlHoldLedger(self._connection).good_state(partner_id, kind)

    def held(self, partner_id: str, kind: str) -> Hold | None:
        return SqlHoldLedger(self._connection).held(partner_id, kind)

    def unannounced_removals(self, partner_id: str) -> int:
        statement = self._removals(partner_id, func.count()).where(tables.disclosure.c.removed_at.is_(None))
        return self._connection.scalar(statement) or 0

    def _removals(self, partner_id: str, column: ColumnElement[Any]) -> Select[Any]:
        """Sent once, in the transmit set no longer (or the partner revoked), not confirmed yet."""
        disclosure, patient, consent = tables.disclosure.c, tables.patient.c, tables.consent.c
        outside: list[ColumnElement[bool]] = []
        if self.revoked_at(partner_id) is None:
            gone = (patient.active.is_(None), consent.status.is_(None))
            outside = [or_(*gone, patient.active.is_(False), consent.status != Consent.GRANTED.value)]
        return (
            select(column)
            .select_from(tables.disclosure)
            .outerjoin(tables.patient, patient.patient_id == disclosure.patient_id)
            .outerjoin(
                tables.consent,
                and_(consent.patient_id == disclosure.patient_id, consent.partner_id == partner_id),
            )
            .where(
                disclosure.partner_id == partner_id,
                disclosure.first_sent_at.is_not(None),
                disclosure.removal_confirmed_at.is_(None),
                *outside,
            )
        )


def _same(value: Any) -> Any:
    return value


def _patients(partner_id: str) -> Select[Any]:
    patient, disclosure, consent = tables.patient.c, tables.disclosure.c, tables.consent.c
    same_patient = and_(disclosure.patient_id == consent.patient_id, disclosure.partner_id == partner_id)
    return (
        select(
            consent.patient_id,
            patient.given_name,
            patient.family_name,
            patient.birth_date,
            # Asked for, though the query demands them: the rule must judge what the row says.
            patient.active,
            consent.status,
            disclosure.alias,
            and_(disclosure.first_sent_at.is_not(None), disclosure.removed_at.is_(None)),
        )
        .select_from(_transmit_set())
        .outerjoin(tables.disclosure, same_patient)
        .where(*_agreed(partner_id))
        .order_by(consent.patient_id)
    )


def _contacts(partner_id: str) -> Select[Any]:
    contact, consent = tables.contact_point.c, tables.consent.c
    return (
        select(consent.patient_id, contact.system, contact.use, contact.value)
        .select_from(_transmit_set())
        .join(tables.contact_point, contact.patient_id == consent.patient_id)
        .where(*_agreed(partner_id))
        # By the consent's key, which is an index: nothing has to be sorted.
        .order_by(consent.patient_id, contact.contact_point_id)
    )


def _known(partner_id: str) -> Select[Any]:
    """Rule R15 once more, from the ledger's side; shares nothing with `_patients`, which it is to check."""
    patient, disclosure, consent = tables.patient.c, tables.disclosure.c, tables.consent.c
    return (
        select(disclosure.alias)
        .select_from(tables.disclosure)
        .join(tables.patient, patient.patient_id == disclosure.patient_id)
        .join(
            tables.consent,
            and_(consent.patient_id == disclosure.patient_id, consent.partner_id == disclosure.partner_id),
        )
        .where(
            disclosure.partner_id == partner_id,
            patient.active.is_(True),
            consent.status == Consent.GRANTED.value,
        )
        .order_by(disclosure.patient_id)
    )


def _transmit_set() -> FromClause:
    return tables.consent.join(tables.patient, tables.patient.c.patient_id == tables.consent.c.patient_id)


def _agreed(partner_id: str) -> tuple[ColumnElement[bool], ...]:
    """Rule R15 as a narrowing; `agent.domain.consent` has the last word."""
    consent = tables.consent.c
    return consent.partner_id == partner_id, consent.status == Consent.GRANTED.value, tables.patient.c.active
