"""Cached answers that were voted down, and the attempt that their questions have come to."""

import sqlalchemy as sa
from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, UtcTime, code

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "quarantined_answers",
        sa.Column("answer_key", code(64), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("current_key", code(64), nullable=False),
        sa.Column("tenant", code(64), nullable=False),
        sa.Column("model_revision", code(64)),
        sa.Column("changed_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("answer_key", name="pk_quarantined_answers"),
        sa.Index("ix_quarantined_answers_current_key", "current_key"),
        sa.Index("ix_quarantined_answers_changed_at", "changed_at"),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("quarantined_answers")
