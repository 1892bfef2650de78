"""The tables, once for SQLite and PostgreSQL: the reference practice database and the agent's own.

On PostgreSQL the two live in the schemas `practice` and `otv_agent`; SQLite
has no schemas inside one file, so there both lie side by side (the names
never collide) and one transaction still covers them. What each column means
to an integrator is told in docs/practice-database.md.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    Time,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

PRACTICE_SCHEMA = "practice"
AGENT_SCHEMA = "otv_agent"

SQLITE_INSTANT = "%Y-%m-%dT%H:%M:%SZ"


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime, whole seconds: `timestamptz`, or ISO text that sorts by time on SQLite."""

    impl = String(20)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(String(20))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime is no moment in time")
        if dialect.name == "postgresql":
            return value
        return value.astimezone(UTC).strftime(SQLITE_INSTANT)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        moment: datetime = value.astimezone(UTC)
        return moment


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _key(name: str) -> Column[int]:
    return Column(name, Integer, Identity(), primary_key=True)


def _reference(name: str, target: str, *, nullable: bool = False, **options: Any) -> Column[Any]:
    return Column(name, ForeignKey(f"{PRACTICE_SCHEMA}.{target}"), nullable=nullable, **options)


def _record_info() -> list[Column[Any]]:
    """Datensatzinformation: who created and who last changed a row, and when (rule R2)."""
    return [
        _reference("created_by", "staff_member.staff_id"),
        Column("created_at", UtcDateTime, nullable=False),
        _reference("changed_by", "staff_member.staff_id"),
        Column("changed_at", UtcDateTime, nullable=False),
    ]


def _validity() -> list[Column[Any]]:
    return [Column("valid_from", Date, nullable=False), Column("valid_until", Date)]


# SQLite gives the number of a deleted last row to the next one; a partner would then hold a stranger
# under the alias of somebody else. PostgreSQL never does.
_NEVER_REUSED: dict[str, Any] = {"sqlite_autoincrement": True}


def _practice_table(name: str, *parts: Any, **options: Any) -> Table:
    return Table(name, metadata, *parts, schema=PRACTICE_SCHEMA, **options)


def _agent_table(name: str, *parts: Any) -> Table:
    return Table(name, metadata, *parts, schema=AGENT_SCHEMA)


# --- the practice -----------------------------------------------------------------------------

