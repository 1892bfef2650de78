"""How the agent's own tables became what they are, one file for each version.

Run by `agent.adapters.migration`, on PostgreSQL and SQLite alike: what changes
a column goes through `batch_alter_table`, and every operation names the schema.
A version that was ever released is never edited. There is no way back: a
backup is.
"""
