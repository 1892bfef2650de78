"""Remembers which inbound messages and bookings have been answered, and how.

The import story asks it before deciding and writes to it in the same
transaction as the appointment: this row is the marker of exactly-once
(promise P2). It stores outcomes as given and never judges or rewrites one.
"""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection, insert, select

from agent.adapters import tables
from agent.ports import LedgerBooking, LedgerMessage


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

    def booking(self, partner_id: str, booking_id: str, revision: int) -> LedgerBooking | None:
        table = tables.booking
        row = self._connection.execute(
            select(table).where(
                table.c.partner_id == partner_id,
                table.c.booking_id == booking_id,
                table.c.revision == revision,
            )
        ).one_or_none()
        return None if row is None else LedgerBooking(**row._mapping)

    def add_booking(self, booking: LedgerBooking) -> None:
        self._connection.execute(insert(tables.booking), asdict(booking))

    def has_appointment(self, partner_id: str, booking_id: str) -> bool:
        table = tables.booking
        led_to_one = select(table.c.revision).where(
            table.c.partner_id == partner_id,
            table.c.booking_id == booking_id,
            table.c.appointment_id.is_not(None),
        )
        return bool(self._connection.scalar(select(led_to_one.exists())))
