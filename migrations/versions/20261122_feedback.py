"""Thumbs: one vote on an interaction."""

import sqlalchemy as sa
from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, UtcTime, UuidBytes, code, unicode_text

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "feedback",
        sa.Column("interaction_id", UuidBytes, nullable=False),
        sa.Column("vote", code(8), nullable=False),
        sa.Column("reason", unicode_text()),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("tenant", code(64), nullable=False),
        sa.Column("user_pseudonym", code(32)),
        sa.Column("session_id", code(32)),
        sa.PrimaryKeyConstraint("interaction_id", name="pk_feedback"),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("feedback")
