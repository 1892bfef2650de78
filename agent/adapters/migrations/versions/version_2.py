"""Inbound files: when each came to lie in its folder."""

from alembic import op
from sqlalchemy import Column, DateTime, String

revision = "2"
down_revision = "1"


def upgrade() -> None:
    moment = DateTime(timezone=True).with_variant(String(20), "sqlite")
    with op.batch_alter_table("inbound_message", schema=op.get_context().version_table_schema) as table:
        table.add_column(Column("arrived_at", moment))
