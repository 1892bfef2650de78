"""What an operator does with files that were set aside: look at them, have them judged again, discard them.

Wired like `agent.administration`, for the command line and the status page. A signed message
that was refused stays refused: it has its answer, and the partner sends
another one.
"""

from collections.abc import Iterator
from pathlib import Path

from agent.adapters.audit_log import SqlAuditLog
from agent.adapters.quarantine_folder import SetAside, set_aside_files
from agent.app import secret_key
from agent.errors import UsageError
from agent.operations import Agent
from agent.operators import account_name
from agent.retention import purge_files

__all__ = ["SetAside", "discard", "found", "in_quarantine", "retry"]


def in_quarantine(
    agent: Agent, partner_id: str | None, newest: int | None = None
) -> Iterator[tuple[str, SetAside]]:
    """Every file that was set aside with its partner, also of partners that are not enabled any more.

    Or only the `newest` so many of each.
    """
    for partner in sorted(agent.config.partners):
        if partner_id in (None, partner):
            for file in set_aside_files(_folder(agent, partner), newest):
                yield partner, file


def found(agent: Agent, file_id: str) -> tuple[str, SetAside]:
    """The one file of that id. Raises UsageError if there is none."""
    for partner_id, file in in_quarantine(agent, None):
        if file.file_id == file_id:
            return partner_id, file
    raise UsageError("no file of that id is in quarantine: `otv-agent quarantine list` shows what there is")


def retry(agent: Agent, file_id: str, operator: str | None = None) -> str:
    """Have a file judged anew by the next sweep, under its id; its partner.

    Raises UsageError for a file that cannot change its judgement, DatabaseError, SpoolError, TrustError.
    """
    partner_id, file = found(agent, file_id)
    if file.authenticated:
        raise UsageError(
            "the partner signed this file and has its answer: ask for a corrected one, with a new message id"
        )
    if not file.is_sealed:
        raise UsageError("this file was never read, because it is no plain file: nothing can be judged again")
    inbound, uncover = agent.lane(partner_id).inbound, secret_key(agent.config.settings).uncover
    now = agent.practice.clock()
    with agent.practice.database.write() as work:
        # In here no import can be faster than its entry.
        if not inbound.put_back(file_id, uncover):
            raise UsageError("the file is not there any more")
        work.audit.append(
            "file put back", now, partner_id, file_id=file_id, operator=operator or account_name()
        )
    return partner_id


def discard(agent: Agent, file_id: str, operator: str | None = None) -> str:
    """Remove a file for good; its partner. Raises UsageError, DatabaseError, SpoolError."""
    partner_id, file = found(agent, file_id)
    with agent.connector.writing() as connection:
        audit = SqlAuditLog(connection, agent.audit_key, agent.audit_memory)
        now = agent.practice.clock()
        audit.append(
            "file discarded",
            now,
            partner_id,
            file_id=file_id,
            reason=file.reason,
            sha256=file.sha256,
            operator=operator or account_name(),
        )
    purge_files(agent, file.path.parent, partner_id, {file.path.name})
    return partner_id


def _folder(agent: Agent, partner_id: str) -> Path:
    return agent.config.settings.data_folder / "inbound" / partner_id / "quarantine"
