"""Exchange: deliver and fetch over one connection to a partner's server."""

from contextlib import suppress
from dataclasses import dataclass, replace

from agent.errors import AgentError, RefusedByServerError, TransferError
from agent.flows.deliver import DeliveryResult, deliver
from agent.flows.fetch import FetchResult, fetch
from agent.flows.give_up import give_up_overdue
from agent.flows.lane import Lane, PracticeSide
from agent.ports import TransferSession


@dataclass(frozen=True, slots=True)
class ExchangeResult:
    """One connection's work."""

    delivered: int
    fetched: int
    outdated: int = 0
    """Files dropped instead of delivered, because they had become untrue."""
    unconfirmed: int = 0
    """Of the delivered ones: taken by the server before their size could be compared."""
    complaints: tuple[str, ...] = ()
    """What the partner should mend at its server."""
    left: int = 0
    """Files that waited before and still do: the server refused them a while ago, or they hang on others."""


def exchange(
    practice: PracticeSide, lane: Lane, *, deliver_files: bool = True, fetch_files: bool = True
) -> ExchangeResult:
    """One visit; a partner without a server has nothing to connect to. Raises TransferError, TrustError."""
    nothing_waits = not fetch_files and not lane.outbox.waiting()
    if lane.transport is None or nothing_waits:
        return ExchangeResult(0, 0)
    practice.require_licence(lane.partner_id)
    waited = _names(lane)
    try:
        with lane.transport.connect() as session:
            result = _visit(practice, lane, session, deliver_files=deliver_files, fetch_files=fetch_files)
            return replace(result, left=len(waited & _names(lane)))
    except RefusedByServerError:
        raise
    except TransferError as error:
        if deliver_files:
            give_up_overdue(practice, lane, error)
        raise


def _visit(
    practice: PracticeSide, lane: Lane, session: TransferSession, *, deliver_files: bool, fetch_files: bool
) -> ExchangeResult:
    try:
        sent = deliver(practice, lane, session) if deliver_files else DeliveryResult()
    except AgentError:
        # An answer may wait that has nothing to do with it; what fails first is what is told.
        with suppress(AgentError):
            if fetch_files:
                fetch(practice, lane, session)
        raise
    came = fetch(practice, lane, session) if fetch_files else FetchResult()
    return ExchangeResult(sent.delivered, came.fetched, sent.outdated, sent.unconfirmed, came.complaints)


def _names(lane: Lane) -> set[str]:
    return {file.name for file in lane.outbox.waiting()}
