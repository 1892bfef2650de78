"""Sets the guard that makes a double booking impossible, whoever writes (promise P13).

An appointment occupies its column and, unless that column allows overlaps,
the column's practitioner and room. Of two appointments that are exclusive
and not cancelled, none occupies at one time what the other does.
`agent.adapters.practice_schema` sets the guard on the reference tables, an
integrator sets the like on the vendor's (docs/practice-database.md), and
`agent.adapters.practice_guard` looks for it.
"""

from sqlalchemy import Connection, text

GUARD_NAME = "appointment_no_overlap"
"""PostgreSQL's exclusion constraint, and the message of SQLite's triggers."""
SQLITE_TRIGGERS = (f"{GUARD_NAME}_insert", f"{GUARD_NAME}_update")
KEYS_TRIGGER, COLUMNS_TRIGGER = f"{GUARD_NAME}_keys", f"{GUARD_NAME}_columns"
"""PostgreSQL's triggers that keep the keys true: when an appointment is placed, when a column changes."""
KEYS_COLUMN = "occupied_keys"

# What can make an overlap. After a column got another practitioner there may be overlaps that nobody
# has booked, and the patients in them must still be able to arrive.
_PLACED_ANEW = """(
    OLD.status = 'cancelled' OR NOT OLD.exclusive OR NEW.column_id <> OLD.column_id
    OR NEW.starts_at <> OLD.starts_at OR NEW.ends_at <> OLD.ends_at)"""

# --- SQLite: all writers queue, so a trigger sees everything that is committed --------------------

_INSTANT_PATTERN = "-".join(["[0-9]" * 4, "[0-9]" * 2, "[0-9]" * 2]) + "T" + ":".join(["[0-9]" * 2] * 3) + "Z"
# A moment written any other way would not sort by time, and the comparison would let overlaps through.
_SQLITE_TRIGGER = """
CREATE TRIGGER {name} BEFORE {event} ON appointment
BEGIN
  SELECT RAISE(ABORT, 'appointment times are written YYYY-MM-DDTHH:MM:SSZ')
  WHERE NEW.starts_at NOT GLOB '{pattern}' OR NEW.ends_at NOT GLOB '{pattern}';
  SELECT RAISE(ABORT, '{message}')
  WHERE NEW.exclusive AND NEW.status <> 'cancelled' AND {placed_anew} AND EXISTS (
    SELECT 1 FROM schedule_column AS mine
    CROSS JOIN schedule_column AS theirs ON theirs.column_id = mine.column_id
      OR NOT mine.overlaps_allowed AND NOT theirs.overlaps_allowed
        AND (theirs.practitioner_id = mine.practitioner_id OR theirs.room_id = mine.room_id)
    CROSS JOIN appointment AS other ON other.column_id = theirs.column_id
      AND other.ends_at > NEW.starts_at AND other.starts_at < NEW.ends_at
    WHERE mine.column_id = NEW.column_id AND other.exclusive AND other.status <> 'cancelled'
      AND {not_itself});
END
"""

# --- PostgreSQL: an exclusion constraint, over keys that triggers copy from the column ------------

