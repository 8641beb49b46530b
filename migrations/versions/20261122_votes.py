"""Thumbs on their way to be counted."""

import sqlalchemy as sa
from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, UtcTime, UuidBytes, code, unicode_text

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "votes",
        sa.Column("vote_id", UuidBytes, nullable=False),
        sa.Column("interaction_id", UuidBytes, nullable=False),
        sa.Column("vote", code(8), nullable=False),
        sa.Column("reason", unicode_text()),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("tenant", code(64), nullable=False),
        sa.Column("user_pseudonym", code(32)),
        sa.Column("session_id", code(32)),
        sa.PrimaryKeyConstraint("vote_id", name="pk_votes"),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("votes")
