"""What is held because too much would change at once, as the tests of it set, see and let it go."""

from contextlib import AbstractContextManager

from sqlalchemy import delete

from agent import holds
from agent.adapters import tables
from agent.holds import Hold
from exchange_formats.envelope import Kind
from tests.flows.evidence import audit
from tests.flows.stage import DENTPORT, Stage
from tests.kit.house import NOTHING_IS_SUDDEN


def forget(stage: Stage) -> None:
    with stage.house.connector.writing() as connection:
        connection.execute(delete(tables.hold))
        connection.execute(delete(tables.good_state))


def guarded(stage: Stage, **limits: int) -> AbstractContextManager[Stage]:
    """The house with these limits and no others; a limit without its share is by number alone."""
    shares = {name.replace("at_least", "percent"): 0 for name in limits}
    return stage.agent_with(settings={"guard": {**NOTHING_IS_SUDDEN, **shares, **limits}})


def held(stage: Stage, partner_id: str = DENTPORT) -> dict[str, Hold]:
    return {hold.kind: hold for hold in holds.held(stage.agent) if hold.partner_id == partner_id}


def release(stage: Stage, kind: Kind) -> None:
    holds.release(stage.agent, held(stage)[kind.value])


def events(stage: Stage) -> list[str]:
    """What the audit says of holds since the beginning of this test, in order."""
    return [entry.event for entry in audit(stage) if entry.event in ("held", "hold released", "hold ended")]
