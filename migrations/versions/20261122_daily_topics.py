"""Roll-up: languages, intents and clients by day."""

import sqlalchemy as sa
from alembic import op

from gateway.log.columns import TABLE_OPTIONS, code

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "daily_topics",
        sa.Column("business_day", sa.Date, nullable=False),
        sa.Column("tenant", code(64), nullable=False),
        sa.Column("language", code(8), nullable=False),
        sa.Column("intent", code(16), nullable=False),
        sa.Column("client", code(16), nullable=False),
        sa.Column("asks", sa.BigInteger, nullable=False),
        sa.Column("answered", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint(
            "business_day", "tenant", "language", "intent", "client", name="pk_daily_topics"
        ),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("daily_topics")
