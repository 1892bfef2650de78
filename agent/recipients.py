"""What an operator asks and decides about those who receive patients' data (GDPR Art. 15, 17 and 19).

For the command line, beside `agent.administration`. It changes the database
alone, so it works while the service runs, and the service obeys at its next
step. Nothing here ever names a patient: a number goes in, and not into the log.
"""

from dataclasses import dataclass
from datetime import datetime

from agent.adapters.disclosures import (
    AppointmentDisclosure,
    PatientDisclosures,
    RecordDisclosure,
    disclosures_of,
)
from agent.flows.hold import end_hold
from agent.flows.outdated import drop_outdated
from agent.operations import Agent
from exchange_formats.envelope import Kind

__all__ = [
    "AppointmentDisclosure",
    "PatientDisclosures",
    "RecordDisclosure",
    "Revocation",
    "patient_disclosures",
    "readmit_partner",
    "require_configured",
    "revoke_partner",
]


@dataclass(frozen=True, slots=True)
class Revocation:
    """Since when a lane is closed, and how many removals its partner has not confirmed yet."""

    revoked_at: datetime
    open_removals: int
    newly: bool


def patient_disclosures(agent: Agent, patient_id: int) -> PatientDisclosures:
    """What every partner was told of this patient. That somebody asked is logged, about whom is not."""
    with agent.practice.database.write() as work:
        work.audit.append("disclosures asked", agent.practice.clock())
    with agent.connector.reading() as connection:
        return disclosures_of(connection, patient_id)


def revoke_partner(agent: Agent, partner_id: str) -> Revocation:
    """Close the lane: removals for all, nothing new, no bookings. Again: it only says how far that is.

    What waits for the partner and may not go any more is dropped at once.
    Raises UsageError for a partner that is not configured.
    """
    require_configured(agent, partner_id)
    now = agent.practice.clock()
    with agent.practice.database.write() as work:
        revoked_at = work.snapshot.revoked_at(partner_id)
        if revoked_at is None:
            work.disclosures.revoke_partner(partner_id, now)
            for kind in Kind:
                # Nothing of it goes or is imported any more; removals for all are meant by this very act.
                end_hold(work, partner_id, kind.value, now)
        removals = len(work.snapshot.removed_aliases(partner_id))
        if revoked_at is None:
            work.audit.append("partner revoked", now, partner_id, removals=removals)
    if partner_id in agent.lanes:
        drop_outdated(agent.practice, agent.lanes[partner_id])
    return Revocation(revoked_at or now, removals, newly=revoked_at is None)


def readmit_partner(agent: Agent, partner_id: str) -> bool:
    """Open the lane again; False if it was open. Raises UsageError for a partner that is not configured."""
    require_configured(agent, partner_id)
    with agent.practice.database.write() as work:
        if work.snapshot.revoked_at(partner_id) is None:
            return False
        work.disclosures.readmit_partner(partner_id)
        work.audit.append("partner readmitted", agent.practice.clock(), partner_id)
    return True


def require_configured(agent: Agent, partner_id: str) -> None:
    """Raises UsageError, with the names there are, for any other."""
    agent.config.partner(partner_id)
