"""What one check has found: fine, warning or failed, a sentence, and the one thing to do.

A check's id is a promise to machines and to docs/doctor.md: never translated,
never given another meaning.
"""

from dataclasses import dataclass
from enum import StrEnum

from agent.errors import AgentError
from agent.language import Sentence


class State(StrEnum):
    """Nothing to do; will need somebody soon; does not work."""

    FINE = "fine"
    WARNING = "warning"
    FAILED = "failed"


class Check(StrEnum):
    """Everything that is looked at, in the order in which it is told."""

    CONFIGURATION = "configuration"
    ACCOUNT = "account"
    PROGRAM = "folders.program"
    SETTINGS_FILES = "folders.settings"
    SECRET_FILES = "folders.secrets"  # noqa: S105 - the name of a check
    DATA_FOLDER = "folders.data"
    SPOOL = "folders.spool"
    INBOUND_FOLDER = "folders.inbound"
    GPG_HOME = "folders.gpg_home"
    DISK = "disk.room"
    GPG = "gpg.version"
    ANTIVIRUS = "antivirus"
    SERVICE = "service"
    DATABASE = "database.connection"
    ROLE = "database.rights"
    TABLES = "database.tables"
    AUTHOR = "database.otv_user"
    DATABASE_CLOCK = "clock.database"
    AUDIT_CLOCK = "clock.audit"
    TIME_SERVER = "clock.time_server"
    LICENCE = "licence"
    OWN_KEY = "keys.own"
    KEY_CALENDAR = "keys.calendar"
    PARTNER_LICENCE = "partner.licence"
    PARTNER_KEY = "partner.key"
    PARTNER_SERVER = "partner.server"
    HELD = "partner.held"
    GIVEN_UP = "partner.given_up"
    QUARANTINE = "partner.quarantine"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, for the whole agent or for one partner."""

    check: Check
    state: State
    said: Sentence
    remedy: Sentence | None = None
    partner_id: str | None = None
    exit_code: int = 0
    """That of the error; 0 unless it failed."""


def fine(check: Check, said: Sentence, partner_id: str | None = None) -> Finding:
    """Nothing is to be done."""
    return Finding(check, State.FINE, said, partner_id=partner_id)


def warning(check: Check, said: Sentence, remedy: Sentence, partner_id: str | None = None) -> Finding:
    """It works, and somebody should do this."""
    return Finding(check, State.WARNING, said, remedy, partner_id)


def failed(
    check: Check,
    said: Sentence,
    error: AgentError | type[AgentError],
    remedy: Sentence | None = None,
    partner_id: str | None = None,
) -> Finding:
    """It does not work; what is to be done is the error's remedy, unless there is a better one."""
    advice = Sentence(error.remedy) if remedy is None else remedy
    return Finding(check, State.FAILED, said, advice, partner_id, error.exit_code)
