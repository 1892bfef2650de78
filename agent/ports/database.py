"""The practice database as a whole: one view to read from, one transaction to write in."""

from contextlib import AbstractContextManager
from typing import Protocol

from agent.ports.appointments import AppointmentBook
from agent.ports.ledgers import AuditLog, BookingLedger, DisclosureLedger, HoldLedger, KeyLedger, UpdateLedger
from agent.ports.snapshot import PracticeSnapshot


class WriteTransaction(Protocol):
    """Everything one import or export changes; commits as a whole when the block ends without an error.

    Writers are serialised: no other agent transaction runs at the same time.
    """

    snapshot: PracticeSnapshot
    book: AppointmentBook
    ledger: BookingLedger
    updates: UpdateLedger
    disclosures: DisclosureLedger
    keys: KeyLedger
    holds: HoldLedger
    audit: AuditLog

    def savepoint(self) -> AbstractContextManager[object]:
        """What happens in the block is undone if it raises, and the transaction stays usable."""
        ...


class Database(Protocol):
    """Raises DatabaseUnavailableError when it cannot be reached: temporary, nothing is quarantined."""

    def read(self) -> AbstractContextManager[PracticeSnapshot]: ...

    def write(self) -> AbstractContextManager[WriteTransaction]: ...
