"""What an operator does with keys: pin, withdraw and forget the partners', hand over our own, pin host keys.

Each is one deed with its audit entry, done while the service runs, and in
force without a restart. Whether a fingerprint is the right one no function
here can know: the command line shows it, and a person compares.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

from agent.adapters.host_keys import HostKey, HostKeyFile, host_key_fingerprint
from agent.adapters.key_handovers import read_handovers, write_handovers
from agent.adapters.keyring import PartnerKeyRing
from agent.adapters.own_key_setup import create_own_key, export_public_key, own_key_facts
from agent.adapters.process_lock import is_held
from agent.app import secret_key, sftp_transport
from agent.config import Config, Partner
from agent.domain.documents import datetime_text
from agent.domain.keys import KeyFacts
from agent.domain.own_keys import KeyHandover, newest_handover, own_keys
from agent.errors import KeyUnusableError, UsageError
from agent.flows.hand_over import announcement_id, withhold
from agent.operations import Agent

# --- a partner's keys --------------------------------------------------------------------------


def inspect_partner_key(config: Config, partner_id: str, file: Path, now: datetime) -> KeyFacts:
    """A key file as it is, refused with the reason if it may not be pinned; nothing is kept.

    A revoked copy of a pinned key is no refusal: it brings the revocation.
    """
    return _ring(config, partner_id).inspect(key_file_content(file), now)


def pin_partner_key(config: Config, partner_id: str, file: Path, now: datetime) -> KeyFacts:
    """Put the key into the partner's ring; it counts once its fingerprint stands in the partner's YAML."""
    return _ring(config, partner_id).pin(key_file_content(file), now)


def record_pin(agent: Agent, partner_id: str, key: KeyFacts) -> None:
    """The deed, and with a revoked copy its revocation. Raises DatabaseError."""
    now = agent.practice.clock()
    with agent.practice.database.write() as work:
        work.audit.append("key pinned", now, partner_id, fingerprint=key.fingerprint)
        if key.revoked and work.keys.revoke(partner_id, key.fingerprint, now):
            work.audit.append("key revoked", now, partner_id, fingerprint=key.fingerprint)


def require_not_revoked(agent: Agent, partner_id: str, key: KeyFacts) -> None:
    """Raises KeyUnusableError for a key that was withdrawn: there is no way back."""
    with agent.practice.database.read() as snapshot:
        if key.fingerprint in snapshot.revoked_keys(partner_id) and not key.revoked:
            raise KeyUnusableError(f"the key {key.fingerprint} was revoked: ask the partner for a new one")


def revoke_partner_key(agent: Agent, partner_id: str, fingerprint: str) -> bool:
    """From now on nothing it signed is imported and nothing is sealed for it; False if it was so before.

    The key stays in the ring, so that its files are known and set aside for
    that reason. Raises UsageError for a key that neither ring nor YAML knows.
    """
    partner = agent.config.partner(partner_id)
    known = {key.fingerprint for key in _ring(agent.config, partner_id).facts()}
    if fingerprint not in known | set(partner.settings.openpgp.pinned):
        raise UsageError(f"{partner_id} has no key {fingerprint}: see `otv-agent keys list`")
    now = agent.practice.clock()
    with agent.practice.database.write() as work:
        newly = work.keys.revoke(partner_id, fingerprint, now)
        if newly:
            work.audit.append("key revoked", now, partner_id, fingerprint=fingerprint)
    return newly


def forget_partner_key(agent: Agent, partner_id: str, fingerprint: str) -> None:
    """Take a key that is not named in the partner's YAML any more out of its ring."""
    if fingerprint in agent.config.partner(partner_id).settings.openpgp.pinned:
        raise UsageError(f"{partner_id}.yaml names {fingerprint}: take it out of openpgp.fingerprints first")
    _ring(agent.config, partner_id).remove(fingerprint)
    with agent.practice.database.write() as work:
        work.audit.append("key forgotten", agent.practice.clock(), partner_id, fingerprint=fingerprint)


# --- our own key -------------------------------------------------------------------------------


def rotate_own_key(agent: Agent, signs_from: date, old_opens_until: date) -> KeyHandover:
    """Make the next own key, and the announcement that both keys sign; the partners get it as a file.

    From the beginning of `signs_from` (UTC) the new key signs, until the end of `old_opens_until` the
    old one opens. Raises UsageError for days in disorder or while another handover is under way,
    OwnKeyUnusableError, GpgUnavailableError, SpoolError, DatabaseError.
    """
    settings, now = agent.config.settings, agent.practice.clock()
    handovers = read_handovers(settings.key_handovers)
    begins_at = max(now, datetime.combine(signs_from, time(), UTC))
    ends_at = datetime.combine(old_opens_until, time(23, 59, 59), UTC)
    if ends_at < begins_at:
        raise UsageError("the old key must go on opening at least until the new one signs")
    if any(one.signs_from > now for one in handovers):
        raise UsageError("another handover is under way: wait until its key signs")
    old = own_keys(settings.openpgp.fingerprint, handovers)[-1]
    try:
        handover = _handover(agent, old, now, begins_at, ends_at)
    finally:
        if not is_held(settings.data_folder):
            agent.stop_gpg()
    with agent.practice.database.write() as work:
        work.audit.append("own key handover", now, old=old, new=handover.new_fingerprint)
    # Afterwards: an entry too many tells of a handover that never was, and none is in force unrecorded.
    write_handovers(settings.key_handovers, [*handovers, handover])
    return handover


@dataclass(frozen=True, slots=True)
class CancelledHandover:
    """What was taken back, and the partners that hold the announcement already: they must be called."""

    handover: KeyHandover
    told: tuple[str, ...]


