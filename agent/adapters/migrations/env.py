"""What Alembic runs: the steps, over the connection and in the transaction that it is given."""

from alembic import context

from agent.adapters import tables

context.configure(
    connection=context.config.attributes["connection"],
    version_table=tables.schema_version.name,
    version_table_schema=context.config.attributes["schema"],
)
context.run_migrations()
