"""Puts the database adapters together: one snapshot to read from, one transaction to write in.

Everything an import or export changes goes through the parts of one write
transaction, so that the appointment, its ledger row and its audit entry
stand or fall together (promise P2). It opens no connection of its own and
swallows no error: what leaves the block by exception was never written.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from agent.adapters.appointment_book import SqlAppointmentBook
from agent.adapters.audit_log import SqlAuditLog
from agent.adapters.audit_memory import AuditMemory
from agent.adapters.booking_ledger import SqlBookingLedger
from agent.adapters.database import Connector
from agent.adapters.disclosure_ledger import SqlDisclosureLedger
from agent.adapters.hold_ledger import SqlHoldLedger
from agent.adapters.key_ledger import SqlKeyLedger
from agent.adapters.practice_snapshot import SqlPracticeSnapshot
from agent.adapters.update_ledger import SqlUpdateLedger
from agent.ports import (
    AppointmentBook,
    AuditLog,
    BookingLedger,
    DisclosureLedger,
    HoldLedger,
    KeyLedger,
    PracticeSnapshot,
    UpdateLedger,
    WriteTransaction,
)


class SqlWriteTransaction:
    """`WriteTransaction`: eight views of the same connection."""

    snapshot: PracticeSnapshot
    book: AppointmentBook
    ledger: BookingLedger
    updates: UpdateLedger
    disclosures: DisclosureLedger
    keys: KeyLedger
    holds: HoldLedger
    audit: AuditLog

    def __init__(self, connection: Connection, audit: SqlAuditLog) -> None:
        book = SqlAppointmentBook(connection)
        self._connection = connection
        self._undo = (book.savepoint_undone, audit.savepoint_undone)
        self.snapshot = SqlPracticeSnapshot(connection)
        self.book = book
        self.ledger = SqlBookingLedger(connection)
        self.updates = SqlUpdateLedger(connection)
        self.disclosures = SqlDisclosureLedger(connection)
        self.keys = SqlKeyLedger(connection)
        self.holds = SqlHoldLedger(connection)
        self.audit = audit

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What the parts remember of undone rows goes too: a kept audit head would break the chain."""
        try:
            with self._connection.begin_nested():
                yield
        except BaseException:
            for forget in self._undo:
                forget()
            raise


class SqlDatabase:
    """`Database` over a connector; `audit_key` is the secret of the audit chain.

    With an `audit_memory`, writing raises DatabaseOutdatedError once the database went back to an older copy.
    """

    def __init__(
        self, connector: Connector, audit_key: bytes, audit_memory: AuditMemory | None = None
    ) -> None:
        self._connector = connector
        self._audit_key = audit_key
        self._memory = audit_memory

    @contextmanager
    def read(self) -> Iterator[PracticeSnapshot]:
        with self._connector.reading() as connection:
            yield SqlPracticeSnapshot(connection)

    @contextmanager
    def write(self) -> Iterator[WriteTransaction]:
        with self._connector.writing() as connection:
            audit = SqlAuditLog(connection, self._audit_key, self._memory)
            yield SqlWriteTransaction(connection, audit)
        appended = audit.appended()
        if self._memory is not None and appended is not None:
            self._memory.remember(appended)
