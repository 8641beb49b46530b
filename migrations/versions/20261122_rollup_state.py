"""Until when the roll-ups have seen what arrived."""

import sqlalchemy as sa
from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, UtcTime, code

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "rollup_state",
        sa.Column("name", code(16), nullable=False),
        sa.Column("seen_until", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_rollup_state"),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("rollup_state")
