"""Try a file: what receiving it would do, up to its commit; nothing of it stays.

The part of the receive story for a file at which the agent has crashed again
and again. It is played in a process of its own (`agent.adapters.trial`): only
if that one dies too is the file to blame, and not the power or a killed
service. It takes the same steps as `agent.flows.receive`, so that whatever
would end the agent ends this process first.
"""

from contextlib import suppress

from agent.flows.answer import answer, read_document
from agent.flows.hold_bookings import BookingsGate, WishesHeldError
from agent.flows.lane import Lane, PracticeSide

FILE_ID = "trial"


class _NothingStaysError(Exception):
    """Rolls back."""


def try_file(practice: PracticeSide, lane: Lane, content: bytes) -> None:
    """Open, read, decide and write, and take all of it back.

    Raises what those raise: InboundRefusal, DatabaseError, TrustError, SpoolError.
    """
    now = practice.clock()
    opened = lane.sealer.open(content, now)
    message = read_document(practice, lane, opened)
    with suppress(_NothingStaysError, WishesHeldError), practice.database.write() as work:
        answer(practice, lane, work, FILE_ID, None, opened, message, now, BookingsGate())
        raise _NothingStaysError
