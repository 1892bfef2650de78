"""Looks for what keeps appointments apart that would take the same time (promise P13).

A part of `agent.adapters.practice_check`. The guard must sit on the tables
that really hold the appointments and the columns; where `appointment` or
`schedule_column` is a view, the tables below it are searched.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from agent.adapters.overlap_guard import (
    COLUMNS_TRIGGER,
    GUARD_NAME,
    KEYS_COLUMN,
    KEYS_TRIGGER,
    SQLITE_TRIGGERS,
)

# The two views and everything they select from, however deep. A trigger that is switched off does nothing.
_POSTGRESQL_PARTS = text("""
WITH RECURSIVE source(root, oid) AS (
  SELECT c.relname, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = :schema AND c.relname IN ('appointment', 'schedule_column')
  UNION
  SELECT source.root, d.refobjid FROM source
  JOIN pg_rewrite r ON r.ev_class = source.oid
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    AND d.refclassid = 'pg_class'::regclass
)
SELECT :guard FROM pg_constraint JOIN source ON source.oid = conrelid AND root = 'appointment'
WHERE contype = 'x' AND NOT condeferred AND pg_get_constraintdef(pg_constraint.oid) LIKE :over_keys
UNION
SELECT tgname FROM pg_trigger JOIN source ON source.oid = tgrelid
WHERE tgenabled IN ('O', 'A') AND (root, tgname) IN (('appointment', :keys), ('schedule_column', :columns))
""")
_POSTGRESQL_NAMES = {"guard": GUARD_NAME, "keys": KEYS_TRIGGER, "columns": COLUMNS_TRIGGER}
_SQLITE_PARTS = text(
    "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND sql LIKE '%practitioner_id%room_id%'"
)


def guard_problems(connection: Connection, practice_schema: str | None) -> Iterator[str]:
    """A sentence for each part without which the database itself would let a double booking through."""
    if connection.dialect.name == "sqlite":
        there = set(connection.scalars(_SQLITE_PARTS))
        for name in SQLITE_TRIGGERS:
            if name not in there:
                yield f"the trigger {name} that guards the appointments against double booking is missing"
        return
    sought = {"schema": practice_schema, "over_keys": f"%{KEYS_COLUMN} WITH &&%", **_POSTGRESQL_NAMES}
    there = set(connection.scalars(_POSTGRESQL_PARTS, sought))
    if GUARD_NAME not in there:
        yield (
            f"no immediate exclusion constraint (&&) over {KEYS_COLUMN} guards the appointments "
            "against double booking"
        )
    for name, table in ((KEYS_TRIGGER, "appointment"), (COLUMNS_TRIGGER, "schedule_column")):
        if name not in there:
            yield f"the trigger {name} that keeps the guard's {KEYS_COLUMN} true is missing on {table}"
