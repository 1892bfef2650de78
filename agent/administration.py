"""What an operator does around the exchange: keys, licence, checks, the clock.

Wired from the configuration like `agent.app`, for the command line alone; no
story runs here. Each function does one thing that a person asked for.
"""

from pathlib import Path

from agent import quarantine
from agent.adapters.audit_log import CLOCK_ACCEPTED, SqlAuditLog
from agent.adapters.key_handovers import read_handovers
from agent.adapters.keyring import PartnerKeyRing
from agent.adapters.licence_file import install_licence
from agent.adapters.own_key_setup import create_own_key, export_public_key, own_key_facts
from agent.adapters.practice_check import check_practice
from agent.adapters.watched_clock import TOLERANCE
from agent.adapters.wrong_time import WrongTime, wrong_time
from agent.app import secret_key
from agent.clock import utc_now
from agent.config import Config
from agent.domain.keys import KeyFacts
from agent.domain.licence import Licence
from agent.domain.own_keys import own_keys
from agent.errors import (
    ClockDoubtfulError,
    UsageError,
)
from agent.operations import Agent

# --- keys --------------------------------------------------------------------------------------


def create_key(home: Path, gpg_program: str, name: str, passphrase: str | None) -> KeyFacts:
    """The practice's own key, in a gpg home of its own."""
    return create_own_key(home, gpg_program, name, passphrase=passphrase)


def own_key(config: Config) -> KeyFacts:
    """The practice's own key, the one that signs now. Raises KeyUnusableError, GpgUnavailableError."""
    settings = config.settings
    signing = secret_key(settings).signing()
    return own_key_facts(settings.gpg_home, settings.openpgp.gpg_program, signing)


def own_keys_in_play(config: Config) -> list[KeyFacts]:
    """Our key, and those it took over from or hands over to, the oldest first. Raises as `own_key`."""
    settings = config.settings
    line = own_keys(settings.openpgp.fingerprint, read_handovers(settings.key_handovers))
    return [own_key_facts(settings.gpg_home, settings.openpgp.gpg_program, key) for key in line]


def own_public_key(config: Config) -> str:
    """What the partner needs, as ASCII armor."""
    settings = config.settings
    signing = secret_key(settings).signing()
    return export_public_key(settings.gpg_home, settings.openpgp.gpg_program, signing)


def partner_keys(config: Config, partner_id: str) -> list[KeyFacts]:
    """What stands in the partner's key ring file."""
    return _key_ring(config, partner_id).facts()


def _key_ring(config: Config, partner_id: str) -> PartnerKeyRing:
    return PartnerKeyRing(config.partner(partner_id).key_ring, config.settings.openpgp.gpg_program)


# --- licence, tables ---------------------------------------------------------------------------


def put_licence(config: Config, file: Path) -> Licence:
    """Verify and install. Raises LicenceInvalidError; then the old one stays."""
    settings = config.settings
    return install_licence(
        file,
        settings.licence_file,
        practice_id=settings.practice_id,
        gpgv_program=settings.openpgp.gpgv_program,
        key_ring=settings.licence.issuer_key_ring,
        fingerprints=[settings.licence.issuer_fingerprint],
        now=utc_now(),
    )


def practice_problems(agent: Agent) -> list[str]:
    """One sentence for everything that the agent needs and does not find in the database."""
    return check_practice(agent.connector, agent.practice.otv_login)


# --- clock -------------------------------------------------------------------------------------


def written_ahead(agent: Agent) -> WrongTime:
    """What was done by a clock that was ahead. Raises ClockDoubtfulError if the database's clock differs."""
    require_one_time(agent)
    with agent.connector.reading() as connection:
        return wrong_time(connection, utc_now())


def accept_clock(agent: Agent) -> tuple[WrongTime, int]:
    """Write down that an operator vouches for the clock; what only the wrong one blamed is judged again.

    What was found, and how many files went back. Raises ClockDoubtfulError as above, DatabaseError,
    SpoolError.
    """
    require_one_time(agent)
    now = utc_now()
    with agent.connector.writing() as connection:
        found = wrong_time(connection, now)
        audit = SqlAuditLog(connection, agent.audit_key, agent.audit_memory)
        audit.append(CLOCK_ACCEPTED, now, first_ahead=found.first or None, last_ahead=found.last or None)
    return found, sum(_judged_again(agent, file_id) for _, file_id in found.set_aside)


def _judged_again(agent: Agent, file_id: str) -> bool:
    """Whether it could be put back: an operator may have dealt with it, or its partner may be gone."""
    try:
        quarantine.retry(agent, file_id)
    except UsageError:
        return False
    return True


def require_one_time(agent: Agent) -> None:
    """Raises ClockDoubtfulError if this machine and the database server do not agree what time it is."""
    shown = agent.database_time()
    if shown is not None and abs(utc_now() - shown) > TOLERANCE:
        raise ClockDoubtfulError(
            f"the database server's clock shows {shown:%Y-%m-%d %H:%M} UTC, this one another time"
        )
