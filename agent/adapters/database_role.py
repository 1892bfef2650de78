"""Asks the database what it is, and what the role may do beyond what the agent needs.

For the doctor; reads only. What the role may not do stands in
`agent.adapters.practice_layout`.
"""

from sqlalchemy import Connection, text

from agent.adapters.database import Connector
from agent.adapters.practice_schema import required_rights

OLDEST_SERVER = {"postgresql": (14, 0), "sqlite": (3, 35)}
"""As docs/practice-database.md promises."""

_ROLE = text("""
SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = current_user
""")
_OWNED = text("""
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN (:practice, :agent) AND c.relkind IN ('r', 'v', 'p', 'm')
  AND pg_has_role(current_user, c.relowner, 'USAGE')
""")
_CHANGED = text("""
SELECT n.nspname AS schema, c.relname AS name, change
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS change
WHERE n.nspname IN (:practice, :agent) AND c.relkind IN ('r', 'v', 'p', 'm')
  AND has_table_privilege(c.oid, change)
ORDER BY 1, 2, 3
""")
_STANDBY = text("SELECT pg_is_in_recovery()")
_READ_ONLY = text("SELECT current_setting('default_transaction_read_only') = 'on'")


def database_version(connection: Connection) -> tuple[int, ...]:
    """Of PostgreSQL's server, or of the SQLite library."""
    told = connection.dialect.server_version_info or ()
    return tuple(part for part in told if isinstance(part, int))


def read_only_reason(connection: Connection) -> str | None:
    """Why PostgreSQL would refuse every change; None if it would not, and on SQLite."""
    if connection.dialect.name != "postgresql":
        return None
    if connection.scalar(_STANDBY):
        return "the server is a standby"
    if connection.scalar(_READ_ONLY):
        return "default_transaction_read_only is on for the server, the database or the role"
    return None


def excess_rights(connection: Connection, connector: Connector) -> list[str]:
    """What a role of its own would not have, in PostgreSQL's words; empty on SQLite."""
    if connection.dialect.name != "postgresql":
        return []
    role = connection.execute(_ROLE).one()
    if role.rolsuper:
        return ["SUPERUSER"]
    found = [word for word, has in zip(("CREATEROLE", "CREATEDB", "BYPASSRLS"), role[2:], strict=True) if has]
    schemas = {"practice": connector.practice_schema, "agent": connector.agent_schema}
    if connection.scalar(_OWNED, schemas):
        # An owner may do everything with what it owns: to list that would bury the reason.
        return [*found, "owner of tables"]
    needed = {(right.table.name, right.privilege) for right in required_rights() if not right.columns}
    return found + [
        f"{row.change} on {row.schema}.{row.name}"
        for row in connection.execute(_CHANGED, schemas)
        if (row.name, row.change) not in needed
    ]
