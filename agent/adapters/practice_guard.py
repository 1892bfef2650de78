"""Looks for what keeps two appointments in one column apart (promise P13).

A part of `agent.adapters.practice_check`. The guard must sit on the table
that really holds the appointments; where `appointment` is a view, the tables
below it are searched.
"""

from sqlalchemy import Connection, text

from agent.adapters.practice_schema import GUARD_NAME

# The view and everything it selects from, however deep.
_POSTGRESQL_GUARDS = text("""
WITH RECURSIVE source(oid) AS (
  SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = :schema AND c.relname = 'appointment'
  UNION
  SELECT d.refobjid FROM source
  JOIN pg_rewrite r ON r.ev_class = source.oid
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    AND d.refclassid = 'pg_class'::regclass
)
SELECT count(*) FROM pg_constraint
WHERE conrelid IN (SELECT oid FROM source) AND contype = 'x' AND NOT condeferred
  AND pg_get_constraintdef(oid) LIKE '%WITH &&%'
""")
_SQLITE_GUARDS = text(
    "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND name IN (:on_insert, :on_update)"
)


def guard_problems(connection: Connection, practice_schema: str | None) -> list[str]:
    """A sentence if the database itself would let a double booking through."""
    if connection.dialect.name == "postgresql":
        if connection.scalar(_POSTGRESQL_GUARDS, {"schema": practice_schema}):
            return []
        return ["no immediate exclusion constraint (&&) guards the appointments against double booking"]
    names = {"on_insert": f"{GUARD_NAME}_insert", "on_update": f"{GUARD_NAME}_update"}
    if connection.scalar(_SQLITE_GUARDS, names) == len(names):
        return []
    return [f"the triggers {' and '.join(names.values())} that guard the appointments are missing"]
