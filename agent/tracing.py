"""The questions on the phone: what became of this booking, and what has left the house?

Wired like `agent.reception`, for the command line alone; it changes nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import get_args

from agent.adapters.booking_trace import TraceStep, partners_of_booking, trace_booking
from agent.adapters.outgoing_record import SentFile, sent_files
from agent.errors import UsageError
from agent.operations import Agent
from exchange_formats.codec import RECORD_TYPES
from exchange_formats.envelope import Kind

__all__ = ["SentFile", "TraceStep", "fields_of", "trace", "what_left"]


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


def what_left(agent: Agent, partner_id: str | None, since: datetime | None) -> list[SentFile]:
    """Every file that was delivered, the oldest first; also to partners that are not configured any more.

    Raises DatabaseError, AuditBrokenError.
    """
    with agent.connector.reading() as connection:
        return list(sent_files(connection, partner_id, since))


def fields_of(kind: Kind) -> Mapping[str, tuple[str, ...]]:
    """By record name every field that a file of this outbound kind can hold, from the format itself."""
    annotated = get_args(RECORD_TYPES[kind])
    models = (get_args(annotated[0]) or annotated[:1]) if annotated else (RECORD_TYPES[kind],)
    return {
        get_args(model.model_fields["record"].annotation)[0]: tuple(
            name for name in model.model_fields if name != "record"
        )
        for model in models
    }