practice = _practice_table(
    "practice",
    Column("practice_id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("federal_state", String(2), nullable=False),
    Column("time_zone", String(64), nullable=False),
)
role = _practice_table("role", _key("role_id"), Column("name", String(100), nullable=False))
role_permission = _practice_table(
    "role_permission",
    _reference("role_id", "role.role_id", primary_key=True),
    Column("permission", String(100), primary_key=True),
)
staff_member = _practice_table(
    "staff_member",
    _key("staff_id"),
    Column("login_name", String(100), nullable=False, unique=True),
    Column("initials", String(10), nullable=False),
    Column("name", String(200), nullable=False),
    _reference("role_id", "role.role_id"),
    Column("active", Boolean, nullable=False),
)
practitioner = _practice_table(
    "practitioner",
    _key("practitioner_id"),
    _reference("staff_id", "staff_member.staff_id", nullable=True),
    Column("name", String(200), nullable=False),
)
treatment_room = _practice_table(
    "treatment_room", _key("room_id"), Column("name", String(100), nullable=False)
)
schedule_column = _practice_table(
    "schedule_column",
    _key("column_id"),
    Column("name", String(100), nullable=False),
    Column("position", Integer, nullable=False),
    _reference("practitioner_id", "practitioner.practitioner_id", nullable=True),
    _reference("room_id", "treatment_room.room_id", nullable=True),
    Column("overlaps_allowed", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
)
appointment_type = _practice_table(
    "appointment_type",
    _key("type_id"),
    Column("name", String(100), nullable=False),
    Column("duration_minutes", Integer),
)
appointment_assignment = _practice_table(
    "appointment_assignment",
    _key("assignment_id"),
    Column("label", String(200), nullable=False),
    _reference("type_id", "appointment_type.type_id", nullable=True),
    Column("duration_minutes", Integer),
    Column("buffer_before_minutes", Integer, nullable=False),
    Column("buffer_after_minutes", Integer, nullable=False),
    Column("open_to_new_patients", Boolean, nullable=False),
    # Offered only inside template areas that are reserved for it or its type.
    Column("reserved_only", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
)
assignment_column = _practice_table(
    "assignment_column",
    _reference("assignment_id", "appointment_assignment.assignment_id", primary_key=True),
    _reference("column_id", "schedule_column.column_id", primary_key=True),
)
working_hours = _practice_table(
    "working_hours",
    _key("working_hours_id"),
    _reference("column_id", "schedule_column.column_id"),
    Column("weekday", Integer, CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"), nullable=False),
    Column("starts", Time, nullable=False),
    Column("ends", Time, nullable=False),
    *_validity(),
)
shift = _practice_table(
    "shift",
    _key("shift_id"),
    _reference("column_id", "schedule_column.column_id"),
    Column("cycle_days", Integer, CheckConstraint("cycle_days > 0", name="cycle"), nullable=False),
    Column("anchor_date", Date, nullable=False),
    *_validity(),
)
shift_hours = _practice_table(
    "shift_hours",
    _key("shift_hours_id"),
    _reference("shift_id", "shift.shift_id"),
    Column("day_index", Integer, nullable=False),
    Column("starts", Time, nullable=False),
    Column("ends", Time, nullable=False),
)
# Hours of one date, which replace weekly hours and shifts; without times the column is closed that day.
special_hours = _practice_table(
    "special_hours",
    _key("special_hours_id"),
    _reference("column_id", "schedule_column.column_id"),
    Column("special_date", Date, nullable=False),
    Column("starts", Time),
    Column("ends", Time),
)
planned_absence = _practice_table(
    "planned_absence",
    _key("absence_id"),
    _reference("practitioner_id", "practitioner.practitioner_id", nullable=True),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
)
public_holiday = _practice_table(
    "public_holiday",
    Column("federal_state", String(2), primary_key=True),
    Column("holiday_date", Date, primary_key=True),
    Column("name", String(200), nullable=False),
)
template_area = _practice_table(
    "template_area",
    _key("area_id"),
    Column("kind", String(10), CheckConstraint("kind IN ('reserve', 'block')", name="kind"), nullable=False),
    Column("weekday", Integer, CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"), nullable=False),
    Column("starts", Time, nullable=False),
    Column("ends", Time, nullable=False),
    *_validity(),
    _reference("column_id", "schedule_column.column_id", nullable=True),
    _reference("practitioner_id", "practitioner.practitioner_id", nullable=True),
)
template_area_assignment = _practice_table(
    "template_area_assignment",
    _reference("area_id", "template_area.area_id", primary_key=True),
    _reference("assignment_id", "appointment_assignment.assignment_id", primary_key=True),
)
template_area_type = _practice_table(
    "template_area_type",
    _reference("area_id", "template_area.area_id", primary_key=True),
    _reference("type_id", "appointment_type.type_id", primary_key=True),
)
patient = _practice_table(
    "patient",
    _key("patient_id"),
    Column("given_name", String(200), nullable=False),
    Column("family_name", String(200), nullable=False),
    Column("birth_date", Date, index=True),
    Column("active", Boolean, nullable=False),
    *_record_info(),
    **_NEVER_REUSED,
)
contact_point = _practice_table(
    "contact_point",
    _key("contact_point_id"),
    _reference("patient_id", "patient.patient_id", index=True),
    Column(
        "system", String(10), CheckConstraint("system IN ('phone', 'email')", name="system"), nullable=False
    ),
    Column(
        "use", String(10), CheckConstraint("use IN ('home', 'work', 'mobile')", name="use"), nullable=False
    ),
    Column("value", String(200), nullable=False),
)
booking_partner = _practice_table(
    "booking_partner",
    Column("partner_id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
)
consent_page = _practice_table(
    "consent_page",
    _reference("partner_id", "booking_partner.partner_id", primary_key=True),
    _reference("created_by", "staff_member.staff_id"),
    Column("created_at", UtcDateTime, nullable=False),
)
consent = _practice_table(
    "consent",
    _reference("partner_id", "booking_partner.partner_id", primary_key=True),
    _reference("patient_id", "patient.patient_id", primary_key=True),
    Column(
        "status",
        String(10),
        CheckConstraint("status IN ('OPEN', 'GRANTED', 'DENIED')", name="status"),
        nullable=False,
    ),
    _reference("changed_by", "staff_member.staff_id"),
    Column("changed_at", UtcDateTime, nullable=False),
)
appointment = _practice_table(
    "appointment",
    _key("appointment_id"),
    _reference("column_id", "schedule_column.column_id"),
    _reference("patient_id", "patient.patient_id", nullable=True, index=True),
    _reference("type_id", "appointment_type.type_id", nullable=True),
    _reference("assignment_id", "appointment_assignment.assignment_id", nullable=True),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    # FHIR R4 AppointmentStatus; a cancelled appointment is never deleted (reading A10).
    Column(
        "status",
        String(20),
        CheckConstraint("status IN ('booked', 'arrived', 'fulfilled', 'cancelled', 'noshow')", name="status"),
        nullable=False,
    ),
    _reference("cancelled_by", "staff_member.staff_id", nullable=True),
    Column("cancelled_at", UtcDateTime),
    # FHIR R4 AppointmentCancellationReason, where one was given.
    Column("cancellation_reason", String(20)),
    # False only where the practice overlaps on purpose; everything else is kept apart by the database (P13).
    Column("exclusive", Boolean, nullable=False),
    *_record_info(),
    CheckConstraint("starts_at < ends_at", name="order"),
    # By its end: what lies ahead is short, what is past is all the years before.
    Index(None, "column_id", "ends_at", "starts_at", "status"),
    **_NEVER_REUSED,
)

# --- the agent's own ---------------------------------------------------------------------------

schema_version = _agent_table("schema_version", Column("version", Integer, primary_key=True))

sequence_number = _agent_table(
    "sequence_number",
    Column("partner_id", String(64), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("last", Integer, nullable=False),
)
inbound_message = _agent_table(
    "inbound_message",
    Column("partner_id", String(64), primary_key=True),
    Column("message_id", String(100), primary_key=True),
    Column("content_sha256", String(64), nullable=False),
    Column("sealed_sha256", String(64), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("in_reply_to", String(64)),
    Column("receipt_id", String(64), nullable=False),
    Column("receipt_sequence", Integer, nullable=False),
    Column("audit_head", String(100), nullable=False),
    Column("arrived_at", UtcDateTime),
)
receipt_line = _agent_table(
    "receipt_line",
    Column("partner_id", String(64), primary_key=True),
    Column("message_id", String(100), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("record", Text, nullable=False),
)
booking = _agent_table(
    "booking",
    Column("partner_id", String(64), primary_key=True),
    Column("booking_id", String(64), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("action", String(10), nullable=False),
    Column("content_sha256", String(64), nullable=False),
    Column("record", Text, nullable=False),
    Column("decided_at", UtcDateTime, nullable=False),
    Index(None, "partner_id", "decided_at"),
)
# What the partner was last told of each appointment that came from it: by a receipt or by an update.
partner_appointment = _agent_table(
    "partner_appointment",
    Column("partner_id", String(64), primary_key=True),
    Column("booking_id", String(64), primary_key=True),
    Column("appointment_id", Integer, nullable=False, unique=True),
    Column("patient_id", Integer, nullable=False, index=True),
    Column("told_status", String(20), nullable=False),
    Column("told_column_id", Integer, nullable=False),
    Column("told_starts_at", UtcDateTime, nullable=False),
    Column("told_ends_at", UtcDateTime, nullable=False),
)
# What is left of a booking once its rows were purged: its id is never booked again (promise P2).
finished_booking = _agent_table(
    "finished_booking",
    Column("partner_id", String(64), primary_key=True),
    Column("booking_id", String(64), primary_key=True),
    Column("purged_at", UtcDateTime, nullable=False),
)
# How far back a purge has forgotten: `answers` of messages that came before that moment.
purge_mark = _agent_table(
    "purge_mark",
    Column("subject", String(32), primary_key=True),
    Column("before_at", UtcDateTime, nullable=False),
)
# Written with the change of what was told, published afterwards: so each update goes out exactly once.
update_message = _agent_table(
    "update_message",
    Column("message_id", String(64), primary_key=True),
    Column("partner_id", String(64), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("audit_head", String(100), nullable=False),
    Column("published_at", UtcDateTime),
    UniqueConstraint("partner_id", "sequence"),
)
update_line = _agent_table(
    "update_line",
    Column("message_id", ForeignKey(f"{AGENT_SCHEMA}.update_message.message_id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("record", Text, nullable=False),
)
outbound_message = _agent_table(
    "outbound_message",
    Column("message_id", String(64), primary_key=True),
    Column("partner_id", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("record_count", Integer, nullable=False),
    # How many of the records are patients: a file of removals alone has none.
    Column("patient_count", Integer, nullable=False),
    Column("sealed_sha256", String(64), nullable=False),
    UniqueConstraint("partner_id", "kind", "sequence"),
)
disclosure = _agent_table(
    "disclosure",
    Column("partner_id", String(64), primary_key=True),
    Column("patient_id", Integer, primary_key=True, autoincrement=False),
    Column("alias", String(32), nullable=False),
    Column("first_sent_at", UtcDateTime),
    Column("removed_at", UtcDateTime),
    # Number of the patients file that first told this removal: times of two files may be equal.
    Column("removal_sequence", Integer),
    Column("removal_confirmed_at", UtcDateTime),
    UniqueConstraint("partner_id", "alias"),
)
# A partner whose lane is closed: only removals still go to it, only their confirmations come.
revoked_partner = _agent_table(
    "revoked_partner",
    Column("partner_id", String(64), primary_key=True),
    Column("revoked_at", UtcDateTime, nullable=False),
)
# A partner's key that an operator has withdrawn for good; asked in the transaction of every import.
revoked_key = _agent_table(
    "revoked_key",
    Column("partner_id", String(64), primary_key=True),
    Column("fingerprint", String(40), primary_key=True),
    Column("revoked_at", UtcDateTime, nullable=False),
)
# Which expiry warnings were given: each key and step once, also over restarts; a renewed key warns anew.
key_warning = _agent_table(
    "key_warning",
    Column("subject", String(200), primary_key=True),
    Column("ends_at", UtcDateTime, primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("warned_at", UtcDateTime, nullable=False),
)
# What the next file of a kind is compared with: the last one that was not held.
good_state = _agent_table(
    "good_state",
    Column("partner_id", String(64), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("measure", Text, nullable=False),
)
hold = _agent_table(
    "hold",
    Column("partner_id", String(64), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("held_at", UtcDateTime, nullable=False),
    Column("changes", Text, nullable=False),
    Column("released_at", UtcDateTime),
)
audit_entry = _agent_table(
    "audit_entry",
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("event", String(64), nullable=False),
    Column("partner_id", String(64)),
    Column("details", Text, nullable=False),
    Column("mac", String(64), nullable=False),
)
staff_note = _agent_table(
    "staff_note",
    _key("note_id"),
    Column("kind", String(64), nullable=False),
    Column("partner_id", String(64), nullable=False),
    Column("patient_id", Integer, nullable=False),
    Column("other_patient_id", Integer),
    Column("appointment_id", Integer),
    Column("created_at", UtcDateTime, nullable=False),
    Column("resolved_at", UtcDateTime),
)
