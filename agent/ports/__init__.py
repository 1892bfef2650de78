"""What the stories need from the outside world, and what each promise means.

Ports are protocols, not base classes. The comments are the contract: one
suite of cases runs against every implementation, fake and real
(`tests/contract/`). Adapters get plain values when they are made, never the
configuration.

    sealing       OpenPGP for one partner          folders      outbox and inbound
    transport     a partner's server               database     reading and writing as a whole
    snapshot      reading the practice             appointments writing into its book
    ledgers       answers, updates, disclosures, holds, audit
"""

from collections.abc import Callable
from datetime import datetime

from agent.ports.appointments import (
    AppointmentBook,
    ChangedAppointment,
    NewAppointment,
    NewPatient,
    PartnerAppointment,
    StandingAppointment,
)
from agent.ports.database import Database, WriteTransaction
from agent.ports.folders import ClaimedFile, Draft, Inbound, Outbox, WaitingFile
from agent.ports.ledgers import (
    REFUSED_PREFIX,
    AuditHead,
    AuditLog,
    BookingLedger,
    DisclosureLedger,
    GoodState,
    Hold,
    HoldLedger,
    KeyLedger,
    LedgerBooking,
    LedgerMessage,
    UpdateLedger,
    UpdateMessage,
)
from agent.ports.sealing import OpenedFile, SealedFile, Sealer
from agent.ports.snapshot import ConsentedPatient, PracticeIdentity, PracticeSnapshot, SnapshotFile
from agent.ports.transport import (
    ConnectStep,
    Delivery,
    Listing,
    Reached,
    RemoteFile,
    TransferSession,
    Transport,
    unheard,
)

__all__ = [
    "REFUSED_PREFIX",
    "AppointmentBook",
    "AuditHead",
    "AuditLog",
    "BookingLedger",
    "ChangedAppointment",
    "ClaimedFile",
    "Clock",
    "ConnectStep",
    "ConsentedPatient",
    "Database",
    "Delivery",
    "DisclosureLedger",
    "Draft",
    "GoodState",
    "Hold",
    "HoldLedger",
    "Inbound",
    "KeyLedger",
    "LedgerBooking",
    "LedgerMessage",
    "Listing",
    "NewAppointment",
    "NewPatient",
    "OpenedFile",
    "Outbox",
    "PartnerAppointment",
    "PracticeIdentity",
    "PracticeSnapshot",
    "Reached",
    "RemoteFile",
    "SealedFile",
    "Sealer",
    "SnapshotFile",
    "StandingAppointment",
    "TransferSession",
    "Transport",
    "UpdateLedger",
    "UpdateMessage",
    "WaitingFile",
    "WriteTransaction",
    "unheard",
]

Clock = Callable[[], datetime]
"""Now, as an aware UTC datetime."""
