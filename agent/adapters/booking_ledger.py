"""Remembers which inbound messages and bookings have been answered, and how.

The import story asks it before deciding and writes to it in the same
transaction as the appointment: this row is the marker of exactly-once
(promise P2). It stores outcomes as given and never judges or rewrites one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, insert, literal, select, update

from agent.adapters import tables
from agent.ports import LedgerBooking, LedgerMessage, PartnerAppointment

ANSWERS = "answers"
"""Subject of the purge mark for answered messages."""
_ACCEPTED = '"outcome":"accepted"'
"""As it stands in a receipt line, which has no spaces and no room for foreign text."""


class SqlBookingLedger:
    """`BookingLedger` over one open write transaction.

    Adding what is there already is refused by the tables' keys and fails the
    whole transaction: it would be a second effect.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def message(self, partner_id: str, message_id: str) -> LedgerMessage | None:
        table = tables.inbound_message
        row = self._connection.execute(
            select(table).where(table.c.partner_id == partner_id, table.c.message_id == message_id)
        ).one_or_none()
        return None if row is None else LedgerMessage(**row._mapping)

    def message_of_receipt(self, partner_id: str, receipt_sequence: int) -> LedgerMessage | None:
        table = tables.inbound_message.c
        found = select(table.message_id).where(
            table.partner_id == partner_id, table.receipt_sequence == receipt_sequence
        )
        message_id = self._connection.scalar(found)
        return None if message_id is None else self.message(partner_id, message_id)

    def add_message(self, message: LedgerMessage, receipt_lines: Sequence[str]) -> None:
        self._connection.execute(insert(tables.inbound_message), asdict(message))
        if receipt_lines:
            self._connection.execute(
                insert(tables.receipt_line),
                [
                    {
                        "partner_id": message.partner_id,
                        "message_id": message.message_id,
                        "position": position,
                        "record": record,
                    }
                    for position, record in enumerate(receipt_lines)
                ],
            )

    def receipt_lines(self, partner_id: str, message_id: str) -> list[str]:
        table = tables.receipt_line
        return list(
            self._connection.scalars(
                select(table.c.record)
                .where(table.c.partner_id == partner_id, table.c.message_id == message_id)
                .order_by(table.c.position)
            )
        )

    def answers_forgotten_before(self) -> datetime | None:
        mark = tables.purge_mark.c
        return self._connection.scalar(select(mark.before_at).where(mark.subject == ANSWERS))

    def is_finished(self, partner_id: str, booking_id: str) -> bool:
        finished = tables.finished_booking.c
        statement = select(finished.booking_id).where(
            finished.partner_id == partner_id, finished.booking_id == booking_id
        )
        return self._connection.scalar(statement) is not None

    def revisions(self, partner_id: str, booking_id: str, revision: int) -> list[LedgerBooking]:
        """Never the whole history: a file may hold thousands of lines about one booking."""
        booking = tables.booking.c
        highest = select(func.max(booking.revision)).where(
            booking.partner_id == partner_id, booking.booking_id == booking_id
        )
        return self._bookings(
            partner_id, booking_id, booking.revision.in_((literal(revision), highest.scalar_subquery()))
        )

    def cancellations(self, partner_id: str, booking_id: str) -> list[LedgerBooking]:
        return self._bookings(partner_id, booking_id, tables.booking.c.action == "cancel")

    def _bookings(
        self, partner_id: str, booking_id: str, condition: ColumnElement[bool]
    ) -> list[LedgerBooking]:
        table = tables.booking
        rows = self._connection.execute(
            select(table)
            .where(table.c.partner_id == partner_id, table.c.booking_id == booking_id, condition)
            .order_by(table.c.revision)
        )
        return [LedgerBooking(**row._mapping) for row in rows]

    def add_booking(self, booking: LedgerBooking) -> None:
        self._connection.execute(insert(tables.booking), asdict(booking))

    def accepted_since(self, partner_id: str, since: datetime) -> Mapping[str, int]:
        table = tables.booking
        counted = self._connection.execute(
            select(table.c.action, func.count())
            .where(
                table.c.partner_id == partner_id,
                table.c.decided_at > since,
                table.c.record.contains(_ACCEPTED, autoescape=True),
            )
            .group_by(table.c.action)
        )
        return {row.action: row[1] for row in counted}

    def appointment(self, partner_id: str, booking_id: str) -> PartnerAppointment | None:
        table = tables.partner_appointment
        row = self._connection.execute(
            select(table).where(table.c.partner_id == partner_id, table.c.booking_id == booking_id)
        ).one_or_none()
        return None if row is None else PartnerAppointment(**row._mapping)

    def add_appointment(self, appointment: PartnerAppointment) -> None:
        self._connection.execute(insert(tables.partner_appointment), asdict(appointment))

    def tell_appointment(self, appointment: PartnerAppointment) -> None:
        table = tables.partner_appointment
        told = {name: value for name, value in asdict(appointment).items() if name.startswith("told_")}
        self._connection.execute(
            update(table)
            .where(table.c.partner_id == appointment.partner_id, table.c.booking_id == appointment.booking_id)
            .values(told)
        )
