"""The question on the phone: what became of this booking?

Wired like `agent.reception`, for the command line alone; it changes nothing.
"""

from agent.adapters.booking_trace import TraceStep, partners_of_booking, trace_booking
from agent.app import Agent
from agent.errors import UsageError


def trace(agent: Agent, booking_id: str, partner_id: str | None) -> dict[str, list[TraceStep]]:
    """By partner the steps of the booking, the oldest first.

    Raises UsageError if no message with that booking id was ever answered, DatabaseError, AuditBrokenError.
    """
    with agent.connector.reading() as connection:
        partners = partners_of_booking(connection, booking_id)
        if partner_id is not None:
            partners = [one for one in partners if one == partner_id]
        if not partners:
            raise UsageError(
                "no message with that booking id was answered: a file may wait or stand in quarantine "
                "(see `otv-agent status`), or the id is another one"
            )
        return {one: trace_booking(connection, one, booking_id) for one in partners}
