"""Looks at the partners' servers, at the files that need somebody, and at the audit log.

A part of `agent.doctor`. At a server it logs in and lists; nothing is fetched
or written.
"""

from collections.abc import Iterator

from agent.doctor.finding import Check, Finding, failed, fine, warning
from agent.errors import AgentError
from agent.holds import held, held_error
from agent.language import sentence
from agent.operations import Agent
from agent.oversight import verify_audit
from agent.quarantine import in_quarantine


def server(agent: Agent, partner_id: str) -> Iterator[Finding]:
    """Nothing for a partner that has no server: its files lie in local folders."""
    transport = agent.lanes[partner_id].transport
    if transport is None:
        return
    try:
        with transport.connect() as session:
            session.list_inbound(lambda remote: False)
    except AgentError as error:
        said = sentence("Its server cannot be used: {error}", error=error)
        yield failed(Check.PARTNER_SERVER, said, error, partner_id=partner_id)
    else:
        said = sentence("Its server lets us in and lists its files.")
        yield fine(Check.PARTNER_SERVER, said, partner_id)


def waiting_for_somebody(agent: Agent, partner_id: str) -> Iterator[Finding]:
    """What is held, given up or set aside."""
    try:
        yield from _held(agent, partner_id)
        yield _given_up(agent, partner_id)
        yield _set_aside(agent, partner_id)
    except AgentError as error:
        said = sentence("What waits for somebody cannot be said: {error}", error=error)
        yield failed(Check.HELD, said, error, partner_id=partner_id)


def _held(agent: Agent, partner_id: str) -> Iterator[Finding]:
    waiting = [one for one in held(agent) if one.partner_id == partner_id and one.released_at is None]
    for one in waiting:
        said = sentence("Too much would change at once: {error}", error=held_error(one))
        remedy = sentence("See `otv-agent release`: find out why, and let it go if it is meant.")
        yield warning(Check.HELD, said, remedy, partner_id)
    if not waiting:
        yield fine(Check.HELD, sentence("Nothing is held."), partner_id)


def _given_up(agent: Agent, partner_id: str) -> Finding:
    files = len(agent.lanes[partner_id].outbox.failed())
    if not files:
        return fine(Check.GIVEN_UP, sentence("No file for it was given up."), partner_id)
    said = sentence("Files for it that could not be delivered for days: {files}", files=files)
    remedy = sentence("Once its server works: `otv-agent deliver --failed`.")
    return warning(Check.GIVEN_UP, said, remedy, partner_id)


def _set_aside(agent: Agent, partner_id: str) -> Finding:
    files = sum(1 for _ in in_quarantine(agent, partner_id))
    if not files:
        return fine(Check.QUARANTINE, sentence("No file of it is in quarantine."), partner_id)
    said = sentence("Files of it in quarantine: {files}", files=files)
    return warning(Check.QUARANTINE, said, sentence("See why with `otv-agent quarantine list`."), partner_id)


def audit_log(agent: Agent) -> Finding:
    """The chain is recomputed, and held against the ledgers' heads and the remembered one."""
    try:
        report = verify_audit(agent, ())
    except AgentError as error:
        return failed(Check.AUDIT, sentence("The audit log does not hold: {error}", error=error), error)
    said = sentence("The audit log is unbroken, entries: {entries}", entries=report.entries)
    return fine(Check.AUDIT, said)
