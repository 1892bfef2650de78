"""Every key in play and when it ends: our own, the partners', the licence, the servers' and our SSH keys.

Reads files and gpg's listings, for `doctor`, `status`, `keys list` and the
daily warning; judges nothing itself (see `agent.domain.key_calendar`). What
cannot be looked at is told beside what can.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from agent.adapters.host_keys import HostKeyFile
from agent.adapters.key_handovers import read_handovers
from agent.adapters.keyring import PartnerKeyRing
from agent.adapters.own_key_setup import own_key_facts
from agent.config import AgentSettings, Partner
from agent.domain.key_calendar import KeyDate, KeyWarning, warnings_due
from agent.domain.keys_in_play import midnight, own_key_dates, pinned_key_dates
from agent.domain.own_keys import own_keys
from agent.errors import AgentError
from agent.language import Sentence, sentence
from agent.operations import Agent

LICENCE = "licence"

_THINGS = {
    "licence": sentence("The licence"),
    "issuer's key": sentence("The licence issuer's key {mark}"),
    "key": sentence("Key {mark}"),
    "subkey": sentence("Subkey {mark}"),
    "pin of": sentence("The pin of key {mark}"),
    "handover of": sentence("The handover of key {mark}"),
    "host key": sentence("Host key {mark}"),
    "revoked host key": sentence("Revoked host key {mark}"),
    "our SSH key": sentence("Our SSH key {mark}"),
}


@dataclass(frozen=True, slots=True)
class KeyCalendar:
    """What is in play, and why some of it could not be looked at."""

    dates: list[KeyDate]
    faults: list[AgentError]


def key_calendar(agent: Agent, now: datetime) -> KeyCalendar:
    """Raises DatabaseError."""
    config = agent.config
    calendar = KeyCalendar([], [])
    _collect(calendar, partial(_own, config.settings, now))
    _collect(calendar, partial(_licence, agent))
    for partner_id in sorted(agent.lanes):
        partner = config.partners[partner_id]
        with agent.practice.database.read() as snapshot:
            revoked = snapshot.revoked_keys(partner_id)
        _collect(calendar, partial(_pinned, config.settings, partner, revoked))
        _collect(calendar, partial(_ssh, partner))
    return calendar


def in_words(one: KeyDate) -> Sentence:
    """What it is, without whose it is."""
    return replace(_THINGS[one.what], values={"mark": one.mark})


def warn_of_keys(agent: Agent) -> list[KeyWarning]:
    """The warnings due that were not given before, now with their audit entries; a daily job.

    Raises DatabaseError, and what kept a part of the calendar from being read, after warning of the rest.
    """
    now = agent.practice.clock()
    calendar = key_calendar(agent, now)
    fresh = []
    with agent.practice.database.write() as work:
        for warning in warnings_due(calendar.dates, now):
            subject, ends_at = warning.key_date.subject, warning.key_date.ends_at
            if ends_at is not None and work.keys.warn_once(subject, ends_at, warning.step, now):
                owner = warning.key_date.owner
                partner_id = owner if owner in agent.lanes else None
                days = warning.days_left
                work.audit.append("key warning", now, partner_id, what=subject, days_left=days)
                fresh.append(warning)
    if calendar.faults:
        raise calendar.faults[0]
    return fresh


def _collect(calendar: KeyCalendar, look: Callable[[], Iterator[KeyDate]]) -> None:
    try:
        calendar.dates.extend(look())
    except AgentError as error:
        calendar.faults.append(error)


def _own(settings: AgentSettings, now: datetime) -> Iterator[KeyDate]:
    handovers, configured = read_handovers(settings.key_handovers), settings.openpgp.fingerprint
    keys = [
        own_key_facts(settings.gpg_home, settings.openpgp.gpg_program, fingerprint)
        for fingerprint in own_keys(configured, handovers)
    ]
    yield from own_key_dates(keys, configured, handovers, now)


def _licence(agent: Agent) -> Iterator[KeyDate]:
    licence, settings = agent.licence.licence(), agent.config.settings
    over_at = midnight(licence.expires_on + timedelta(days=1))
    yield KeyDate(LICENCE, "licence", "", midnight(licence.valid_from), over_at)
    ring = PartnerKeyRing(settings.licence.issuer_key_ring, settings.openpgp.gpg_program)
    for facts in ring.facts():
        if facts.fingerprint == settings.licence.issuer_fingerprint:
            # Signing is all it does: no subkey of it is missed.
            yield KeyDate(LICENCE, "issuer's key", facts.fingerprint, facts.created_at, facts.expires_at)


def _pinned(settings: AgentSettings, partner: Partner, revoked: frozenset[str]) -> Iterator[KeyDate]:
    keys = PartnerKeyRing(partner.key_ring, settings.openpgp.gpg_program).facts()
    pins = partner.settings.openpgp
    yield from pinned_key_dates(partner.settings.partner_id, keys, pins.pinned, pins.windows, revoked)


def _ssh(partner: Partner) -> Iterator[KeyDate]:
    """They never end: how old they are is all there is to say."""
    owner, sftp = partner.settings.partner_id, partner.settings.sftp
    if sftp is None:
        return
    for host_key in HostKeyFile(partner.host_key_file).in_play(sftp.host_keys):
        what = "revoked host key" if host_key.revoked else "host key"
        yield KeyDate(owner, what, host_key.fingerprint, host_key.since, None)
    yield KeyDate(owner, "our SSH key", sftp.private_key.name, _changed_at(sftp.private_key), None)


def _changed_at(file: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(file.stat().st_mtime), UTC)
    except OSError:
        return None
