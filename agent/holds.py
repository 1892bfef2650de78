"""What waits for a person's look, and letting it go: the operator's side of the sudden change guard.

For the command line, the status and the service, beside `agent.recipients`. It
changes the database alone, so it works while the service runs. The stories
hold and let go (`agent.flows.hold`); here somebody only agrees to numbers that
were seen.
"""

from dataclasses import replace

from agent.adapters.hold_ledger import SqlHoldLedger
from agent.errors import UsageError
from agent.flows.hold import held_error, numbers
from agent.operations import Agent
from agent.operators import account_name
from agent.ports import Hold

__all__ = ["Hold", "held", "held_error", "release"]


def held(agent: Agent) -> list[Hold]:
    """Everything that is held now, released or not, by partner and kind."""
    with agent.connector.reading() as connection:
        return SqlHoldLedger(connection).all_held()


def release(agent: Agent, seen: Hold, operator: str | None = None) -> None:
    """Let go once what was seen, or less of it; with its audit entry, by default of this account.

    Raises UsageError if something else is held by now: nobody has agreed to that.
    """
    now = agent.practice.clock()
    with agent.practice.database.write() as work:
        if work.holds.held(seen.partner_id, seen.kind) != seen:
            raise UsageError("the numbers have changed meanwhile: look again with `otv-agent release`")
        work.holds.put(replace(seen, released_at=now))
        work.audit.append(
            "hold released",
            now,
            seen.partner_id,
            kind=seen.kind,
            operator=operator or account_name(),
            **numbers(seen.changes),
        )