# Columns, practitioners and rooms share one row of numbers, told apart by their remainder of three.
_KEYS_OF_A_COLUMN = """
CREATE OR REPLACE FUNCTION {schema}.occupied_keys(
  column_id integer, practitioner_id integer, room_id integer, overlaps_allowed boolean
) RETURNS int8multirange LANGUAGE sql IMMUTABLE AS $guard$
  SELECT int8multirange(int8range(3::bigint * column_id, 3::bigint * column_id + 1))
    + CASE WHEN overlaps_allowed OR practitioner_id IS NULL THEN '{{}}'::int8multirange
      ELSE int8multirange(int8range(3::bigint * practitioner_id + 1, 3::bigint * practitioner_id + 2)) END
    + CASE WHEN overlaps_allowed OR room_id IS NULL THEN '{{}}'::int8multirange
      ELSE int8multirange(int8range(3::bigint * room_id + 2, 3::bigint * room_id + 3)) END
$guard$
"""
# With the owner's rights: locks and keys are more than the agent's or a receptionist's login may touch.
_TRIGGER_FUNCTION = """
CREATE OR REPLACE FUNCTION {schema}.{name}() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, {schema}, pg_temp AS $guard${body}$guard$
"""
# FOR SHARE waits for a change of the column and holds up the next one: no key is copied from the past.
_PLACE = f"""
BEGIN
  IF TG_OP = 'INSERT' OR {_PLACED_ANEW} THEN
    SELECT occupied_keys(lane.column_id, lane.practitioner_id, lane.room_id, lane.overlaps_allowed)
    INTO NEW.occupied_keys FROM schedule_column AS lane WHERE lane.column_id = NEW.column_id FOR SHARE;
  END IF;
  RETURN NEW;
END
"""  # noqa: S608
# A column must be free to change. What would overlap now keeps apart from its own column only, until it
# is placed anew.
_REFRESH = """
DECLARE
  keys int8multirange :=
    occupied_keys(NEW.column_id, NEW.practitioner_id, NEW.room_id, NEW.overlaps_allowed);
  coming integer;
BEGIN
  FOR coming IN
    SELECT appointment_id FROM appointment
    WHERE column_id = NEW.column_id AND ends_at > now() AND exclusive AND status <> 'cancelled'
      AND occupied_keys <> keys
  LOOP
    BEGIN
      UPDATE appointment SET occupied_keys = keys WHERE appointment_id = coming;
    EXCEPTION WHEN exclusion_violation THEN
      UPDATE appointment SET occupied_keys = occupied_keys(NEW.column_id, NULL, NULL, true)
      WHERE appointment_id = coming;
    END;
  END LOOP;
  RETURN NULL;
END
"""
_CHANGE_OF_COLUMN = "AFTER UPDATE OF practitioner_id, room_id, overlaps_allowed"
_POSTGRESQL_TRIGGERS = (
    (KEYS_TRIGGER, "appointment", "BEFORE INSERT OR UPDATE", _PLACE),
    (COLUMNS_TRIGGER, "schedule_column", _CHANGE_OF_COLUMN, _REFRESH),
)
_CREATE_TRIGGER = """
CREATE TRIGGER {name} {event} ON {schema}.{table} FOR EACH ROW EXECUTE FUNCTION {schema}.{name}()
"""
# NOT NULL: without its trigger the guard refuses everything rather than nothing. The time comes first in
# the index, because few appointments share a time and many share a column.
_CONSTRAINT = """
UPDATE {schema}.appointment AS a
SET occupied_keys = {schema}.occupied_keys(c.column_id, c.practitioner_id, c.room_id, c.overlaps_allowed)
FROM {schema}.schedule_column AS c WHERE c.column_id = a.column_id AND a.occupied_keys IS NULL;
ALTER TABLE {schema}.appointment ALTER COLUMN occupied_keys SET NOT NULL;
ALTER TABLE {schema}.appointment DROP CONSTRAINT IF EXISTS {name};
ALTER TABLE {schema}.appointment ADD CONSTRAINT {name} EXCLUDE USING gist
  (tstzrange(starts_at, ends_at) WITH &&, occupied_keys WITH &&) WHERE (status <> 'cancelled' AND exclusive)
"""


def create_guard(connection: Connection, schema: str | None) -> None:
    """Set the guard, or what is missing of it.

    `schema` is the practice's, quoted; None on SQLite. Raises DatabaseError
    where the book already holds what the guard forbids.
    """
    if schema is None:
        _create_on_sqlite(connection)
    else:
        _create_on_postgresql(connection, schema)


def _create_on_sqlite(connection: Connection) -> None:
    on_insert, on_update = SQLITE_TRIGGERS
    change = "UPDATE OF column_id, starts_at, ends_at, status, exclusive"
    not_itself = "other.appointment_id <> OLD.appointment_id"
    for name, event, placed_anew, other_one in (
        (on_insert, "INSERT", "true", "true"),
        (on_update, change, _PLACED_ANEW, not_itself),
    ):
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        connection.exec_driver_sql(
            _SQLITE_TRIGGER.format(
                name=name,
                event=event,
                placed_anew=placed_anew,
                not_itself=other_one,
                message=GUARD_NAME,
                pattern=_INSTANT_PATTERN,
            )
        )


def _create_on_postgresql(connection: Connection, schema: str) -> None:
    run = connection.exec_driver_sql
    run(_KEYS_OF_A_COLUMN.format(schema=schema))
    run(f"ALTER TABLE {schema}.appointment ADD COLUMN IF NOT EXISTS {KEYS_COLUMN} int8multirange")
    for name, table, event, body in _POSTGRESQL_TRIGGERS:
        run(_TRIGGER_FUNCTION.format(schema=schema, name=name, body=body))
        run(f"DROP TRIGGER IF EXISTS {name} ON {schema}.{table}")
        run(_CREATE_TRIGGER.format(schema=schema, name=name, table=table, event=event))
    stands = text(
        "SELECT 1 FROM pg_constraint WHERE conrelid = to_regclass(:table) AND conname = :name "
        "AND pg_get_constraintdef(oid) LIKE :over_keys"
    )
    sought = {"table": f"{schema}.appointment", "name": GUARD_NAME, "over_keys": f"%{KEYS_COLUMN}%"}
    if connection.scalar(stands, sought) is None:
        run(_CONSTRAINT.format(schema=schema, name=GUARD_NAME))
