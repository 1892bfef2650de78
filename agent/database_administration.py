"""What the owner of the database does: make tables, bring them to a newer version, fill them, grant rights.

For the command line alone; the service does none of it, and makes do with less rights.
"""

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

from agent.adapters.practice_schema import create_practice_tables, grants
from agent.adapters.process_lock import sole_process
from agent.app import build
from agent.clock import utc_now
from agent.config import Config
from agent.operations import Agent

if TYPE_CHECKING:
    from agent.adapters.migration import Step
    from agent.sample_practice import GeneratedPractice

# Alembic is imported where it is used: no other command needs it.


def create_tables(agent: Agent, *, reference_practice: bool) -> None:
    """The agent's own tables, and on request the whole reference practice database; repeatable.

    Raises TablesBehindError, TablesAheadError if the agent's are there in another version.
    """
    from agent.adapters.migration import create_agent_tables  # noqa: PLC0415

    if reference_practice:
        create_practice_tables(agent.connector)
    create_agent_tables(agent.connector)


def migration_steps(agent: Agent) -> "list[Step]":
    """What `migrate_tables` would do. Raises TablesAheadError, SchemaMismatchError."""
    from agent.adapters.migration import steps  # noqa: PLC0415

    return steps(agent.connector)


def migrate_tables(config: Config) -> "list[Step]":
    """Bring the agent's tables to this program's version, with an audit entry; what was done.

    Raises AlreadyRunningError while the service runs, and as `migration_steps`.
    """
    from agent.adapters.migration import migrate  # noqa: PLC0415

    with sole_process(config.settings.data_folder):
        agent = build(config)
        try:
            return migrate(agent.connector, agent.audit_key, agent.audit_memory, utc_now())
        finally:
            agent.close()


def generate(
    agent: Agent,
    first_day: date,
    patients: int,
    columns: int,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> "GeneratedPractice":
    """A practice of invented people in the configured database, which must be empty."""
    # Imported here: it brings the holidays of the world, and no other command needs them.
    from agent.sample_practice import PracticePlan, generate_practice  # noqa: PLC0415

    create_tables(agent, reference_practice=True)
    plan = PracticePlan(
        seed=seed,
        first_day=first_day,
        partner_names={
            partner_id: partner.settings.name for partner_id, partner in agent.config.partners.items()
        },
        practice_id=agent.practice.practice_id,
        patients=patients,
        columns=columns,
    )
    return generate_practice(agent.connector, plan, progress)


def grant_statements(config: Config, role_name: str) -> list[str]:
    """What the database role of the agent needs on PostgreSQL, and nothing more."""
    database = config.settings.database
    return grants(role_name, database.practice_schema, database.agent_schema)