def cancel_handover(agent: Agent) -> CancelledHandover:
    """Take back the handover whose key does not sign yet: the old key goes on as if there had been none.

    Announcements that wait in an outbox do not leave. The new key stays in the gpg home, and nothing uses
    it. Raises UsageError if no handover is under way, SpoolError, DatabaseError.
    """
    settings, now = agent.config.settings, agent.practice.clock()
    handovers = read_handovers(settings.key_handovers)
    ahead = [one for one in handovers if one.signs_from > now]
    if not ahead:
        raise UsageError(
            "no handover is under way: once the new key signs, only the next rotation replaces it"
        )
    handover = ahead[-1]
    with agent.practice.database.write() as work:
        work.audit.append(
            "own key handover cancelled", now, old=handover.old_fingerprint, new=handover.new_fingerprint
        )
        held_back = [
            partner_id for partner_id, lane in sorted(agent.lanes.items()) if withhold(lane, handover)
        ]
        told = [
            partner_id
            for partner_id in sorted(agent.config.partners)
            if partner_id not in held_back
            and work.disclosures.has_outbound(announcement_id(partner_id, handover))
        ]
    # Afterwards: whatever ends the process before, the next call takes it back.
    write_handovers(settings.key_handovers, [one for one in handovers if one is not handover])
    return CancelledHandover(handover, tuple(told))


def _handover(
    agent: Agent, old: str, now: datetime, signs_from: datetime, old_opens_until: datetime
) -> KeyHandover:
    settings = agent.config.settings
    home, program = settings.gpg_home, settings.openpgp.gpg_program
    new = create_own_key(
        home,
        program,
        own_key_facts(home, program, old).user_ids[0],
        passphrase=settings.openpgp.passphrase.read() if settings.openpgp.passphrase else None,
        agent_in_use=True,
    ).fingerprint
    statement = handover_statement(agent.practice.practice_id, old, new, signs_from, old_opens_until)
    return KeyHandover(
        old_fingerprint=old,
        new_fingerprint=new,
        announced_at=now,
        signs_from=signs_from,
        old_opens_until=old_opens_until,
        public_key=export_public_key(home, program, new),
        statement=secret_key(settings).clear_signed(statement, old, new),
    )


def current_handover(config: Config) -> KeyHandover:
    """The last one. Raises UsageError if there never was any."""
    settings = config.settings
    found = newest_handover(settings.openpgp.fingerprint, read_handovers(settings.key_handovers))
    if found is None:
        raise UsageError("our own key has never been replaced: see `otv-agent keys rotate`")
    return found


# --- host keys ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShownHostKey:
    """What a server shows, and whether it is accepted or was revoked already."""

    line: str
    accepted: bool
    revoked: bool

    @property
    def kind(self) -> str:
        return self.line.split()[0]

    @property
    def fingerprint(self) -> str:
        return host_key_fingerprint(self.line)


def shown_host_key(config: Config, partner_id: str) -> ShownHostKey:
    """Connect and look; nobody logs in. Raises UsageError for a partner without a server, TransferError."""
    partner = config.partner(partner_id)
    transport = sftp_transport(config.settings, partner)
    if transport is None:
        raise UsageError(f"{partner_id} has no server: its file has no section `sftp`")
    line = transport.shown_host_key()
    known = {key.line: key for key in _host_keys(partner)}
    return ShownHostKey(
        line, line in known and not known[line].revoked, line in known and known[line].revoked
    )


def pin_host_key(agent: Agent, partner_id: str, line: str) -> None:
    """Accept the key from the next connection on. Raises HostKeyRefusedError if it was revoked."""
    now = agent.practice.clock()
    HostKeyFile(agent.config.partner(partner_id).host_key_file).pin(line, now)
    _record_host_key(agent, "host key pinned", partner_id, line, now)


def revoke_host_key(agent: Agent, partner_id: str, fingerprint: str) -> None:
    """Refuse the key from the next connection on, wherever it is named. Raises UsageError if unknown."""
    partner, now = agent.config.partner(partner_id), agent.practice.clock()
    for key in _host_keys(partner):
        if key.fingerprint == fingerprint:
            HostKeyFile(partner.host_key_file).revoke(key.line, now)
            _record_host_key(agent, "host key revoked", partner_id, key.line, now)
            return
    raise UsageError(f"{partner_id} has no host key {fingerprint}: see `otv-agent keys list`")


def _host_keys(partner: Partner) -> Sequence[HostKey]:
    named = partner.settings.sftp.host_keys if partner.settings.sftp else ()
    return HostKeyFile(partner.host_key_file).in_play(named)


def _record_host_key(agent: Agent, event: str, partner_id: str, line: str, now: datetime) -> None:
    with agent.practice.database.write() as work:
        work.audit.append(event, now, partner_id, fingerprint=host_key_fingerprint(line))


# --- shared ------------------------------------------------------------------------------------


def handover_statement(
    practice_id: str, old: str, new: str, signs_from: datetime, old_opens_until: datetime
) -> str:
    """What both keys sign, for people and for `grep`."""
    return (
        "This practice replaces its OpenPGP key.\n"
        f"Practice: {practice_id}\n"
        f"Old-Key: {old}\n"
        f"New-Key: {new}\n"
        f"New-Key-Signs-From: {datetime_text(signs_from)}\n"
        f"Old-Key-Opens-Until: {datetime_text(old_opens_until)}\n"
    )


def _ring(config: Config, partner_id: str) -> PartnerKeyRing:
    return PartnerKeyRing(config.partner(partner_id).key_ring, config.settings.openpgp.gpg_program)


def key_file_content(file: Path) -> bytes:
    """What an operator names as a key file. Raises UsageError if it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
