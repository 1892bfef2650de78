"""All there is to say of one key: what it is and is for, since when, until when, and where it lies.

For `otv-agent keys show`. Reads files, gpg's listings and, where it can be
asked, the database; changes nothing and judges by the rules of `agent.domain`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agent.adapters.audit_log import last_entry_at
from agent.adapters.key_handovers import read_handovers
from agent.adapters.keyring import PartnerKeyRing
from agent.adapters.own_key_setup import own_key_facts
from agent.config import AgentSettings
from agent.domain.key_pins import ALWAYS, PinWindow, in_force
from agent.domain.keys import KeyFacts, key_problem
from agent.domain.keys_in_play import PRACTICE
from agent.domain.own_keys import own_keys, signing_key
from agent.errors import DatabaseError
from agent.operations import Agent


@dataclass(frozen=True, slots=True)
class KeyDetails:
    """One key of ours or of a partner, at one moment.

    `in_use` says whether it signs (ours), or is one that counts (a partner's). `window` and
    `pinned_since` are of a pinned key alone; `opens_until` of one of ours that hands over.
    """

    owner: str
    facts: KeyFacts
    kept_in: Path
    problem: str | None
    in_use: bool
    own: bool = False
    pinned: bool = False
    window: PinWindow = ALWAYS
    pinned_since: datetime | None = None
    withdrawn: bool | None = False
    """By an operator here; None if the database could not be asked."""
    signs_from: datetime | None = None
    opens_until: datetime | None = None


def own_key_details(settings: AgentSettings, now: datetime) -> Iterator[KeyDetails]:
    """Our keys, the oldest first. Raises OwnKeyUnusableError, GpgUnavailableError."""
    handovers, configured = read_handovers(settings.key_handovers), settings.openpgp.fingerprint
    began = {one.new_fingerprint: one.signs_from for one in handovers}
    until = {one.old_fingerprint: one.old_opens_until for one in handovers}
    for fingerprint in own_keys(configured, handovers):
        facts = own_key_facts(settings.gpg_home, settings.openpgp.gpg_program, fingerprint)
        yield KeyDetails(
            owner=PRACTICE,
            facts=facts,
            kept_in=settings.gpg_home,
            problem=key_problem(facts, now),
            in_use=fingerprint == signing_key(configured, handovers, now),
            own=True,
            signs_from=began.get(fingerprint),
            opens_until=until.get(fingerprint),
        )


def partner_key_details(agent: Agent, partner_id: str) -> Iterator[KeyDetails]:
    """The keys in the partner's ring. Raises UsageError, KeyUnusableError, GpgUnavailableError."""
    partner, now = agent.config.partner(partner_id), agent.practice.clock()
    pins = partner.settings.openpgp
    keys = PartnerKeyRing(partner.key_ring, agent.config.settings.openpgp.gpg_program).facts()
    withdrawn, since = _remembered(agent, partner_id, keys)
    counting = in_force(pins.pinned, pins.windows, now)
    for facts in keys:
        fingerprint = facts.fingerprint
        gone = None if withdrawn is None else fingerprint in withdrawn
        yield KeyDetails(
            owner=partner_id,
            facts=facts,
            kept_in=partner.key_ring,
            problem=key_problem(facts, now),
            in_use=fingerprint in counting and not gone and not facts.revoked,
            pinned=fingerprint in pins.pinned,
            window=pins.windows.get(fingerprint, ALWAYS),
            pinned_since=since.get(fingerprint),
            withdrawn=gone,
        )


def _remembered(
    agent: Agent, partner_id: str, keys: list[KeyFacts]
) -> tuple[frozenset[str] | None, Mapping[str, datetime | None]]:
    """Which keys were withdrawn, and when each was pinned last; None and nothing without a database."""
    try:
        with agent.practice.database.read() as snapshot:
            withdrawn = snapshot.revoked_keys(partner_id)
        with agent.connector.reading() as connection:
            pinned = {
                key.fingerprint: last_entry_at(connection, "key pinned", fingerprint=key.fingerprint)
                for key in keys
            }
    except DatabaseError:
        return None, {}
    return withdrawn, pinned
