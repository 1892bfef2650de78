"""The tables as the first version had them."""

from alembic import op
from sqlalchemy import (
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Integer,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
)

revision = "1"
down_revision = None

MOMENT = DateTime(timezone=True).with_variant(String(20), "sqlite")


def upgrade() -> None:
    schema = op.get_context().version_table_schema
    op.create_table(
        "audit_entry",
        Column("sequence", Integer(), autoincrement=False, nullable=False),
        Column("at", MOMENT, nullable=False),
        Column("event", String(length=64), nullable=False),
        Column("partner_id", String(length=64)),
        Column("details", Text(), nullable=False),
        Column("mac", String(length=64), nullable=False),
        PrimaryKeyConstraint("sequence", name="pk_audit_entry"),
        schema=schema,
    )
    op.create_table(
        "booking",
        Column("partner_id", String(length=64), nullable=False),
        Column("booking_id", String(length=64), nullable=False),
        Column("revision", Integer(), autoincrement=False, nullable=False),
        Column("action", String(length=10), nullable=False),
        Column("content_sha256", String(length=64), nullable=False),
        Column("record", Text(), nullable=False),
        Column("decided_at", MOMENT, nullable=False),
        PrimaryKeyConstraint("partner_id", "booking_id", "revision", name="pk_booking"),
        schema=schema,
    )
    op.create_index(
        "ix_booking_partner_id_decided_at", "booking", ["partner_id", "decided_at"], schema=schema
    )
    op.create_table(
        "disclosure",
        Column("partner_id", String(length=64), nullable=False),
        Column("patient_id", Integer(), autoincrement=False, nullable=False),
        Column("alias", String(length=32), nullable=False),
        Column("first_sent_at", MOMENT),
        Column("removed_at", MOMENT),
        Column("removal_sequence", Integer()),
        Column("removal_confirmed_at", MOMENT),
        PrimaryKeyConstraint("partner_id", "patient_id", name="pk_disclosure"),
        UniqueConstraint("partner_id", "alias", name="uq_disclosure_partner_id_alias"),
        schema=schema,
    )
    op.create_table(
        "finished_booking",
        Column("partner_id", String(length=64), nullable=False),
        Column("booking_id", String(length=64), nullable=False),
        Column("purged_at", MOMENT, nullable=False),
        PrimaryKeyConstraint("partner_id", "booking_id", name="pk_finished_booking"),
        schema=schema,
    )
    op.create_table(
        "good_state",
        Column("partner_id", String(length=64), nullable=False),
        Column("kind", String(length=32), nullable=False),
        Column("recorded_at", MOMENT, nullable=False),
        Column("measure", Text(), nullable=False),
        PrimaryKeyConstraint("partner_id", "kind", name="pk_good_state"),
        schema=schema,
    )
    op.create_table(
        "hold",
        Column("partner_id", String(length=64), nullable=False),
        Column("kind", String(length=32), nullable=False),
        Column("held_at", MOMENT, nullable=False),
        Column("changes", Text(), nullable=False),
        Column("released_at", MOMENT),
        PrimaryKeyConstraint("partner_id", "kind", name="pk_hold"),
        schema=schema,
    )
    op.create_table(
        "inbound_message",
        Column("partner_id", String(length=64), nullable=False),
        Column("message_id", String(length=100), nullable=False),
        Column("content_sha256", String(length=64), nullable=False),
        Column("sealed_sha256", String(length=64), nullable=False),
        Column("received_at", MOMENT, nullable=False),
        Column("in_reply_to", String(length=64)),
        Column("receipt_id", String(length=64), nullable=False),
        Column("receipt_sequence", Integer(), nullable=False),
        Column("audit_head", String(length=100), nullable=False),
        PrimaryKeyConstraint("partner_id", "message_id", name="pk_inbound_message"),
        schema=schema,
    )
    op.create_table(
        "key_warning",
        Column("subject", String(length=200), nullable=False),
        Column("ends_at", MOMENT, nullable=False),
        Column("step", Integer(), autoincrement=False, nullable=False),
        Column("warned_at", MOMENT, nullable=False),
        PrimaryKeyConstraint("subject", "ends_at", "step", name="pk_key_warning"),
        schema=schema,
    )
    op.create_table(
        "outbound_message",
        Column("message_id", String(length=64), nullable=False),
        Column("partner_id", String(length=64), nullable=False),
        Column("kind", String(length=32), nullable=False),
        Column("sequence", Integer(), nullable=False),
        Column("created_at", MOMENT, nullable=False),
        Column("record_count", Integer(), nullable=False),
        Column("patient_count", Integer(), nullable=False),
        Column("sealed_sha256", String(length=64), nullable=False),
        PrimaryKeyConstraint("message_id", name="pk_outbound_message"),
        UniqueConstraint(
            "partner_id", "kind", "sequence", name="uq_outbound_message_partner_id_kind_sequence"
        ),
        schema=schema,
    )
    op.create_table(
        "partner_appointment",
        Column("partner_id", String(length=64), nullable=False),
        Column("booking_id", String(length=64), nullable=False),
        Column("appointment_id", Integer(), nullable=False),
        Column("patient_id", Integer(), nullable=False),
        Column("told_status", String(length=20), nullable=False),
        Column("told_column_id", Integer(), nullable=False),
        Column("told_starts_at", MOMENT, nullable=False),
        Column("told_ends_at", MOMENT, nullable=False),
        PrimaryKeyConstraint("partner_id", "booking_id", name="pk_partner_appointment"),
        UniqueConstraint("appointment_id", name="uq_partner_appointment_appointment_id"),
        schema=schema,
    )
    op.create_index("ix_partner_appointment_patient_id", "partner_appointment", ["patient_id"], schema=schema)
    op.create_table(
        "purge_mark",
        Column("subject", String(length=32), nullable=False),
        Column("before_at", MOMENT, nullable=False),
        PrimaryKeyConstraint("subject", name="pk_purge_mark"),
        schema=schema,
    )
    op.create_table(
        "receipt_line",
        Column("partner_id", String(length=64), nullable=False),
        Column("message_id", String(length=100), nullable=False),
        Column("position", Integer(), autoincrement=False, nullable=False),
        Column("record", Text(), nullable=False),
        PrimaryKeyConstraint("partner_id", "message_id", "position", name="pk_receipt_line"),
        schema=schema,
    )
    op.create_table(
        "revoked_key",
        Column("partner_id", String(length=64), nullable=False),
        Column("fingerprint", String(length=40), nullable=False),
        Column("revoked_at", MOMENT, nullable=False),
        PrimaryKeyConstraint("partner_id", "fingerprint", name="pk_revoked_key"),
        schema=schema,
    )
    op.create_table(
        "revoked_partner",
        Column("partner_id", String(length=64), nullable=False),
        Column("revoked_at", MOMENT, nullable=False),
        PrimaryKeyConstraint("partner_id", name="pk_revoked_partner"),
        schema=schema,
    )
    op.create_table(
        "sequence_number",
        Column("partner_id", String(length=64), nullable=False),
        Column("kind", String(length=32), nullable=False),
        Column("last", Integer(), nullable=False),
        PrimaryKeyConstraint("partner_id", "kind", name="pk_sequence_number"),
        schema=schema,
    )
    op.create_table(
        "staff_note",
        Column("note_id", Integer(), Identity(always=False), nullable=False),
        Column("kind", String(length=64), nullable=False),
        Column("partner_id", String(length=64), nullable=False),
        Column("patient_id", Integer(), nullable=False),
        Column("other_patient_id", Integer()),
        Column("appointment_id", Integer()),
        Column("created_at", MOMENT, nullable=False),
        Column("resolved_at", MOMENT),
        PrimaryKeyConstraint("note_id", name="pk_staff_note"),
        schema=schema,
    )
    update_message = op.create_table(
        "update_message",
        Column("message_id", String(length=64), nullable=False),
        Column("partner_id", String(length=64), nullable=False),
        Column("sequence", Integer(), nullable=False),
        Column("created_at", MOMENT, nullable=False),
        Column("audit_head", String(length=100), nullable=False),
        Column("published_at", MOMENT),
        PrimaryKeyConstraint("message_id", name="pk_update_message"),
        UniqueConstraint("partner_id", "sequence", name="uq_update_message_partner_id_sequence"),
        schema=schema,
    )
    op.create_table(
        "update_line",
        Column("message_id", String(length=64), nullable=False),
        Column("position", Integer(), autoincrement=False, nullable=False),
        Column("record", Text(), nullable=False),
        ForeignKeyConstraint(["message_id"], [update_message.c.message_id], name="fk_update_line_message_id"),
        PrimaryKeyConstraint("message_id", "position", name="pk_update_line"),
        schema=schema,
    )
