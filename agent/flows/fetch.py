"""Fetch: the partner's outgoing folder -> a draft of ours -> inbound folder -> removed at the partner's.

A remote file is removed only after ours is safe on disk, so a crash in
between fetches it twice and the ledger knows it by its message id. What the
server does not let us remove is remembered and not fetched again. What a
partner has to mend at its server is told and keeps nothing else waiting.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.errors import RefusedByServerError, TransferError
from agent.flows.lane import Lane, PracticeSide
from agent.ports import Listing, RemoteFile, TransferSession


@dataclass(frozen=True, slots=True)
class FetchResult:
    """How many files came, and what the partner should mend at its server, in our own words."""

    fetched: int = 0
    complaints: tuple[str, ...] = ()


def fetch(practice: PracticeSide, lane: Lane, session: TransferSession) -> FetchResult:
    """Bring the partner's new files into the inbound folder.

    One that cannot be fetched keeps none behind it waiting: the first such
    TransferError is raised at the end.
    """
    practice.require_licence(lane.partner_id)
    practice.require_room()
    listing = session.list_inbound(lane.inbound.fetched_before)
    if listing.complete:
        lane.inbound.forget_fetched_except(listing.known)
    fetched = 0
    failure: TransferError | None = None
    kept: RefusedByServerError | None = None
    for remote in listing.new:
        try:
            _fetch_one(lane, session, remote)
            fetched += 1
            kept = _remove(lane, session, remote) or kept
        except TransferError as error:
            failure = failure or error
    if kept is None and failure is None:
        kept = _remove_known(lane, session, listing)
    if failure is not None:
        raise failure
    return FetchResult(fetched, tuple(_complaints(listing, kept)))


def _fetch_one(lane: Lane, session: TransferSession, remote: RemoteFile) -> None:
    with lane.inbound.draft() as draft:
        session.fetch(remote, draft.file)
        draft.publish(lane.inbound.new_name())


def _remove(lane: Lane, session: TransferSession, remote: RemoteFile) -> RefusedByServerError | None:
    """The server's refusal, if it keeps the file; whatever went wrong, it is not fetched again."""
    try:
        session.remove(remote)
    except TransferError as error:
        lane.inbound.remember_fetched(remote)
        if isinstance(error, RefusedByServerError):
            return error
        raise
    return None


def _remove_known(lane: Lane, session: TransferSession, listing: Listing) -> RefusedByServerError | None:
    """Try once more, until the first refusal: the partner may have mended its server."""
    for remote in listing.known:
        if refusal := _remove(lane, session, remote):
            return refusal
    return None


def _complaints(listing: Listing, kept: RefusedByServerError | None) -> Iterator[str]:
    """Without numbers of a folder that changes all the time, so that the same trouble stays the same."""
    if kept is not None:
        yield f"fetched files stay in the folder `outgoing` ({kept})"
    if listing.unreadable:
        yield f"{listing.unreadable} name(s) in the folder `outgoing` are not UTF-8 and were left out"
    if listing.overfull:
        yield "the folder `outgoing` holds more files than are looked at, so some may never be fetched"
