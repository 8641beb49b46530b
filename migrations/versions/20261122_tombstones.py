"""Tombstones: who was erased, and when."""

import sqlalchemy as sa
from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, UtcTime, code

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.create_table(
        "tombstones",
        sa.Column("tenant", code(64), nullable=False),
        sa.Column("kind", code(8), nullable=False),
        sa.Column("subject", code(32), nullable=False),
        sa.Column("erased_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "kind", "subject", name="pk_tombstones"),
        sa.Index("ix_tombstones_erased_at", "erased_at"),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("tombstones")
