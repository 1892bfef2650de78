"""What whoever is responsible for data protection asks of the audit log, and decides after a restored backup.

Wired like `agent.administration`, for the command line alone. All but
`accept_restore` only reads, also while the service runs.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from agent.adapters.audit_chain import instant_text
from agent.adapters.audit_export import AuditExport, Choice
from agent.adapters.audit_log import (
    AuditEntry,
    SqlAuditLog,
    entries,
    ledger_anchors,
    require_remembered,
)
from agent.adapters.audit_verification import AuditReport, Verification, verify
from agent.adapters.disclosure_ledger import SqlDisclosureLedger
from agent.adapters.durable_files import draft, write_durably
from agent.adapters.good_cycles import AuditCheck
from agent.adapters.outbox import highest_sequences
from agent.adapters.process_lock import is_held
from agent.app import secret_key
from agent.errors import AuditBrokenError, DatabaseOutdatedError, UsageError
from agent.operations import Agent
from agent.ports import AuditHead

__all__ = [
    "Choice",
    "Restore",
    "accept_restore",
    "audit_check_is_due",
    "audit_entries",
    "audit_export",
    "audit_head",
    "check_audit",
    "export_audit",
    "read_heads",
    "restore_to_accept",
    "verify_audit",
]

CHUNK = 65_536
AUDIT_CHECK_EVERY = timedelta(days=1)
MAX_HEADS_BYTES = 64 * 1024 * 1024
_HEAD = re.compile(r"(0|[1-9][0-9]{0,17}):([0-9a-f]{64})")


def audit_head(text: str) -> AuditHead:
    """An `audit_head` as it stands in a file. Raises UsageError."""
    found = _HEAD.fullmatch(text)
    if found is None:
        raise UsageError("an audit head looks like 17:9f2c..., with 64 hex digits, as in a file's audit_head")
    return AuditHead(int(found[1]), found[2])


def read_heads(file: Path) -> list[AuditHead]:
    """A partner's list: a head first in each line, whatever follows it; empty lines and `#` are skipped.

    Raises UsageError with the number of a line that is none, and never quotes it.
    """
    try:
        if file.stat().st_size > MAX_HEADS_BYTES:
            raise UsageError(f"{file} is too large for a list of audit heads")
        lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    heads = []
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            try:
                heads.append(audit_head(line.split()[0]))
            except UsageError as error:
                raise UsageError(f"{file}, line {number}: {error}") from error
    if not heads:
        raise UsageError(f"{file} holds no audit head")
    return heads


def verify_audit(agent: Agent, anchors: Iterable[AuditHead]) -> AuditReport:
    """Recompute the chain; hold it against the ledgers' heads, the remembered one and these.

    Raises AuditBrokenError.
    """
    with agent.connector.reading() as connection:
        return verify(
            connection, agent.audit_key, [*anchors, *remembered_anchor(agent), *ledger_anchors(connection)]
        )


def check_audit(agent: Agent) -> AuditReport:
    """Verify it and remember how it ended, for the status. Raises AuditBrokenError, DatabaseError."""
    now = agent.practice.clock()
    try:
        report = verify_audit(agent, ())
    except AuditBrokenError as error:
        agent.cycles.audited(AuditCheck(now, None, str(error)))
        raise
    agent.cycles.audited(AuditCheck(now, report.entries, None))
    return report


def audit_check_is_due(agent: Agent) -> bool:
    """Unless it was found in order within the last day, over restarts too."""
    last = agent.cycles.known().audit
    now = agent.practice.clock()
    return last is None or last.problem is not None or not last.at <= now < last.at + AUDIT_CHECK_EVERY


def remembered_anchor(agent: Agent) -> list[AuditHead]:
    """The head that the data folder remembers, if it does."""
    head = agent.audit_memory.head()
    return [] if head is None else [head]


@contextmanager
def audit_entries(agent: Agent, partner_id: str | None, newest: int | None) -> Iterator[Iterator[AuditEntry]]:
    """The log, newest last."""
    with agent.connector.reading() as connection:
        yield entries(connection, partner_id, newest)


# --- export ------------------------------------------------------------------------------------


@contextmanager
def audit_export(agent: Agent, choice: Choice) -> Iterator[AuditExport]:
    """The lines of an export, verified as they are taken, also against all heads that are known here."""
    with agent.connector.reading() as connection:
        anchors = [*remembered_anchor(agent), *ledger_anchors(connection)]
        yield AuditExport(
            Verification(connection, agent.audit_key, anchors),
            choice,
            agent.practice.practice_id,
            instant_text(agent.practice.clock()),
        )


def export_audit(agent: Agent, choice: Choice, file: Path, *, sign: bool) -> AuditExport:
    """Write an export, whole or not at all, and on request the practice's signature into `FILE.sig`.

    A broken chain is no error here: the file says so, and so does the result. Raises UsageError for a
    file that is there already, SpoolError, TrustError.
    """
    signature = file.with_name(f"{file.name}.sig")
    for target in (file, signature) if sign else (file,):
        if target.exists():
            raise UsageError(f"{target} is there already: an export never replaces one")
    with draft(file.parent, file.parent.joinpath) as new, audit_export(agent, choice) as export:
        new.file.writelines(f"{line}\n".encode() for line in export.lines())
        if sign:
            new.file.seek(0)
            chunks = iter(partial(new.file.read, CHUNK), b"")
            write_durably(_signed(agent, chunks), file.parent, signature)
        new.store(file)
    return export


def _signed(agent: Agent, chunks: Iterator[bytes]) -> bytes:
    try:
        return secret_key(agent.config.settings).sign_detached(chunks)
    finally:
        if not is_held(agent.config.settings.data_folder):
            agent.stop_gpg()


# --- after a restored backup -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Restore:
    """A database that went back: the last entry that it holds, and the last that had been written."""

    kept: int
    lost_through: int


def restore_to_accept(agent: Agent) -> Restore | None:
    """What is lost; None if the database holds what is remembered."""
    remembered = agent.audit_memory.head()
    with agent.connector.reading() as connection:
        head = SqlAuditLog(connection, agent.audit_key).head()
        try:
            require_remembered(connection, head, remembered)
        except DatabaseOutdatedError:
            return Restore(head.sequence, remembered.sequence if remembered else head.sequence)
    return None


def accept_restore(agent: Agent) -> AuditHead:
    """Go on with an older copy: an entry says what was lost, and all numbers go on behind it.

    Without that, partners would take what comes for older than what they have.
    Raises UsageError if there is nothing to accept.
    """
    remembered = agent.audit_memory.head()
    if remembered is None or restore_to_accept(agent) is None:
        raise UsageError("the database holds all that the agent remembers: there is nothing to accept")
    sent = highest_sequences(agent.config.settings.data_folder / "outbox")
    with agent.connector.writing() as connection:
        log = SqlAuditLog(connection, agent.audit_key, agent.audit_memory)
        head = log.accept_restore(agent.practice.clock(), remembered)
        ledger = SqlDisclosureLedger(connection)
        for (partner_id, kind), sequence in sent.items():
            ledger.raise_sequence(partner_id, kind.value, sequence)
    agent.audit_memory.remember(head)
    return head
