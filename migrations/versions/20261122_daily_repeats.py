"""Roll-up: how often the same is asked again."""

import sqlalchemy as sa
from alembic import op

from gateway.log.columns import TABLE_OPTIONS, code

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "daily_repeats",
        sa.Column("business_day", sa.Date, nullable=False),
        sa.Column("tenant", code(64), nullable=False),
        sa.Column("asks", sa.BigInteger, nullable=False),
        sa.Column("different", sa.BigInteger, nullable=False),
        sa.Column("by_asker", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("business_day", "tenant", name="pk_daily_repeats"),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("daily_repeats")
