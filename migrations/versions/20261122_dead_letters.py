"""Dead letters: events that the log's table would not take, kept with the reason."""

import sqlalchemy as sa
from alembic import op

from gateway.log.schema.columns import (
    TABLE_OPTIONS,
    UtcTime,
    UuidBytes,
    ascii_text,
    code,
    unicode_text,
)

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("interaction_id", UuidBytes, nullable=False),
        sa.Column("user_pseudonym", code(32)),
        sa.Column("died_at", UtcTime, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("reason", unicode_text(), nullable=False),
        sa.Column("event", ascii_text(), nullable=False),
        sa.PrimaryKeyConstraint("interaction_id", name="pk_dead_letters"),
        sa.Index("ix_dead_letters_user_pseudonym", "user_pseudonym"),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("dead_letters")
