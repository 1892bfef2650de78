"""The two sides a story runs between: the practice, and one partner's lane.

Made in `agent.app`, nowhere else. A lane holds all that belongs to one
partner, so that nothing of another partner can be reached from its story.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from agent.domain.own_keys import KeyHandover
from agent.domain.practice import OfferTerms
from agent.domain.sudden_change import Limits
from agent.ports import Clock, Database, Inbound, Outbox, Sealer, Transport


@dataclass(frozen=True, slots=True)
class PracticeSide:
    """What every lane shares."""

    practice_id: str
    database: Database
    clock: Clock
    otv_login: str
    require_licence: Callable[[str], None]
    """Raises LicenceInvalidError if the partner is not licensed now (rule R1)."""
    require_room: Callable[[], None]
    """Raises DiskNearlyFullError: nothing new is to be begun. What is on its way may go on."""
    max_message_age: timedelta


@dataclass(frozen=True, slots=True)
class Lane:
    """One partner: its keys, folders, server and terms; without a transport it comes to our folders."""

    partner_id: str
    partner_name: str
    receives_patients: bool
    may_cancel: bool
    may_reschedule: bool
    gets_updates: bool
    terms: OfferTerms
    limits: Limits
    """From when on a change is held."""
    availability_every: timedelta
    """How much opening time later the next availability file is due."""
    availability_valid_for: timedelta
    """For how much opening time an availability file is good."""
    give_up_after: timedelta
    """How long a file is tried before it is set aside for an operator."""
    sealer: Sealer
    outbox: Outbox
    inbound: Inbound
    transport: Transport | None
    handover: KeyHandover | None = None
    """What the partner is to be told of our next key."""
