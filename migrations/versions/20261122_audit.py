"""Audit: who did what by hand or on demand."""

import sqlalchemy as sa
from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, UtcTime, UuidBytes, ascii_text, code

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("audit_id", UuidBytes, nullable=False),
        sa.Column("done_at", UtcTime, nullable=False),
        sa.Column("actor", code(64), nullable=False),
        sa.Column("action", code(32), nullable=False),
        sa.Column("tenant", code(64)),
        sa.Column("subject", code(32)),
        sa.Column("details", ascii_text(), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name="pk_audit"),
        sa.Index("ix_audit_done_at", "done_at"),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("audit")
